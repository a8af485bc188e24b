"""From a trainer to the finished result."""

from types import SimpleNamespace

import numpy as np
import pytest

from bert_clustering.reports.gather import carry_over, describe_settings, mark_outliers
from bert_clustering.reports.run_folder import RunFolder
from bert_clustering.training.run_arguments import DataArguments


MEASURED = {
    "train_loss": 2.0,
    "kmeans_accuracy": 0.5,
    "init_nmi": 0.5,
    "untrained_start_silhouette": 0.1,
    "cluster_score": 0.6,
    "cluster_stability": [0.9, 0.8],
    "num_clusters_scores": {"2": 0.5},
    "start_separation": {"even": 0.1, "any": 0.3},
    "start_sizes": {"even": [5, 5], "any": [9, 1]},
    "eval_start_silhouette": 0.2,
    "eval_accuracy": 0.5,
    "eval_silhouette": 0.1,
    "cluster_probability": [0.9, 0.8],
    "num_clusters": 2,
    "outliers": 21,
    "truncated_share": 0.0,
}


def test_a_report_takes_over_what_it_cannot_measure_and_no_more():
    kept, before = list(MEASURED)[:10], dict(MEASURED)
    assert list(carry_over(MEASURED, edited=False)) == kept
    assert list(carry_over(MEASURED, edited=True)) == kept[:4], "the clusters are no more"
    assert before == MEASURED


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"train_file": "{folder}/letters.csv"}, "letters.csv"),
        ({"train_file": "letters.csv"}, "letters.csv"),
        ({"dataset_name": "{folder}"}, "private"),
        ({"dataset_name": "{folder}/"}, "private"),
        ({"dataset_name": "{folder}/../private"}, "private"),
        ({"dataset_name": "mteb/banking77"}, "mteb/banking77"),
        ({"dataset_name": "ag_news"}, "ag_news"),
    ],
)
def test_texts_are_called_by_no_path(given, shown, tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "letters.csv").touch()
    data_args = DataArguments(
        **{name: value.format(folder=folder) for name, value in given.items()}
    )
    args = SimpleNamespace(do_train=False, reports_alone=False)
    model = SimpleNamespace(config=SimpleNamespace(num_clusters=2))
    trainer = SimpleNamespace(args=args, model=model)
    assert describe_settings(trainer, data_args, RunFolder(folder)) == {"Texts": shown}


def test_outliers_are_those_above_the_threshold():
    scores = np.array([0.5, 2.0, 2.1])
    inference = SimpleNamespace(outlier_scores=lambda embeddings: scores)
    trainer, clusters = SimpleNamespace(inference=inference), np.array([3, 4, 5])
    assert mark_outliers(trainer, np.zeros((3, 1)), clusters, 2.0).tolist() == [3, 4, -1]
    assert mark_outliers(trainer, np.zeros((3, 1)), clusters, None) is clusters
