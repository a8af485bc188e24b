"""A finished run with new texts: what they are, which topics are accepted, and what they change."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters.drift import measure_drift
from ..clusters.representation import compare_parts, cross_counts
from ..errors import InputError
from ..publishing import hub_files
from ..texts.attributes import make_attributes
from ..texts.documents import Documents, make_documents
from ..texts.joined import FILE, are_of, join_documents, without_known
from ..texts.keywords import cluster_keywords
from ..texts.segments import whole_documents
from ..texts.tables import read_columns
from ..trainer import ClusteringTrainer
from ..training.arguments import ClusteringTrainingArguments
from ..training.run_arguments import DataArguments
from .changes import Changes, read_changes
from .edit_log import EDITS
from .nearest import nearest_documents
from .proposals import FREE, Proposals, accept, propose
from .result import ClusteringResult
from .run_folder import RunFolder


logger = logging.getLogger(__name__)

# What says otherwise which documents there are, or which clusters.
NOT_WITH_UPDATES = (
    "train_file",
    "dataset_name",
    "topics",
    "known_label_column",
    "teacher_embeddings",
    "max_train_samples",
    "init",
    "levels",
    "max_clusters",
    "resume_from_checkpoint",
    "edits_of",
)
MOST_WORDS = 5  # that say what a drifting cluster is more about
PROPOSED = "proposed"  # column of `clusters.csv`: number of the topic that is proposed for a text


@dataclass
class Update:
    """New texts for a finished run.

    Args:
        documents (`Documents`): Those of the run, and after them the new ones.
        are_new (`np.ndarray` of shape `(num_usable,)`): Which of the usable ones, or of their
            sentences, these are.
        clusters (`np.ndarray` of shape `(num_usable,)`): The cluster that each had in the run; -1
            for none.
        file (`str`): What file the new ones are from.
        origin (`RunFolder`): The run.
        proposals (`Proposals`, *optional*): Topics that are proposed, once they are looked for.
        accepted (`dict[int, int]`): Clusters that some of them have become, by their numbers.
        words (`np.ndarray` of shape `(num_usable, num_components)`, *optional*): What the words of
            the documents say, once topics are looked for.
    """

    documents: Documents
    are_new: np.ndarray
    clusters: np.ndarray
    file: str
    origin: RunFolder
    proposals: Proposals | None = None
    accepted: dict[int, int] = field(default_factory=dict)
    words: np.ndarray | None = None

    @classmethod
    def read(cls, data_args: DataArguments, origin: RunFolder) -> "Update":
        """The texts of a run, and those of `--update_file` that are not among them.

        Raises:
            InputError: The run or the file cannot be used.
        """
        source, before = str(data_args.update_file), origin.documents()
        before = _without_column(before, PROPOSED)  # of an earlier update
        columns = read_columns(source)
        has_classes = whole_documents(before).classes is not None
        label_column = data_args.label_column if has_classes else None
        names = data_args.text_column, label_column, data_args.id_column
        new = make_documents(columns, source, *names, skip_bad_rows=data_args.skip_bad_rows)
        known = before.attributes
        kept = [] if known is None else [name for name in known.columns if name in columns]
        missing = [] if known is None else sorted({*known.columns} - {*columns, FILE})
        if missing:
            logger.warning("'%s' has no column %s; it is empty there.", source, ", ".join(missing))
        new = replace(new, attributes=make_attributes(columns, source, keep_columns=kept))
        if data_args.id_column:
            count, new = len(new), without_known(new, before)
            if len(new) < count:
                repeated = f"{count - len(new):,} of {count:,}"
                logger.info("Already in the run, by id and text: %s texts.", repeated)
        if not new.usable.any():
            raise InputError(f"'{source}' holds no text that is not in the run. Give new ones.")
        file = Path(source).name
        files = origin.settings().get("Texts", "before"), file
        documents, num_before = join_documents(before, new, files), len(whole_documents(before))
        are_new = are_of(documents, num_before)
        clusters = np.full(len(are_new), FREE)
        clusters[~are_new] = origin.clusters()
        return cls(documents, are_new, clusters, file, origin)

    def propose(self, trainer: ClusteringTrainer, data_args: DataArguments) -> None:
        """Look for new topics, and make clusters of those that are accepted, which a training then
        sets out from.

        Raises:
            InputError: A number is no topic's, or the topic's was another when it was proposed.
        """
        proposals = propose(
            trainer, self.documents.usable_texts, self.are_new, data_args.min_topic_size
        )
        self.proposals, self.words = proposals, trainer.views().lexical
        numbers = accepted_numbers(data_args.accept)
        unknown = [number for number in numbers if number not in proposals.numbers]
        if unknown:
            there = ", ".join(map(str, proposals.numbers)) or "none"
            raise InputError(
                f"--accept {unknown[0]}: there is no such proposed topic; there are: {there}."
            )
        seen = read_changes(Path(trainer.args.output_dir)).get("proposed", [])
        seen_names = {topic["number"]: topic["label"] for topic in seen}
        for number in numbers:
            name = proposals.names[number - proposals.first]
            if seen and seen_names.get(number) != name:
                raise InputError(
                    f"--accept {number}: it is '{name}' now, and was "
                    f"'{seen_names.get(number, 'not there')}' in '{trainer.args.output_dir}'. Run "
                    "the update without --accept again, and read what it proposes."
                )
        if numbers:
            accept(trainer, proposals, numbers, self.clusters)
            self.accepted = {n: proposals.first + place for place, n in enumerate(numbers)}

    def compare(self, result: ClusteringResult) -> ClusteringResult:
        """The result with what has changed."""
        assert self.proposals is not None  # since `propose`
        given = self.proposals
        waiting = given.topics.copy()
        waiting[np.isin(waiting, [*self.accepted])] = FREE
        clusters = np.where(waiting >= 0, FREE, result.clusters)
        was = self.clusters >= 0
        changes = Changes(
            file=self.file,
            texts={"before": int((~self.are_new).sum()), "new": int(self.are_new.sum())},
            kept=float((self.clusters == result.clusters)[was].mean()),
            topics=self._compare_topics(result, clusters),
            proposed=self._describe_proposals(result),
            lineage=self._lineage(),
        )
        return replace(result, documents=self._noted(waiting), changes=changes)

    def _compare_topics(
        self, result: ClusteringResult, clusters: np.ndarray
    ) -> list[dict[str, Any]]:
        assert self.words is not None  # since `propose`
        num_clusters, known = result.num_clusters, result.num_clusters - len(self.accepted)
        inside = clusters >= 0
        counts = cross_counts(
            clusters[inside], self.are_new[inside].astype(int), num_clusters, num_parts=2
        )
        ratios, are_changing = compare_parts(counts)
        shares = counts / counts.sum(axis=0).clip(min=1)
        drift = measure_drift(self.words, clusters, self.are_new, num_clusters, seed=0)
        rows = []
        for cluster in range(num_clusters):
            status = "growing" if ratios[cluster, 1] > 1 else "fading"
            status = status if are_changing[cluster, 1] else "steady"
            shift = float(drift.shifts[cluster])
            is_drifting = bool(cluster < known and drift.are_drifting[cluster])
            rows.append(
                {
                    "cluster": cluster,
                    "label": result.labels[cluster],
                    "status": status if cluster < known else "new",
                    "before": int(counts[cluster, 0]),
                    "new": int(counts[cluster, 1]),
                    "share_before": float(shares[cluster, 0]),
                    "share_new": float(shares[cluster, 1]),
                    "ratio": float(ratios[cluster, 1]),
                    "shift": None if np.isnan(shift) else shift,
                    "is_drifting": is_drifting,
                    "more_about": self._more_about(result, clusters == cluster, is_drifting),
                }
            )
        return rows

    def _more_about(
        self, result: ClusteringResult, members: np.ndarray, is_drifting: bool
    ) -> list[str]:
        """What new texts of a drifting cluster say more often than its earlier ones."""
        if not is_drifting:
            return []
        rows = np.flatnonzero(members)
        parts = self.are_new[rows].astype(int)
        words = cluster_keywords([result.texts[row] for row in rows], parts, 2, MOST_WORDS)
        return [*words[1]]

    def _describe_proposals(self, result: ClusteringResult) -> list[dict[str, Any]]:
        assert self.proposals is not None  # since `propose`
        given, texts, ids = self.proposals, result.texts, result.ids
        if not given.names:
            return []
        groups = np.where(given.topics < 0, FREE, given.topics - given.first)
        members = np.flatnonzero(groups >= 0)
        nearest = nearest_documents(
            result.embeddings[members],
            given.means,
            groups[members],
            [texts[row] for row in members],
        )
        typical = [members[rows].tolist() for rows in nearest]
        return [
            {
                "number": number,
                "label": given.names[row],
                "keywords": list(given.keywords[row]),
                "size": int((groups == row).sum()),
                "stability": float(given.stability[row]),
                "earlier_texts_near": int(given.num_before[row]),
                "nearest_cluster": int(given.near[row]),
                "nearest_label": result.labels[given.near[row]],
                "accepted_as": self.accepted.get(number),
                "examples": [{"id": str(ids[at]), "text": texts[at]} for at in typical[row]],
            }
            for row, number in enumerate(given.numbers)
        ]

    def _lineage(self) -> list[dict[str, Any]]:
        assert self.proposals is not None  # since `propose`
        names = {
            cluster: self.proposals.names[number - self.proposals.first]
            for number, cluster in self.accepted.items()
        }
        entry = {
            "model": self.origin.folder.resolve().name,
            "file": self.file,
            "texts": int(self.are_new.sum()),
            "accepted": [{"cluster": cluster, "label": names[cluster]} for cluster in names],
        }
        return [*read_changes(self.origin.folder).get("lineage", []), entry]

    def _noted(self, waiting: np.ndarray) -> Documents:
        """The documents with the topic that is proposed for them, if any is."""
        whole = whole_documents(self.documents)
        attributes = whole.attributes
        if self.documents is not whole or attributes is None or not (waiting >= 0).any():
            return self.documents
        numbers = np.full(len(whole), FREE)
        numbers[whole.usable] = waiting
        column = [str(number) if number >= 0 else "" for number in numbers.tolist()]
        columns = attributes.columns | {PROPOSED: column}
        return replace(whole, attributes=replace(attributes, columns=columns))


def accepted_numbers(accepted: Sequence[str] | None) -> list[int]:
    """Numbers of the topics to accept, ascending, as options say them.

    Raises:
        InputError: One is no number.

    Example:
        >>> accepted_numbers(["202,201", "205"])
        [201, 202, 205]
    """
    parts = [part.strip() for said in accepted or () for part in said.split(",")]
    for part in parts:
        if not part.isdecimal():
            raise InputError(
                f"--accept {part}: expected numbers of proposed topics, as in --accept 201,202."
            )
    return sorted({*map(int, parts)})


def check_update(model: str, data_args: DataArguments, args: ClusteringTrainingArguments) -> None:
    """Raise `InputError` where an update cannot be made."""
    if data_args.update_file is None:
        if data_args.accept:
            raise InputError("--accept is of topics that --update_file proposes. Pass both.")
        return
    given = {**vars(data_args), **vars(args)}
    others = [name for name in NOT_WITH_UPDATES if given[name] is not None]
    if others or args.edits_clusters:
        option = f"--{others[0]}" if others else "edits of clusters"
        raise InputError(f"--update_file does not go with {option}. Leave one out.")
    if data_args.min_topic_size < 2:
        raise InputError(f"--min_topic_size: expected 2 or more, got {data_args.min_topic_size}.")
    if bool(accepted_numbers(data_args.accept)) != args.do_train:
        raise InputError(
            "--update_file: expected --do_train with --accept, and --do_report without it."
        )
    _check_folder(model, str(data_args.update_file), Path(args.output_dir))


def _check_folder(model: str, source: str, output: Path) -> None:
    """Raise `InputError` where an update may not be written to a folder."""
    origin = RunFolder(model)
    if origin.is_at(output):
        raise InputError("--update_file: expected another --output_dir than the model's folder.")
    last = [{}, *read_changes(output).get("lineage", [])][-1]
    made_of = last.get("model"), last.get("file"), last.get("accepted")
    is_proposal = made_of == (origin.folder.resolve().name, Path(source).name, [])
    is_edited = (output / EDITS).exists() and not (origin.folder / EDITS).exists()
    if hub_files(output) and (not is_proposal or is_edited):
        raise InputError(
            f"--output_dir '{output}' already holds a model, and more than what this update "
            "proposed. Choose another folder."
        )


def _without_column(documents: Documents, name: str) -> Documents:
    attributes = documents.attributes
    if attributes is None or name not in attributes.columns:
        return documents
    columns = {key: values for key, values in attributes.columns.items() if key != name}
    return replace(documents, attributes=replace(attributes, columns=columns))
