"""A new masked-LM head learns within the joint training, alone until it knows something."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset

from bert_clustering import trainer as trainer_module
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.new_head import LEARNING_RATE_OF_NEW_HEAD, token_entropy
from helpers import FAMILIES, logged, parameters, tiny_config


def test_entropy_is_that_of_the_tokens_that_may_be_masked():
    ids = [[1, 5, 5, 2], [1, 6, 7, 2]]
    dataset = Dataset.from_dict({"input_ids": ids, "special_tokens_mask": [[1, 0, 0, 1]] * 2})
    shares = np.array([2, 1, 1]) / 4
    assert token_entropy(dataset, 9) == pytest.approx(-(shares * np.log(shares)).sum())
    shares = np.array([2, 2, 2, 1, 1]) / 8
    alone = dataset.remove_columns("special_tokens_mask")
    assert token_entropy(alone, 9) == pytest.approx(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_alone_a_head_sends_no_gradient_to_the_encoder(family):
    """The loss is the same, and the head's gradient too, where the token embeddings are frozen."""
    torch.manual_seed(0)
    from transformers import AutoModelForMaskedLM

    from bert_clustering.configuration_bert_cluster import BertClusterConfig

    backbone = AutoModelForMaskedLM.from_config(tiny_config(family))
    config = BertClusterConfig(backbone_config=backbone.config, num_clusters=3)
    model = BertForClustering(config, backbone=backbone).eval()
    model.get_input_embeddings().requires_grad_(False)
    head = {id(parameter) for parameter in model.mlm_head_parameters()}
    ids = torch.randint(5, 99, (3, 7))
    labels = torch.where(torch.rand(ids.shape) < 0.5, ids, -100)
    losses, gradients = [], []
    for alone in (False, True):
        model.mlm_head_learns_alone = alone
        model.zero_grad()
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        losses.append(loss.item())
        gradients.append(
            {
                name: None if parameter.grad is None else parameter.grad.clone()
                for name, parameter in model.named_parameters()
            }
        )
    assert losses[0] == losses[1]
    moved = [gradient is not None and bool(gradient.any()) for gradient in gradients[0].values()]
    assert sum(moved) > len(head), "without it, the encoder learns too"
    for name, parameter in model.named_parameters():
        joint, alone = (found[name] for found in gradients)
        if id(parameter) in head:
            torch.testing.assert_close(alone, joint)
        else:
            assert alone is None or not alone.any(), name


def test_the_gradient_reaches_the_encoder_once_the_head_knows_something(
    make_trainer, headless_dir, caplog
):
    trainer = make_trainer(name=headless_dir, num_train_epochs=30, keep_best=False)
    with caplog.at_level("INFO"):
        trainer.train()
    entropy = token_entropy(trainer.train_dataset, 101)
    enough = (math.log(101) + entropy) / 2
    assert f"loss of less than {enough:.2f}, half way to the entropy of the" in caplog.text
    assert trainer.clustering.new_head_loss is None and not trainer.model.mlm_head_learns_alone
    assert logged(trainer, "mlm_loss")[-1] < enough < math.log(101)
    assert not trainer.model.config.mlm_head_is_fresh


def test_until_then_the_encoder_learns_from_the_clusters_alone(make_trainer, headless_dir):
    """Its steps are those of a training without masked-LM loss, where nothing is random."""
    common = {"name": headless_dir, "num_train_epochs": 1, "fixed_masks": True, "max_grad_norm": 0}
    both = make_trainer(**common)
    without = make_trainer(mlm_weight=0, **common)
    # It sees masked texts, so that only the loss is another.
    without.args.mlm_weight, without.args.clustering_weight = 1e-12, 1.0
    before = parameters(both)
    for trainer in (both, without):
        trainer.train()
    assert both.clustering.new_head_loss is not None
    head = {id(parameter) for parameter in both.model.mlm_head_parameters()}
    others = dict(without.model.named_parameters())
    for name, parameter in both.model.named_parameters():
        if id(parameter) in head:
            assert not torch.equal(parameter, before[name]), name
        else:
            torch.testing.assert_close(parameter, others[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"mlm_weight": 0}, {"clustering_weight": 0}, {"name": None}], ids=str
)
def test_a_head_is_not_kept_alone_where_that_is_for_nothing(
    make_trainer, headless_dir, encoder_dir, arguments
):
    """It came with the checkpoint, has no weight, or is all that the encoder learns from."""
    names = {"name": headless_dir} | arguments
    trainer = make_trainer(**names | {"name": names["name"] or encoder_dir}, num_train_epochs=1)
    trainer.train()
    assert trainer.clustering.new_head_loss is None and not trainer.model.mlm_head_learns_alone


@pytest.mark.parametrize(
    "fresh, frozen, learns", [(False, True, False), (False, False, True), (True, False, False)]
)
def test_token_embeddings_learn_where_that_is_wanted_and_the_head_knows_them(
    make_trainer, headless_dir, encoder_dir, fresh, frozen, learns
):
    trainer = make_trainer(
        name=headless_dir if fresh else encoder_dir,
        num_train_epochs=1,
        freeze_word_embeddings=frozen,
    )
    before = parameters(trainer)
    trainer.train()
    moved = {
        name
        for name, weight in trainer.model.named_parameters()
        if not torch.equal(weight, before[name])
    }
    name = "backbone.bert.embeddings.word_embeddings.weight"
    assert (name in moved) == (name in trainer.clustering.guard.kept_weights) == learns
    assert set(before) - moved <= {name}, "all else learns"


def test_another_trainer_of_a_model_says_anew_what_learns(make_trainer, tokenizer, tmp_path):
    model = make_trainer().model
    words = model.get_input_embeddings().weight
    for frozen in (True, False, True):
        args = ClusteringTrainingArguments(
            str(tmp_path), use_cpu=True, freeze_word_embeddings=frozen
        )
        ClusteringTrainer(model, args, processing_class=tokenizer)
        assert words.requires_grad != frozen


def test_a_resumed_training_judges_the_head_as_one_that_never_stopped(
    make_trainer, headless_dir, monkeypatch
):
    monkeypatch.setattr(trainer_module, "LEARNING_RATE_OF_NEW_HEAD", 1e-2)
    common = {"name": headless_dir, "num_train_epochs": 4}
    whole = make_trainer(save_strategy="epoch", save_total_limit=4, **common)
    whole.train()
    first = min(Path(whole.args.output_dir).glob("checkpoint-*"), key=lambda p: int(p.name[11:]))
    resumed = make_trainer(**common)
    resumed.train(resume_from_checkpoint=str(first))
    for name, weight in whole.model.named_parameters():
        assert torch.equal(weight, dict(resumed.model.named_parameters())[name]), name
    losses = [trainer.clustering.new_head_loss for trainer in (whole, resumed)]
    assert losses[0] == losses[1]


def test_a_new_head_has_a_learning_rate_of_its_own(make_trainer, headless_dir, encoder_dir):
    for name, is_new in ((headless_dir, True), (encoder_dir, False)):
        trainer = make_trainer(name=name, num_train_epochs=1, centroid_learning_rate=2e-3)
        trainer.train()
        head = {id(parameter) for parameter in trainer.model.mlm_head_parameters()}
        rates = {
            group["lr"]
            for group in trainer.optimizer.param_groups
            if any(id(parameter) in head for parameter in group["params"])
        }
        assert rates == {LEARNING_RATE_OF_NEW_HEAD if is_new else 1e-4}
