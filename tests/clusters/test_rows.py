"""Large corpora: arrays in batches and on disk are those that one batch in memory gives; the start
is of a sample.
"""

import os
import tempfile

import numpy as np
import pytest
import torch

from bert_clustering.clusters import rows
from bert_clustering.clusters.candidates import kmeans
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.spaces import cluster_means, fuse
from bert_clustering.clusters.targets import target_distribution, teach
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training import initialize as starting
from bert_clustering.training import refresh
from helpers import make_groups


@pytest.fixture
def small_limits(monkeypatch):
    """Batches of seven rows, and no array in memory."""
    monkeypatch.setattr(rows, "BATCH_SIZE", 7)
    for module in (rows, refresh):
        monkeypatch.setattr(module, "MAX_IN_MEMORY", 0)


def test_arrays_of_256_mebibytes_lie_in_memory_and_larger_ones_in_a_file(monkeypatch):
    def full(**kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert len(rows.empty_rows(2**26, 1)) == 2**26
    with pytest.raises(OSError, match="No space left"):
        rows.empty_rows(2**26 + 1, 1)


@pytest.mark.parametrize("limit, is_on_disk", [(59, True), (60, False)])
def test_an_array_goes_to_the_disk_by_its_bytes(limit, is_on_disk, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MAX_IN_MEMORY", limit)
    assert isinstance(rows.empty_rows(5, 3, str(tmp_path)), np.memmap) == is_on_disk


def test_large_arrays_lie_in_files_that_leave_nothing(tmp_path, small_limits):
    array = rows.empty_rows(5, 3, str(tmp_path))
    assert isinstance(array, np.memmap) and array.dtype == np.float32
    array[:] = 4
    assert array.sum() == 60 and list(tmp_path.iterdir()) == []


def test_the_disk_has_room_before_a_large_array_is_filled(tmp_path, small_limits, monkeypatch):
    """Writing to a map of a file that has no blocks ends the process where the disk is full."""
    made, copies = tempfile.TemporaryFile, []

    def watched(**kwargs):
        assert kwargs == {"dir": str(tmp_path)}
        file = made(**kwargs)
        copies.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    array = rows.empty_rows(5000, 3, str(tmp_path))
    (copy,) = copies
    assert 60_000 == array.nbytes <= os.fstat(copy).st_blocks * 512 < 60_000 + 4096
    os.close(copy)


def test_batches_change_nothing(monkeypatch):
    embeddings, groups = make_groups([30, 40, 25], spread=0.4)
    lexical = np.random.default_rng(0).normal(size=(95, 5)).astype(np.float32)

    def everything() -> list[np.ndarray]:
        fused = fuse(embeddings, lexical)
        q = teach(fused, groups, num_clusters=3)
        p = target_distribution(torch.from_numpy(q), torch.tensor([0.3, 0.5, 0.2]))
        return [fused, q, p.numpy(), cluster_means(embeddings, groups, 3)]

    whole = everything()
    monkeypatch.setattr(rows, "BATCH_SIZE", 7)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_the_teacher_needs_no_clusters_of_most_documents():
    embeddings, groups = make_groups([200, 300, 100], spread=0.25)
    known = np.where(np.arange(600) % 4, -1, groups)
    assert (
        clustering_accuracy(groups, teach(embeddings, known, num_clusters=3).argmax(axis=1)) > 0.97
    )
    few_seen = teach(embeddings, groups, num_clusters=3, max_seen=60)
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
def test_a_training_on_disk_is_that_in_memory(
    teacher, corpus, tokenizer, encoder_dir, tmp_path, request
):
    options = {"num_train_epochs": 2, "lexical_teacher": teacher, "stop_tolerance": 0}
    one = make(corpus, tokenizer, encoder_dir, tmp_path / "memory", **options)
    one.train()
    request.getfixturevalue("small_limits")
    other = make(corpus, tokenizer, encoder_dir, tmp_path / "disk", **options)
    other.train()
    torch.testing.assert_close(one.clustering.targets, other.clustering.targets)
    torch.testing.assert_close(one.model.cluster_head.centroids, other.model.cluster_head.centroids)
    np.testing.assert_allclose(
        one.predict().predictions, other.predict().predictions, rtol=1e-3, atol=1e-5
    )
    names = [
        sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("memory", "disk")
    ]
    assert names[0] == names[1]


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
