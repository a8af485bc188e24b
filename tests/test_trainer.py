"""The trainer: its losses by hand and under accumulation, start, warm-up, refresh, stop, resume,
prediction.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import BertTokenizer

from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.stability import agreement
from bert_clustering.clusters.targets import target_distribution
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.tokens import tokenize
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.checkpoints import find_last_checkpoint
from bert_clustering.training.warmup import warm_up_mlm_head
from helpers import build_trainer


@pytest.fixture
def make_trainer(corpus, tokenizer, encoder_dir, tmp_path):
    def make(name=encoder_dir, texts=corpus[0], **arguments) -> ClusteringTrainer:
        return build_trainer(name, tokenizer, texts, str(tmp_path / "run"), **arguments)

    return make


def parameters(trainer) -> dict[str, torch.Tensor]:
    return {
        name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()
    }


def logged(trainer, name) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


def test_loss_of_an_update_by_hand(make_trainer, corpus):
    trainer = make_trainer(
        texts=corpus[0][:11],
        lexical_teacher=False,
        fixed_masks=True,
        max_steps=1,
        mlm_weight=0.5,
        clustering_weight=2.0,
        logging_steps=1,
    )
    trainer._make_start()
    p = target_distribution(trainer.assign(trainer.encode(trainer.train_dataset)), trainer.prior)
    batch = trainer.data_collator(list(trainer.train_dataset))
    labels = batch.pop("labels")
    batch.pop("index")
    with torch.no_grad():
        q = trainer.model(**batch).logits.exp()
        dense = trainer.model.backbone(**batch).logits
    clustering_loss = (p * (p.log() - q.log())).sum() / 11
    mlm_loss = F.cross_entropy(dense.view(-1, dense.shape[-1]), labels.view(-1), ignore_index=-100)

    trainer.train()
    assert logged(trainer, "clustering_loss")[0] == pytest.approx(clustering_loss.item(), rel=1e-4)
    assert logged(trainer, "mlm_loss")[0] == pytest.approx(mlm_loss.item(), rel=1e-4)
    assert logged(trainer, "loss")[0] == pytest.approx(
        (0.5 * mlm_loss + 2.0 * clustering_loss).item(), rel=1e-4
    )


@pytest.mark.parametrize("batch_size, accumulation", [(4, 3), (2, 6), (3, 4)])
def test_accumulation_gives_the_update_of_the_big_batch(
    make_trainer, corpus, batch_size, accumulation
):
    """Eleven documents: the last micro-batch is ragged, and so are the counts of masked tokens."""

    def run(**arguments):
        trainer = make_trainer(
            texts=corpus[0][:11],
            fixed_masks=True,
            num_train_epochs=2,
            optim="sgd",
            learning_rate=0.5,
            centroid_learning_rate=0.5,
            max_grad_norm=0,
            logging_steps=1,
            keep_best=False,
            train_sampling_strategy="sequential",
            **arguments,
        )
        trainer.train()
        return trainer

    big = run(per_device_train_batch_size=11)
    small = run(per_device_train_batch_size=batch_size, gradient_accumulation_steps=accumulation)
    assert small.state.global_step == big.state.global_step == 2
    for name in ("loss", "mlm_loss", "clustering_loss", "grad_norm"):
        assert logged(small, name) == pytest.approx(logged(big, name), rel=1e-4), name
    small, big = parameters(small), parameters(big)
    for name in big:
        torch.testing.assert_close(small[name], big[name], atol=1e-5, rtol=1e-4, msg=name)


def test_every_parameter_moves_and_p_carries_no_gradient(make_trainer):
    trainer = make_trainer(num_train_epochs=1, keep_best=False)
    trainer._make_start()
    before = parameters(trainer)  # centroids included, after the start
    trainer.train()
    for name, parameter in parameters(trainer).items():
        assert not torch.equal(before[name], parameter), f"{name} has not moved"
    assert trainer.targets.shape == (91, 3) and not trainer.targets.requires_grad


def test_topics_are_found(make_trainer, corpus):
    texts, classes = corpus
    trainer = make_trainer(num_train_epochs=5, learning_rate=1e-3)
    trainer.train()
    start = clustering_accuracy(classes, trainer.start_clusters.numpy())
    final = clustering_accuracy(classes, trainer.predict(texts).clusters)
    assert final > 0.9 and final >= start


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
    assert sizes.tolist() == torch.bincount(trainer.guard.first_clusters, minlength=3).tolist()
    assert trainer.state.global_step == 6 and "collapsed" in caplog.text  # after the first epoch
    ruined = make_trainer(keep_best=False, **ruin)
    ruined.train()
    assert len(np.unique(ruined.predict(ruined.train_dataset).clusters)) < 3


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_centroid_that_has_lost_its_documents_is_put_back_among_them(
    make_trainer, keep_best, caplog
):
    trainer = make_trainer(keep_best=keep_best)
    trainer._make_start()
    before = torch.bincount(trainer.clusters, minlength=3)
    with torch.no_grad():
        trainer.model.cluster_head.centroids[1] = 1e3
    with caplog.at_level("INFO"):
        trainer.refresh()
    after = torch.bincount(trainer.clusters, minlength=3)
    assert (
        before[1] > 0
        and (after[1] > 0) == keep_best
        and ("and got them back: 1" in caplog.text) == keep_best
    )
    assert trainer.guard.collapsed != keep_best


def test_start_is_logged_and_alpha_is_fitted(make_trainer, caplog):
    trainer = make_trainer()
    assert trainer.model.config.alpha is None
    with caplog.at_level("INFO"):
        trainer._make_start()
    assert (
        "annealed 1." in caplog.text
        and "over-clustered 1." in caplog.text
        and "alpha" in caplog.text
    )
    q = trainer.assign(trainer.encode(trainer.train_dataset))
    assert q.max(dim=1).values.mean().item() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("every, undone", [(10, True), (3, False), (91, False)])
def test_the_finished_model_is_no_surer_than_the_repeats(make_trainer, every, undone):
    trainer = make_trainer(num_train_epochs=1)
    trainer._make_start()
    trainer.repeats = trainer.start_clusters.cpu().repeat(4, 1)
    trainer.repeats[:, ::every] = (
        trainer.repeats[:, ::every] + 1
    ) % 3  # some of the documents go elsewhere
    trainer._make_start = lambda: None
    trainer.confidence = torch.tensor(
        [agreement(trainer.start_clusters.numpy(), trainer.repeats.numpy())]
    )
    assert trainer.confidence.item() == pytest.approx(1 - 1 / every, abs=0.02)
    if undone:
        trainer.guard.best_score = 2.0  # that no later state comes near
    before = trainer.model.config.alpha
    trainer.train()
    assert (trainer.guard.kept_step == 0) == undone
    mean_probability = trainer.predict().probabilities.mean()
    if every == 91:  # what was learnt is less sure, and stays
        assert (
            trainer.model.config.alpha == before
            and 0.68 < mean_probability < trainer.confidence - 0.01
        )
    else:
        assert mean_probability == pytest.approx(trainer.confidence.item(), abs=0.01)


def test_the_teacher_makes_the_target(make_trainer):
    """It sees the start's own clusters, which the model's q is still unsure of."""
    taught, alone = make_trainer(), make_trainer(lexical_teacher=False)
    for trainer in (taught, alone):
        trainer._make_start()
    assert torch.equal(taught.targets.argmax(dim=1), taught.start_clusters)
    assert taught.targets.max(dim=1).values.mean() > alone.targets.max(dim=1).values.mean()
    assert alone.fused is None


def test_an_alpha_that_was_asked_for_is_kept(make_trainer, encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3, alpha=4)
    model.save_pretrained(tmp_path / "model")
    trainer = make_trainer(name=tmp_path / "model", num_train_epochs=1)
    trainer.train()
    assert trainer.repeats is not None and trainer.confidence is None
    assert trainer.model.config.alpha == 4


def test_logs_both_losses_and_every_refresh(make_trainer):
    trainer = make_trainer(
        num_train_epochs=2, logging_steps=1, mlm_weight=0.3, clustering_weight=0.7
    )
    trainer.train()
    total = 0.3 * np.array(logged(trainer, "mlm_loss")) + 0.7 * np.array(
        logged(trainer, "clustering_loss")
    )
    assert logged(trainer, "loss") == pytest.approx(total, rel=1e-4)
    refreshes = [line for line in trainer.state.log_history if "changed" in line]
    assert len(refreshes) == 2
    for line in refreshes:
        assert 0 <= line["changed"] <= 1 and 1 / 3 <= line["mean_probability"] <= 1
        assert 0 <= line["smallest_cluster"] <= 91 / 3 <= line["largest_cluster"] <= 91


def test_log_line_averages_over_its_steps(make_trainer):
    each = make_trainer(num_train_epochs=1, logging_steps=1)
    each.train()
    mean = make_trainer(num_train_epochs=1, logging_steps=6)
    mean.train()
    for name in ("loss", "mlm_loss", "clustering_loss"):
        assert logged(mean, name) == pytest.approx([np.mean(logged(each, name))], rel=1e-4)


def test_targets_are_refreshed_every_so_many_steps(make_trainer):
    trainer = make_trainer(num_train_epochs=2, target_update="4")
    trainer.train()
    assert [line["step"] for line in trainer.state.log_history if "changed" in line] == [4, 8, 12]


def test_stops_when_nothing_moves(make_trainer):
    trainer = make_trainer(num_train_epochs=5, stop_tolerance=1.1)
    trainer.train()
    assert trainer.state.global_step == 6 and trainer.state.epoch == 1


def test_new_head_is_warmed_up_alone(make_trainer, headless_dir):
    trainer = make_trainer(name=headless_dir)
    assert trainer.model.config.mlm_head_is_fresh
    before = parameters(trainer)
    head = {id(parameter) for parameter in trainer.model.mlm_head_parameters()}
    moving = {name for name, parameter in trainer.model.named_parameters() if id(parameter) in head}
    warm_up_mlm_head(
        trainer.model,
        trainer.args,
        trainer.data_collator,
        trainer.train_dataset,
        trainer.processing_class,
    )
    moved = {
        name
        for name, parameter in parameters(trainer).items()
        if not torch.equal(before[name], parameter)
    }
    assert moved == moving and moved
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())


def test_warm_up_lowers_the_masked_lm_loss_and_counts_for_nothing_else(make_trainer, headless_dir):
    cold = make_trainer(
        name=headless_dir, num_train_epochs=1, mlm_head_warmup_epochs=0, logging_steps=1
    )
    cold.train()
    warm = make_trainer(
        name=headless_dir, num_train_epochs=1, mlm_head_warmup_epochs=20, logging_steps=1
    )
    warm.train()
    assert logged(warm, "mlm_loss")[0] < logged(cold, "mlm_loss")[0] - 0.1
    assert warm.state.global_step == cold.state.global_step == 6
    assert not warm.model.config.mlm_head_is_fresh and not cold.model.config.mlm_head_is_fresh


def test_centroids_have_a_learning_rate_of_their_own(make_trainer):
    trainer = make_trainer(learning_rate=1e-4, centroid_learning_rate=7e-3, weight_decay=0.1)
    optimizer = trainer.create_optimizer()
    centroids = trainer.model.cluster_head.centroids
    (group,) = [
        group for group in optimizer.param_groups if any(p is centroids for p in group["params"])
    ]
    assert group["lr"] == 7e-3 and group["weight_decay"] == 0 and len(group["params"]) == 1
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        list(trainer.model.parameters())
    )


def test_size_prior_keeps_the_start_sizes_or_pulls_to_equal_ones(make_trainer):
    kept = make_trainer(size_prior="start", lexical_teacher=False)
    kept._make_start()
    assert kept.prior.sum() == pytest.approx(1)
    even = make_trainer(size_prior="uniform", lexical_teacher=False)
    even._make_start()
    assert even.prior is None
    spread = [trainer.targets.sum(dim=0).std().item() for trainer in (kept, even)]
    assert spread[0] > spread[1]


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
    for name in ("targets", "clusters", "start_clusters", "kmeans_clusters", "prior"):
        assert torch.equal(getattr(whole, name), getattr(resumed, name)), name
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
    assert resumed.state.global_step == 6 and resumed.guard.kept_step == 0
    assert torch.equal(resumed.clusters, resumed.guard.first_clusters)


def test_a_checkpoint_that_is_written_over_is_not_whole_before_its_end(make_trainer, monkeypatch):
    def fail(path: str) -> None:
        raise OSError("No space left on device")

    arguments = {"num_train_epochs": 2, "save_strategy": "epoch", "save_total_limit": None}
    trainer = make_trainer(**arguments)
    trainer.train()
    first = Path(trainer.args.output_dir, "checkpoint-6")
    resumed = make_trainer(**arguments)
    monkeypatch.setattr("bert_clustering.training.guard.Guard.save", lambda self, path: fail(path))
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


def test_tokenizer_without_a_limit_gets_the_encoders(corpus, tokenizer, encoder_dir, tmp_path):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab())
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=2)
    args = ClusteringTrainingArguments(output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True)
    trainer = ClusteringTrainer(
        model, args, train_dataset=["apple " * 100, *corpus[0]], processing_class=tokenizer
    )
    with pytest.raises(ValueError, match="no clusters yet"):
        trainer.predict(["moon"])
    trainer._make_start()
    assert trainer.predict(["moon " * 100]).predictions.shape == (1, 2)


def test_a_model_with_clusters_keeps_them_unless_told_to_start_anew(make_trainer, tmp_path):
    first = make_trainer(num_train_epochs=1)
    first.train()
    first.save_model(tmp_path / "model")
    centroids = first.model.cluster_head.centroids.detach()
    for init, kept in ((None, True), ("auto", False), ("kmeans", False)):
        trainer = make_trainer(name=tmp_path / "model", init=init)
        trainer._make_start()
        assert torch.equal(trainer.model.cluster_head.centroids.detach(), centroids) == kept


def test_predict_keeps_the_order_and_takes_texts_and_datasets(make_trainer, corpus, tokenizer):
    texts = corpus[0]
    trainer = make_trainer(per_device_eval_batch_size=7)
    trainer._make_start()
    prediction = trainer.predict(texts)
    assert prediction.predictions.shape == (91, 3) and prediction.embeddings.shape == (91, 40)
    np.testing.assert_allclose(prediction.predictions.sum(axis=1), 1, atol=1e-5)
    for row in (0, 17, 90):
        with torch.no_grad():
            q = (
                trainer.model(**tokenizer(texts[row], return_tensors="pt"))
                .logits.softmax(-1)[0]
                .numpy()
            )
        np.testing.assert_allclose(prediction.predictions[row], q, atol=1e-5)
        assert prediction.clusters[row] == q.argmax() and prediction.probabilities[
            row
        ] == pytest.approx(q.max())
    for dataset in (Dataset.from_dict({"text": texts, "more": texts}), tokenize(texts, tokenizer)):
        np.testing.assert_array_equal(trainer.predict(dataset).predictions, prediction.predictions)


def test_predict_takes_a_stream_in_parts(make_trainer, corpus, monkeypatch):
    monkeypatch.setattr(
        "bert_clustering.training.inference.STREAMED", 40
    )  # 91 documents in three parts
    trainer = make_trainer()
    trainer._make_start()
    stream = Dataset.from_dict({"text": corpus[0]}).to_iterable_dataset()
    streamed, whole = trainer.predict(stream), trainer.predict(corpus[0])
    np.testing.assert_allclose(streamed.predictions, whole.predictions, atol=1e-5)
    np.testing.assert_allclose(streamed.embeddings, whole.embeddings, atol=1e-5)
    for empty in ([], stream.take(0)):
        with pytest.raises(ValueError, match="no documents"):
            trainer.predict(empty)
    with pytest.raises(ValueError, match="column 'text'"):
        trainer.predict(stream.rename_column("text", "body"))


def test_held_out_documents_are_scored_by_the_masked_lm_loss(make_trainer, corpus):
    trainer = make_trainer(eval_dataset=corpus[0][:50])
    metrics = trainer.evaluate()
    assert metrics["eval_loss"] == pytest.approx(
        np.log(101), rel=0.1
    )  # a random model guesses among 101 words


@pytest.mark.parametrize(
    "arguments",
    [{"bf16": True}, {"activation_checkpointing": True}, {"gradient_accumulation_steps": 3}],
)
def test_trains_and_reloads_in_every_mode(make_trainer, headless_dir, corpus, tmp_path, arguments):
    trainer = make_trainer(name=headless_dir, num_train_epochs=1, **arguments)
    trainer.train()
    trainer.save_model(tmp_path / "model")
    prediction = trainer.predict(corpus[0])
    assert (
        np.isfinite(prediction.predictions).all()
        and trainer.model.cluster_head.centroids.dtype == torch.float32
    )
    again = make_trainer(name=tmp_path / "model", **arguments).predict(corpus[0])
    np.testing.assert_array_equal(again.predictions, prediction.predictions)


def test_workers_do_not_change_the_result(make_trainer):
    results = []
    for workers in (0, 2):
        trainer = make_trainer(num_train_epochs=1, dataloader_num_workers=workers)
        trainer.train()
        results.append(parameters(trainer))
    for name, parameter in results[0].items():
        assert torch.equal(parameter, results[1][name]), name


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"init": "random"}, "init='random'"),
        ({"size_prior": "equal"}, "size_prior='equal'"),
        ({"target_update": "0"}, "target_update='0'"),
        ({"target_update": "often"}, "target_update='often'"),
        ({"mlm_probability": 1.5}, "mlm_probability=1.5"),
        ({"mlm_weight": -1}, "must not be negative"),
        ({"mlm_weight": 0, "clustering_weight": 0}, "must not be negative"),
    ],
)
def test_arguments_refuse_nonsense(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ClusteringTrainingArguments(output_dir=str(tmp_path), **arguments)


def test_what_is_no_dataset_is_refused(make_trainer, tokenizer, encoder_dir):
    with pytest.raises(ValueError, match="columns \\['title'\\].*wanted are texts"):
        make_trainer(texts=Dataset.from_dict({"title": ["a"]}))
    with pytest.raises(ValueError, match="pass processing_class=tokenizer"):
        ClusteringTrainer(BertForClustering.from_pretrained(encoder_dir, num_clusters=3))
    with pytest.raises(ValueError, match="no checkpoint to resume from in"):
        make_trainer().train(resume_from_checkpoint=True)
