"""What became of the topics that people know, in sentences."""

from collections.abc import Sequence
from textwrap import shorten

from ..texts.known import KnownTopics


NUM_QUOTED = 5  # texts of a kind
NUM_NAMED = 10  # clusters


def describe_known(
    known: KnownTopics,
    labels: Sequence[str],
    found: Sequence[str],
    texts: Sequence[str],
    unfound: Sequence[str] = (),
) -> list[str]:
    """Where a model puts the texts of known topics, what it has found beside them, and which topics
    it has not found.

    Args:
        known (`KnownTopics`): Of the documents.
        labels (`Sequence[str]` of length `num_clusters`): Names of all clusters.
        found (`Sequence[str]` of length `num_documents`): Name of each document's cluster.
        texts (`Sequence[str]` of length `num_documents`): The documents.
        unfound (`Sequence[str]`, *optional*): Topics that no text comes near.

    Example:
        >>> known = KnownTopics.from_labels(["card", "card", None])
        >>> found, texts = ["card", "loan, rate", "card"], ["My card", "A rate", "Your card"]
        >>> describe_known(known, ["card", "loan, rate"], found, texts)
        ['1 of 2 labelled texts are in the cluster of their topic.', \
'Clusters beside the known topics: 1 (loan, rate).', 'Labelled card, found in loan, rate: A rate']
    """
    topics = [known.names[label] if label >= 0 else None for label in known.labels]
    rows = [row for row, topic in enumerate(topics) if topic is not None]
    astray = [row for row in rows if topics[row] != found[row]]
    others = {found[row] for row, topic in enumerate(topics) if topic is None}
    alone = [name for name in known.names if name not in {*others, *unfound}]
    lines = []
    if rows:
        lines.append(
            f"{len(rows) - len(astray):,} of {len(rows):,} labelled texts are in the cluster of "
            "their topic."
        )
    lines.append(_name_beside([label for label in labels if label not in known.names]))
    if alone:
        lines.append(f"No text beside its examples: {', '.join(alone)}.")
    if unfound:
        said = ", ".join(unfound)
        lines.append(f"No text comes near what is said of: {said}. No cluster is called so.")
    lines += [
        f"Labelled {topics[row]}, found in {found[row]}: {shorten(texts[row], 100)}"
        for row in astray[:NUM_QUOTED]
    ]
    parted = [(a, b) for a, b in known.together if found[a] != found[b]]
    joined = [(a, b) for a, b in known.apart if found[a] == found[b]]
    return lines + [
        f"Meant to be {wanted}, found in {found[a]} and {found[b]}: {shorten(texts[a], 60)} / "
        f"{shorten(texts[b], 60)}"
        for wanted, pairs in (("together", parted), ("apart", joined))
        for a, b in pairs[:NUM_QUOTED]
    ]


def _name_beside(names: Sequence[str]) -> str:
    """How many clusters there are beside the known topics, and the first of them."""
    said = "; ".join(names[:NUM_NAMED]) + ("; ..." if len(names) > NUM_NAMED else "")
    return f"Clusters beside the known topics: {len(names):,}" + (f" ({said})." if names else ".")
