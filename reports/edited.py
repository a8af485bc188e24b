"""Clusters of a model edited as people want them, and again after it was trained anew."""

import logging
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from ..clusters.matching import match_clusters
from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..texts.documents import Documents
from ..texts.segments import Sentences
from ..trainer import ClusteringTrainer
from ..training.editing import apply_edits, split_clusters
from ..training.edits import Edits
from .edit_log import EditLog, Entry, Record, hash_texts


logger = logging.getLogger(__name__)


def rows_of_ids(documents: Documents) -> dict[str, int]:
    """Row of each usable document, by its id; of those that it names alone."""
    return {id_: row for row, id_ in enumerate(documents.usable_names)}


def edit(
    trainer: ClusteringTrainer,
    edits: Edits,
    documents: Documents,
    clusters: np.ndarray,
    log: EditLog,
    parts: np.ndarray | None = None,
    not_made: Sequence[str] = (),
) -> np.ndarray:
    """Make edits in a trainer's model, and note them. All processes take part.

    Args:
        trainer (`ClusteringTrainer`): Its `train_dataset` holds the usable documents.
        edits (`Edits`): Of the model's clusters.
        documents (`Documents`): The documents.
        clusters (`np.ndarray` of shape `(num_usable,)`): Their clusters; -1 for none.
        log (`EditLog`): Gets one entry more.
        parts (`np.ndarray` of shape `(num_usable,)`, *optional*): How clusters are split. `None`:
            it is found.
        not_made (`Sequence[str]`, *optional*): What else was wanted and cannot be, in words.

    Returns:
        `np.ndarray` of shape `(num_usable,)`: The clusters as they are edited; -1 for none.

    Raises:
        InputError: The edits don't suit the model or the documents.
    """
    model, rows = trainer.model, rows_of_ids(documents)
    edits.check(model.config)
    for id_ in edits.move:
        if id_ not in rows:
            alone = " and one sentence" if isinstance(documents, Sentences) else ""
            said = f"--move {id_}:{edits.move[id_]}"
            raise InputError(f"{said}: there is no text of that id{alone}.")
    embeddings = trainer.predict().embeddings
    if parts is None:
        parts = np.zeros(len(clusters), dtype=np.int64)
        if edits.split:
            parts = split_clusters(edits, clusters, trainer.views(), trainer.args)
    centroids = model.cluster_head.centroids.detach().cpu().numpy()
    record = Record(hash_texts(documents.usable_texts), clusters, parts, centroids)
    named = sorted({*edits.rename, *edits.split, *edits.drop, *sum(edits.merge, [])})
    were = {cluster: model.config.id2label[cluster] for cluster in named}
    numbers = edits.new_numbers(len(centroids))
    found = apply_edits(model, edits, clusters, embeddings, rows, parts)
    trainer.keywords = None  # of what the clusters were
    log.entries.append(Entry(edits, record, were, [*not_made]))
    moved = {id_: int(found[rows[id_]]) for id_ in {**log.moved, **edits.move} if id_ in rows}
    log.moved = {id_: cluster for id_, cluster in moved.items() if cluster >= 0}
    changed = [f"{a} → {b if b >= 0 else 'none'}" for a, b in enumerate(numbers) if a != b]
    if changed:
        logger.info("Numbers before and after: %s.", ", ".join(changed))
    return found


def edit_again(
    trainer: ClusteringTrainer, documents: Documents, log: EditLog
) -> tuple[EditLog, np.ndarray]:
    """Make the edits of an earlier model in a new one, whose clusters are matched to what those
    were; what cannot be matched is named, and nothing is guessed.

    Args:
        trainer (`ClusteringTrainer`): After its training.
        documents (`Documents`): The documents that it was trained on.
        log (`EditLog`): Of the earlier model.

    Returns:
        The edits of the new model, and the clusters as they are edited, `(num_usable,)`.
    """
    made, prediction = EditLog(), trainer.predict()
    hashes, clusters = hash_texts(documents.usable_texts), prediction.clusters
    for entry in log.entries:
        centroids = trainer.model.cluster_head.centroids.detach().cpu().numpy()
        found = Translation(entry, hashes, clusters, prediction.embeddings, centroids)
        found.translate(rows_of_ids(documents), trainer.model.config)
        clusters = edit(
            trainer, found.edits, documents, clusters, made, found.parts, found.not_made
        )
    lost = [line for entry in made.entries for line in entry.not_made]
    for line in lost:
        logger.warning("This edit could not be made again: %s.", line)
    made.entries = [entry for entry in made.entries if entry.edits or entry.not_made]
    count = sum(len(entry.edits) for entry in made.entries)
    logger.info("Edits made again: %d; not: %d.", count, len(lost))
    return made, clusters


