"""What people change of the clusters of a finished model: `Edits`, as options say them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from .arguments import ClusteringTrainingArguments


MAX_NAME = 100  # characters


@dataclass(frozen=True)
class Edits:
    """The edits of one command. All numbers are those that the clusters have before it.

    Texts are moved first, then clusters renamed, merged, split and dropped, and the numbers close
    up once.

    Args:
        rename (`dict[int, str]`): New names.
        merge (`list[list[int]]`): Groups of clusters to make one.
        split (`dict[int, int]`): Number of parts that a cluster is to have.
        drop (`list[int]`): Clusters to take away; their texts go to the next nearest.
        move (`dict[str, int]`): Cluster of single texts, by their id.
    """

    rename: dict[int, str] = field(default_factory=dict)
    merge: list[list[int]] = field(default_factory=list)
    split: dict[int, int] = field(default_factory=dict)
    drop: list[int] = field(default_factory=list)
    move: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        rename: Sequence[str] = (),
        merge: Sequence[str] = (),
        split: Sequence[str] = (),
        drop: Sequence[str] = (),
        move: Sequence[str] = (),
    ) -> "Edits":
        """Edits as the command line says them.

        Raises:
            InputError: One cannot be read, or is there twice.

        Example:
            >>> Edits.parse(rename=["3=Refunds"], merge=["3,7"], split=["5"], move=["A-17:4"])
            Edits(rename={3: 'Refunds'}, merge=[[3, 7]], split={5: 2}, drop=[], move={'A-17': 4})
        """
        named: dict[int, str] = {}
        parts: dict[int, int] = {}
        moved: dict[str, int] = {}
        for said in rename:
            number, equals, name = said.partition("=")
            name = name.strip()
            if not equals or not name or len(name) > MAX_NAME or not name.isprintable():
                raise InputError(
                    f"--rename {said}: expected a number and a name of one line, up to {MAX_NAME} "
                    'characters, as in --rename 3="Refunds".'
                )
            _add(named, _number(number, f"--rename {said}"), name, f"--rename {said}")
        for said in split:
            number, colon, count = said.partition(":")
            wanted = _number(count, f"--split {said}") if colon else 2
            if wanted < 2:
                raise InputError(f"--split {said}: expected 2 parts or more, as in --split 5:3.")
            _add(parts, _number(number, f"--split {said}"), wanted, f"--split {said}")
        for said in move:
            id_, _, number = said.rpartition(":")
            if not id_:
                raise InputError(f"--move {said}: expected ID:CLUSTER, as in --move A-17:4.")
            _add(moved, id_, _number(number, f"--move {said}"), f"--move {said}")
        groups = [[_number(part, f"--merge {said}") for part in said.split(",")] for said in merge]
        dropped = [_number(part, f"--drop {said}") for said in drop for part in said.split(",")]
        return cls(named, groups, parts, dropped, moved)

    def __len__(self) -> int:
        """How many they are."""
        kinds = (self.rename, self.merge, self.split, self.drop, self.move)
        return sum(map(len, kinds))

    @property
    def changes_clusters(self) -> bool:
        """Whether they do more than rename."""
        return bool(self.merge or self.split or self.drop or self.move)

    def check(self, config: BertClusterConfig) -> None:
        """Raise `InputError` where they don't suit a model's clusters, or each other."""
        num_clusters = config.num_clusters
        changed = [*sum(self.merge, []), *self.split, *self.drop]
        for cluster in (*self.rename, *changed, *self.move.values()):
            if not 0 <= cluster < num_clusters:
                raise InputError(
                    f"There is no cluster {cluster} to edit; the model has 0 to {num_clusters - 1}."
                )
            if changed.count(cluster) > 1:
                raise InputError(
                    f"Cluster {cluster} is to be merged, split or dropped twice. Name it once; "
                    "what comes after that is a command of its own."
                )
        for cluster in (*self.rename, *self.move.values()):
            if cluster in self.split or cluster in self.drop:
                raise InputError(
                    f"Cluster {cluster} is to be split or dropped: it can get no name and no text. "
                    "Do so in a second command, where the parts have numbers."
                )
        left = self.new_numbers(num_clusters).max() + 1
        if left + sum(count - 1 for count in self.split.values()) < 2:
            raise InputError(
                f"That would leave one cluster of {num_clusters}; at least 2 are needed."
            )
        self._check_groups(config)
        self._check_names(config)

    def _check_groups(self, config: BertClusterConfig) -> None:
        for group in self.merge:
            said = f"--merge {','.join(map(str, group))}"
            if len(group) < 2:
                raise InputError(f"{said}: a group needs two clusters or more.")
            if sum(cluster in self.rename for cluster in group) > 1:
                raise InputError(f"{said}: they get two names. Give the group one.")
            for parents in config.levels or []:
                if len({parents[cluster] for cluster in group}) > 1:
                    raise InputError(
                        f"{said}: at a coarser level they lie in different clusters. Merge "
                        "clusters that lie in the same one."
                    )

    def _check_names(self, config: BertClusterConfig) -> None:
        gone = {*self.rename, *self.drop, *self.split}
        kept = [label for cluster, label in config.id2label.items() if cluster not in gone]
        for name in self.rename.values():
            if name.lower() == "outlier" or name.startswith("LABEL_"):
                raise InputError(f"A cluster cannot be called '{name}'. Choose another name.")
            if [*kept, *self.rename.values()].count(name) > 1:
                raise InputError(f"Two clusters would be called '{name}'. Choose another name.")

    def new_numbers(self, num_clusters: int) -> np.ndarray:
        """Number of each cluster afterwards, `(num_clusters,)`; -1 for those that are dropped.

        A merged cluster has the smallest of its numbers, the first part of a split one its own; the
        other parts come after all clusters, in this order.

        Example:
            >>> Edits(merge=[[1, 3]], drop=[0]).new_numbers(num_clusters=5)
            array([-1,  0,  1,  0,  2])
        """
        targets = np.arange(num_clusters)
        for group in self.merge:
            targets[group] = min(group)
        targets[self.drop] = -1
        kept = np.unique(targets[targets >= 0])
        return np.where(targets < 0, -1, np.searchsorted(kept, targets))

    def part_numbers(self, num_clusters: int) -> dict[int, list[int]]:
        """Numbers of the parts of each cluster that is split."""
        numbers = self.new_numbers(num_clusters)
        found, following = {}, int(numbers.max()) + 1
        for cluster, count in sorted(self.split.items()):
            later = [*range(following, following + count - 1)]
            found[cluster] = [int(numbers[cluster]), *later]
            following += count - 1
        return found


def asked_edits(args: ClusteringTrainingArguments) -> Edits:
    """The edits that a run's options ask for.

    Raises:
        InputError: They cannot be read, or come with a training.
    """
    options = (args.rename, args.merge, args.split, args.drop, args.move)
    edits = Edits.parse(*(option or () for option in options))
    if edits and not args.reports_alone:
        raise InputError(
            "--rename, --merge, --split, --drop and --move change the clusters of a finished "
            "model. Pass --do_report, but no --do_train or --do_eval."
        )
    return edits


def check_place(model: str, output_dir: str) -> None:
    """Raise `InputError` where another model lies in the folder that an edited one goes to."""
    output = Path(output_dir)
    is_other = output.resolve() != Path(model).resolve()
    if is_other and [*output.glob("config.json"), *output.glob("*.safetensors")]:
        raise InputError(
            f"--output_dir '{output}' already holds a model. Choose another folder for the edited "
            "one, or leave it out to edit the model where it is."
        )


def _number(text: str, said: str) -> int:
    if not text.strip().isdecimal():
        raise InputError(f"{said}: expected the number of a cluster, got '{text}'.")
    return int(text)


def _add(found: dict, key: Any, value: Any, said: str) -> None:
    if key in found:
        raise InputError(f"{said}: '{key}' is there twice. Name it once.")
    found[key] = value
