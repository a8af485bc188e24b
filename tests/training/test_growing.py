"""More clusters for a model: the earlier ones stay as they are."""

import numpy as np
import torch

from bert_clustering import BertForClustering
from bert_clustering.training.growing import add_clusters


def test_added_clusters_stand_last_and_survive_saving(encoder_dir, tmp_path):
    model = BertForClustering.from_encoder(encoder_dir, num_clusters=3)
    width = model.config.hidden_size
    model.cluster_head.centroids.data.copy_(torch.eye(3, width))
    model.config.alpha = 1.0
    model.config.id2label = {0: "a", 1: "b", 2: "c"}
    model.config.levels, model.config.level_labels = [[0, 0, 1]], [["ab", "c"]]
    means = np.eye(width, dtype="float32")[[5, 2]] + 0.1 * np.eye(width, dtype="float32")[[1, 6]]
    add_clusters(model, means, ["new", "other"])
    model.save_pretrained(tmp_path)
    saved = BertForClustering.from_pretrained(tmp_path)
    assert saved.config.id2label == {0: "a", 1: "b", 2: "c", 3: "new", 4: "other"}
    assert saved.config.levels == [[0, 0, 1, 0, 1]]  # where the nearest clusters lie
    centroids = saved.cluster_head.centroids.detach().numpy()
    assert np.array_equal(centroids, np.concatenate([np.eye(3, width), means]).astype("float32"))
