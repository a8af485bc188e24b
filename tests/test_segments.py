"""`--segments sentence`: sentences are clustered, and texts are mixes of their clusters."""

import csv
import json
import re
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from bert_clustering import InputError, run_clustering
from bert_clustering.estimator import TextClustering
from bert_clustering.texts.segments import split_text
from helpers import page_data, read_json, read_rows


SCHEMA = Path(__file__).parent.parent / "reports" / "topics.schema.json"
EMPTY = 3  # the row without a text


@pytest.fixture(scope="module")
def messages(corpus) -> list[dict[str, str]]:
    """Rows of 40 messages: one text twice as long as another one of another topic, in any order."""
    by_topic: dict[str, list[str]] = {}
    for text, topic in zip(*corpus, strict=True):
        if len(text) > 20:
            by_topic.setdefault(topic, []).append(text)
    names, rows = sorted(by_topic), []
    for number in range(40):
        main, other = names[number % 3], names[(number + 1 + number % 2) % 3]
        first, second, third = by_topic[main][-1], by_topic[main].pop(0), by_topic[other].pop(0)
        by_topic[main].append(second)
        by_topic[other].append(third)
        parts = [f"{first} {second}!", f"{third}!"]  # 'fig.' would be short for figure
        text = " ".join(parts if number % 4 else parts[::-1])
        shop = "north" if number % 2 else "south"
        rows.append({"id": f"m{number}", "text": text, "topic": main, "shop": shop})
    rows[EMPTY]["text"] = ""
    return rows