class Translation:
    """One command's edits, put into the numbers of a new model.

    Args:
        entry (`Entry`): The command.
        hashes (`np.ndarray` of shape `(num_documents,)`): Of the new model's documents
            (`hash_texts`).
        clusters (`np.ndarray` of shape `(num_documents,)`): Their clusters; -1 for none.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Their embeddings.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Of the new model.
    """

    def __init__(
        self,
        entry: Entry,
        hashes: np.ndarray,
        clusters: np.ndarray,
        embeddings: np.ndarray,
        centroids: np.ndarray,
    ) -> None:
        self.entry, self.clusters, self.embeddings = entry, clusters, embeddings
        record = entry.record
        known, first = np.unique(record.texts, return_index=True)
        place = np.searchsorted(known, hashes).clip(max=len(known) - 1)
        is_known = known[place] == hashes
        self.before = np.where(is_known, record.clusters[first[place]], -1)
        self.parts_before = np.where(is_known, record.parts[first[place]], 0)
        self.match = match_clusters(self.before, clusters, record.centroids, centroids)
        self.same = self.match.same.copy()
        self.edits, self.parts = Edits(), np.zeros(len(clusters), dtype=np.int64)
        self.not_made: list[str] = []

    def translate(self, rows: dict[str, int], config: BertClusterConfig) -> None:
        """Find `edits` and `parts` of the new model, and what is `not_made`, in words.

        Args:
            rows (`dict[str, int]`): Row of each document, by its id.
            config (`BertClusterConfig`): Of the new model.
        """
        self._merge()
        self._split()
        self._drop_and_rename()
        self._move(rows)
        try:
            self.edits.check(config)
        except InputError as error:
            self.edits = Edits()
            self.not_made.append(f"all of a command ({error})")

    def _merge(self) -> None:
        for group in self.entry.edits.merge:
            found = self.find_group(group)
            if not found:
                self.not_made.append(f"merge {', '.join(map(self.called, group))}")
                continue
            self.same[group] = found[0]  # what gets the group's name and texts
            if len(found) > 1:
                self.edits.merge.append(found)

    def _split(self) -> None:
        for cluster, count in self.entry.edits.split.items():
            if self.are_apart(cluster, count):
                continue
            if self.take_parts(cluster, count, self.same[cluster]):
                self.edits.split[int(self.same[cluster])] = count
            else:
                self.not_made.append(f"split {self.called(cluster)}")

    def _drop_and_rename(self) -> None:
        for cluster in self.entry.edits.drop:
            if self.same[cluster] >= 0:
                self.edits.drop.append(int(self.same[cluster]))
            else:
                self.not_made.append(f"drop {self.called(cluster)}")
        for cluster, name in self.entry.edits.rename.items():
            if self.same[cluster] >= 0:
                self.edits.rename[int(self.same[cluster])] = name
            else:
                self.not_made.append(f"rename {self.called(cluster)} to {name}")

    def _move(self, rows: dict[str, int]) -> None:
        for id_, target in self.entry.edits.move.items():
            is_known = id_ in rows and self.before[rows[id_]] >= 0
            if is_known and self.same[target] >= 0:
                self.edits.move[id_] = int(self.same[target])
            else:
                self.not_made.append(f"move {id_} to {target}")

    def called(self, cluster: int) -> str:
        return f"{cluster} ({self.entry.were[cluster]})"

    def find_group(self, group: list[int]) -> list[int]:
        """The new clusters which together are those of a group; none where other ones, too, lie in
        them.
        """
        inside, counts = self.match.inside[group], self.match.counts
        found = np.unique(inside)
        held, total = counts[group][:, found].sum(axis=0), counts[:, found].sum(axis=0)
        are_theirs = (2 * held > total) | np.isin(found, self.match.same[group])
        return found.tolist() if (inside >= 0).all() and are_theirs.all() else []

    def are_apart(self, cluster: int, count: int) -> bool:
        """Whether the parts of a cluster lie in new clusters of their own."""
        where = set()
        for part in range(count):
            sizes = np.bincount(self.clusters[self._is_part(cluster, part)])
            if not sizes.size or 2 * sizes.max() <= sizes.sum():
                return False
            where.add(int(sizes.argmax()))
        return len(where) == count

    def take_parts(self, cluster: int, count: int, target: int) -> bool:
        """Split a new cluster as the earlier one was, whatever is new in it going to the nearer
        part; whether that can be.
        """
        members = self.clusters == target
        of_parts = [self._is_part(cluster, part) & members for part in range(count)]
        if target < 0 or not all(is_in.any() for is_in in of_parts):
            return False
        means = np.array([self.embeddings[is_in].mean(axis=0) for is_in in of_parts])
        self.parts[members] = pairwise_distances_argmin(self.embeddings[members], means)
        for part, is_in in enumerate(of_parts):
            self.parts[is_in] = part
        return True

    def _is_part(self, cluster: int, part: int) -> np.ndarray:
        return (self.before == cluster) & (self.parts_before == part) & (self.clusters >= 0)
