"""Large corpora: batches change nothing; the start is of a sample."""

import numpy as np
import pytest
import torch

from bert_clustering.clusters import rows
from bert_clustering.clusters.candidates import kmeans
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.spaces import FusedSpace, cluster_means
from bert_clustering.clusters.targets import fit_teacher, teach
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training import initialize as starting
from helpers import make_groups


def test_batches_change_nothing(monkeypatch):
    embeddings, groups = make_groups([30, 40, 25], spread=0.4)
    lexical = np.random.default_rng(0).normal(size=(95, 5)).astype(np.float32)

    def everything() -> list[np.ndarray]:
        fused = FusedSpace(embeddings, lexical)[:]
        return [fused, cluster_means(embeddings, groups, 3)]

    whole = everything()
    monkeypatch.setattr(rows, "BATCH_SIZE", 7)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_the_teacher_needs_no_clusters_of_most_documents():
    embeddings, groups = make_groups([200, 300, 100], spread=0.25)
    known = np.where(np.arange(600) % 4, -1, groups)
    taught = teach(embeddings, known, num_clusters=3)
    assert clustering_accuracy(groups, taught.argmax(axis=1)) > 0.97
    few_seen = fit_teacher(embeddings, groups, num_clusters=3, max_seen=60)(embeddings)
    assert clustering_accuracy(groups, few_seen.argmax(axis=1)) > 0.97


def test_kmeans_of_many_documents_is_that_of_a_sample():
    embeddings, groups = make_groups([20_000, 31_000], spread=0.2, width=3)
    clusters = kmeans(embeddings, num_clusters=2, seed=0, num_restarts=1)
    assert len(clusters) == 51_000 and clustering_accuracy(groups, clusters) > 0.99


def make(corpus, tokenizer, encoder_dir, folder, **options) -> ClusteringTrainer:
    args = ClusteringTrainingArguments(
        str(folder),
        per_device_train_batch_size=16,
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
        **options,
    )
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    return ClusteringTrainer(model, args, train_dataset=corpus[0], processing_class=tokenizer)


@pytest.mark.parametrize("teacher", [True, False])
def test_a_training_in_small_batches_of_rows_is_that_in_one(
    teacher, corpus, tokenizer, encoder_dir, tmp_path, monkeypatch
):
    options = {"num_train_epochs": 2, "lexical_teacher": teacher, "stop_tolerance": 0}
    one = make(corpus, tokenizer, encoder_dir, tmp_path / "whole", **options)
    one.train()
    monkeypatch.setattr(rows, "BATCH_SIZE", 7)
    other = make(corpus, tokenizer, encoder_dir, tmp_path / "parts", **options)
    other.train()
    torch.testing.assert_close(one.clustering.targets.dense(), other.clustering.targets.dense())
    torch.testing.assert_close(one.model.cluster_head.centroids, other.model.cluster_head.centroids)
    np.testing.assert_allclose(
        one.predict().predictions, other.predict().predictions, rtol=1e-3, atol=1e-5
    )


def test_the_start_of_many_documents_is_that_of_a_sample(
    corpus, tokenizer, encoder_dir, tmp_path, monkeypatch
):
    whole = make(corpus, tokenizer, encoder_dir, tmp_path / "whole")
    whole.initialize_clusters()
    monkeypatch.setattr(starting, "MAX_STARTING", 50)
    sampled = make(corpus, tokenizer, encoder_dir, tmp_path / "sampled")
    sampled.initialize_clusters()
    assert (
        sampled.clustering.start_clusters >= 0
    ).all() and sampled.clustering.start_clusters.shape == (91,)
    assert (
        clustering_accuracy(
            whole.clustering.start_clusters.numpy(), sampled.clustering.start_clusters.numpy()
        )
        > 0.9
    )
