"""A finished run with new texts: what they are, which topics are accepted, and what they change."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..clusters.constraints import FREE
from ..errors import InputError
from ..texts.attributes import make_attributes
from ..texts.documents import Documents, make_documents
from ..texts.joined import FILE, are_of, join_documents, without_known
from ..texts.segments import whole_documents
from ..texts.tables import read_columns
from ..trainer import ClusteringTrainer
from ..training.run_arguments import DataArguments
from .changes import read_changes
from .proposals import Proposals, accept, propose
from .run_folder import RunFolder


logger = logging.getLogger(__name__)

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


def _without_column(documents: Documents, name: str) -> Documents:
    attributes = documents.attributes
    if attributes is None or name not in attributes.columns:
        return documents
    columns = {key: values for key, values in attributes.columns.items() if key != name}
    return replace(documents, attributes=replace(attributes, columns=columns))
