"""An encoder, or embeddings, that know more than the model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.errors import InputError
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.teacher import ask_teacher, check_teacher


def informative(classes: list[str], seed: int = 0) -> np.ndarray:
    """Embeddings that know the classes, with some noise."""
    names, numbers = np.unique(classes, return_inverse=True)
    noise = np.random.default_rng(seed).normal(size=(len(classes), 6))
    return (np.eye(6)[numbers] + 0.15 * noise).astype(np.float32)


def test_the_model_learns_what_the_teacher_knows_and_it_does_not(make_trainer, corpus):
    texts = corpus[0]
    classes = np.array([str(" the " in f" {text} ") for text in texts])  # which is no topic
    found, known = {}, {True: informative(list(classes)), False: None}
    for taught, teacher in known.items():
        trainer = make_trainer(
            num_clusters=2,
            teacher_embeddings=teacher,
            num_train_epochs=30,
            learning_rate=3e-3,
            keep_best=False,
        )
        trainer.train()
        start = trainer.clustering.start_clusters.numpy()
        found[taught] = [
            gold_scores(classes, clusters)["accuracy"]
            for clusters in (start, trainer.predict(texts).clusters)
        ]
    assert min(found[True]) > 0.9, found or "the words are there to be learnt from"
    assert max(found[False]) < 0.75
    assert trainer.training_facts()["Target"].startswith("lexical teacher")


def test_the_card_says_who_taught(make_trainer, corpus):
    trainer = make_trainer(teacher_embeddings=informative(corpus[1]))
    trainer.train()
    assert "taught by embeddings of 6 dimensions" in trainer.training_facts()["Target"]


def test_a_resumed_training_needs_no_teacher(make_trainer, corpus, tmp_path):
    teacher = informative(corpus[1])
    whole = make_trainer(teacher_embeddings=teacher, num_train_epochs=2, save_strategy="epoch")
    whole.train()
    resumed = make_trainer(num_train_epochs=2)
    first = min(Path(whole.args.output_dir).glob("checkpoint-*"), key=lambda p: p.stat().st_mtime)
    resumed.train(resume_from_checkpoint=str(first))
    for name, weight in whole.model.named_parameters():
        assert torch.equal(weight, dict(resumed.model.named_parameters())[name]), name


def test_embeddings_of_other_documents_are_refused(make_trainer, corpus):
    with pytest.raises(InputError, match="expected 91 rows, one per document, got 90"):
        make_trainer(teacher_embeddings=informative(corpus[1])[:90])


def test_the_words_can_be_left_out_beside_a_teacher(make_trainer, corpus):
    trainer = make_trainer(teacher_embeddings=informative(corpus[1]), lexical_teacher=False)
    trainer.initialize_clusters()
    assert torch.equal(trainer.clustering.targets.most_probable, trainer.clustering.start_clusters)


@pytest.fixture
def args(tmp_path):
    return ClusteringTrainingArguments(
        str(tmp_path), use_cpu=True, disable_tqdm=True, do_train=True, report_to=[]
    )


def test_an_encoder_that_is_named_is_asked_as_sentence_transformers_does(
    args, corpus, headless_dir
):
    from sentence_transformers import SentenceTransformer

    args.teacher_model_name_or_path = headless_dir
    check_teacher(args)
    found = ask_teacher(corpus[0], args)
    np.testing.assert_allclose(
        found, SentenceTransformer(headless_dir, device="cpu").encode(corpus[0]), atol=1e-5
    )


def test_the_trainer_asks_the_teacher_once(make_trainer, headless_dir, caplog):
    trainer = make_trainer(teacher_model_name_or_path=headless_dir, num_train_epochs=2)
    with caplog.at_level("INFO"):
        trainer.train()
    assert caplog.text.count(f"The teacher '{headless_dir}' reads 91 documents.") == 1
    assert trainer.training_facts()["Target"].startswith("taught by an encoder that is not on the")


@pytest.mark.parametrize(
    "change, embeddings, said",
    [
        ({"do_train": False}, None, "A teacher is for training. Pass --do_train"),
        ({"do_train": False, "teacher_model_name_or_path": None}, "a.npy", "is for training"),
        ({}, "a.npy", "Pass one teacher, either"),
        ({"teacher_model_name_or_path": "no/such"}, None, "has none of modules.json, config.json"),
        ({"teacher_model_name_or_path": "/no/such/folder"}, None, "cannot be loaded"),
    ],
)
def test_a_teacher_that_cannot_teach_is_one_error(args, headless_dir, change, embeddings, said):
    args.teacher_model_name_or_path = headless_dir
    for name, value in change.items():
        setattr(args, name, value)
    with pytest.raises(InputError, match=said):
        check_teacher(args, embeddings)


def test_without_its_package_an_encoder_cannot_teach(args, headless_dir, monkeypatch):
    monkeypatch.setattr("bert_clustering.training.teacher.find_spec", lambda name: None)
    args.teacher_model_name_or_path = headless_dir
    with pytest.raises(InputError, match="pip install .sentence-transformers>=5.1"):
        check_teacher(args)


def test_no_teacher_is_nothing_to_check(args):
    args.do_train = False
    check_teacher(args)
