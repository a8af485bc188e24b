"""The guard: which weights it keeps, how it puts them back, and that it survives saving."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bert_clustering.clusters.quality import ClusterScore
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.training.guard import Guard


CLUSTERS = torch.tensor([0, 0, 0, 1, 1, 1])


@pytest.fixture
def model(encoder_dir) -> BertForClustering:
    return BertForClustering.from_pretrained(encoder_dir, num_clusters=2)


@pytest.fixture
def guard() -> Guard:
    embeddings = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1]])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Guard(ClusterScore(np.arange(6), embeddings), CLUSTERS, num_clusters=2)


def fill(model: BertForClustering, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def values(model: BertForClustering) -> set[float]:
    return {value for parameter in model.parameters() for value in parameter.unique().tolist()}


def test_the_kept_weights_come_back(guard, model):
    worse = torch.tensor([0, 0, 1, 1, 1, 0])
    for step, (value, clusters) in enumerate([(0.5, worse), (1.5, CLUSTERS), (2.5, worse)]):
        fill(model, value)
        guard.judge(model, clusters, step)
    assert guard.kept_step == 1 and guard.judged_step == 2 and not guard.collapsed
    assert torch.equal(guard.restore(model), CLUSTERS)
    assert values(model) == {1.5}


def test_of_equals_the_last_is_kept(guard, model):
    for step in range(3):
        guard.judge(model, CLUSTERS, step)
    assert guard.kept_step == 2


def test_a_later_state_may_score_a_little_less_than_the_best_but_not_ever_less(model):
    scores = iter([1.0, 0.99, 0.97, 0.985, 0.975])
    guard = Guard(lambda clusters: next(scores), CLUSTERS, num_clusters=2, tolerance=0.02)
    kept = []
    for step in range(5):
        guard.judge(model, CLUSTERS, step)
        kept.append(guard.kept_step)
    assert kept == [0, 1, 1, 3, 3]
    assert (guard.best_score, guard.kept_score) == (1.0, 0.985)


def test_a_collapse_is_never_kept(guard, model, caplog):
    guard.judge(model, torch.tensor([0, 0, 0, 0, 1, 1]), 0)
    guard.judge(model, torch.zeros(6, dtype=torch.long), 1)
    assert guard.collapsed and guard.kept_step == 0
    assert "collapsed" in caplog.text


def test_a_saved_guard_is_the_same(guard, model, tmp_path):
    fill(model, 1.5)
    score = guard.judge(model, CLUSTERS, 7)
    save_file(guard.state_dict(), tmp_path / "guard.safetensors")
    again = Guard.from_state_dict(load_file(tmp_path / "guard.safetensors"))
    assert (again.kept_step, again.kept_score, again.best_score, again.num_clusters) == (
        7,
        score,
        score,
        2,
    )
    assert (again.judged_step, again.collapsed) == (7, False)
    assert again.score(CLUSTERS.numpy()) == score
    fill(model, 3.0)
    assert torch.equal(again.restore(model), CLUSTERS)
    assert values(model) == {1.5}
