"""Arguments that make no sense are refused."""

import pytest

from bert_clustering.trainer import ClusteringTrainingArguments


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"init": "random"}, "init: expected 'auto', 'even', 'any' or 'kmeans', got 'random'"),
        ({"size_prior": "equal"}, "size_prior: expected 'start' or 'uniform', got 'equal'"),
        ({"target_update": "0"}, "target_update: expected 'epoch' or .* above 0, got '0'"),
        ({"target_update": "often"}, "target_update: expected .*, got 'often'"),
        ({"mlm_probability": 1.5}, "mlm_probability: expected a share between 0 and 1, got 1.5"),
        ({"mlm_probability": 0}, "mlm_probability: expected a share between 0 and 1, got 0"),
        ({"mlm_weight": -1}, "mlm_weight: expected 0 or more, got -1"),
        ({"clustering_weight": -0.1}, "clustering_weight: expected 0 or more, got -0.1"),
        ({"mlm_weight": 0, "clustering_weight": 0}, "expected more than 0 where mlm_weight is 0"),
        ({"min_clusters": 1}, "min_clusters: expected 2 or more, got 1"),
        ({"min_clusters": 9, "max_clusters": 8}, "expected min_clusters=9 or more, got 8"),
    ],
)
def test_arguments_refuse_nonsense(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ClusteringTrainingArguments(output_dir=str(tmp_path), **arguments)
