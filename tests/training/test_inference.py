"""Clean passes: embeddings and clusters of documents, of any kind of dataset."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from bert_clustering.errors import InputError
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.tokens import tokenize
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments


def test_predict_keeps_the_order_and_takes_texts_and_datasets(make_trainer, corpus, tokenizer):
    texts = corpus[0]
    trainer = make_trainer(per_device_eval_batch_size=7)
    trainer.initialize_clusters()
    prediction = trainer.predict(texts)
    assert prediction.predictions.shape == (91, 3) and prediction.embeddings.shape == (91, 40)
    np.testing.assert_allclose(prediction.predictions.sum(axis=1), 1, atol=1e-5)
    for row in (0, 17, 90):
        with torch.no_grad():
            q = (
                trainer.model(**tokenizer(texts[row], return_tensors="pt"))
                .logits.softmax(-1)[0]
                .numpy()
            )
        np.testing.assert_allclose(prediction.predictions[row], q, atol=1e-5)
        assert prediction.clusters[row] == q.argmax() and prediction.probabilities[
            row
        ] == pytest.approx(q.max())
    for dataset in (Dataset.from_dict({"text": texts, "more": texts}), tokenize(texts, tokenizer)):
        np.testing.assert_array_equal(trainer.predict(dataset).predictions, prediction.predictions)


def test_predict_takes_a_stream_in_parts(make_trainer, corpus, monkeypatch):
    monkeypatch.setattr("bert_clustering.texts.tokens.STREAMED", 40)  # 91 documents in three parts
    trainer = make_trainer()
    trainer.initialize_clusters()
    stream = Dataset.from_dict({"text": corpus[0]}).to_iterable_dataset()
    streamed, whole = trainer.predict(stream), trainer.predict(corpus[0])
    np.testing.assert_allclose(streamed.predictions, whole.predictions, atol=1e-5)
    np.testing.assert_allclose(streamed.embeddings, whole.embeddings, atol=1e-5)
    for empty in ([], stream.take(0)):
        with pytest.raises(ValueError, match="no documents"):
            trainer.predict(empty)
    with pytest.raises(ValueError, match="column 'text'"):
        trainer.predict(stream.rename_column("text", "body"))


def test_tokenizer_without_a_limit_gets_the_encoders(corpus, tokenizer, encoder_dir, tmp_path):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab())
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=2)
    args = ClusteringTrainingArguments(output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True)
    trainer = ClusteringTrainer(
        model, args, train_dataset=["apple " * 100, *corpus[0]], processing_class=tokenizer
    )
    with pytest.raises(ValueError, match="no clusters yet"):
        trainer.predict(["moon"])
    trainer.initialize_clusters()
    assert trainer.predict(["moon " * 100]).predictions.shape == (1, 2)


def test_predict_takes_what_the_base_class_takes(make_trainer, corpus):
    trainer = make_trainer()
    trainer.initialize_clusters()
    prediction = trainer.predict(corpus[0][:9], ignore_keys=["hidden"], metric_key_prefix="new")
    assert set(prediction.metrics) >= {"new_runtime", "new_samples_per_second"}
    predictions, label_ids, metrics = prediction[:3]
    assert predictions.shape == (9, 3) and label_ids is None and metrics == prediction.metrics


def test_what_a_trainer_does_not_know_yet_is_asked_for(make_trainer):
    trainer = make_trainer()
    with pytest.raises(InputError, match="have not started yet. Call train()"):
        trainer.refresh()
    with pytest.raises(InputError, match="how far .* lie from the centroids. Call train()"):
        trainer.inference.outlier_scores(np.zeros((1, 40), dtype=np.float32))


@pytest.mark.parametrize("unit", [True, False])
def test_a_long_document_is_the_mean_of_its_windows_by_their_tokens(
    make_trainer, corpus, tokenizer, unit
):
    texts = ["apple pear " * 11 + "moon", *corpus[0]]  # 23 words, in windows of 14
    trainer = make_trainer(texts=texts)
    trainer.model.config.normalize_embeddings = unit
    heads = trainer.inference.encode(trainer.train_dataset)
    trainer.model.config.long_documents = "mean"
    means = trainer.inference.encode(trainer.train_dataset)
    np.testing.assert_allclose(means[1:], heads[1:], atol=1e-6)
    windows = [" ".join(texts[0].split()[part]) for part in (slice(14), slice(14, 23))]
    with torch.no_grad():
        first, second = (
            trainer.model(**tokenizer(text, return_tensors="pt")).embeddings[0].numpy()
            for text in windows
        )
    np.testing.assert_allclose(heads[0], first, atol=1e-6)
    known = (16 * first + 11 * second) / 27
    known = known / np.linalg.norm(known) if unit else known
    np.testing.assert_allclose(means[0], known, atol=1e-6)
    only_tokens = trainer.train_dataset.remove_columns("text")
    np.testing.assert_allclose(trainer.inference.encode(only_tokens)[0], first, atol=1e-6)
