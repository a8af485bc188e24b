"""Arguments that make no sense are refused."""

import pytest
import torch

from bert_clustering.errors import InputError
from bert_clustering.trainer import ClusteringTrainingArguments


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"init": "random"}, "init: expected 'auto', 'even', 'any' or 'kmeans', got 'random'"),
        ({"size_prior": "equal"}, "size_prior: expected 'start' or 'uniform', got 'equal'"),
        ({"target_update": "0"}, "target_update: expected 'epoch' or .* above 0, got '0'"),
        ({"target_update": "often"}, "target_update: expected .*, got 'often'"),
        ({"mlm_probability": 1.5}, "mlm_probability: expected a share between 0 and 1, got 1.5"),
        ({"mlm_probability": 0}, "mlm_probability: expected a share between 0 and 1, got 0"),
        ({"mlm_weight": -1}, "mlm_weight: expected 0 or more, got -1"),
        ({"clustering_weight": -0.1}, "clustering_weight: expected 0 or more, got -0.1"),
        ({"mlm_weight": 0, "clustering_weight": 0}, "expected more than 0 where mlm_weight is 0"),
        ({"max_tokens_per_pass": -1}, "max_tokens_per_pass: expected 0 or more, got -1"),
        ({"min_clusters": 1}, "min_clusters: expected 2 or more, got 1"),
        ({"min_clusters": 9, "max_clusters": 8}, "expected min_clusters=9 or more, got 8"),
    ],
)
def test_arguments_refuse_nonsense(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ClusteringTrainingArguments(output_dir=str(tmp_path), **arguments)


@pytest.mark.parametrize("name, value", [("fsdp", "full_shard"), ("deepspeed", {"stage": 2})])
def test_a_sharded_model_is_refused(name, value, monkeypatch):
    with pytest.raises(InputError, match=f"{name}: expected the whole model in each process"):
        ClusteringTrainingArguments(**{name: value})
    monkeypatch.setenv(f"ACCELERATE_USE_{name.upper()}", "true")  # as `accelerate launch` says it
    with pytest.raises(InputError, match=name):
        ClusteringTrainingArguments()


@pytest.mark.parametrize(
    "capabilities, has_units",
    [
        ({"amx_bf16": True, "avx512_bf16": True}, True),
        ({"amx_bf16": False, "avx512_bf16": True}, True),
        ({"amx_bf16": False, "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_bfloat16_is_used_where_there_are_units_for_it(capabilities, has_units, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert ClusteringTrainingArguments(use_cpu=True).bf16 == has_units
    assert not ClusteringTrainingArguments(use_cpu=True, bf16=False).bf16
    assert ClusteringTrainingArguments(use_cpu=True, bf16=True).bf16
    assert ClusteringTrainingArguments(use_cpu=True).max_tokens_per_pass == 512


def test_another_precision_of_the_launcher_is_kept(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")  # `accelerate launch`
    args = ClusteringTrainingArguments(use_cpu=True)
    assert not args.bf16 and args.mixed_precision == "fp16"
