"""The model: every family forward, backward, saved and reloaded; masked-LM loss on masked
positions; padding.
"""

import logging
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForMaskedLM, PreTrainedConfig
from transformers.utils import logging as transformers_logging

from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.modeling_bert_cluster import BertForClustering, soft_assignment
from helpers import FAMILIES, VOCAB_SIZE, tiny_config


def build(family: str, num_clusters: int = 5, **arguments) -> BertForClustering:
    config = BertClusterConfig(
        backbone_config=tiny_config(family), num_clusters=num_clusters, **arguments
    )
    model = BertForClustering(config).eval()
    torch.nn.init.normal_(model.cluster_head.centroids)
    return model


def batch(model: BertForClustering) -> dict[str, torch.Tensor]:
    """Three documents of 11, 7 and 3 tokens, about a fifth of them masked."""
    lengths, width = [11, 7, 3], 11
    attention_mask = torch.tensor([[1] * n + [0] * (width - n) for n in lengths])
    input_ids = torch.randint(5, VOCAB_SIZE, (3, width))
    input_ids[attention_mask == 0] = model.config.backbone_config.pad_token_id
    labels = torch.full_like(input_ids, -100)
    labels[0, [1, 4]] = torch.tensor([17, 23])
    labels[1, 2] = 31
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


@pytest.fixture(params=FAMILIES)
def family(request) -> str:
    return request.param


def test_masked_positions_give_the_dense_loss_and_gradients(family):
    model = build(family)
    inputs = batch(model)

    output = model(**inputs)
    (output.mlm_loss + output.logits[:, 0].sum()).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    model.zero_grad()
    labels = inputs.pop("labels")
    dense = model.backbone(**inputs, output_hidden_states=True)
    loss = F.cross_entropy(dense.logits.view(-1, VOCAB_SIZE), labels.view(-1), ignore_index=-100)
    logits = model(**inputs).logits
    (loss + logits[:, 0].sum()).backward()

    torch.testing.assert_close(output.mlm_loss, loss)
    torch.testing.assert_close(output.last_hidden_state, dense.hidden_states[-1])
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                gradients[name], parameter.grad, atol=1e-6, rtol=1e-5, msg=name
            )


def test_backward_reaches_every_parameter(family):
    model = build(family)
    output = model(**batch(model))
    (output.loss - output.logits[:, 0].sum()).backward()
    # A classifier over token types or an unused relative-position table may stay without gradient,
    # a weight may not.
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_save_and_reload_are_equal_and_tied(family, tmp_path):
    model = build(family)
    inputs = batch(model)
    model.save_pretrained(tmp_path)
    loaded, info = BertForClustering.from_pretrained(tmp_path, output_loading_info=True)

    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    for name in ("mlm_loss", "logits", "embeddings", "last_hidden_state"):
        assert torch.equal(getattr(model(**inputs), name), getattr(loaded(**inputs), name)), name
    tied = loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert tied == model.config.tie_word_embeddings
    assert loaded.has_clusters and not loaded.config.mlm_head_is_fresh


