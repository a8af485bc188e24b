"""Levels of a training: what is asked for, where they start, and what they are called."""

import numpy as np
import pytest
import torch

from bert_clustering import InputError
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.keywords import cluster_keywords
from bert_clustering.texts.names import name_levels
from bert_clustering.training import ClusteringTrainingArguments, ModelArguments
from bert_clustering.training.levels import check_levels, sizes_of
from bert_clustering.training.run_arguments import allow_auto


@pytest.mark.parametrize("levels", ["8", "40,8", "8,8", "1,4", "8,x", "", "8,,9", "-2,4", "8;9"])
def test_levels_are_ascending_numbers(levels, tmp_path):
    with pytest.raises(InputError, match="levels: expected two ascending numbers"):
        ClusteringTrainingArguments(str(tmp_path), levels=levels)


def test_levels_say_how_many_clusters_there_are(tmp_path):
    args = ClusteringTrainingArguments(str(tmp_path), levels="3, 9")
    model_args = ModelArguments("encoder")
    allow_auto(model_args, args)
    assert args.level_sizes == [3, 9] and model_args.cluster_arguments == {"num_clusters": 9}
    for beside in ("9", "auto"):
        with pytest.raises(InputError, match=f"--num_clusters {beside} too. Pass one or the other"):
            allow_auto(ModelArguments("encoder", num_clusters=beside), args)
    with pytest.raises(InputError, match="max_clusters: expected none beside levels"):
        ClusteringTrainingArguments(str(tmp_path), levels="3,9", max_clusters=20)


def test_a_model_keeps_its_levels_unless_it_starts_anew(tmp_path):
    config = BertClusterConfig(num_clusters=3, levels=[[0, 1, 1]])
    assert sizes_of(config) == [2, 3] and sizes_of(BertClusterConfig(num_clusters=3)) == []
    same = ClusteringTrainingArguments(str(tmp_path), levels="2,3")
    other = ClusteringTrainingArguments(str(tmp_path), levels="3,5")
    check_levels(config, same, keeps_clusters=True)
    check_levels(config, other, keeps_clusters=False)
    with pytest.raises(InputError, match="has levels of 2 and 3 clusters, --levels 3,5 was asked"):
        check_levels(config, other, keeps_clusters=True)
    with pytest.raises(InputError, match="has no levels, --levels 2,3 was asked"):
        check_levels(BertClusterConfig(num_clusters=3), same, keeps_clusters=True)


def test_a_config_with_levels_of_other_clusters_is_refused():
    with pytest.raises(ValueError, match="coarser cluster of each of 4 clusters, got 3"):
        BertClusterConfig(num_clusters=4, levels=[[0, 1, 1]])


def test_other_clusters_have_no_levels(encoder_dir, tmp_path):
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    model.config.levels, model.config.level_labels = [[0, 1, 1]], [["a", "b"]]
    torch.nn.init.normal_(model.cluster_head.centroids)
    model.save_pretrained(tmp_path)
    kept = BertForClustering.from_pretrained(tmp_path)
    assert kept.config.levels == [[0, 1, 1]] and kept.config.level_labels == [["a", "b"]]
    other = BertForClustering.from_pretrained(
        tmp_path, num_clusters=5, ignore_mismatched_sizes=True
    )
    assert other.config.levels is None and other.config.level_labels is None
    kept.resize_clusters(3)
    assert kept.config.levels is None


def test_levels_start_as_well_as_their_number_of_clusters_alone(make_trainer, corpus):
    alone = make_trainer(num_clusters=3)
    alone.initialize_clusters()
    trainer = make_trainer(levels="3,9")
    trainer.initialize_clusters()
    config, finest = trainer.model.config, trainer.clustering.start_clusters.numpy()
    assert config.num_clusters == 9 and sizes_of(config) == [3, 9]
    assert len(np.unique(finest)) == 9
    above = np.array(config.levels[0])
    found = gold_scores(corpus[1], above[finest])["accuracy"]
    reached = gold_scores(corpus[1], alone.clustering.start_clusters.numpy())["accuracy"]
    assert found >= reached - 0.02
    np.testing.assert_allclose(trainer.predict().predictions.sum(axis=1), 1, rtol=1e-5)


