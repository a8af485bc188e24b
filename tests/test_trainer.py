"""The trainer: its losses by hand and under accumulation, its log, its contract as a `Trainer`."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import Trainer

from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.targets import target_distribution
from bert_clustering.errors import InputError
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.batches import ClusteringCollator
from helpers import logged, parameters


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
        trainer.inference.assign(trainer.inference.encode(trainer.train_dataset)).dense(),
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


@pytest.mark.parametrize(
    "batch_size, accumulation, max_tokens", [(4, 3, 1000), (2, 6, 1000), (11, 1, 40), (4, 3, 20)]
)
def test_parts_give_the_update_of_the_big_batch(
    make_trainer, corpus, batch_size, accumulation, max_tokens
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
    small = run(
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        max_tokens_per_pass=max_tokens,
    )
    assert small.state.global_step == big.state.global_step == 2
    for name in ("loss", "mlm_loss", "clustering_loss", "grad_norm"):
        assert logged(small, name) == pytest.approx(logged(big, name), rel=1e-4), name
    small, big = parameters(small), parameters(big)
    for name in big:
        torch.testing.assert_close(small[name], big[name], atol=1e-5, rtol=1e-4, msg=name)


def test_every_parameter_moves_and_p_carries_no_gradient(make_trainer):
    trainer = make_trainer(num_train_epochs=1, keep_best=False, freeze_word_embeddings=False)
    trainer.initialize_clusters()
    before = parameters(trainer)  # centroids included, after the start
    trainer.train()
    for name, parameter in parameters(trainer).items():
        assert not torch.equal(before[name], parameter), f"{name} has not moved"
    p = trainer.clustering.targets
    assert p.dense().shape == (91, 3) and not p.shares.requires_grad


def test_topics_are_found(make_trainer, corpus):
    texts, classes = corpus
    trainer = make_trainer(num_train_epochs=5, learning_rate=1e-3)
    trainer.train()
    start = clustering_accuracy(classes, trainer.clustering.start_clusters.numpy())
    final = clustering_accuracy(classes, trainer.predict(texts).clusters)
    assert final > 0.9 and final >= start


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


def test_centroids_have_a_learning_rate_of_their_own(make_trainer):
    trainer = make_trainer(learning_rate=1e-4, centroid_learning_rate=7e-3, weight_decay=0.1)
    optimizer = trainer.create_optimizer()
    centroids = trainer.model.cluster_head.centroids
    (group,) = [
        group for group in optimizer.param_groups if any(p is centroids for p in group["params"])
    ]
    assert group["lr"] == 7e-3 and group["weight_decay"] == 0 and len(group["params"]) == 1
    learnt = [p for p in trainer.model.parameters() if p.requires_grad]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(learnt)


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
        by_name = inspect.Parameter.KEYWORD_ONLY  # what is ours alone
        named = [key for key, kind in ours.items() if kind.kind not in (*variadic, by_name)]
        assert named == list(base)[: len(named)], name
        assert len(named) == len(base) or ours["kwargs"].kind == variadic[1], name


def test_the_third_argument_is_the_collator(corpus, tokenizer, encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    args = ClusteringTrainingArguments(str(tmp_path), use_cpu=True, disable_tqdm=True)
    collator = ClusteringCollator(tokenizer, 0.5)
    trainer = ClusteringTrainer(model, args, collator, corpus[0], corpus[0][:7], tokenizer)
    assert trainer.data_collator is collator
    assert len(trainer.train_dataset) == 91 and len(trainer.eval_dataset) == 7


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


def test_a_second_training_sees_its_own_weights(make_trainer):
    """It has as many steps as the first, whose embeddings are kept by their number."""
    trainer = make_trainer(num_train_epochs=1, learning_rate=1e-3, keep_best=False)
    trainer.train()
    trainer.train()
    seen = trainer.predict().embeddings
    np.testing.assert_array_equal(seen, trainer.inference.encode(trainer.train_dataset))
