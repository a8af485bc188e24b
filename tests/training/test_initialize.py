"""Where a training sets out from: clusters, alpha, target, and names."""

import json

import pytest
import torch

from bert_clustering.clusters import start
from bert_clustering.clusters.stability import agreement
from bert_clustering.clusters.start import describe_choice
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.tokens import tokenize
from bert_clustering.training import initialize
from helpers import TOPICS


def test_start_is_logged_and_alpha_is_fitted(make_trainer, caplog):
    trainer = make_trainer()
    assert trainer.model.config.alpha is None
    with caplog.at_level("INFO"):
        trainer.initialize_clusters()
    even, any_size = trainer.clustering.start_scores.tolist()
    said = f"(separation of the clusters: even {even:.3f}, any {any_size:.3f})"
    assert said in caplog.text and "alpha" in caplog.text
    sizes = dict(zip(("even", "any"), trainer.clustering.start_sizes.tolist(), strict=True))
    assert describe_choice({"even": even, "any": any_size}, sizes) in caplog.text
    q = trainer.inference.assign(trainer.inference.encode(trainer.train_dataset))
    assert q.probabilities.mean().item() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("margin, chosen", [(9.0, "even"), (-9.0, "any")])
def test_a_start_by_name_is_one_of_the_two_that_auto_compares(
    make_trainer, monkeypatch, margin, chosen
):
    monkeypatch.setattr(start, "MARGIN", margin)
    repeated, repeat_start = [], initialize.repeat_start

    def watched(views, kind, *args, **options):
        repeated.append(kind)
        return repeat_start(views, kind, *args, **options)

    monkeypatch.setattr(initialize, "repeat_start", watched)
    states = {}
    for init in ("auto", "even", "any"):
        trainer = make_trainer(init=init)
        trainer.initialize_clusters()
        states[init] = trainer.clustering
    assert repeated == [chosen, "even", "any"]
    auto = states.pop("auto")
    assert torch.equal(auto.start_clusters, states[chosen].start_clusters)
    assert auto.start_scores.shape == (2,) and auto.start_sizes.shape == (2, 3)
    for state, sizes in zip(states.values(), auto.start_sizes.tolist(), strict=True):
        found = state.start_clusters.bincount(minlength=3).tolist()
        assert sizes == sorted(found, reverse=True)
        assert state.start_scores is None and state.start_sizes is None, "nothing was chosen"


def test_where_documents_are_fewer_kinds_than_clusters_nothing_is_chosen(make_trainer, caplog):
    trainer = make_trainer(texts=["ripe apple juice", "solar rocket launch"] * 20)
    with caplog.at_level("INFO"):
        trainer.initialize_clusters()
    assert "Start: even (separation" in caplog.text and "Clusters of" not in caplog.text
    assert trainer.clustering.start_scores is None and trainer.clustering.start_sizes is None


@pytest.mark.parametrize("every, undone", [(10, True), (3, False), (91, False)])
def test_the_finished_model_is_no_surer_than_the_repeats(make_trainer, every, undone):
    trainer = make_trainer(num_train_epochs=1)
    trainer.initialize_clusters()
    trainer.clustering.repeats = trainer.clustering.start_clusters.cpu().repeat(4, 1)
    trainer.clustering.repeats[:, ::every] = (
        trainer.clustering.repeats[:, ::every] + 1
    ) % 3  # some of the documents go elsewhere
    trainer.clustering.agreement = torch.tensor(
        [agreement(trainer.clustering.start_clusters.numpy(), trainer.clustering.repeats.numpy())]
    )
    assert trainer.clustering.agreement.item() == pytest.approx(1 - 1 / every, abs=0.02)
    if undone:
        trainer.clustering.guard.tolerance = -1.0  # which no later state keeps to
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


def test_an_alpha_that_was_asked_for_is_kept(make_trainer, encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3, alpha=4)
    model.save_pretrained(tmp_path / "model")
    trainer = make_trainer(name=tmp_path / "model", num_train_epochs=1)
    trainer.train()
    assert trainer.clustering.repeats is not None and trainer.clustering.agreement is None
    assert trainer.model.config.alpha == 4


def test_size_prior_keeps_the_start_sizes_or_pulls_to_equal_ones(make_trainer):
    kept = make_trainer(size_prior="start", lexical_teacher=False)
    kept.initialize_clusters()
    assert kept.clustering.prior.sum() == pytest.approx(1)
    even = make_trainer(size_prior="uniform", lexical_teacher=False)
    even.initialize_clusters()
    assert even.clustering.prior is None
    spread = [trainer.clustering.targets.totals().std().item() for trainer in (kept, even)]
    assert spread[0] > spread[1]


def test_a_model_with_clusters_keeps_them_unless_told_to_start_anew(make_trainer, tmp_path):
    first = make_trainer(num_train_epochs=1)
    first.train()
    first.save_model(tmp_path / "model")
    centroids = first.model.cluster_head.centroids.detach()
    for init in (None, "auto", "even", "any", "kmeans"):
        trainer = make_trainer(name=tmp_path / "model", init=init)
        trainer.initialize_clusters()
        kept = torch.equal(trainer.model.cluster_head.centroids.detach(), centroids)
        assert kept == (init is None)


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