def test_known_texts_stay_where_people_put_them(make_trainer, corpus):
    known = [name if row % 6 == 0 else None for row, name in enumerate(corpus[1])]
    trainer = make_trainer(levels="2,6", known_topics=known)
    trainer.initialize_clusters()
    names, start = trainer.model.config.id2label, trainer.clustering.start_clusters.tolist()
    told = [(name, names[cluster]) for name, cluster in zip(known, start, strict=True) if name]
    assert told and all(name == found for name, found in told)


@pytest.mark.parametrize("init", ["kmeans", "even", "any"])
def test_each_start_has_levels(init, make_trainer):
    trainer = make_trainer(levels="2,4,8", init=init)
    trainer.initialize_clusters()
    assert sizes_of(trainer.model.config) == [2, 4, 8]


def test_fewer_kinds_of_texts_than_clusters_still_nest(make_trainer):
    trainer = make_trainer(texts=["apple pear", "moon star", "loan bank"] * 8, levels="2,5,7")
    trainer.initialize_clusters()
    assert sizes_of(trainer.model.config) == [2, 5, 7]


def test_a_large_training_set_starts_from_a_sample(make_trainer, monkeypatch):
    monkeypatch.setattr("bert_clustering.training.initialize.MAX_STARTING", 50)
    trainer = make_trainer(levels="2,6")
    trainer.initialize_clusters()
    assert sizes_of(trainer.model.config) == [2, 6]
    assert trainer.clustering.start_clusters.min() >= 0


def test_siblings_are_told_apart_by_what_their_parent_does_not_say():
    groups = [("card", "lost"), ("card", "pin"), ("loan", "rate")]
    texts = [f"{one} {4 * letter} {other}" for one, other in groups for letter in "bcdefghjkm"]
    clusters, parents = np.repeat([0, 1, 2], 10), np.array([0, 0, 1])
    alone = cluster_keywords(texts, clusters, 3)
    told = cluster_keywords(texts, clusters, 3, parents=parents)
    assert told[1]["card"] < alone[1]["card"] / 2, "all siblings say it"
    assert list(told[1]) == ["pin", "card"] and told[1]["pin"] > 2 * told[1]["card"]


def test_names_go_from_the_top_down():
    config = BertClusterConfig(num_clusters=4, levels=[[0, 0, 1, 1]])
    coarse = [["card", "pin", "lost"], ["loan", "rate", "money"]]
    fine = [
        ["card", "cards", "blocked", "tries"],
        ["card", "pin", "lost"],  # nothing that the parent does not say
        ["interest", "loan", "year"],
        [],
    ]
    name_levels(config, [coarse, fine])
    assert config.level_labels == [["card, pin, lost", "loan, rate, money"]]
    assert config.id2label == {
        0: "card, blocked, tries",
        1: "card",
        2: "interest, loan, year",
        3: "cluster 3",
    }


def test_an_only_child_is_not_called_like_its_parent():
    config = BertClusterConfig(num_clusters=2, levels=[[0, 1]])
    name_levels(config, [[["loan"], ["pin"]], [["loan"], ["pin"]]])
    assert config.id2label == {0: "loan (0)", 1: "pin (1)"}


def test_names_of_levels_that_people_gave_stay():
    config = BertClusterConfig(num_clusters=2, levels=[[0, 1]], level_labels=[["Money", "Phones"]])
    name_levels(config, [[["loan"], ["pin"]], [["money", "rate"], ["pin"]]])
    assert config.level_labels == [["Money", "Phones"]] and config.id2label[0] == "money, rate"
    name_levels(config, [[["loan"], ["pin"]], [["rate"], ["pin"]]], keeps_coarser=False)
    assert config.level_labels == [["loan", "pin"]]
