"""Clusters made one: centroid, numbers and labels follow, and what cannot be merged is said."""

import numpy as np
import pytest
import torch

from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.training.merging import merge_clusters, new_numbers, parse_groups
from helpers import tiny_config


def make_model(num_clusters: int) -> BertForClustering:
    model = BertForClustering(
        BertClusterConfig(backbone_config=tiny_config("bert"), num_clusters=num_clusters)
    )
    model.cluster_head.centroids.data = torch.randn(num_clusters, 40)
    model.config.id2label = {cluster: f"topic {cluster}" for cluster in range(num_clusters)}
    return model


def test_the_merged_centroid_is_the_mean_weighted_by_documents(tmp_path):
    model = make_model(5)
    before = model.cluster_head.centroids.detach().clone()
    numbers = merge_clusters(model, ["1,3"], np.array([0, 1, 1, 1, 3, 4, -1]))
    after = model.cluster_head.centroids
    assert numbers.tolist() == [0, 1, 1, 1, 1, 3, -1]
    torch.testing.assert_close(after[1], (3 * before[1] + before[3]) / 4)
    torch.testing.assert_close(after[[0, 2, 3]], before[[0, 2, 4]])
    assert model.config.num_clusters == model.config.num_labels == 4
    assert model.config.id2label == {0: "topic 0", 1: "LABEL_1", 2: "topic 2", 3: "topic 4"}
    assert model.config.label2id == {
        label: number for number, label in model.config.id2label.items()
    }
    model.save_pretrained(tmp_path)
    again = BertForClustering.from_pretrained(tmp_path)
    torch.testing.assert_close(again.cluster_head.centroids, after)
    assert again.config.id2label == model.config.id2label


def test_several_groups_and_empty_clusters():
    model = make_model(6)
    before = model.cluster_head.centroids.detach().clone()
    merge_clusters(model, ["5,0", "1,2,3"], np.array([4, 4]))
    torch.testing.assert_close(model.cluster_head.centroids[0], (before[0] + before[5]) / 2)
    torch.testing.assert_close(model.cluster_head.centroids[1], before[1:4].mean(dim=0))
    assert list(model.config.id2label.values()) == ["LABEL_0", "LABEL_1", "topic 4"]
    assert new_numbers([[5, 0], [1, 2, 3]], 6).tolist() == [0, 1, 1, 1, 2, 0]


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        (["3,8"], "--merge 3,8: there is no cluster 8; the model has 0 to 7"),
        (["-1,2"], "there is no cluster -1"),
        (["3"], "a group needs two clusters or more"),
        (["3,3"], "a cluster stands there twice"),
        (["1,2", "2,3"], "--merge 1,2 2,3: a cluster stands there twice"),
        (["oil,gas"], "expected numbers of clusters, as in --merge 3,7"),
        (["1,2,"], "expected numbers"),
        (["0,1,2,3,4,5,6,7"], "that would leave one cluster of 8"),
    ],
)
def test_what_cannot_be_merged_is_one_clear_error(merge, message):
    with pytest.raises(ValueError, match=message):
        parse_groups(merge, num_clusters=8)