def test_plain_checkpoint_with_and_without_its_head(family, tmp_path):
    plain = AutoModelForMaskedLM.from_config(tiny_config(family)).eval()
    plain.save_pretrained(tmp_path / "whole")
    plain.base_model.save_pretrained(tmp_path / "headless")
    encoder = AutoModel.from_pretrained(tmp_path / "headless").eval()

    for folder, fresh in (("whole", False), ("headless", True)):
        model = BertForClustering.from_pretrained(
            tmp_path / folder, num_clusters=3, alpha=2, normalize_embeddings=False
        )
        inputs = batch(model)
        labels = inputs.pop("labels")
        hidden = encoder(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        torch.testing.assert_close(model(**inputs).embeddings, (hidden * mask).sum(1) / mask.sum(1))
        assert model.config.mlm_head_is_fresh == fresh
        assert not model.has_clusters
        if not fresh:
            torch.testing.assert_close(
                model(**inputs, labels=labels).loss, plain(**inputs, labels=labels).loss
            )


def test_padding_never_changes_a_result(family):
    model = build(family)
    inputs = batch(model)
    labels = inputs.pop("labels")
    together = model(**inputs, labels=labels)
    for row, length in enumerate(inputs["attention_mask"].sum(1)):
        alone = model(**{name: tensor[row : row + 1, :length] for name, tensor in inputs.items()})
        torch.testing.assert_close(alone.logits[0], together.logits[row], atol=1e-5, rtol=1e-5)


def test_softmax_of_logits_is_q_and_no_mask_is_a_zero_loss_with_gradient_path(family):
    model = build(family)
    inputs = batch(model)
    inputs["labels"].fill_(-100)
    output = model(**inputs)
    q = output.logits.exp()
    torch.testing.assert_close(q.sum(1), torch.ones(3))
    torch.testing.assert_close(output.logits.softmax(1), q)
    assert output.loss == 0
    output.loss.backward()


def test_soft_assignment_by_hand():
    """Distances² 0 and 1; alpha 3: (1 + 3)^-2 = 1/16 multiplied, (1 + 1/3)^-2 = 9/16 divided."""
    z, r = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(
        soft_assignment(z, r, 3.0, "multiply").exp(), torch.tensor([[16 / 17, 1 / 17]])
    )
    torch.testing.assert_close(
        soft_assignment(z, r, 3.0, "divide").exp(), torch.tensor([[16 / 25, 9 / 25]])
    )


def test_soft_assignment_is_of_euclidean_distances_whatever_autocast_says():
    z, r = torch.randn(13, 7), torch.randn(5, 7)
    kernel = (1 + 3 * torch.cdist(z, r).square()) ** -2
    expected = kernel / kernel.sum(dim=1, keepdim=True)
    torch.testing.assert_close(soft_assignment(z, r, 3.0, "multiply").exp(), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(soft_assignment(z, r, 3.0, "multiply").exp(), expected)


def test_an_alpha_that_is_not_known_yet_is_1():
    model, embeddings = build("bert"), torch.randn(3, 40)
    assert model.config.alpha is None
    torch.testing.assert_close(
        model.cluster_head(embeddings),
        soft_assignment(embeddings, model.cluster_head.centroids, 1.0, "multiply"),
    )


def test_centroids_and_q_stay_float32_under_bfloat16(tmp_path):
    model = build("bert")
    model.save_pretrained(tmp_path)
    half = BertForClustering.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert half.cluster_head.centroids.dtype == torch.float32
    assert half.get_input_embeddings().weight.dtype == torch.bfloat16
    inputs = batch(model)
    output = half(**inputs)
    assert output.logits.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(**inputs)
    assert mixed.logits.dtype == torch.float32
    torch.testing.assert_close(mixed.logits.exp().sum(1), torch.ones(3))


def test_embeddings_are_means_over_real_tokens_and_all_are_without_a_mask(family):
    model = build(family, normalize_embeddings=False)
    inputs = batch(model)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    short = model(input_ids=ids[:, :1], attention_mask=mask[:, :1])  # of one token
    torch.testing.assert_close(short.embeddings, short.last_hidden_state[:, 0])
    whole = model(input_ids=ids[:1])
    torch.testing.assert_close(whole.embeddings, whole.last_hidden_state.mean(dim=1))
    torch.testing.assert_close(whole.embeddings, model(ids[:1], mask[:1]).embeddings)


def test_token_types_reach_the_encoder():
    model = build("bert")
    inputs = batch(model)
    types = torch.ones_like(inputs["input_ids"])
    labels = inputs.pop("labels")
    hidden = model.backbone.base_model(**inputs, token_type_ids=types).last_hidden_state
    for more in ({}, {"labels": labels}):
        output = model(**inputs, token_type_ids=types, **more)
        torch.testing.assert_close(output.last_hidden_state, hidden)
        assert not torch.allclose(model(**inputs, **more).last_hidden_state, hidden)


@pytest.mark.parametrize("num_items, divisor", [(None, 1), (4, 4)])
def test_loss_is_the_sum_over_the_masked_tokens_by_their_number(num_items, divisor):
    model = build("bert")
    inputs = batch(model)
    inputs["labels"][0] = -100  # one is left
    labels = inputs["labels"].view(-1)
    logits = model.backbone(inputs["input_ids"], inputs["attention_mask"]).logits
    total = F.cross_entropy(logits.view(-1, VOCAB_SIZE), labels, reduction="sum")
    loss = model(**inputs, num_items_in_batch=num_items).mlm_loss
    torch.testing.assert_close(loss, total / divisor)


def test_an_encoder_that_returns_tuples_by_its_config():
    model = build("bert")
    inputs = batch(model)
    expected = model(**inputs)
    model.backbone.config.return_dict = False
    for more in (inputs, {name: inputs[name] for name in ("input_ids", "attention_mask")}):
        output = model(**more)
        torch.testing.assert_close(output.logits, expected.logits)
    torch.testing.assert_close(model(**inputs).loss, expected.loss)


def test_gradient_checkpointing_changes_no_gradient():
    model = build("bert")
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.zero_grad()
        torch.manual_seed(1)
        model(**batch(model)).loss.backward()
        gradients.append(model.get_input_embeddings().weight.grad.clone())
    assert model.is_activation_checkpointing
    torch.testing.assert_close(*gradients)


def test_resized_clusters_have_no_start():
    model = build("bert", num_clusters=5)
    model.resize_clusters(7)
    assert model.config.num_clusters == len(model.config.id2label) == 7
    assert torch.equal(model.cluster_head.centroids, torch.zeros(7, 40)) and not model.has_clusters
    with torch.no_grad():
        model.cluster_head.centroids[3, 2] = 0.1
    assert model.has_clusters


def test_the_head_is_what_the_encoder_does_not_hold_and_can_be_exchanged():
    model = build("bert")
    head = {id(parameter) for parameter in model.mlm_head_parameters()}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in head}
    transform = "backbone.cls.predictions.transform."
    assert names == {
        "backbone.cls.predictions.bias",
        *(transform + name for name in ("dense.weight", "dense.bias")),
        *(transform + name for name in ("LayerNorm.weight", "LayerNorm.bias")),
    }
    other = torch.nn.Linear(40, VOCAB_SIZE)
    model.set_output_embeddings(other)
    assert model.get_output_embeddings() is model.backbone.get_output_embeddings() is other


@pytest.mark.parametrize("num_clusters", [2, 3, 8])
def test_number_of_clusters_is_one_thing(num_clusters, tmp_path):
    model = build("bert", num_clusters)
    model.config.id2label = {i: f"topic {i}" for i in range(num_clusters)}
    model.save_pretrained(tmp_path)
    for config in (model.config, BertClusterConfig.from_pretrained(tmp_path)):
        assert config.num_clusters == config.num_labels == len(config.id2label) == num_clusters
        assert config.id2label[1] == "topic 1"
    other = BertForClustering.from_pretrained(
        tmp_path, num_clusters=num_clusters + 2, ignore_mismatched_sizes=True
    )
    assert (
        other.config.num_clusters
        == other.config.num_labels
        == len(other.config.id2label)
        == num_clusters + 2
    )
    assert len(other.cluster_head.centroids) == num_clusters + 2 and not other.has_clusters
    with pytest.raises(ValueError, match="ignore_mismatched_sizes"):
        BertForClustering.from_pretrained(tmp_path, num_clusters=num_clusters + 2)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, str]:
    """A BERT with its head, and one without."""
    folder, model = (
        tmp_path_factory.mktemp("plain"),
        AutoModelForMaskedLM.from_config(tiny_config("bert")),
    )
    model.save_pretrained(folder / "whole")
    model.base_model.save_pretrained(folder / "headless")
    return {name: str(folder / name) for name in ("whole", "headless")}


