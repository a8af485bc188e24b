"""Whether what people know of their topics can steer a training, and what of it the start sees."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..clusters.phrases import find_no_texts
from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from ..texts.known import KnownTopics
from ..texts.tokens import prepare_dataset
from .arguments import ClusteringTrainingArguments
from .inference import Inference
from .state import ClusteringState


logger = logging.getLogger(__name__)


def check_topics(
    known: KnownTopics | Sequence[str | None] | None,
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    num_documents: int,
) -> KnownTopics | None:
    """What is known, by the clusters of the model where it keeps those it has.

    Args:
        known (`KnownTopics` or `Sequence[str | None]`, *optional*): Also as names of the documents'
            topics.
        model (`BertForClustering`): That is to get their clusters, or has them.
        args (`ClusteringTrainingArguments`): How the clusters start.
        num_documents (`int`): Of the training set.

    Raises:
        InputError: It contradicts itself, is not of these documents or this model, or does not fit
            into the clusters.
    """
    if known is None:
        return None
    known = known if isinstance(known, KnownTopics) else KnownTopics.from_labels(known)
    if len(known) != num_documents:
        raise InputError(
            f"Known topics: expected {num_documents} labels, one per document or None, got "
            f"{len(known)}."
        )
    if not known.names and not len(known.rows):
        raise InputError(
            "Known topics: expected a topic of one document or more, got none. Leave them out."
        )
    told = known.with_examples.union(known.phrases)
    silent = [name for name in known.names if name not in told]
    if silent:
        raise InputError(
            f"Known topics: '{silent[0]}' has neither a usable example nor phrases. Give it one."
        )
    most = args.max_clusters or [model.config.num_clusters, *args.level_sizes][-1]
    if len(known.names) > most:
        raise InputError(
            f"Known topics: {len(known.names)} do not fit into {most} clusters. Ask for more."
        )
    apart = known.constraints().most_apart
    if apart >= most:
        raise InputError(
            f"Known topics: a text is to be apart from {apart} others, for which {most} clusters "
            "may be too few. Ask for more."
        )
    if args.init == "kmeans":
        raise InputError("Known topics do not go with --init kmeans. Pass another start, or none.")
    if args.init is None and model.has_clusters and not args.resume_from_checkpoint:
        return _number_as(model.config.id2label, known)
    return known


def _number_as(id2label: dict[int, str], known: KnownTopics) -> KnownTopics:
    """The same by the clusters that a model has."""
    names = [label for _, label in sorted(id2label.items())]
    unknown = [name for name in known.names if name not in names]
    if unknown:
        raise InputError(
            f"Known topics: the model has clusters, and none is called '{unknown[0]}'. Use its "
            "names, or pass --init auto for a new start."
        )
    numbers = np.array([*map(names.index, known.names), -1])
    return replace(known, names=names, labels=numbers[known.labels], phrases={})


def embed_phrases(known: KnownTopics, inference: Inference, tokenizer: Any) -> np.ndarray | None:
    """Embedding of what is said of each topic, `(num_topics, hidden_size)`: the mean of its
    phrases; a row of zeros where it is nothing, `None` where it is nothing of all.
    """
    if not known.phrases:
        return None
    texts = [text for phrases in known.phrases.values() for text in phrases]
    owners = np.repeat(
        [known.names.index(name) for name in known.phrases],
        [len(phrases) for phrases in known.phrases.values()],
    )
    embeddings = inference.encode(prepare_dataset(texts, tokenizer))
    sums = np.zeros((len(known.names), embeddings.shape[1]), dtype=embeddings.dtype)
    np.add.at(sums, owners, embeddings)
    return sums / np.bincount(owners, minlength=len(sums)).clip(min=1)[:, None]


def name_unfound(
    known: KnownTopics, phrases: np.ndarray, embeddings: np.ndarray, seed: int
) -> list[str]:
    """Names of the topics without an example that no document comes near, by what is said of them;
    the log says so too.
    """
    found = [known.names[topic] for topic in find_no_texts(embeddings, phrases, seed)]
    names = [name for name in found if name not in known.with_examples]
    if names:
        logger.warning(
            "No text comes near what is said of: %s. No cluster is called so. Say it in other "
            "words, or give examples.",
            ", ".join(names),
        )
    return names


def name_topics(
    config: BertClusterConfig,
    state: ClusteringState,
    known: KnownTopics | None,
    unfound: Sequence[str],
) -> None:
    """Call clusters by the topics that people know, and note in the model which these are.

    Args:
        config (`BertClusterConfig`): Gets the names.
        state (`ClusteringState`): Of clusters that have started.
        known (`KnownTopics`, *optional*): Whose names they are.
        unfound (`Sequence[str]`): Names that no cluster is to get.
    """
    names = list(config.known_topics or []) if state.named_by_user.any() else []
    if known is not None:
        given = known.with_examples.union(known.phrases).difference(unfound)
        for cluster, name in enumerate(known.names):
            if name in given:
                config.id2label[cluster] = name
                state.named_by_user[cluster] = True
                names.append(name)
    config.known_topics = list(dict.fromkeys(names)) or None
