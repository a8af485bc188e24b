"""Names of the clusters, made of their keywords, in a model's configuration."""

from collections.abc import Sequence

from ..configuration_bert_cluster import BertClusterConfig


def are_named(config: BertClusterConfig) -> list[bool]:
    """Which clusters have a name, rather than the `LABEL_n` that every model begins with."""
    return [label != f"LABEL_{cluster}" for cluster, label in sorted(config.id2label.items())]


def name_clusters(
    config: BertClusterConfig, keywords: list[list[str]], keep: Sequence[bool] | None = None
) -> None:
    """Label the clusters by their keywords.

    Args:
        config (`BertClusterConfig`): Its `id2label` and `label2id` are changed.
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster.
        keep (`Sequence[bool]` of length `num_clusters`, *optional*): Which clusters keep the label
            they have. `None`: all that have a name.
    """
    keep = are_named(config) if keep is None else keep
    known = {cluster: label for cluster, label in config.id2label.items() if keep[cluster]}
    config.id2label = make_labels(keywords, known=known)
    config.label2id = {label: cluster for cluster, label in config.id2label.items()}


def make_labels(
    keywords: list[list[str]], num_keywords: int = 3, known: dict[int, str] | None = None
) -> dict[int, str]:
    """A label for each cluster from its first keywords, made unique.

    Args:
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster.
        num_keywords (`int`, *optional*, defaults to 3): Keywords per label, at most.
        known (`dict[int, str]`, *optional*): Labels that stay as they are.

    Example:
        >>> make_labels([["oil", "prices"], ["oil", "prices"], []])
        {0: 'oil, prices', 1: 'oil, prices (1)', 2: 'cluster 2'}
    """
    labels = dict(known or {})
    for cluster, words in enumerate(keywords):
        if cluster not in labels:
            label = ", ".join(words[:num_keywords]) or f"cluster {cluster}"
            labels[cluster] = label if label not in labels.values() else f"{label} ({cluster})"
    return dict(sorted(labels.items()))
