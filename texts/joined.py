"""New documents beside those of an earlier run."""

from dataclasses import replace

import numpy as np

from .attributes import Attributes
from .documents import Documents
from .segments import Sentences, join_owners, split_documents, whole_documents


FILE = "from_file"  # column that says which file a document came with


def join_documents(before: Documents, new: Documents, files: tuple[str, str]) -> Documents:
    """Earlier documents and, after them, new ones; sentences, where the earlier ones are.

    Args:
        before, new (`Documents`): The documents. Gold classes are kept where both have them, and of
            the columns those of the earlier ones; what a new one lacks of them is empty.
        files (`tuple[str, str]`): What files they are from, for a column that tells; earlier ones
            that have it keep theirs.
    """
    whole = _join(whole_documents(before), new, files)
    if not isinstance(before, Sentences):
        return whole
    added = split_documents(new, before.language)
    owners = np.concatenate([before.owners, len(before.whole) + added.owners])
    return join_owners(whole, [*before.texts, *added.texts], owners, added.language)


def are_of(documents: Documents, num_before: int) -> np.ndarray:
    """Whether each usable document, or sentence, comes after the first so many rows,
    `(num_usable,)`.
    """
    if isinstance(documents, Sentences):
        return documents.owners >= num_before
    return np.flatnonzero(documents.usable) >= num_before


def without_known(new: Documents, before: Documents) -> Documents:
    """The new documents but for those that are among the earlier ones, by id and text."""
    before = whole_documents(before)
    known = {*zip(map(str, before.ids), before.texts, strict=True)}
    named = zip(map(str, new.ids), new.texts, strict=True)
    return new.take(np.flatnonzero([row not in known for row in named]))


def _join(before: Documents, new: Documents, files: tuple[str, str]) -> Documents:
    classes = None
    if before.classes is not None and new.classes is not None:
        classes = np.concatenate([before.classes, new.classes])
    attributes = _join_attributes(before.attributes, new.attributes, len(before), len(new), files)
    return Documents(
        [*before.ids, *new.ids],
        [*before.texts, *new.texts],
        np.concatenate([before.usable, new.usable]),
        classes,
        attributes=attributes,
    )


def _join_attributes(
    before: Attributes | None,
    new: Attributes | None,
    num_before: int,
    num_new: int,
    files: tuple[str, str],
) -> Attributes:
    before = Attributes({}) if before is None else before
    new = Attributes({}) if new is None else new
    first = before.columns | {FILE: before.columns.get(FILE, [files[0]] * num_before)}
    second = new.columns | {FILE: [files[1]] * num_new}
    columns = {name: values + second.get(name, [""] * num_new) for name, values in first.items()}
    groups = tuple(dict.fromkeys([*before.group_columns, FILE]))
    return replace(before, columns=columns, group_columns=groups, times=None)
