"""The trainer: its losses by hand and under accumulation, start, warm-up, refresh, stop, resume,
prediction.
"""

import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from safetensors.torch import load_file
from transformers import BertTokenizer, Trainer

from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.stability import agreement
from bert_clustering.clusters.targets import target_distribution
from bert_clustering.errors import InputError
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.tokens import tokenize
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.batches import ClusteringCollator
from bert_clustering.training.checkpoints import find_last_checkpoint
from bert_clustering.training.warmup import warm_up_mlm_head
from helpers import TOPICS, build_trainer


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
    trainer.initialize_clusters()
    p = target_distribution(
        trainer.inference.assign(trainer.inference.encode(trainer.train_dataset)),
        trainer.clustering.prior,
    )
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
    trainer.initialize_clusters()
    before = parameters(trainer)  # centroids included, after the start
    trainer.train()
    for name, parameter in parameters(trainer).items():
        assert not torch.equal(before[name], parameter), f"{name} has not moved"
    assert (
        trainer.clustering.targets.shape == (91, 3) and not trainer.clustering.targets.requires_grad
    )


def test_topics_are_found(make_trainer, corpus):
    texts, classes = corpus
    trainer = make_trainer(num_train_epochs=5, learning_rate=1e-3)
    trainer.train()
    start = clustering_accuracy(classes, trainer.clustering.start_clusters.numpy())
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
    assert (
        sizes.tolist()
        == torch.bincount(trainer.clustering.guard.first_clusters, minlength=3).tolist()
    )
    assert trainer.state.global_step == 6 and "collapsed" in caplog.text  # after the first epoch
    ruined = make_trainer(keep_best=False, **ruin)
    ruined.train()
    assert len(np.unique(ruined.predict(ruined.train_dataset).clusters)) < 3


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
    assert trainer.clustering.guard.collapsed != keep_best


def test_start_is_logged_and_alpha_is_fitted(make_trainer, caplog):
    trainer = make_trainer()
    assert trainer.model.config.alpha is None
    with caplog.at_level("INFO"):
        trainer.initialize_clusters()
    assert (
        "annealed 1." in caplog.text
        and "over-clustered 1." in caplog.text
        and "alpha" in caplog.text
    )
    q = trainer.inference.assign(trainer.inference.encode(trainer.train_dataset))
    assert q.max(dim=1).values.mean().item() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("every, undone", [(10, True), (3, False), (91, False)])
def test_the_finished_model_is_no_surer_than_the_repeats(make_trainer, every, undone):
    trainer = make_trainer(num_train_epochs=1)
    trainer.initialize_clusters()
    trainer.clustering.repeats = trainer.clustering.start_clusters.cpu().repeat(4, 1)
    trainer.clustering.repeats[:, ::every] = (
        trainer.clustering.repeats[:, ::every] + 1
    ) % 3  # some of the documents go elsewhere
    trainer.initialize_clusters = lambda: None
    trainer.clustering.agreement = torch.tensor(
        [agreement(trainer.clustering.start_clusters.numpy(), trainer.clustering.repeats.numpy())]
    )
    assert trainer.clustering.agreement.item() == pytest.approx(1 - 1 / every, abs=0.02)
    if undone:
        trainer.clustering.guard.best_score = 2.0  # that no later state comes near
    before = trainer.model.config.alpha
    trainer.train()
    assert (trainer.clustering.guard.kept_step == 0) == undone
    mean_probability = trainer.predict().probabilities.mean()
    if every == 91:  # what was learnt is less sure, and stays
        assert (
            trainer.model.config.alpha == before
            and 0.68 < mean_probability < trainer.clustering.agreement - 0.01
        )
    else:
        assert mean_probability == pytest.approx(trainer.clustering.agreement.item(), abs=0.01)


def test_the_teacher_makes_the_target(make_trainer):
    """It sees the start's own clusters, which the model's q is still unsure of."""
    taught, alone = make_trainer(), make_trainer(lexical_teacher=False)
    for trainer in (taught, alone):
        trainer.initialize_clusters()
    assert torch.equal(taught.clustering.targets.argmax(dim=1), taught.clustering.start_clusters)
    assert (
        taught.clustering.targets.max(dim=1).values.mean()
        > alone.clustering.targets.max(dim=1).values.mean()
    )
    assert alone.clustering.fused is None


def test_an_alpha_that_was_asked_for_is_kept(make_trainer, encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3, alpha=4)
    model.save_pretrained(tmp_path / "model")
    trainer = make_trainer(name=tmp_path / "model", num_train_epochs=1)
    trainer.train()
    assert trainer.clustering.repeats is not None and trainer.clustering.agreement is None
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
    kept.initialize_clusters()
    assert kept.clustering.prior.sum() == pytest.approx(1)
    even = make_trainer(size_prior="uniform", lexical_teacher=False)
    even.initialize_clusters()
    assert even.clustering.prior is None
    spread = [trainer.clustering.targets.sum(dim=0).std().item() for trainer in (kept, even)]
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
    for name in ("targets", "clusters", "start_clusters", "kmeans_clusters", "prior"):
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


