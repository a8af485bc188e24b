"""The map: neighbours stay neighbours, the same each time, whatever the documents are."""

import logging
import re

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from bert_clustering.reports.layout import cluster_positions, find_umap, project, project_roughly
from helpers import make_groups


@pytest.fixture(autouse=True)
def without_umap(monkeypatch):
    """What is tested is the default, whatever is installed here."""
    monkeypatch.setattr("bert_clustering.reports.layout.find_umap", lambda: None)


def share_of_like_neighbors(positions: np.ndarray, groups: np.ndarray) -> float:
    nearest = NearestNeighbors(n_neighbors=4).fit(positions).kneighbors(return_distance=False)
    return float((groups[nearest] == groups[:, None]).mean())


@pytest.mark.parametrize(("max_tsne", "said"), [(5000, "t-SNE \\("), (80, "t-SNE of 80 of them")])
def test_groups_stay_together_and_the_seed_decides(max_tsne, said, caplog):
    caplog.set_level(logging.INFO, logger="bert_clustering")
    embeddings, groups = make_groups([60, 40, 20], spread=0.05)
    positions = project(embeddings, seed=1, max_tsne=max_tsne)
    assert positions.shape == (120, 2) and share_of_like_neighbors(positions, groups) > 0.95
    assert 9 < np.abs(positions).max() < 12
    np.testing.assert_array_equal(positions, project(embeddings, seed=1, max_tsne=max_tsne))
    assert re.search(said, caplog.text)


def test_length_of_embeddings_does_not_count():
    embeddings, groups = make_groups([30, 30], spread=0.05)
    lengths = np.random.default_rng(0).uniform(0.1, 10, size=(60, 1))
    assert share_of_like_neighbors(project(embeddings * lengths, seed=0), groups) > 0.95


def test_a_rough_map_is_made_of_principal_components():
    embeddings, groups = make_groups([30, 30, 30], spread=0.05)
    positions = project_roughly(embeddings * 3)
    assert positions.shape == (90, 2) and share_of_like_neighbors(positions, groups) > 0.95
    variances = positions.var(axis=0)
    assert variances[0] >= variances[1] > 0 and np.abs(np.corrcoef(positions.T)[0, 1]) < 1e-6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 2, 3, 6])
@pytest.mark.parametrize("distinct", [True, False])
def test_few_documents_and_copies_have_a_place(rows, distinct):
    embeddings = np.eye(8)[: rows if distinct else 1].repeat(1 if distinct else rows, axis=0)
    positions = project(embeddings.astype(np.float32), seed=0)
    assert positions.shape == (rows, 2) and np.isfinite(positions).all()
    assert len(np.unique(positions.round(6), axis=0)) == (rows if distinct else 1)


def test_a_cluster_lies_amid_its_documents():
    positions = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [100.0, 1.0], [5.0, 5.0]])
    middles = cluster_positions(positions, np.array([0, 0, 0, 0, 2]), num_clusters=3)
    assert middles.tolist() == [[1.5, 1.0], [0.0, 0.0], [5.0, 5.0]]


@pytest.mark.skipif(find_umap() is None, reason="umap-learn is not installed")
def test_umap_makes_the_map_where_it_is_installed(monkeypatch, caplog):
    monkeypatch.setattr("bert_clustering.reports.layout.find_umap", find_umap)
    caplog.set_level(logging.INFO, logger="bert_clustering")
    embeddings, groups = make_groups([60, 40, 20], spread=0.05)
    positions = project(embeddings, seed=1)
    assert share_of_like_neighbors(positions, groups) > 0.95 and "UMAP" in caplog.text
