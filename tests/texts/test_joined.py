"""New documents beside earlier ones: nothing is lost, and nothing counted twice."""

import numpy as np

from bert_clustering.texts.attributes import Attributes
from bert_clustering.texts.documents import Documents
from bert_clustering.texts.joined import are_of, join_documents, without_known
from bert_clustering.texts.segments import Sentences, split_documents


def make(ids: list, texts: list, **columns: list[str]) -> Documents:
    usable = np.array([text is not None for text in texts])
    return Documents(ids, texts, usable, attributes=Attributes(columns) if columns else None)


def test_columns_of_the_earlier_ones_are_kept_and_the_file_is_told():
    before = make([1, 2], ["a", None], shop=["north", "south"])
    joined = join_documents(before, make([1], ["b"], mood=["good"]), ("first", "second"))
    assert joined.ids == [1, 2, 1] and joined.texts == ["a", None, "b"]
    assert joined.attributes.columns == {
        "shop": ["north", "south", ""],
        "from_file": ["first", "first", "second"],
    }
    assert are_of(joined, 2).tolist() == [False, True]
    again = join_documents(joined, make([9], ["c"]), ("first and second", "third"))
    assert again.attributes.columns["from_file"] == ["first", "first", "second", "third"]
    assert again.attributes.group_columns == ("from_file",)


def test_classes_are_kept_where_both_have_them():
    before = Documents([1], ["a"], np.array([True]), np.array(["x"], dtype=object))
    new = Documents([2], ["b"], np.array([True]), np.array(["y"], dtype=object))
    assert join_documents(before, new, ("", "")).classes.tolist() == ["x", "y"]
    assert join_documents(before, make([2], ["b"]), ("", "")).classes is None


def test_only_the_same_id_with_the_same_text_is_known():
    before = make([1, 2], ["a", "b"])
    new = make(["1", 2, 3], ["a", "other", "b"])
    assert without_known(new, before).texts == ["other", "b"]


def test_sentences_get_those_of_the_new_texts():
    before = split_documents(make([1, 2], [None, "My card is lost. Where is my parcel now?"]))
    joined = join_documents(before, make([3], ["The flight was late. Nobody said why it was."]),
                            ("", ""))  # fmt: skip
    assert isinstance(joined, Sentences) and len(joined) == 4 and len(joined.whole) == 3
    assert joined.owners.tolist() == [1, 1, 2, 2] and joined.ids == [2, 2, 3, 3]
    assert are_of(joined, 2).tolist() == [False, False, True, True]