@pytest.fixture(scope="module")
def train_file(messages, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "messages.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, messages[0])
        writer.writeheader()
        writer.writerows(messages)
    return path


def run(*arguments: object) -> None:
    run_clustering.main([*map(str, arguments), "--disable_tqdm", "true", "--use_cpu"])


def read(train_file: Path) -> tuple:
    return ("--train_file", train_file, "--id_column", "id", "--skip_bad_rows")


@pytest.fixture(scope="module")
def trained(headless_dir, train_file, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("segments") / "run"
    run(
        *("--model_name_or_path", headless_dir, "--num_clusters", 3, "--segments", "sentence"),
        *(*read(train_file), "--label_column", "topic", "--group_column", "shop", "--do_train"),
        *("--per_device_train_batch_size", 16, "--num_train_epochs", 2, "--stop_tolerance", 0),
        *("--save_embeddings", "--output_dir", output),
    )
    return output


def check_mixes(documents: list[dict[str, str]], sentences: list[dict[str, str]]) -> None:
    """Each document's topics are the shares of its sentences, the largest its cluster's."""
    for row in documents:
        own = [sentence for sentence in sentences if sentence["id"] == row["id"]]
        lengths: dict[str, int] = {}
        for sentence in own:
            lengths.setdefault(sentence["label"], 0)
            lengths[sentence["label"]] += len(sentence["text"])
        shares = dict(re.findall(r"(?:^|; )(.+?) (\d\.\d\d)(?=;|$)", row["topics"]))
        expected = {
            label: f"{length / sum(lengths.values()):.2f}" for label, length in lengths.items()
        }
        assert shares == expected
        if row["cluster"] != "":
            assert row["label"] == next(iter(shares)) and shares[row["label"]] == max(
                shares.values()
            )


def test_a_run_tells_the_topics_of_each_text(trained, messages):
    rows = read_rows(trained / "results" / "clusters.csv")
    sentences = read_rows(trained / "results" / "segments.csv")
    assert [(row["id"], row["text"], row["shop"]) for row in rows] == [
        (message["id"], message["text"], message["shop"]) for message in messages
    ]
    assert [*rows[EMPTY].values()][1:8] == [""] * 7
    assert [sentence["text"] for sentence in sentences] == [
        sentence
        for message in messages
        if message["text"]
        for sentence in split_text(message["text"])
    ]
    assert {sentence["sentence"] for sentence in sentences} == {"0", "1"}
    check_mixes(rows, sentences)
    assert sum(";" in row["topics"] for row in rows) > 30, "most messages have two topics"
    scores = read_json(trained / "all_results.json")
    assert scores["eval_accuracy"] > 0.9 and scores["kmeans_accuracy"] > 0.5
    assert "eval_calibration_error" not in scores
    assert len(np.load(trained / "results" / "embeddings.npy")) == len(sentences) == 78


def test_report_card_and_json_say_sentences_and_texts(trained):
    config, page = (
        read_json(trained / "config.json"),
        (trained / "results" / "report.html").read_text(encoding="utf-8"),
    )
    assert config["segments"] == "sentence" and config["sentence_language"] == "en"
    assert "78 sentences of 39 texts in 3 clusters" in page
    assert "1 of the 40 rows had no usable text" in " ".join(page.split())
    data = page_data(page)
    assert data["unit"] == "sentences" and len(data["documents"]["id"]) == 78
    assert data["documents"]["id"][:2] == ["m0", "m0"]
    assert data["documents"]["topics"][0] == data["documents"]["topics"][1]
    assert sum(sum(row) for row in data["confusion"]["counts"]) == 39
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert "on 78 sentences" in card and "It was trained on sentences" in card
    assert "- Clustered: each sentence" in card
    topics = read_json(trained / "results" / "topics.json")
    jsonschema.validate(topics, read_json(SCHEMA))
    clusters, documents, segments = topics["payload"].values()
    assert len(documents) == 39 and len(segments) == 78
    assert sum(cluster["size"] for cluster in clusters) == 78
    assert sum(cluster["documents"] for cluster in clusters) == sum(
        len(document["topics"]) for document in documents
    )
    for document in documents:
        assert document["topics"][0]["cluster_id"] == document["cluster_id"]
        assert sum(topic["share"] for topic in document["topics"]) == pytest.approx(1)


def test_each_text_counts_once_for_each_of_its_topics_in_its_group(trained):
    data = page_data((trained / "results" / "report.html").read_text(encoding="utf-8"))
    topics = read_json(trained / "results" / "topics.json")["payload"]["documents"]
    (group,) = data["cuts"]["groups"]
    assert len(group["parts"]) == 78 and sorted(group["names"]) == ["north", "south"]
    page = (trained / "results" / "report.html").read_text(encoding="utf-8")
    counts = [int(n) for n in re.findall(r'title="(\d+) texts, [\d.]+ times', page)]
    assert sum(counts) == sum(len(document["topics"]) for document in topics)


def test_new_texts_are_split_and_mixed_in_the_same_way(trained, train_file, messages, tmp_path):
    run(
        *("--model_name_or_path", trained, "--do_predict", "--predict_file", train_file),
        *("--id_column", "id", "--skip_bad_rows", "--predict_text", messages[0]["text"]),
        *("--label_column", "topic", "--output_dir", tmp_path),
    )
    for name, other in (("clusters", "predictions"), ("segments", "predicted_segments")):
        known, new = (
            read_rows(folder / "results" / f"{file}.csv")
            for folder, file in ((trained, name), (tmp_path, other))
        )
        for column in ("id", "cluster", "label", "topics", "text", "sentence"):
            assert [row.get(column) for row in new] == [row.get(column) for row in known]
    scores = [read_json(trained / "all_results.json"), read_json(tmp_path / "predict_results.json")]
    assert scores[0]["eval_accuracy"] == scores[1]["predict_accuracy"]
    mix = read_json(tmp_path / "results" / "topic_mix.json")
    told = read_rows(trained / "results" / "clusters.csv")[0]["topics"]
    shown = [f"{topic['name']} {topic['value']:.2f}" for topic in mix["distribution"][:2]]
    assert "; ".join(shown) == told
    assert [segment["content"] for segment in mix["segments"]] == [
        [sentence] for sentence in split_text(messages[0]["text"])
    ]


def test_whole_texts_leave_no_sentences_of_an_earlier_run(trained, train_file, tmp_path):
    folder, new = tmp_path / "run", tmp_path / "new"
    shutil.copytree(trained, folder)
    for segments in ("sentence", "text"):
        run(
            *("--model_name_or_path", trained, "--segments", segments, "--do_predict"),
            *("--predict_file", train_file, "--skip_bad_rows", "--output_dir", new),
        )
        assert (new / "results" / "predicted_segments.csv").exists() == (segments == "sentence")
    assert "topics" not in read_rows(new / "results" / "predictions.csv")[0]
    what = ("--model_name_or_path", trained, *read(train_file), "--do_eval")
    run(*what, "--segments", "text", "--output_dir", folder)
    assert not (folder / "results" / "segments.csv").exists()
    assert "topics" not in read_rows(folder / "results" / "clusters.csv")[0]


def test_a_report_and_a_merge_go_on_from_the_sentences(trained, tmp_path):
    again, merged = tmp_path / "again", tmp_path / "merged"
    shutil.copytree(trained, again)
    run("--do_report", "--model_name_or_path", again)
    for name in ("clusters.csv", "segments.csv", "classes.csv"):
        found = [(folder / "results" / name).read_bytes() for folder in (trained, again)]
        assert found[0] == found[1], name
    run("--do_report", "--model_name_or_path", trained, "--merge", "0,1", "--output_dir", merged)
    rows = read_rows(merged / "results" / "clusters.csv")
    check_mixes(rows, read_rows(merged / "results" / "segments.csv"))
    assert len({row["cluster"] for row in rows if row["cluster"]}) == 2
    (again / "results" / "segments.csv").write_text("id,sentence,text,cluster\nm0,0,a,1\n")
    with pytest.raises(SystemExit, match="does not hold the ids of"):
        run("--do_report", "--model_name_or_path", again)


def test_levels_outliers_known_sentences_and_samples(headless_dir, train_file, messages, tmp_path):
    sentence = split_text(messages[7]["text"])[0]
    topics = tmp_path / "topics.json"
    topics.write_text(json.dumps([{"name": "Known", "examples": [sentence]}]))
    run(
        *("--model_name_or_path", headless_dir, "--levels", "2,4", "--segments", "sentence"),
        *(*read(train_file), "--do_train", "--num_train_epochs", 0, "--topics", topics),
        *("--max_train_samples", 30, "--outlier_threshold", 0.5, "--output_dir", tmp_path / "run"),
    )
    rows = read_rows(tmp_path / "run" / "results" / "clusters.csv")
    sentences = read_rows(tmp_path / "run" / "results" / "segments.csv")
    assert len(rows) == 30 and "m7" in {row["id"] for row in rows}
    levels = read_json(tmp_path / "run" / "config.json")["levels"][0]
    assert any(row["cluster"] == "-1" for row in sentences)
    for row in (*rows, *sentences):
        finest = int(row["cluster"] or -1)
        above = "-1" if finest < 0 else str(levels[finest])
        assert row["cluster"] == "" or row["cluster_1"] == above
    for row in rows:
        own = [one["label"] for one in sentences if one["id"] == row["id"]]
        assert (row["cluster"] == "-1") == (bool(own) and set(own) == {"outlier"})
        assert ("outlier" in row["topics"]) == ("outlier" in own)
    known = [row for row in sentences if row["text"] == sentence]
    assert known and {row["id"] for row in known} >= {"m7"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--segments", "word"], "segments"),
        (["--segments", "sentence", "--known_label_column", "topic"], "says the topic of texts"),
        (["--segments", "sentence", "--teacher_embeddings", "v.npy"], "are of texts"),
        (["--segments", "sentence", "--keep_columns", "topics"], "'topics'"),
    ],
)
def test_what_does_not_go_together_is_one_error(more, message, headless_dir, train_file, tmp_path):
    what = ("--model_name_or_path", headless_dir, *read(train_file), "--num_clusters", 3)
    with pytest.raises(SystemExit, match=message):
        run(*what, "--do_train", "--output_dir", tmp_path / "run", *more)
    assert not (tmp_path / "run").exists()


def test_a_report_is_on_what_was_clustered(trained):
    with pytest.raises(SystemExit, match="a report is on what the run has clustered"):
        run("--do_report", "--model_name_or_path", trained, "--segments", "text")


def test_from_python(messages, headless_dir, tmp_path):
    texts = [message["text"] for message in messages if message["text"]]
    clustering = TextClustering(
        3,
        encoder=headless_dir,
        segments="sentence",
        num_train_epochs=0,
        training_arguments={"use_cpu": True},
    )
    with pytest.raises(InputError, match="known_topics are of texts"):
        clustering.fit(texts, known_topics=["a", *[None] * (len(texts) - 1)])
    shares = clustering.fit_transform(texts)
    assert shares.shape == (39, 3) and np.allclose(shares.sum(axis=1), 1)
    assert ((shares > 0).sum(axis=1) == 2).mean() > 0.8
    assert clustering.labels_.tolist() == shares.argmax(axis=1).tolist()
    assert len(clustering.probabilities_) == 39 and len(clustering.embeddings_) == 78
    assert clustering.topics_["size"].sum() == 78 and (clustering.topics_["texts"] <= 39).all()
    np.testing.assert_array_equal(clustering.transform(texts), shares)
    clustering.save(tmp_path / "saved")
    loaded = TextClustering.load(tmp_path / "saved")
    assert loaded.segments == "sentence"
    np.testing.assert_array_equal(loaded.predict(texts), clustering.labels_)
    assert loaded.labels_.tolist() == clustering.labels_.tolist()