def test_a_plain_checkpoint_takes_clusters_by_either_name_and_what_transformers_takes(plain):
    names = {0: "fruit", 1: "space", 2: "money"}
    model, info = BertForClustering.from_pretrained(
        plain["headless"],
        num_labels=3,
        id2label=names,
        kernel="divide",
        dtype=torch.bfloat16,
        output_loading_info=True,
    )
    assert (model.config.num_clusters, model.config.kernel) == (3, "divide")
    assert model.config.id2label == names and model.dtype == torch.bfloat16
    assert "cls.predictions.bias" in info["missing_keys"] and not model.training
    model = BertForClustering.from_pretrained(plain["whole"], num_labels=4)
    assert model.config.num_clusters == len(model.cluster_head.centroids) == 4


def test_a_checkpoint_without_a_head_is_told_in_a_line_and_warns_of_nothing(plain, caplog):
    caplog.set_level("INFO", "bert_clustering.modeling_bert_cluster")
    logger, verbosity = logging.getLogger("transformers"), transformers_logging.get_verbosity()
    logger.addHandler(caplog.handler)
    transformers_logging.set_verbosity_info()
    try:
        BertForClustering.from_pretrained(plain["whole"], num_clusters=3)
        assert "has no masked-LM head" not in caplog.text
        BertForClustering.from_pretrained(plain["headless"], num_clusters=3)
        assert transformers_logging.get_verbosity() == transformers_logging.INFO
    finally:
        transformers_logging.set_verbosity(verbosity)
        logger.removeHandler(caplog.handler)
    assert "has no masked-LM head" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_only_a_hub_id_is_remembered_as_where_the_encoder_came_from(plain, tmp_path, monkeypatch):
    from_folder = BertForClustering.from_pretrained(plain["whole"], num_clusters=3)
    from_folder.save_pretrained(tmp_path)
    assert from_folder.config.base_model is None
    assert from_folder.config.backbone_config.name_or_path == ""
    assert plain["whole"] not in (tmp_path / "config.json").read_text()
    assert (tmp_path / "modeling_bert_cluster.py").exists()
    load = AutoModelForMaskedLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForMaskedLM, "from_pretrained", lambda name, **more: load(plain["whole"], **more)
    )
    assert BertForClustering.from_encoder("some/encoder", num_clusters=3).config.base_model == (
        "some/encoder"
    )


