"""Corpora in which there is little or nothing to find: training ends all the same, and every figure
is a number.
"""

import numpy as np
import pytest
import torch

from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments


CORPORA = {
    "identical texts": (["ripe apple juice"] * 40, 3),
    "different texts of the same unknown words": (["x" * length for length in range(1, 41)], 3),
    "two texts for two clusters": (["ripe apple juice", "solar rocket launch"] * 20, 2),
    "two texts for three clusters": (["ripe apple juice", "solar rocket launch"] * 20, 3),
    "one giant class": (
        ["ripe apple juice"] * 60 + ["solar rocket launch", "a tax refund", "the bank loan"],
        3,
    ),
    "one giant class and nothing of the others": (
        [f"apple {'pear ' * (i % 9)}" for i in range(50)] + ["moon"],
        8,
    ),
    "texts without a word": (["\u200b"] * 5 + ["apple", "moon", "bank"], 2),
    "as many clusters as documents": (None, 12),
    "one cluster fewer than documents": (None, 11),
    "two documents": (["apple", "moon"], 2),
}


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("name", CORPORA)
def test_training_ends_and_every_figure_is_a_number(
    name, corpus, tokenizer, headless_dir, tmp_path
):
    texts, num_clusters = CORPORA[name]
    texts = texts or corpus[0][:12]
    model = BertForClustering.from_pretrained(headless_dir, num_clusters=num_clusters)
    arguments = {"use_cpu": True, "disable_tqdm": True, "num_train_epochs": 2, "logging_steps": 1}
    args = ClusteringTrainingArguments(
        str(tmp_path), per_device_train_batch_size=16, stop_tolerance=0, **arguments
    )
    trainer = ClusteringTrainer(model, args, train_dataset=texts, processing_class=tokenizer)
    trainer.train()
    prediction = trainer.predict(texts)
    assert np.isfinite(prediction.embeddings).all()
    np.testing.assert_allclose(prediction.predictions.sum(axis=1), 1, atol=1e-5)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert torch.isfinite(trainer.clustering.targets.shares).all() and np.isfinite(
        model.config.alpha
    )
    figures = [value for line in trainer.state.log_history for value in line.values()]
    assert np.isfinite(figures).all(), trainer.state.log_history
