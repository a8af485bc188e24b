"""Names of the clusters, made of their keywords, in a model's configuration."""

import re
from collections.abc import Sequence

import numpy as np

from ..configuration_bert_cluster import BertClusterConfig
from .keywords import alike


def are_named(config: BertClusterConfig) -> list[bool]:
    """Which clusters have a name, rather than the `LABEL_n` that every model begins with."""
    return [label != f"LABEL_{cluster}" for cluster, label in sorted(config.id2label.items())]


def set_labels(config: BertClusterConfig, labels: dict[int, str]) -> None:
    """Call all clusters by these labels."""
    config.id2label = labels
    config.label2id = {label: cluster for cluster, label in labels.items()}


def name_clusters(
    config: BertClusterConfig,
    keywords: list[list[str]],
    keep: Sequence[bool] | None = None,
    said: Sequence[Sequence[str]] | None = None,
) -> None:
    """Label the clusters by their keywords.

    Args:
        config (`BertClusterConfig`): Its `id2label` and `label2id` are changed.
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster.
        keep (`Sequence[bool]` of length `num_clusters`, *optional*): Which clusters keep the label
            they have. `None`: all that have a name.
        said (`Sequence[Sequence[str]]` of length `num_clusters`, *optional*): As in `make_labels`.
    """
    keep = are_named(config) if keep is None else keep
    known = {cluster: label for cluster, label in config.id2label.items() if keep[cluster]}
    set_labels(config, make_labels(keywords, known=known, said=said))


def name_levels(
    config: BertClusterConfig,
    keywords: list[list[list[str]]],
    keep: Sequence[bool] | None = None,
    keeps_coarser: bool = True,
) -> None:
    """Label the clusters of all levels, from the top down (`choose_words`).

    Args:
        config (`BertClusterConfig`): Its `level_labels`, `id2label` and `label2id` are changed.
        keywords (`list[list[list[str]]]` of length `num_levels`): Keywords of each cluster at each
            level, the coarsest first.
        keep (`Sequence[bool]` of length `num_clusters`, *optional*): As in `name_clusters`, of the
            finest ones.
        keeps_coarser (`bool`, *optional*, defaults to `True`): Whether coarser ones keep labels
            that they have.
    """
    levels = [*map(np.array, config.levels or [])]
    labels: list[list[str]] = list((keeps_coarser and config.level_labels) or [])
    if not labels:
        for level, inside in enumerate(levels):
            said = _said_above(levels[:level], labels, inside)
            made = make_labels(keywords[level], said=said)
            labels.append([made[cluster] for cluster in range(len(made))])
    config.level_labels = labels or None
    said = _said_above(levels, labels, np.arange(config.num_clusters))
    name_clusters(config, keywords[-1], keep, said)


def _said_above(
    levels: Sequence[np.ndarray], labels: Sequence[Sequence[str]], inside: np.ndarray
) -> list[list[str]]:
    """Labels of the clusters above, of each cluster of a level."""
    firsts = np.unique(inside, return_index=True)[1]  # one of the finest in each
    pairs = list(zip(levels, labels, strict=True))
    return [[names[above[first]] for above, names in pairs] for first in firsts]


def make_labels(
    keywords: list[list[str]],
    num_keywords: int = 3,
    known: dict[int, str] | None = None,
    said: Sequence[Sequence[str]] | None = None,
) -> dict[int, str]:
    """A label for each cluster from its first keywords, made unique.

    Args:
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster.
        num_keywords (`int`, *optional*, defaults to 3): Keywords per label, at most.
        known (`dict[int, str]`, *optional*): Labels that stay as they are.
        said (`Sequence[Sequence[str]]` of length `num_clusters`, *optional*): What need not be said
            of each cluster again, as the clusters that it lies in are called so.

    Example:
        >>> make_labels([["oil", "prices"], ["oil", "prices"], []])
        {0: 'oil, prices', 1: 'oil, prices (1)', 2: 'cluster 2'}
    """
    labels = dict(known or {})
    for cluster, words in enumerate(keywords):
        if cluster not in labels:
            above = said[cluster] if said else ()
            label = ", ".join(choose_words(words, above, num_keywords)) or f"cluster {cluster}"
            is_new = label not in labels.values() and label not in above
            labels[cluster] = label if is_new else f"{label} ({cluster})"
    return dict(sorted(labels.items()))


def choose_words(words: Sequence[str], above: Sequence[str], count: int) -> list[str]:
    """The first `count` words, of which one at most repeats what the labels above say: names have
    to be understood where those are not seen.

    Example:
        >>> choose_words(["card", "pin", "blocked", "tries"], above=["card, pin"], count=3)
        ['card', 'blocked', 'tries']
    """
    said = [word for word in words if repeats(word, above)]
    new = [word for word in words if word not in said]
    chosen = [*said[:1], *new[: count - len(said[:1])]]
    return [word for word in words if word in chosen]


def repeats(term: str, labels: Sequence[str]) -> bool:
    """Whether every word of a term, or a form of it, stands in one of the labels.

    Example:
        >>> repeats("cards", ["card, bank"]), repeats("new card", ["card, bank"])
        (True, False)
    """
    known = [word for label in labels for word in re.findall(r"\w+", label.lower())]
    return all(any(alike(word, other) for other in known) for word in term.split())
