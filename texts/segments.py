"""Sentences of documents: what is clustered where a text may have several topics."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sentencex import segment

from ..errors import InputError
from .documents import Documents, draw_with
from .language import HAN, LETTERS_OF_HAN, NUM_READ
from .words import CODES, find_language


SENTENCE = "sentence"  # what is clustered, as the model's config says it
FEWEST_LETTERS = 12  # of a sentence that stands alone: 'Thank you!' does not
WRAPPED = 60  # characters of a line that the width of a page may have ended


@dataclass(frozen=True, eq=False, kw_only=True)
class Sentences(Documents):
    """The sentences of documents, all of them usable, with the ids and attributes of these.

    Args:
        whole (`Documents`): What they are the sentences of.
        owners (`np.ndarray` of shape `(num_sentences,)`): Row of each sentence's document, in
            order; each usable document has one or more.
        language (`str`, *optional*): ISO 639-1 code of the language by whose rules they were cut.
            `None`: they were read from a file.
    """

    whole: Documents
    owners: np.ndarray
    language: str | None = None

    @cached_property
    def places(self) -> np.ndarray:
        """Place of each sentence's document among the usable ones, `(num_sentences,)`."""
        return (np.cumsum(self.whole.usable) - 1)[self.owners]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each sentence, `(num_sentences,)`."""
        return np.array([len(text) for text in self.texts])

    @cached_property
    def numbers(self) -> np.ndarray:
        """Which sentence of its document each is, from 0, `(num_sentences,)`."""
        firsts = np.unique(self.owners, return_index=True)[1]
        return np.arange(len(self)) - np.repeat(firsts, np.diff([*firsts, len(self)]))

    @property
    def names(self) -> list:
        """What a sentence may be called beside its text: the id of its document, where that has no
        other; empty where it has.
        """
        counts = np.bincount(self.owners)[self.owners]
        return [id_ if count == 1 else "" for id_, count in zip(self.ids, counts, strict=True)]

    def sample(self, size: int, seed: int) -> "Sentences":
        """The sentences of a random sample of the documents; those of which something is known come
        first.
        """
        if size >= len(self.whole):
            return self
        known = np.unique(self.owners[[] if self.known is None else self.known.rows])
        drawn = draw_with(known, len(self.whole), size, seed)
        rows = np.flatnonzero(np.isin(self.owners, drawn))
        texts, owners = [self.texts[row] for row in rows], np.searchsorted(drawn, self.owners[rows])
        sentences = join_owners(self.whole.take(drawn), texts, owners, self.language)
        return replace(sentences, known=None if self.known is None else self.known.take(rows))


def whole_documents(documents: Documents) -> Documents:
    """The documents; of sentences, those that they are of."""
    return documents.whole if isinstance(documents, Sentences) else documents


def split_documents(documents: Documents, language: str | None = None) -> Sentences:
    """The sentences of the usable documents. The gold classes of documents, what a teacher says of
    them and what people know of them are not said of their sentences.

    Args:
        documents (`Documents`): The whole ones.
        language (`str`, *optional*): ISO 639-1 code. `None`: that of most texts, English where
            their stop words do not tell.
    """
    if language is None:
        found = find_language(documents.usable_texts[:NUM_READ])
        language = CODES.get(found or "", "en")
    parts = [split_text(text, language) for text in documents.usable_texts]
    owners = np.repeat(np.flatnonzero(documents.usable), [len(found) for found in parts])
    texts = [sentence for found in parts for sentence in found]
    return join_owners(documents, texts, owners, language)


def join_owners(
    documents: Documents, texts: list[str], owners: np.ndarray, language: str | None = None
) -> Sentences:
    """Sentences with what their documents have; arguments as in `Sentences`."""
    attributes = documents.attributes
    return Sentences(
        [documents.ids[row] for row in owners],
        texts,
        np.ones(len(texts), dtype=bool),
        attributes=None if attributes is None else attributes.take(owners),
        whole=documents,
        owners=owners,
        language=language,
    )


def split_text(text: str, language: str = "en", fewest: int = FEWEST_LETTERS) -> list[str]:
    """The sentences of a text that is not empty, one or more. A short one joins the one before it,
    a short first one the next.

    Args:
        text (`str`): The text.
        language (`str`, *optional*, defaults to `"en"`): ISO 639-1 code.
        fewest (`int`, *optional*): Letters of a sentence that stands alone.

    Example:
        >>> split_text("Hi! My card is lost. Can you block it, please? Thanks.")
        ['Hi! My card is lost.', 'Can you block it, please? Thanks.']
    """
    found: list[str] = []
    for line in split_lines(text):
        for sentence in filter(None, map(str.strip, segment(language, line))):
            if found and min(count_letters(found[-1]), count_letters(sentence)) < fewest:
                found[-1] += f" {sentence}"
            else:
                found.append(sentence)
    return found


def split_lines(text: str) -> list[str]:
    r"""The lines of a text, each of which ends a sentence; long ones that go on in small letters
    were broken for the width of a page, and are joined.

    Example:
        >>> split_lines("my card is lost\nplease block it\n\nthanks")
        ['my card is lost', 'please block it', 'thanks']
    """
    lines: list[str] = []
    width = 0
    for line in text.splitlines():
        if width >= WRAPPED and line[:1].islower():
            lines[-1] += f" {line}"
        elif line.strip():
            lines.append(line)
        width = len(line)
    return lines


def count_letters(text: str) -> int:
    """Letters of a text, a Han character for as many as it says."""
    return sum(map(str.isalpha, text)) + (LETTERS_OF_HAN - 1) * len(HAN.findall(text))


def check_splittable(known_label_column: str | None, teacher_embeddings: str | None) -> None:
    """Raise `InputError` where options say of whole texts what is not known of their sentences."""
    if known_label_column is not None:
        raise InputError(
            f"--known_label_column {known_label_column} says the topic of texts, --segments "
            "sentence clusters sentences, which may have others. Quote sentences as `examples` in "
            "a file for --topics, or cluster each text as a whole: --segments text."
        )
    if teacher_embeddings is not None:
        raise InputError(
            "--teacher_embeddings are of texts, --segments sentence clusters sentences. Name their "
            "encoder as --teacher_model_name_or_path, or cluster each text as a whole: --segments "
            "text."
        )
