"""A training that is resumed ends as one that never stopped."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bert_clustering.errors import InputError
from bert_clustering.training.checkpoints import find_last_checkpoint
from helpers import logged, parameters


@pytest.mark.parametrize("resume_at", [6, 10])
def test_resumed_run_equals_the_uninterrupted_one(make_trainer, tmp_path, resume_at):
    """At the end of an epoch, and in the middle of one with targets refreshed every four steps."""
    arguments = {
        "num_train_epochs": 3,
        "save_strategy": "steps",
        "save_steps": 2,
        "save_total_limit": None,
    }
    arguments |= {"target_update": "4" if resume_at == 10 else "epoch", "logging_steps": 1}
    arguments["kmeans_baseline"] = True
    whole = make_trainer(**arguments)
    whole.train()
    for checkpoint in Path(whole.args.output_dir).glob("checkpoint-*"):
        if int(checkpoint.name.split("-")[1]) > resume_at:
            shutil.rmtree(checkpoint)
    resumed = make_trainer(**arguments)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == whole.state.global_step == 18
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(resumed)[name]), name
    p, p_resumed = whole.clustering.targets, resumed.clustering.targets
    assert torch.equal(p.dense(), p_resumed.dense())
    names = ("clusters", "start_clusters", "kmeans_clusters", "prior")
    for name in (*names, "start_scores", "start_sizes"):
        one, two = getattr(whole.clustering, name), getattr(resumed.clustering, name)
        assert torch.equal(one, two), name
    for name in ("loss", "mlm_loss", "clustering_loss", "changed"):
        assert logged(resumed, name) == logged(whole, name), name


@pytest.mark.parametrize(
    "ending, steps",
    [
        ({"stop_tolerance": 1.1}, 6),
        ({"stop_tolerance": 1.1, "target_update": "4"}, 4),
        ({"max_steps": 4}, 4),
    ],
)
def test_a_run_that_had_ended_takes_no_further_step_when_resumed(make_trainer, ending, steps):
    arguments = {"num_train_epochs": 3, "save_strategy": "epoch"}
    whole = make_trainer(**arguments, **ending)
    whole.train()
    resumed = make_trainer(**arguments, **ending)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == whole.state.global_step == steps
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(resumed)[name]), name
    further = make_trainer(**arguments)
    further.train(resume_from_checkpoint=True)
    assert further.state.global_step == 18, "other arguments may make it go on"


def test_a_collapse_is_remembered_by_its_checkpoint(make_trainer):
    ruin = {"num_train_epochs": 3, "centroid_learning_rate": 30.0, "save_strategy": "epoch"}
    make_trainer(**ruin).train()
    resumed = make_trainer(**ruin)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 6 and resumed.clustering.guard.kept_step == 0
    assert torch.equal(resumed.clustering.clusters, resumed.clustering.guard.first_clusters)


def test_a_checkpoint_that_is_written_over_is_not_whole_before_its_end(make_trainer, monkeypatch):
    def fail(state, folder: str) -> None:
        raise OSError("No space left on device")

    arguments = {"num_train_epochs": 2, "save_strategy": "epoch", "save_total_limit": None}
    trainer = make_trainer(**arguments)
    trainer.train()
    first = Path(trainer.args.output_dir, "checkpoint-6")
    resumed = make_trainer(**arguments)
    monkeypatch.setattr("bert_clustering.training.state.ClusteringState.save", fail)
    with pytest.raises(OSError, match="No space left"):
        resumed.train(resume_from_checkpoint=str(first))
    assert find_last_checkpoint(trainer.args.output_dir) == str(first)


def test_only_a_whole_checkpoint_of_the_same_documents_is_resumed(make_trainer, corpus, tmp_path):
    trainer = make_trainer(num_train_epochs=2, save_strategy="epoch", save_total_limit=None)
    trainer.train()
    (tmp_path / "run" / "checkpoint-12" / "trainer_state.json").unlink()
    (tmp_path / "run" / "checkpoint-99").mkdir()
    assert find_last_checkpoint(tmp_path / "run") == str(tmp_path / "run" / "checkpoint-6")
    with pytest.raises(ValueError, match="was written for 91 documents, there are now 90"):
        make_trainer(texts=corpus[0][:90]).train(resume_from_checkpoint=True)
    with pytest.raises(ValueError, match="it is no checkpoint of this trainer"):
        make_trainer().train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-99"))


def test_a_number_of_clusters_that_was_found_is_resumed(make_trainer, tmp_path):
    """The model that resumes is made with another number than the checkpoint's."""
    options = {"num_train_epochs": 2, "save_strategy": "epoch", "save_total_limit": None}
    options |= {"max_clusters": 6, "init": "auto"}
    whole = make_trainer(num_clusters=9, **options)
    whole.train()
    found = whole.model.config.num_clusters
    assert found <= 6
    resumed = make_trainer(num_clusters=9, **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-6"))
    assert resumed.model.config.num_clusters == found
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(resumed)[name]), name
    assert resumed.model.config.id2label == whole.model.config.id2label


def test_weights_that_nobody_wants_back_are_not_kept(make_trainer, tmp_path):
    trainer = make_trainer(num_train_epochs=1, keep_best=False, save_strategy="epoch")
    trainer.train()
    assert trainer.clustering.guard.kept_weights == {}
    (state,) = (tmp_path / "run").glob("checkpoint-*/clustering_state.safetensors")
    assert not any(name.startswith("guard.weights.") for name in load_file(state))
    assert not list((tmp_path / "run").glob("checkpoint-*/guard*"))


def test_a_loss_that_had_no_weight_cannot_be_resumed_with_one(make_trainer):
    arguments = {"num_train_epochs": 2, "save_strategy": "epoch", "save_total_limit": None}
    without = make_trainer(clustering_weight=0.0, **arguments)
    without.train()
    first = Path(without.args.output_dir, "checkpoint-6")
    with pytest.raises(InputError, match="got none.*Pass clustering_weight=0"):
        make_trainer(**arguments).train(resume_from_checkpoint=str(first))
