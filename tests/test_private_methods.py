"""What the package overrides of its libraries that they call private: each is still there, takes
what ours takes, and is called where it is relied on.
"""

import inspect
from pathlib import Path

import pytest
from transformers import PreTrainedModel, Trainer

from bert_clustering import BertForClustering, ClusteringTrainer, TextClustering
from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.modeling_bert_cluster import ClusterHead
from bert_clustering.publishing import HubMixin
from bert_clustering.publishing.push import PushAtSaves
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.batches import ClusteringCollator, EpochSeededSampler
from bert_clustering.training.callbacks import RefreshTargets
from bert_clustering.training.readable_log import ReadableLog, ReadableProgress


OURS = [BertClusterConfig, BertForClustering, ClusterHead, ClusteringTrainer, HubMixin]
OURS += [ClusteringTrainingArguments, ClusteringCollator, EpochSeededSampler, RefreshTargets]
OURS += [PushAtSaves, ReadableLog, ReadableProgress, TextClustering]
# What the libraries themselves put there.
MACHINERY = ("_auto_class", "_sklearn_auto_wrap_output_keys")
METHODS = {
    "BertForClustering._init_weights",
    "ClusteringTrainer._get_train_sampler",
    "TextClustering._repr_html_inner",
    "TextClustering._repr_mimebundle_",
}
SETTINGS = {
    "BertForClustering._keep_in_fp32_modules_strict",
    "BertForClustering._supports_attention_backend",
    "BertForClustering._supports_flash_attn",
    "BertForClustering._supports_flex_attn",
    "BertForClustering._supports_sdpa",
}


def overridden(kind: type) -> set[str]:
    """Private names of a class that one of its base classes in a library has too."""
    bases = [base for base in kind.__mro__[1:] if not base.__module__.startswith("bert_clustering")]
    return {
        f"{kind.__name__}.{name}"
        for name in vars(kind)
        if name.startswith("_") and not name.endswith("__") and name not in MACHINERY
        if any(name in vars(base) for base in bases)
    }


def test_no_other_private_name_is_overridden_and_all_of_these_still_exist():
    assert set().union(*map(overridden, OURS)) == METHODS | SETTINGS


@pytest.mark.parametrize(
    "ours, base, name",
    [
        (ClusteringTrainer, Trainer, "_get_train_sampler"),
        (BertForClustering, PreTrainedModel, "_init_weights"),
    ],
)
def test_it_takes_what_the_library_gives_it(ours, base, name):
    parameters = [inspect.signature(getattr(kind, name)).parameters for kind in (ours, base)]
    assert [*parameters[0]] == [*parameters[1]]


def test_training_takes_its_order_from_the_sampler(make_trainer, monkeypatch):
    samplers, sampled = [], []
    get_train_sampler = ClusteringTrainer._get_train_sampler

    def watched(self, train_dataset=None):
        samplers.append(get_train_sampler(self, train_dataset))
        return samplers[-1]

    def step(self, model, inputs, num_items_in_batch=None):
        sampled.extend(inputs["index"].tolist())
        return training_step(self, model, inputs, num_items_in_batch)

    training_step = ClusteringTrainer.training_step
    monkeypatch.setattr(ClusteringTrainer, "_get_train_sampler", watched)
    monkeypatch.setattr(ClusteringTrainer, "training_step", step)
    make_trainer(max_steps=8, seed=3).train()  # six steps an epoch
    (sampler,) = samplers
    assert isinstance(sampler, EpochSeededSampler)
    expected = []
    for epoch in (0, 1):  # the Trainer has set it too, or the second epoch would be as the first
        sampler.set_epoch(epoch)
        expected += list(sampler)
    assert sampled == expected[: 91 + 2 * 16] and len(set(sampled[91:])) == 32


def test_a_checkpoint_is_saved_by_an_internal_call(make_trainer, monkeypatch):
    calls, save_model = [], ClusteringTrainer.save_model

    def watched(self, output_dir=None, _internal_call=False):
        calls.append((Path(output_dir).name, _internal_call))
        save_model(self, output_dir, _internal_call)

    monkeypatch.setattr(ClusteringTrainer, "save_model", watched)
    trainer = make_trainer(max_steps=2, save_strategy="steps", save_steps=1, save_total_limit=None)
    trainer.train()
    assert calls == [("checkpoint-1", True), ("checkpoint-2", True)]
    for name, _ in calls:
        assert Path(trainer.args.output_dir, name, "clustering_state.safetensors").is_file()


def test_weights_that_a_checkpoint_does_not_hold_are_made_by_the_model(encoder_dir, monkeypatch):
    made, init_weights = [], BertForClustering._init_weights

    def watched(self, module):
        made.append(type(module))
        init_weights(self, module)

    monkeypatch.setattr(BertForClustering, "_init_weights", watched)
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    assert ClusterHead in made and not model.cluster_head.centroids.any()


@pytest.mark.parametrize(
    "attention, setting", [("sdpa", "_supports_sdpa"), ("flex_attention", "_supports_flex_attn")]
)
def test_attention_is_what_the_model_says_that_it_supports(
    attention, setting, encoder_dir, tmp_path, monkeypatch
):
    BertForClustering.from_pretrained(encoder_dir, num_clusters=3).save_pretrained(tmp_path)
    model = BertForClustering.from_pretrained(tmp_path, attn_implementation=attention)
    assert model.config._attn_implementation == attention
    assert model.backbone.config._attn_implementation == attention
    monkeypatch.setattr(BertForClustering, setting, False)
    with pytest.raises(ValueError, match="does not support"):
        BertForClustering.from_pretrained(tmp_path, attn_implementation=attention)
