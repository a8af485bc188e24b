"""Edits of a model: centroids, names and levels follow."""

import numpy as np
import pytest
import torch

from bert_clustering import BertForClustering, InputError
from bert_clustering.clusters.spaces import Views
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.editing import apply_edits, split_clusters
from bert_clustering.training.edits import Edits
from helpers import make_config, make_groups


def make_model(num_clusters: int, **more) -> BertForClustering:
    model = BertForClustering(make_config(num_clusters, **more))
    model.cluster_head.centroids.data = torch.randn(num_clusters, 40)
    return model


def apply(model, edits, clusters, embeddings=None, rows=None, parts=None) -> np.ndarray:
    clusters = np.array(clusters)
    embeddings = np.zeros((len(clusters), 40)) if embeddings is None else embeddings
    parts = np.zeros(len(clusters), dtype=int) if parts is None else np.array(parts)
    return apply_edits(model, edits, clusters, embeddings, rows or {}, parts)


def test_the_merged_centroid_is_the_mean_weighted_by_documents(tmp_path):
    model = make_model(5)
    before = model.cluster_head.centroids.detach().clone()
    found = apply(model, Edits(merge=[[1, 3]]), [0, 1, 1, 1, 3, 4, -1])
    after = model.cluster_head.centroids
    assert found.tolist() == [0, 1, 1, 1, 1, 3, -1]
    torch.testing.assert_close(after[1], (3 * before[1] + before[3]) / 4)
    torch.testing.assert_close(after[[0, 2, 3]], before[[0, 2, 4]])
    config = model.config
    assert config.num_clusters == config.num_labels == 4
    assert config.id2label == {0: "topic 0", 1: "LABEL_1", 2: "topic 2", 3: "topic 4"}
    assert config.label2id == {label: number for number, label in config.id2label.items()}
    model.save_pretrained(tmp_path)
    again = BertForClustering.from_pretrained(tmp_path)
    torch.testing.assert_close(again.cluster_head.centroids, after)
    assert again.config.id2label == config.id2label


def test_several_groups_and_empty_clusters():
    model = make_model(6)
    before = model.cluster_head.centroids.detach().clone()
    apply(model, Edits(merge=[[5, 0], [1, 2, 3]]), [4, 4])
    torch.testing.assert_close(model.cluster_head.centroids[0], (before[0] + before[5]) / 2)
    torch.testing.assert_close(model.cluster_head.centroids[1], before[1:4].mean(dim=0))
    assert list(model.config.id2label.values()) == ["LABEL_0", "LABEL_1", "topic 4"]


def test_names_that_people_gave_stay_in_a_merge():
    model = make_model(4, known_topics=["topic 2", "topic 3"])
    apply(model, Edits(rename={0: "Refunds"}), [0])
    assert model.config.known_topics == ["topic 2", "topic 3", "Refunds"]
    apply(model, Edits(merge=[[0, 2]], rename={2: "Money"}, drop=[3]), [0])
    assert model.config.id2label == {0: "Money", 1: "topic 1"}
    assert model.config.known_topics == ["Money"]
    apply(model, Edits(split={1: 2}), [1, 1], np.eye(2, 40), parts=[0, 1])
    apply(model, Edits(merge=[[0, 1]]), [1, 1])
    assert model.config.id2label == {0: "Money", 1: "LABEL_2"}


def test_a_dropped_cluster_leaves_its_documents_to_the_others():
    model = make_model(3)
    before = model.cluster_head.centroids.detach().clone()
    assert apply(model, Edits(drop=[1]), [0, 1, 2]).tolist() == [0, -1, 1]
    torch.testing.assert_close(model.cluster_head.centroids.detach(), before[[0, 2]])


def test_parts_have_the_means_of_their_documents():
    model, embeddings = make_model(3), np.random.default_rng(0).normal(size=(5, 40))
    found = apply(model, Edits(split={1: 2}), [1, 1, 1, 2, 0], embeddings, parts=[0, 1, 1, 0, 0])
    assert found.tolist() == [1, 3, 3, 2, 0]
    centroids = model.cluster_head.centroids.detach().numpy()
    np.testing.assert_allclose(centroids[1], embeddings[0], rtol=1e-5)
    np.testing.assert_allclose(centroids[3], embeddings[1:3].mean(axis=0), rtol=1e-5)
    assert model.config.id2label == {0: "topic 0", 1: "LABEL_1", 2: "topic 2", 3: "LABEL_3"}


def test_a_document_that_is_moved_takes_its_weight_along():
    model, embeddings = make_model(2), np.random.default_rng(0).normal(size=(4, 40))
    before = model.cluster_head.centroids.detach().numpy().copy()
    found = apply(model, Edits(move={"b": 1}), [0, 0, 0, 1], embeddings, {"b": 1})
    assert found.tolist() == [0, 1, 0, 1]
    after = model.cluster_head.centroids.detach().numpy()
    np.testing.assert_allclose(after[0], (3 * before[0] - embeddings[1]) / 2, rtol=1e-4)
    np.testing.assert_allclose(after[1], (before[1] + embeddings[1]) / 2, rtol=1e-4)


def test_levels_follow_and_one_that_holds_nothing_goes():
    labels = [["a", "b", "c"]]
    model = make_model(5, levels=[[0, 0, 1, 2, 2]], level_labels=labels)
    edits = Edits(merge=[[0, 1]], drop=[2], split={4: 2})
    apply(model, edits, [4, 4], np.eye(2, 40), parts=[0, 1])
    assert model.config.levels == [[0, 1, 1, 1]]
    assert model.config.level_labels == [["a", "c"]] and model.config.num_clusters == 4


def test_a_cluster_is_split_where_its_documents_fall_apart(tmp_path):
    points, groups = make_groups([30, 30, 30], spread=0.05)
    clusters = np.where(groups == 2, 1, 0)
    views = Views(points, np.zeros((90, 0), dtype=np.float32))
    args = ClusteringTrainingArguments(str(tmp_path), use_cpu=True, bf16=False)
    parts = split_clusters(Edits(split={0: 2}), clusters, views, args)
    assert parts[60:].tolist() == [0] * 30
    assert len({*parts[:30]}) == len({*parts[30:60]}) == 1 and parts[0] != parts[30]
    with pytest.raises(InputError, match="--split 1:31: the cluster holds 30 texts, too few"):
        split_clusters(Edits(split={1: 31}), clusters, views, args)
    alike = Views(np.tile(points[:1], (90, 1)), views.lexical)
    with pytest.raises(InputError, match="its texts are too much alike for 2 parts"):
        split_clusters(Edits(split={0: 2}), clusters, alike, args)
