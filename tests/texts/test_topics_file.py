"""Files of known topics."""

import json

import numpy as np
import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts import Documents, KnownTopics, read_known_topics


IDS = ["a1", "a2", "a3", "4"]
TEXTS = ["My card is lost", "A new card, please", "Where is my refund?", "Where is my refund?"]
FILE = """
topics:
  - name: Refunds
    description: People who want their money back
    phrases: [refund, money back]
    examples: [a3]
  - name: Lost cards
    examples: My card is lost
  - name: Fees
together: [[a1, a2]]
apart: [[a1, a3, 4]]
"""


@pytest.fixture
def read(tmp_path):
    def read(content: str, labels: list | None = None, name: str = "topics.yaml") -> KnownTopics:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return read_known_topics(str(path), labels, IDS, TEXTS)

    return read


def test_a_file_names_topics_and_what_is_known_of_texts(read):
    known = read(FILE.replace("a1, a3, 4", "a1, a3"))
    assert known.names == ["Refunds", "Lost cards", "Fees"]
    assert known.labels.tolist() == [1, -1, 0, -1]
    assert known.phrases == {
        "Refunds": ["Refunds", "People who want their money back", "refund", "money back"],
        "Fees": ["Fees"],
    }
    assert known.together == [(0, 1)] and known.apart == [(0, 2)]
    assert known.constraints().labels.tolist() == [1, 1, 0, -1]
    assert known.rows.tolist() == [0, 1, 2]


def test_a_text_that_stands_there_twice_is_an_example_twice(read):
    known = read("- {name: Refunds, examples: ['Where is my refund?']}")
    assert known.labels.tolist() == [-1, -1, 0, 0] and known.phrases == {}


def test_json_and_numbers_as_ids(read):
    content = json.dumps({"topics": [{"name": 7, "examples": [4]}], "apart": [["a1", 4]]})
    known = read(content, name="topics.JSON")
    assert known.names == ["7"] and known.labels.tolist() == [-1, -1, -1, 0]
    assert known.apart == [(0, 3)]


def test_a_column_of_labels_goes_with_a_file(read):
    known = read("- {name: Refunds, examples: [a3]}", ["card", None, "Refunds", None])
    assert known.names == ["Refunds", "card"] and known.labels.tolist() == [1, -1, 0, -1]


BAD = {
    "nothing": ("", "expected a list of topics"),
    "a text": ("just words", "expected a list of topics, or `topics`, `together`, `apart`, got"),
    "no YAML": ("topics: [", "cannot be read"),
    "code": ("- !!python/object/apply:os.system ['true']", "cannot be read"),
    "an unknown section": ("topcis: []", "expected `topics`, `together`, `apart`, got 'topcis'"),
    "a section that is no list": ("topics: 3", "topics: expected a list, got 3"),
    "no name": ("- {phrases: [a]}", "topic 1: expected a name"),
    "a name that is a list": ("- {name: [a]}", "topic 1: name: expected a text or a number"),
    "a name twice": ("- {name: A}\n- {name: A}", "topic 2: 'A' stands there twice"),
    "an unknown key": ("- {name: A, example: a1}", "got 'example'"),
    "an empty phrase": ("- {name: A, phrases: ['']}", "phrases: expected a text or a number"),
    "no such id": (
        "- {name: A, examples: [a9]}",
        "expected an id or a text of the input, got 'a9'",
    ),
    "two topics": (
        "- {name: A, examples: [a1]}\n- {name: B, examples: [a1]}",
        "text 'a1' is an example of 'A' and of 'B'",
    ),
    "alone": ("together: [[a1]]", "together: expected pairs of ids or texts"),
    "with itself": ("apart: [[a1, a1]]", "texts 'a1' and 'a1' are to be apart, and together"),
    "together and apart": (
        "together: [[a1, a2]]\napart: [[a2, a1]]",
        "texts 'a2' and 'a1' are to be apart, and together",
    ),
    "together, of two topics": (
        "topics:\n- {name: A, examples: [a1]}\n- {name: B, examples: [a2]}\ntogether: [[a1, a2]]",
        "texts 'a1' and 'a2' are to be together, and of two topics",
    ),
}


@pytest.mark.parametrize("content, said", BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_one_error(read, content, said):
    with pytest.raises(InputError, match=said):
        read(content)


def test_a_label_that_speaks_against_the_file_is_one_error(read):
    with pytest.raises(InputError, match="example of 'Refunds', and its label is 'card'"):
        read("- {name: Refunds, examples: [a3]}", [None, None, "card", None])


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="expected one of .yaml, .yml, .json, got '.txt'"):
        read_known_topics("topics.txt", None, IDS, TEXTS)
    with pytest.raises(InputError, match="no such file"):
        read_known_topics(str(tmp_path / "topics.yaml"), None, IDS, TEXTS)


def test_a_sample_keeps_what_is_known():
    labels = np.full(100, -1)
    labels[90:95] = 0
    known = KnownTopics(["A"], labels, together=[(3, 4)], apart=[(3, 99)])
    documents = Documents(
        [*range(100)], [f"text {row}" for row in range(100)], np.ones(100, dtype=bool), known=known
    )
    sample = documents.sample(20, seed=0)
    assert len(sample) == 20 and {3, 4, 99, *range(90, 95)} < set(sample.ids)
    again = sample.known
    assert [sample.ids[row] for row in np.flatnonzero(again.labels == 0)] == [*range(90, 95)]
    for pairs, wanted in ((again.together, (3, 4)), (again.apart, (3, 99))):
        assert [tuple(sample.ids[row] for row in pair) for pair in pairs] == [wanted]
    assert len(documents.sample(4, seed=0)) == 4
