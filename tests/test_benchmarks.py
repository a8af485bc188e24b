"""The benchmarks' tables: means and spreads of what is known, and runs that are not repeated."""

import csv
import json
import sys

import numpy as np
import pytest

from benchmarks import (
    ablation,
    levels,
    masked_lm,
    names,
    outliers,
    peer_methods,
    peers,
    quality,
    segments,
    starts,
    trust,
)
from benchmarks.in_process import trainer_for


def result(corpus: str, setting: str, seed: int, accuracy: float, **more: float) -> dict:
    scores = {
        f"{stage}_{name}": accuracy
        for stage in ("kmeans", "init", "eval")
        for name in quality.SCORES
    }
    sizes = {"eval_smallest_cluster": 3, "eval_largest_cluster": 9 + seed}
    return {
        "corpus": corpus,
        "setting": setting,
        "seed": seed,
        "metrics": {"num_clusters": 4 + seed, "start_runtime": 1.0, "train_runtime": 2.0}
        | scores
        | sizes
        | more,
    }


@pytest.mark.parametrize(
    "values, shown", [([], ""), ([0.5], "0.500"), ([0.4, 0.6], "0.500 ± 0.141")]
)
def test_spread(values, shown):
    assert quality.spread(values) == shown


def test_tables_show_what_is_known():
    results = [
        result("a", "default", 0, 0.4),
        result("a", "default", 1, 0.6, untrained_accuracy=0.3, untrained_nmi=0.2),
    ]
    results.append(result("b", "auto", 2, 0.7))
    assert "| 0.300 / 0.200 | 0.500 ± 0.141 / 0.500 ± 0.141 |" in quality.summary(results)
    assert (
        "| b | 6 | auto | 1 | 0.700 / 0.700 | 0.700 / 0.700 |  | 0.700 / 0.700 |"
        in quality.summary(results)
    )
    table = quality.table(results)
    assert "| a | 4 | default | untrained | 0.300 | 0.200 |  |" in table
    assert "| 3 to 10 | 3 |" in table and table.count("\n") == 1 + 4 + 3


def test_ablation_shows_a_column_a_setting():
    results = [result("a", "default", 0, 0.5), result("a", "no guard", 0, 0.25)]
    assert ablation.table(results).splitlines()[-1] == "| a | 0.500 | 0.500 | 0.250 |"


def test_a_run_that_is_kept_is_not_repeated(tmp_path, monkeypatch):
    made = []

    def run(encoder, corpus, setting, seed, label_column, more):
        made.append((corpus, setting, seed, more))
        return {"num_clusters": 2}

    monkeypatch.setattr(quality, "run", run)
    command = [
        "quality",
        "--encoder",
        "e",
        "--corpora",
        "x/a.csv:2:30",
        "--settings",
        "one two",
        "--seeds",
        "1",
        "2",
    ]
    command += ["--results", str(tmp_path), "--max_seq_length", "9"]
    monkeypatch.setattr(sys, "argv", command)
    for _ in range(2):
        results = quality.collect("", {"one two": ["--init", "kmeans"]}, ["one two"], "unused")
    assert made == [
        ("x/a.csv:2:30", ["--init", "kmeans"], seed, ["--max_seq_length", "9"]) for seed in (1, 2)
    ]
    assert [r["corpus"] for r in results] == ["a, 30 texts"] * 2
    kept = json.loads((tmp_path / "a-30-texts-one-two-1.json").read_text())
    assert kept == results[0]


def test_outliers_of_peers_are_wrong():
    classes = np.array(["a", "a", "b", "b", "b"])
    found = peers.scores(classes, np.array([1, -1, 0, 0, -1]))
    assert found["accuracy"] == 3 / 5 and found["outliers"] == 2 / 5 and found["num_clusters"] == 2
    assert 0 < found["nmi"] < 1 and 0 < found["ari"] < 1
    nothing = peers.scores(classes, np.full(5, -1))
    assert nothing["accuracy"] == nothing["ari"] == 0 and nothing["num_clusters"] == 0


def test_a_peer_is_a_process_whose_time_and_memory_are_its_own():
    code = "import time; block = bytearray(300 * 2**20); time.sleep(0.5)"
    seconds, memory = peers.run([sys.executable, "-c", code])
    assert 0.5 < seconds < 30 and 300 < memory < 500
    assert 0 < peers.run([sys.executable, "-c", "import time; time.sleep(0.3)"])[1] < 100
    with pytest.raises(peers.subprocess.CalledProcessError):
        peers.run([sys.executable, "-c", "raise SystemExit(3)"])