def test_tokenizer_without_a_limit_gets_the_encoders(corpus, tokenizer, encoder_dir, tmp_path):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab())
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=2)
    args = ClusteringTrainingArguments(output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True)
    trainer = ClusteringTrainer(
        model, args, train_dataset=["apple " * 100, *corpus[0]], processing_class=tokenizer
    )
    with pytest.raises(ValueError, match="no clusters yet"):
        trainer.predict(["moon"])
    trainer.initialize_clusters()
    assert trainer.predict(["moon " * 100]).predictions.shape == (1, 2)


def test_a_model_with_clusters_keeps_them_unless_told_to_start_anew(make_trainer, tmp_path):
    first = make_trainer(num_train_epochs=1)
    first.train()
    first.save_model(tmp_path / "model")
    centroids = first.model.cluster_head.centroids.detach()
    for init, kept in ((None, True), ("auto", False), ("kmeans", False)):
        trainer = make_trainer(name=tmp_path / "model", init=init)
        trainer.initialize_clusters()
        assert torch.equal(trainer.model.cluster_head.centroids.detach(), centroids) == kept


def test_predict_keeps_the_order_and_takes_texts_and_datasets(make_trainer, corpus, tokenizer):
    texts = corpus[0]
    trainer = make_trainer(per_device_eval_batch_size=7)
    trainer.initialize_clusters()
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
    monkeypatch.setattr("bert_clustering.texts.tokens.STREAMED", 40)  # 91 documents in three parts
    trainer = make_trainer()
    trainer.initialize_clusters()
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
        ({"init": "random"}, "init: expected 'auto' or 'kmeans', got 'random'"),
        ({"size_prior": "equal"}, "size_prior: expected 'start' or 'uniform', got 'equal'"),
        ({"target_update": "0"}, "target_update: expected 'epoch' or .* above 0, got '0'"),
        ({"target_update": "often"}, "target_update: expected .*, got 'often'"),
        ({"mlm_probability": 1.5}, "mlm_probability: expected a share between 0 and 1, got 1.5"),
        ({"mlm_probability": 0}, "mlm_probability: expected a share between 0 and 1, got 0"),
        ({"mlm_weight": -1}, "mlm_weight: expected 0 or more, got -1"),
        ({"clustering_weight": -0.1}, "clustering_weight: expected 0 or more, got -0.1"),
        ({"mlm_weight": 0, "clustering_weight": 0}, "expected more than 0 where mlm_weight is 0"),
        ({"min_clusters": 1}, "min_clusters: expected 2 or more, got 1"),
        ({"min_clusters": 9, "max_clusters": 8}, "expected min_clusters=9 or more, got 8"),
    ],
)
def test_arguments_refuse_nonsense(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ClusteringTrainingArguments(output_dir=str(tmp_path), **arguments)


def test_what_is_no_dataset_is_refused(make_trainer, tokenizer, encoder_dir):
    message = r"Expected texts.*got a dataset with the columns \['title'\]"
    with pytest.raises(InputError, match=message):
        make_trainer(texts=Dataset.from_dict({"title": ["a"]}))
    with pytest.raises(ValueError, match="pass processing_class=tokenizer"):
        ClusteringTrainer(BertForClustering.from_pretrained(encoder_dir, num_clusters=3))
    with pytest.raises(ValueError, match="no checkpoint to resume from in"):
        make_trainer().train(resume_from_checkpoint=True)


# What a user may expect of any `Trainer`


def test_signatures_are_those_of_the_base_class():
    for name in ("__init__", "train", "evaluate", "predict", "save_model", "log", "compute_loss"):
        ours = inspect.signature(getattr(ClusteringTrainer, name)).parameters
        base = inspect.signature(getattr(Trainer, name)).parameters
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        named = [key for key, parameter in ours.items() if parameter.kind not in variadic]
        assert named == list(base)[: len(named)], name
        assert len(named) == len(base) or ours["kwargs"].kind == variadic[1], name


def test_the_third_argument_is_the_collator(corpus, tokenizer, encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    args = ClusteringTrainingArguments(str(tmp_path), use_cpu=True, disable_tqdm=True)
    collator = ClusteringCollator(tokenizer, 0.5)
    trainer = ClusteringTrainer(model, args, collator, corpus[0], corpus[0][:7], tokenizer)
    assert trainer.data_collator is collator
    assert len(trainer.train_dataset) == 91 and len(trainer.eval_dataset) == 7


def test_predict_takes_what_the_base_class_takes(make_trainer, corpus):
    trainer = make_trainer()
    trainer.initialize_clusters()
    prediction = trainer.predict(corpus[0][:9], ignore_keys=["hidden"], metric_key_prefix="new")
    assert set(prediction.metrics) >= {"new_runtime", "new_samples_per_second"}
    predictions, label_ids, metrics = prediction[:3]
    assert predictions.shape == (9, 3) and label_ids is None and metrics == prediction.metrics


def test_several_held_out_datasets_are_evaluated_by_name(make_trainer, corpus):
    texts = corpus[0]
    trainer = make_trainer(eval_dataset={"odd": texts[1::2], "even": texts[::2]})
    metrics = trainer.evaluate()
    assert np.isfinite([metrics["eval_odd_loss"], metrics["eval_even_loss"]]).all()
    assert metrics["eval_odd_loss"] != metrics["eval_even_loss"]


@pytest.mark.parametrize("weight", ["mlm_weight", "clustering_weight"])
def test_a_loss_without_a_weight_is_not_computed(weight, make_trainer, headless_dir, monkeypatch):
    calls = {"mlm_weight": 0, "clustering_weight": 0}
    encode_and_predict, kl_div = BertForClustering._encode_and_predict, F.kl_div

    def counting(name, function):
        def call(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(
        BertForClustering, "_encode_and_predict", counting("mlm_weight", encode_and_predict)
    )
    monkeypatch.setattr(F, "kl_div", counting("clustering_weight", kl_div))
    trainer = make_trainer(name=headless_dir, num_train_epochs=1, logging_steps=1, **{weight: 0})
    trainer.train()
    other = {"mlm_weight": "clustering_weight", "clustering_weight": "mlm_weight"}[weight]
    assert calls[weight] == 0 < calls[other]
    part = weight.replace("weight", "loss")
    assert not logged(trainer, part) and np.isfinite(logged(trainer, "loss")).all()
    assert trainer.model.config.mlm_head_is_fresh == (weight == "mlm_weight")
    assert (trainer.clustering.targets is None) == (weight == "clustering_weight")


def test_weights_that_nobody_wants_back_are_not_kept(make_trainer, tmp_path):
    trainer = make_trainer(num_train_epochs=1, keep_best=False, save_strategy="epoch")
    trainer.train()
    assert trainer.clustering.guard.kept_weights == {}
    (state,) = (tmp_path / "run").glob("checkpoint-*/clustering_state.safetensors")
    assert not any(name.startswith("guard.weights.") for name in load_file(state))
    assert not list((tmp_path / "run").glob("checkpoint-*/guard*"))


@pytest.mark.parametrize("workers", [0, 1])
def test_each_epoch_masks_other_tokens_and_a_resumed_run_the_same(workers, make_trainer):
    """With batches that are the same in every epoch, and with workers that outlive one."""
    masked = {}

    compute_loss = ClusteringTrainer.compute_loss

    def watched(self, model, inputs, *args, **kwargs):
        masked[self.state.global_step] = inputs["labels"].clone()
        return compute_loss(self, model, inputs, *args, **kwargs)

    options = {"num_train_epochs": 2, "train_sampling_strategy": "sequential"}
    options |= {"dataloader_num_workers": workers, "save_strategy": "epoch"}
    options |= {"dataloader_persistent_workers": workers > 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClusteringTrainer, "compute_loss", watched)
        trainer = make_trainer(save_total_limit=None, **options)
        trainer.train()
        first, second = masked[0], masked[6]
        assert first.shape == second.shape and not torch.equal(first, second)
        checkpoint = Path(trainer.args.output_dir, "checkpoint-6")
        masked.clear()
        make_trainer(**options).train(resume_from_checkpoint=str(checkpoint))
    assert torch.equal(masked[6], second)


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
    assert torch.isfinite(trainer.clustering.targets).all()
    assert np.isfinite(logged(trainer, "clustering_loss")).all()
    assert min(logged(trainer, "loss")) > 0


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


def test_clusters_are_named_where_they_are_made(make_trainer, tmp_path):
    """Before the first checkpoint, and again at the end, but for a name that a user gave."""
    trainer = make_trainer(num_train_epochs=2, save_strategy="epoch", save_total_limit=None)
    trainer.train()
    labels = trainer.model.config.id2label
    words = set(sum(TOPICS.values(), []))
    assert all(set(label.split(", ")) & words for label in labels.values())
    config = json.loads((tmp_path / "run" / "checkpoint-6" / "config.json").read_text())
    assert not any(label.startswith("LABEL_") for label in config["id2label"].values())
    assert trainer.keywords is not None and len(trainer.keywords) == 3

    trainer.model.config.id2label = {**labels, 1: "mine"}
    trainer.save_model(tmp_path / "named")
    again = make_trainer(name=tmp_path / "named", num_train_epochs=1)
    again.train()
    assert again.model.config.id2label[1] == "mine"
    anew = make_trainer(name=tmp_path / "named", num_train_epochs=1, init="auto")
    anew.train()
    assert "mine" not in anew.model.config.id2label.values()


def test_tokenised_texts_are_named_by_what_their_tokens_say(make_trainer, corpus, tokenizer):
    tokenised = tokenize(corpus[0], tokenizer).remove_columns("text")
    trainer, other = make_trainer(texts=tokenised), make_trainer()
    for one in (trainer, other):
        one.initialize_clusters()
    assert trainer.model.config.id2label == other.model.config.id2label
