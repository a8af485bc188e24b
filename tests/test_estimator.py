"""`TextClustering`: scikit-learn's conventions, for texts."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from bert_clustering import InputError, TextClustering, estimator
from bert_clustering.clusters.metrics import clustering_accuracy


COLUMNS = ["label", "size", "share", "keywords", "examples", "stability", "probability"]


@pytest.fixture(scope="module")
def make(headless_dir):
    def call(**more) -> TextClustering:
        arguments = {"use_cpu": True, "per_device_train_batch_size": 16}
        given = {"num_clusters": 3, "encoder": headless_dir, "training_arguments": arguments}
        return TextClustering(**given | more)

    return call


@pytest.fixture(scope="module")
def fitted(make, corpus) -> TextClustering:
    return make().fit(corpus[0])


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("saved") / "model")


def test_texts_get_clusters_with_names(fitted, corpus):
    texts, classes = corpus
    assert fitted.labels_.shape == fitted.probabilities_.shape == (91,)
    assert clustering_accuracy(np.array(classes), fitted.labels_) > 0.9
    assert fitted.embeddings_.shape == (91, 40)
    topics = fitted.topics_
    assert isinstance(topics, pd.DataFrame) and list(topics.columns) == COLUMNS
    assert topics["size"].tolist() == sorted(np.bincount(fitted.labels_), reverse=True)
    assert topics["share"].sum() == pytest.approx(1)
    assert [fitted.model_.config.id2label[k] for k in topics.index] == topics["label"].tolist()
    for cluster, row in topics.iterrows():
        assert all(fitted.labels_[texts.index(text)] == cluster for text in row["examples"])


def test_new_texts_are_sorted(fitted, corpus):
    q = fitted.transform(corpus[0][:7])
    assert q.shape == (7, 3)
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.predict(pd.Series(corpus[0][:7])), q.argmax(axis=1))
    np.testing.assert_array_equal(q.argmax(axis=1), fitted.labels_[:7])


def test_fitting_and_asking_at_once_are_the_same(make, fitted, corpus):
    texts = np.array(corpus[0])
    np.testing.assert_array_equal(make().fit_predict(texts), fitted.labels_)
    q = make().fit_transform(tuple(corpus[0]))
    np.testing.assert_allclose(q, fitted.transform(corpus[0]), atol=1e-5)


def test_topics_that_are_known_come_first(make, corpus):
    known = [name if row % 5 == 0 else None for row, name in enumerate(corpus[1])]
    found = make(num_train_epochs=0).fit(corpus[0], known_topics=known)
    names = [found.model_.config.id2label[cluster] for cluster in found.labels_]
    assert set(names) == set(corpus[1])
    assert np.mean(np.array(names) == corpus[1]) > 0.9


def test_the_number_of_clusters_is_found(make, corpus):
    found = make(num_clusters="auto", num_train_epochs=0).fit(corpus[0])
    assert 2 <= len(found.topics_) <= 10


def test_what_is_saved_is_loaded(fitted, saved, corpus):
    loaded = TextClustering.load(saved)
    assert loaded.num_clusters == 3
    np.testing.assert_array_equal(loaded.predict(corpus[0]), fitted.labels_)
    np.testing.assert_array_equal(loaded.labels_, fitted.labels_)
    np.testing.assert_allclose(loaded.probabilities_, fitted.probabilities_, atol=1e-6)
    pd.testing.assert_frame_equal(loaded.topics_, fitted.topics_, atol=1e-6)
    assert {"clusters.csv", "report.html"} < {path.name for path in (saved / "results").iterdir()}
    with pytest.raises(InputError, match="a folder without a model"):
        loaded.save(saved)


def test_a_model_without_its_texts_sorts_others_and_says_what_it_lacks(fitted, tmp_path, corpus):
    fitted.model_.save_pretrained(tmp_path)
    fitted._trainer.processing_class.save_pretrained(tmp_path)
    loaded = TextClustering.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(corpus[0][:9]), fitted.labels_[:9])
    with pytest.raises(AttributeError, match="texts that the model was trained on are not with it"):
        _ = loaded.labels_


def test_a_report_and_a_map(fitted, tmp_path):
    path = fitted.report(tmp_path / "deep" / "report.html")
    assert "91 texts in 3 clusters" in path.read_text(encoding="utf-8")
    figure = fitted.map()
    assert sum(len(trace.x) for trace in figure.data) == 91
    assert {trace.name for trace in figure.data} == set(fitted.topics_["label"])


def test_texts_of_strangers_stay_texts_in_a_notebook(make, corpus):
    evil = "<img src=x onerror=alert(1)> "
    found = make(num_train_epochs=0).fit([evil + text for text in corpus[0]])
    page = found._repr_mimebundle_()["text/html"]
    assert page == found._repr_html_() and "<img" not in page and "&lt;img" in page
    shown = [text for trace in found.map().data for text in trace.text]
    assert len(shown) == 91 and not any("<img" in text for text in shown)


@pytest.mark.parametrize(
    "texts, message",
    [
        ("one text", "expected several, got one string"),
        (["one", ""], "got '' at place 1"),
        (["one", None], "got None at place 1"),
        (["one", 2.5], "got 2.5 at place 1"),
        ([], "no texts"),
        (["one", "two"], "cannot fill 3 clusters"),
    ],
)
def test_wrong_texts_are_one_error_before_any_model_is_loaded(make, monkeypatch, texts, message):
    monkeypatch.setattr(estimator, "load_model", None)
    with pytest.raises(InputError, match=message):
        make().fit(texts)


@pytest.mark.parametrize(
    "use", [lambda one: one.predict(["a b"]), lambda one: one.labels_, lambda one: one.topics_]
)
def test_what_is_not_fitted_says_so(make, use):
    with pytest.raises(NotFittedError):
        use(make())
    assert not hasattr(make(), "labels_")


@pytest.mark.parametrize(
    "name",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_it_passes_the_checks_that_need_no_numbers(name):
    getattr(estimator_checks, name)("TextClustering", TextClustering())


def test_a_clone_is_as_new_and_a_pickle_of_clusters_is_refused(fitted, make):
    other = clone(fitted)
    assert other.get_params() == fitted.get_params() and not hasattr(other, "labels_")
    assert pickle.loads(pickle.dumps(other)).get_params() == other.get_params()
    with pytest.raises(TypeError, match=r"call save\(folder\)"):
        pickle.dumps(fitted)


def test_it_ends_a_pipeline(make, corpus, fitted):
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    steps = make_pipeline(lower, make())
    labels = steps.fit_predict([text.upper() for text in corpus[0]])
    np.testing.assert_array_equal(labels, fitted.labels_)
    assert steps.transform(corpus[0][:2]).shape == (2, 3)


def test_an_encoder_is_chosen_by_the_language(monkeypatch):
    asked = []

    def load_tokenizer(model_args, *others):
        asked.append((model_args.model_name_or_path, model_args.text_prefix))
        raise LookupError

    monkeypatch.setattr(estimator, "load_tokenizer", load_tokenizer)
    for text in ("where is the card", "wo ist die Karte"):
        with pytest.raises(LookupError):
            TextClustering(2).fit([text, text + " 2"])
    assert asked[0] == ("sentence-transformers/all-MiniLM-L6-v2", None)
    assert asked[1] == ("intfloat/multilingual-e5-small", "query: ")


@pytest.mark.slow
def test_it_loads_in_a_clean_process_elsewhere(fitted, saved, corpus, tmp_path):
    code = (
        "import json, sys\nfrom bert_clustering import TextClustering\n"
        "loaded = TextClustering.load(sys.argv[1])\n"
        "print(json.dumps([loaded.labels_.tolist(), loaded.predict(sys.argv[2:]).tolist()]))"
    )
    command = [sys.executable, "-c", code, str(saved), *corpus[0][:5]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    labels, found = json.loads(done.stdout.splitlines()[-1])
    assert labels == fitted.labels_.tolist() and found == labels[:5]