def test_peers_are_told_the_classes_of_the_sample(tmp_path, monkeypatch):
    rows = [["text", "label"], *([f"t{number}", number] for number in range(30))]
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    told = []

    def measure(method, documents, encoder, num_clusters, seed, python):
        told.append((method, len(documents), num_clusters, seed))
        kept = dict.fromkeys(("accuracy", "nmi", "ari", "outliers", "seconds", "peak_mib"), 0.5)
        return kept | {"num_clusters": num_clusters}

    monkeypatch.setattr(peers, "measure", measure)
    command = [
        "peers",
        "--encoder",
        "e",
        "--peers_python",
        "p",
        "--methods",
        "EVoC",
        "--seeds",
        "1",
    ]
    command += ["--results", str(tmp_path), "--corpora"]
    monkeypatch.setattr(sys, "argv", [*command, f"{tmp_path}/a.csv::12", f"{tmp_path}/a.csv:5:9"])
    peers.main()
    assert told == [("EVoC", 12, 12, 1), ("EVoC", 9, 5, 1)]
    assert (tmp_path / "a-12-texts-EVoC-1.json").exists()


def test_a_document_without_topics_is_an_outlier():
    topics = np.array([[0.1, 0.3, 0.2], [0, 0, 0], [-0.2, -0.5, -0.1]])
    assert peer_methods.strongest(topics) == [1, -1, 2]


def test_the_table_of_peers():
    kept = {
        "corpus": "a",
        "accuracy": 0.5,
        "nmi": 0.4,
        "ari": 0.3,
        "outliers": 0.25,
        "seconds": 9.6,
        "peak_mib": 1500,
    }
    results = [kept | {"method": "m", "seed": seed, "num_clusters": 7 + seed} for seed in (0, 2)]
    assert peers.table(results).splitlines()[-1] == (
        "| a | m | 0.500 ± 0.000 | 0.400 ± 0.000 | 0.300 ± 0.000 | 7 to 9 | 25.0% | 10 | 1,500 |"
    )


def test_purity_by_stability_is_weighted_by_documents():
    clusters = [
        {"size": 30, "purity": 1.0, "stability": 1.0, "probability": 0.5},
        {"size": 10, "purity": 0.6, "stability": 0.97, "probability": 0.7},
        {"size": 10, "purity": 0.5, "stability": 0.2, "probability": 0.3},
    ]
    results = [{"corpus": "a", "clusters": clusters}]
    stability, probability = trust.purity_table(results).splitlines()[-2:]
    assert stability == "| stability | 0.500 (1) |  |  |  | 0.900 (2) |"
    assert probability == "| probability | 0.875 (2) | 0.600 (1) |  |  |  |"
    assert trust.correlation_table(results).splitlines()[-1] == "| a | 1.000 | 0.500 |"


def test_in_process_training_records_what_the_benchmarks_need(
    corpus, headless_dir, tmp_path, monkeypatch
):
    texts, classes = corpus
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *zip(texts, classes, strict=True)])
    spec, options = (
        f"{tmp_path / 'a.csv'}:3:80",
        ["--per_device_train_batch_size", "16", "--use_cpu"],
    )

    trainer, documents = trainer_for(headless_dir, spec, 1, "label", tmp_path / "run", options)
    assert (
        len(documents) == len(trainer.train_dataset) == 80
        and trainer.model.config.num_clusters == 3
    )

    monkeypatch.setattr(
        "bert_clustering.training.initialize.agreement", lambda *_: 0.5
    )  # so that alpha is fitted anew
    found = trust.run(headless_dir, spec, 1, "label", options)
    assert (
        found["alphas"][0] != found["alphas"][1] and sum(c["size"] for c in found["clusters"]) == 80
    )
    assert found["before"]["mean_probability"] > 0.6
    assert found["after"]["mean_probability"] == pytest.approx(found["agreement"], abs=0.01)
    table = trust.calibration_table([found | {"corpus": "a"}]).splitlines()[-1]
    assert f"| a | 1 | {found['accuracy']:.3f} | {found['agreement']:.3f} |" in table

    picture = tmp_path / "picture.png"
    options += ["--num_train_epochs", "2", *masked_lm.ALONE]
    refreshes = masked_lm.run(headless_dir, spec, options, 1, "label", picture)
    assert [seen["epoch"] for seen in refreshes] == [0, 1, 2] and picture.stat().st_size > 10_000
    assert all(sum(seen["sizes"]) == 80 for seen in refreshes)
    assert (
        refreshes[0]["centroid_drift"] == 0
        and refreshes[0]["spread"] == 1
        and refreshes[2]["centroid_drift"] > 0
    )
    table = masked_lm.table(
        [{"setting": "s", "losses": "l", "refreshes": refreshes}], [0, 2]
    ).splitlines()
    assert len(table) == 4 and table[-1].startswith(
        "| s | l | 2 | " + " / ".join(map(str, refreshes[2]["sizes"]))
    )


def test_the_number_of_clusters_is_looked_for_where_none_is_named(corpus, headless_dir, tmp_path):
    texts, classes = corpus
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *zip(texts, classes, strict=True)])
    options = ["--use_cpu", "--max_clusters", "5", "--min_clusters", "3"]
    found = starts.run(headless_dir, f"{tmp_path / 'a.csv'}:auto", 1, "label", options)
    assert sorted([found["num_clusters"], *found["next_best"]]) == [3, 4, 5]
    assert starts.number_of(found).endswith(f" for {len(set(classes))}")


