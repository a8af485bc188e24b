"""What people know of single documents."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bert_clustering.clusters.candidates import anneal
from bert_clustering.clusters.constraints import Contradiction, constrain, obey
from helpers import make_groups


NOBODY = np.full(6, -1)


def test_who_is_with_a_labelled_document_has_its_label():
    labels = np.array([1, -1, -1, -1, 0, -1])
    known = constrain(labels, together=[(0, 1), (1, 2)])
    assert known.labels.tolist() == [1, 1, 1, -1, 0, -1]
    assert known.is_known.tolist() == [True, True, True, False, True, False]
    assert len(set(known.groups[:3])) == 1 and known.groups[4] != known.groups[0]


def test_documents_of_one_topic_are_a_group_whoever_is_with_them():
    known = constrain(np.array([0, 0, -1, -1]), together=[(1, 2)], apart=[(0, 3)])
    assert known.groups[:3].tolist() == [known.groups[0]] * 3 != [known.groups[3]] * 3
    assert known.apart.tolist() == [sorted([known.groups[0], known.groups[3]])]


@pytest.mark.parametrize(
    "labels, together, apart, rows, said",
    [
        ([0, 1, -1, -1], [(0, 2), (2, 1)], [], (2, 1), "together, and of two topics"),
        ([-1] * 4, [(0, 1), (1, 2)], [(0, 2)], (0, 2), "apart, and together"),
        ([0, 0, -1, -1], [], [(0, 1)], (0, 1), "apart, and of one topic"),
        ([0, -1, -1, -1], [(0, 3)], [(3, 0)], (3, 0), "apart, and of one topic"),
    ],
)
def test_a_contradiction_names_the_pair(labels, together, apart, rows, said):
    with pytest.raises(Contradiction, match=said) as error:
        constrain(np.array(labels), together, apart)
    assert error.value.rows == rows


PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] != p[1]))


@given(
    st.lists(st.integers(-1, 2), min_size=8, max_size=8), PAIRS, PAIRS, st.integers(0, 2**32 - 1)
)
def test_clusters_obey_whatever_is_known(labels, together, apart, seed):
    try:
        known = constrain(np.array(labels), together, apart)
    except Contradiction:
        assume(False)
    scores = np.random.default_rng(seed).random((8, max(known.least_clusters, 3)))
    clusters = obey(scores, known)
    assert all(clusters[row] == label for row, label in enumerate(labels) if label >= 0)
    assert all(clusters[a] == clusters[b] for a, b in together)
    assert all(clusters[a] != clusters[b] for a, b in apart)
    free = ~known.is_known
    assert (clusters[free] == scores.argmax(axis=1)[free]).all()


def test_what_is_not_known_is_left_alone():
    scores = np.random.default_rng(0).random((6, 3))
    assert (obey(scores, None) == scores.argmax(axis=1)).all()
    assert (obey(scores, constrain(NOBODY)) == scores.argmax(axis=1)).all()


def test_labels_come_and_go():
    known = constrain(np.array([0, -1, -1, -1]), together=[(1, 2)])
    other = known.relabel(np.array([-1, -1, -1, 1]))
    assert other.is_known.tolist() == [False, True, True, True]
    assert other.groups[1] == other.groups[2] != other.groups[3]
    assert known.take(np.array([2, 0])).labels.tolist() == [-1, 0]


def test_annealing_keeps_together_and_apart():
    embeddings, groups = make_groups([30, 30], spread=0.1)
    first, second = np.flatnonzero(groups == 0), np.flatnonzero(groups == 1)
    labels = np.full(60, -1)
    known = constrain(labels, [(first[0], second[0])], [(first[1], first[2])])
    clusters = anneal(embeddings, np.eye(24, dtype=np.float32)[:2], constraints=known)
    assert clusters[first[0]] == clusters[second[0]] and clusters[first[1]] != clusters[first[2]]
