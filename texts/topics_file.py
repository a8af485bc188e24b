"""A file of known topics, as people write it: YAML or JSON."""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import yaml

from ..errors import InputError
from .known import KnownTopics


FORMATS = (".yaml", ".yml", ".json")
OF_A_TOPIC = ("name", "description", "phrases", "examples")
SECTIONS = ("topics", "together", "apart")
Finder = Callable[[str], list[int]]  # from an id or a text to the rows of its documents


def read_known_topics(
    file: str | None, labels: Sequence[str | None] | None, ids: Sequence[Any], texts: Sequence[Any]
) -> KnownTopics:
    """What a file of topics and a column of labels know of the documents; the file's topics come
    first.

    Args:
        file (`str`, *optional*): YAML or JSON: a list of topics, or `topics` beside `together` and
            `apart`. A topic has a `name`, and may have a `description`, `phrases` and `examples`,
            which are ids or texts; so are those of `together` and `apart`.
        labels (`Sequence[str | None]` of length `num_documents`, *optional*): Names of documents'
            topics.
        ids, texts (`Sequence` of length `num_documents`): The documents.

    Raises:
        InputError: The file cannot be read, an example is none of the documents, or what is known
            contradicts itself.
    """
    known = KnownTopics.from_labels([None] * len(texts) if labels is None else labels)
    if file is not None:
        known = _add(_read_file(file), file, known, _finder(ids, texts, file), ids)
    known.constraints(ids)
    return known


def read_quoted(file: str) -> set[str]:
    """The ids and texts that a file of topics quotes; errors as in `read_known_topics`."""
    content = _read_file(file)
    quoted = [
        example
        for topic in content.get("topics", [])
        if isinstance(topic, dict)
        for example in _strings(topic, "examples", file)
    ]
    groups = [*content.get("together", []), *content.get("apart", [])]
    return {
        *quoted,
        *(str(text).strip() for group in groups if isinstance(group, list) for text in group),
    }


def _read_file(file: str) -> dict[str, list]:
    """The sections of a file of topics."""
    path = Path(file)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{file}: expected one of {', '.join(FORMATS)}, got '{path.suffix}'.")
    if not path.is_file():
        raise InputError(f"'{file}': there is no such file. Check the name and the folder.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read ({said}). Mend it.") from error
    content = {"topics": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or not content:
        raise InputError(
            f"{file}: expected a list of topics, or {_listed(SECTIONS)}, got {short_repr(content)}."
        )
    _expect_keys(content, SECTIONS, file)
    for name, section in content.items():
        if not isinstance(section, list):
            raise InputError(f"{file}: {name}: expected a list, got {short_repr(section)}.")
    return content


def _add(
    content: dict[str, list], file: str, known: KnownTopics, find: Finder, ids: Sequence[Any]
) -> KnownTopics:
    """What is known by labels, and what a file knows before it."""
    names: list[str] = []
    phrases: dict[str, list[str]] = {}
    topic_of: dict[int, str] = {}
    for number, topic in enumerate(content.get("topics", []), 1):
        where = f"{file}: topic {number}"
        if not isinstance(topic, dict) or "name" not in topic:
            raise InputError(f"{where}: expected a name, got {short_repr(topic)}.")
        _expect_keys(topic, OF_A_TOPIC, where)
        name = _string(topic["name"], f"{where}: name")
        if name in names:
            raise InputError(f"{where}: '{name}' stands there twice. Name each topic once.")
        names.append(name)
        said = [text for key in ("description", "phrases") for text in _strings(topic, key, where)]
        examples = [row for example in _strings(topic, "examples", where) for row in find(example)]
        if said or not examples:
            phrases[name] = [name, *said]
        for row in examples:
            other = topic_of.setdefault(row, name)
            if other != name:
                raise InputError(
                    f"{file}: text {ids[row]!r} is an example of '{other}' and of '{name}'. Leave "
                    "it to one of them."
                )
    for row in np.flatnonzero(known.labels >= 0).tolist():
        label = known.names[known.labels[row]]
        if topic_of.setdefault(row, label) != label:
            raise InputError(
                f"{file}: text {ids[row]!r} is an example of '{topic_of[row]}', and its label is "
                f"'{label}'. Leave it to one of them."
            )
    names = list(dict.fromkeys([*names, *known.names]))
    labels, numbers = np.full(len(known), -1), {name: n for n, name in enumerate(names)}
    for row, name in topic_of.items():
        labels[row] = numbers[name]
    pairs = {
        key: [pair for group in content.get(key, []) for pair in _pairs(group, key, file, find)]
        for key in ("together", "apart")
    }
    return KnownTopics(names, labels, phrases, **pairs)


def _finder(ids: Sequence[Any], texts: Sequence[Any], file: str) -> Finder:
    """A function from an id or a text to the rows of its documents."""
    by_id: dict[str, list[int]] = {}
    by_text: dict[str, list[int]] = {}
    for row, (id_, text) in enumerate(zip(ids, texts, strict=True)):
        by_id.setdefault(str(id_), []).append(row)
        by_text.setdefault(str(text).strip(), []).append(row)

    def find(example: str) -> list[int]:
        rows = by_id.get(example) or by_text.get(example)
        if rows is None:
            raise InputError(
                f"{file}: expected an id or a text of the input, got {short_repr(example)}. Mend "
                "it; words of your own go under `phrases`."
            )
        return rows

    return find


def _pairs(group: Any, key: str, file: str, find: Finder) -> list[tuple[int, int]]:
    """Pairs of rows that a group of ids or texts makes."""
    if not isinstance(group, list) or len(group) < 2:
        raise InputError(f"{file}: {key}: expected pairs of ids or texts, got {short_repr(group)}.")
    rows = [find(_string(example, f"{file}: {key}")) for example in group]
    return [(a, b) for some, others in combinations(rows, 2) for a in some for b in others]


def _strings(topic: dict, key: str, where: str) -> list[str]:
    """What a topic holds under a key, which may be one or a list."""
    values = topic.get(key)
    values = values if isinstance(values, list) else [] if values is None else [values]
    return [_string(value, f"{where}: {key}") for value in values]


def _string(value: Any, where: str) -> str:
    if isinstance(value, (dict, list)) or value is None or not str(value).strip():
        raise InputError(f"{where}: expected a text or a number, got {short_repr(value)}.")
    return str(value).strip()


def _expect_keys(content: dict, keys: Sequence[str], where: str) -> None:
    unknown = [key for key in content if key not in keys]
    if unknown:
        raise InputError(f"{where}: expected {_listed(keys)}, got {short_repr(unknown[0])}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