def test_a_level_is_compared_with_its_number_of_clusters_alone(corpus, headless_dir, tmp_path):
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *zip(*corpus, strict=True)])
    spec, options = f"{tmp_path / 'a.csv'}:3", ["--use_cpu", "--num_train_epochs", "0"]
    found = levels.run(headless_dir, spec, "3,9", 1, "label", options)
    assert found["alone"]["accuracy"] > 0.5 and found["level"]["accuracy"] > 0.5
    row = levels.table({("a", "3,9", "3"): [found]}, levels.START).splitlines()[-1]
    assert row.startswith(f"| a | 3, 9 | 3 | {found['alone']['accuracy']:.3f} / ")
    gained = [found["level"][s] - found["alone"][s] for s in ("accuracy", "nmi")]
    assert row.endswith(f"| {gained[0]:+.3f} / {gained[1]:+.3f} |")
    for several in ("3,9", "2,3"):  # the level that is scored is a coarser one, or the finest
        trained = levels.run_trained(headless_dir, spec, several, 1, "label", options)
        assert trained.keys() == levels.TRAINED.keys()
        assert min(scores["accuracy"] for scores in trained.values()) > 0.5


def test_foreign_texts_are_told_from_those_of_the_home_corpus(corpus, headless_dir, tmp_path):
    (tmp_path / "home.txt").write_text("\n".join(corpus[0]))
    (tmp_path / "foreign.txt").write_text("\n".join(f"who {number} " * 40 for number in range(30)))
    options = ["--per_device_train_batch_size", "16", "--use_cpu"]
    found = outliers.run(
        headless_dir, f"{tmp_path / 'home.txt'}:3:60", [str(tmp_path / "foreign.txt")], 1, options
    )
    assert found["new"]["auc"] > 0.9
    shares = [found["new"][str(threshold)]["share"] for threshold in outliers.THRESHOLDS]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0
    row = outliers.table([{"home": "home", "seed": 1} | found]).splitlines()[-1]
    assert row.startswith(f"| home | among new texts | 1 | {found['new']['auc']:.3f} |")


def test_foreign_texts_come_in_equal_parts(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name} " * 50 for _ in range(9)))
    files = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    drawn = outliers.draw_foreign(files, 7, np.random.default_rng(0))
    assert [text.split() for text in drawn] == [["a"] * 30] * 4 + [["b"] * 30] * 3


def test_terms_that_meet_in_texts_cohere():
    held = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=bool)
    assert names.npmi(held[:, :2]) == pytest.approx(1)
    assert names.npmi(held[:, [0, 2]]) == -1
    assert names.npmi(held) == pytest.approx(-1 / 3)
    texts = ["red apple", "red apple", "blue sea", "blue sea"]
    assert names.coherence(texts, [["red", "apple"], ["blue", "sea"], []]) == pytest.approx(1)
    assert names.coherence(texts, [["red apple", "sea"]]) == -1


def test_keywords_that_clusters_share_are_not_diverse():
    assert names.diversity([["red", "apple"], ["red", "sea"]]) == 0.75


def test_messages_are_of_several_classes_and_their_topics_are_scored(
    corpus, headless_dir, tmp_path
):
    texts, classes = corpus
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *zip(texts, classes, strict=True)])
    spec = f"{tmp_path / 'a.csv'}:3:30"
    messages, truth = segments.make_messages(spec, "label", 1)
    assert len(messages) == 30 and {*(truth > 0).sum(axis=1)} == {1, 2, 3}
    assert np.allclose(truth.sum(axis=1), 1)
    assert 5 < sum(message.startswith("Hi! ") for message in messages) < 25
    found = segments.run(headless_dir, spec, 1, "label", ["--use_cpu", "--num_train_epochs", "0"])
    assert found["sentences"]["recall"] > 0.8 > found["whole"]["recall"]
    assert found["sentences"]["share error"] < found["whole"]["share error"]
    row = segments.table({"a": [found]}).splitlines()[4]
    assert row.startswith(f"| a | sentences | {found['sentences']['precision']:.3f} | ")


def test_topics_of_messages_are_right_where_their_classes_say_so():
    truth = np.array([[0.5, 0.5], [1, 0], [0, 1]])
    perfect = segments.score(truth[:, ::-1], truth, least=0)
    assert perfect == {"precision": 1, "recall": 1, "share error": 0}
    lost = np.column_stack([truth[:, 0], truth[:, 1] / 2, truth[:, 1] / 2])
    scores = segments.score(lost, truth, least=0)
    assert scores["precision"] == 4 / 6 and scores["recall"] == 1
    assert scores["share error"] == pytest.approx((0.25 + 0 + 0.5) / 3)
