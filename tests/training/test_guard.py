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
    for step, (value, strayed) in enumerate([(0.5, 0.0), (1.5, 0.2), (2.5, 0.3)]):
        fill(model, value)
        guard.judge(model, CLUSTERS, step, strayed)
    assert guard.kept_step == 1 and guard.judged_step == 2 and guard.ruined
    assert torch.equal(guard.restore(model), CLUSTERS)
    assert values(model) == {1.5}


def test_clusters_that_score_less_are_kept(guard, model):
    """Gold classes score less than what a start finds."""
    scores = [
        guard.judge(model, clusters, step)
        for step, clusters in enumerate([CLUSTERS, torch.tensor([0, 0, 1, 1, 1, 0])])
    ]
    assert scores[1] < scores[0] - 0.1
    assert (guard.kept_step, guard.kept_score) == (1, scores[1]) and not guard.ruined


@pytest.mark.parametrize("strayed, is_ruined", [(-0.3, False), (0.2, False), (0.21, True)])
def test_a_fifth_of_the_documents_may_leave_their_targets(guard, model, caplog, strayed, is_ruined):
    guard.judge(model, CLUSTERS, 0)
    guard.judge(model, CLUSTERS, 1, strayed)
    assert guard.ruined == is_ruined and guard.kept_step == int(not is_ruined)
    assert ("21.0 % of the documents have left" in caplog.text) == is_ruined


def test_a_collapse_is_never_kept(guard, model, caplog):
    guard.judge(model, torch.tensor([0, 0, 0, 0, 1, 1]), 0)
    guard.judge(model, torch.zeros(6, dtype=torch.long), 1)
    assert guard.ruined and guard.kept_step == 0
    assert "collapsed" in caplog.text


def test_a_collapse_on_the_way_to_the_targets_is_no_end_but_is_not_kept(guard, model, caplog):
    guard.judge(model, CLUSTERS, 0)
    guard.judge(model, torch.zeros(6, dtype=torch.long), 1, strayed=-0.1)
    assert not guard.ruined and guard.kept_step == 0 and "training goes on" in caplog.text
    guard.judge(model, CLUSTERS, 2, strayed=-0.1)
    assert not guard.ruined and guard.kept_step == 2


def test_a_saved_guard_is_the_same(guard, model, tmp_path):
    fill(model, 1.5)
    score = guard.judge(model, CLUSTERS, 7)
    save_file(guard.state_dict(), tmp_path / "guard.safetensors")
    again = Guard.from_state_dict(load_file(tmp_path / "guard.safetensors"))
    assert (again.kept_step, again.kept_score, again.num_clusters) == (7, score, 2)
    assert (again.judged_step, again.ruined) == (7, False)
    assert again.score(CLUSTERS.numpy()) == score
    fill(model, 3.0)
    assert torch.equal(again.restore(model), CLUSTERS)
    assert values(model) == {1.5}
