"""Refreshes: when they come, what they make and log, and when they end a training."""

import numpy as np
import pytest
import torch

from bert_clustering.clusters.sparse import SparseAssignment
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.refresh import strayed_share
from helpers import logged


def test_the_teacher_makes_the_target(make_trainer):
    """It sees the start's own clusters, which the model's q is still unsure of."""
    taught, alone = make_trainer(), make_trainer(lexical_teacher=False)
    for trainer in (taught, alone):
        trainer.initialize_clusters()
    assert torch.equal(taught.clustering.targets.most_probable, taught.clustering.start_clusters)
    assert (
        taught.clustering.targets.probabilities.mean()
        > alone.clustering.targets.probabilities.mean()
    )


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_centroid_that_has_lost_its_documents_is_put_back_among_them(
    make_trainer, keep_best, caplog
):
    trainer = make_trainer(keep_best=keep_best)
    trainer.initialize_clusters()
    before = torch.bincount(trainer.clustering.clusters, minlength=3)
    with torch.no_grad():
        trainer.model.cluster_head.centroids[1] = 1e3
    with caplog.at_level("INFO"):
        trainer.refresh()
    after = torch.bincount(trainer.clustering.clusters, minlength=3)
    assert (
        before[1] > 0
        and (after[1] > 0) == keep_best
        and ("and got them back: 1" in caplog.text) == keep_best
    )
    assert trainer.clustering.guard.ruined != keep_best


def test_documents_stray_where_they_leave_their_targets(make_trainer):
    """Of the documents that are where their targets say, every fourth goes elsewhere; back again,
    as many come.
    """
    trainer = make_trainer()
    trainer.initialize_clusters()
    state = trainer.clustering
    state.clusters = state.targets.most_probable
    astray = state.clusters.clone()
    astray[::4] = (astray[::4] + 1) % 3
    share = len(astray[::4]) / len(astray)
    assert strayed_share(state, state.clusters) == 0
    assert strayed_share(state, astray) == pytest.approx(share)
    state.clusters = astray
    assert strayed_share(state, state.targets.most_probable) == pytest.approx(-share)
    state.targets = None
    assert strayed_share(state, astray) == 0


def test_a_training_that_loses_what_it_is_taught_ends_and_is_undone(make_trainer, caplog):
    trainer = make_trainer(num_train_epochs=3)
    trainer.initialize_clusters()
    weights = {name: value.clone() for name, value in trainer.model.named_parameters()}
    others = (trainer.clustering.targets.most_probable + 1) % 3  # of every document
    assign = trainer.inference.assign
    astray = SparseAssignment.of([torch.eye(3)[others]])
    trainer.inference.assign = lambda embeddings: (
        astray if trainer.state.global_step else assign(embeddings)
    )
    trainer.train()
    assert trainer.state.epoch == 1 and "loses what it is taught" in caplog.text
    for name, value in trainer.model.named_parameters():
        assert torch.equal(value, weights[name])


def test_targets_are_refreshed_every_so_many_steps(make_trainer):
    trainer = make_trainer(num_train_epochs=2, target_update="4")
    trainer.train()
    assert [line["step"] for line in trainer.state.log_history if "changed" in line] == [4, 8, 12]


def test_stops_when_nothing_moves(make_trainer):
    trainer = make_trainer(num_train_epochs=5, stop_tolerance=1.1)
    trainer.train()
    assert trainer.state.global_step == 6 and trainer.state.epoch == 1


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_a_sharp_kernel_and_a_cluster_that_stays_empty(encoder_dir, tokenizer, tmp_path):
    """Without a teacher a whole column of q is 0."""
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3, alpha=100)
    args = ClusteringTrainingArguments(
        str(tmp_path), lexical_teacher=False, logging_steps=1, use_cpu=True, disable_tqdm=True
    )
    texts = ["ripe apple juice", "solar rocket launch"] * 20
    trainer = ClusteringTrainer(model, args, train_dataset=texts, processing_class=tokenizer)
    trainer.train()
    assert torch.isfinite(trainer.clustering.targets.shares).all()
    assert np.isfinite(logged(trainer, "clustering_loss")).all()
    assert min(logged(trainer, "loss")) > 0


@pytest.mark.slow
def test_thirty_epochs_leave_every_cluster_alive(make_trainer):
    """With neither the stop rule nor the guard to end them."""
    trainer = make_trainer(num_train_epochs=30, keep_best=False)
    trainer.train()
    assert trainer.state.global_step == 30 * 6
    assert (
        min(logged(trainer, "smallest_cluster")) > 0 and np.isfinite(logged(trainer, "loss")).all()
    )


def test_a_collapse_is_noticed_and_undone(make_trainer, caplog):
    """At such a rate the centroids fly apart, and one takes all documents."""
    ruin = {"num_train_epochs": 3, "centroid_learning_rate": 30.0, "logging_steps": 1}
    trainer = make_trainer(**ruin)
    trainer.train()
    sizes = torch.bincount(
        torch.from_numpy(trainer.predict(trainer.train_dataset).clusters), minlength=3
    )
    assert (
        sizes.tolist()
        == torch.bincount(trainer.clustering.guard.first_clusters, minlength=3).tolist()
    )
    assert trainer.state.global_step == 6 and "collapsed" in caplog.text  # after the first epoch
    ruined = make_trainer(keep_best=False, **ruin)
    ruined.train()
    assert len(np.unique(ruined.predict(ruined.train_dataset).clusters)) < 3