def test_what_concerns_the_hub_also_finds_the_config(monkeypatch):
    hub = {"revision": "v1", "token": "secret", "cache_dir": "there", "local_files_only": True}
    hub |= {"subfolder": "model", "force_download": True, "proxies": {"https": "proxy"}}

    def asked(name, **arguments):
        raise LookupError(name, arguments)

    monkeypatch.setattr(PreTrainedConfig, "get_config_dict", asked)
    with pytest.raises(LookupError) as found:
        BertForClustering.from_pretrained("some/encoder", num_clusters=3, alpha=2, **hub)
    assert found.value.args == ("some/encoder", hub)


def test_our_own_checkpoint_takes_a_config_and_keeps_its_number_by_either_name(tmp_path):
    model = build("bert", num_clusters=3)
    model.save_pretrained(tmp_path)
    config = BertClusterConfig.from_pretrained(tmp_path, alpha=5)
    assert BertForClustering.from_pretrained(tmp_path, config=config).config.alpha == 5
    with pytest.raises(ValueError, match="holds 3 clusters, num_clusters=4"):
        BertForClustering.from_pretrained(tmp_path, num_labels=4)


def test_a_config_of_an_older_version_still_loads(tmp_path):
    """The fixture was written before `base_model` was a field."""
    shutil.copy(
        Path(__file__).parent / "fixtures" / "config_before_base_model.json",
        tmp_path / "config.json",
    )
    config = BertClusterConfig.from_pretrained(tmp_path)
    assert (
        config.num_clusters == 3
        and config.id2label[2] == "invoice, loan, payment"
        and config.base_model is None
    )
    BertForClustering(config).save_pretrained(tmp_path / "model")
    again = BertForClustering.from_pretrained(tmp_path / "model")
    assert again.cluster_head.centroids.shape == (3, 40) and again.config.alpha == config.alpha


def test_resized_vocabulary_keeps_the_tie(tmp_path):
    model = build("bert")
    model.resize_token_embeddings(VOCAB_SIZE + 6)
    model.save_pretrained(tmp_path)
    loaded = BertForClustering.from_pretrained(tmp_path)
    assert loaded.get_input_embeddings().weight.shape[0] == VOCAB_SIZE + 6
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_clusters": 1}, "at least 2"),
        ({"num_clusters": 0}, "at least 2"),
        ({"alpha": 0}, "alpha"),
        ({"kernel": "gauss"}, "kernel"),
        ({"alpha": "ten"}, "alpha"),
    ],
)
def test_config_refuses_nonsense(arguments, message):
    with pytest.raises(Exception, match=message):
        BertClusterConfig(**arguments)


def test_checkpoints_that_cannot_be_clustered(tmp_path):
    AutoModel.from_config(
        CONFIG_MAPPING["gpt2"](n_layer=1, n_head=1, n_embd=8, vocab_size=9)
    ).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="gpt2.*no masked-language-model encoder"):
        BertForClustering.from_pretrained(tmp_path, num_clusters=3)


def test_a_checkpoint_with_a_hole_in_its_encoder_is_refused(tmp_path):
    plain = AutoModelForMaskedLM.from_config(tiny_config("bert"))
    state = plain.state_dict()
    del state["bert.encoder.layer.1.output.dense.weight"]
    plain.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(ValueError, match="lacks 1 weights of its encoder"):
        BertForClustering.from_pretrained(tmp_path, num_clusters=3)


@pytest.mark.parametrize(
    "arguments, expected", [({}, 0.0), ({"attention_probs_dropout_prob": 0.3}, 0.3)]
)
def test_an_encoder_loses_its_dropout_of_attention_weights(plain, arguments, expected, tmp_path):
    model = BertForClustering.from_pretrained(plain["whole"], num_clusters=3, **arguments)
    rates = [
        module.dropout.p
        for module in model.modules()
        if type(module).__name__ == "BertSelfAttention"
    ]
    assert rates and set(rates) == {expected}
    assert model.config.backbone_config.hidden_dropout_prob > 0, "other dropout stays"
    model.save_pretrained(tmp_path)
    again = BertForClustering.from_pretrained(tmp_path)
    assert again.config.backbone_config.attention_probs_dropout_prob == expected
