"""`bert-clustering`: what it finds out by itself, and what it hands on."""

import csv
import webbrowser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bert_clustering import cli


MESSAGES = [
    "Where is the card that I have ordered?",
    "The money is not in my account, why is that?",
]


@pytest.fixture
def handed_on(monkeypatch) -> list[list[str]]:
    """The arguments that the run would get."""
    calls = []
    monkeypatch.setattr(cli.run_clustering, "main", calls.append)
    return calls


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The command, beside a file `messages.csv`."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "messages.csv", MESSAGES)
    return lambda *arguments: CliRunner().invoke(cli.app, list(map(str, arguments)))


def write(path: Path, messages: list[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = [[f"T-{row}", "chat", message] for row, message in enumerate(messages)]
        csv.writer(file).writerows([["ticket_id", "channel", "message"], *rows])


def options(arguments: list[str]) -> dict[str, str]:
    """The options of a run; the last of two is the one that counts."""
    names = [place for place, word in enumerate(arguments) if word.startswith("--")]
    return {arguments[place]: " ".join(arguments[place + 1 : place + 2]) for place in names}


def test_one_word_is_enough(call, handed_on):
    done = call("messages.csv")
    assert done.exit_code == 0
    assert "Texts: column 'message'" in done.output and "column 'ticket_id'" in done.output
    assert "Encoder: sentence-transformers/all-MiniLM-L6-v2." in done.output
    (arguments,) = handed_on
    assert "--do_train" in arguments and "--text_prefix" not in arguments
    wanted = {
        "--train_file": "messages.csv",
        "--text_column": "message",
        "--id_column": "ticket_id",
        "--model_name_or_path": "sentence-transformers/all-MiniLM-L6-v2",
        "--num_clusters": "auto",
        "--output_dir": "messages-clusters",
    }
    assert wanted.items() <= options(arguments).items()


def test_texts_that_are_not_english_get_an_encoder_of_many_languages(call, handed_on, tmp_path):
    write(
        tmp_path / "nachrichten.csv", ["Wo ist die Karte, die ich bestellt habe?", "Das Geld ist"]
    )
    done = call("nachrichten.csv")
    assert "Encoder: intfloat/multilingual-e5-small." in done.output
    found = options(handed_on[0])
    assert found["--model_name_or_path"] == "intfloat/multilingual-e5-small"
    assert found["--text_prefix"] == "query: "


def test_times_are_found_too(call, handed_on, tmp_path):
    row = "my card is lost,2024-05-01,2024-05-02,2024-05-03"
    (tmp_path / "dated.csv").write_text(f"text,label,label_1,sent\n{row}\n")
    done = call("dated.csv")
    assert "Times: column 'sent'." in done.output, "a column of a name of ours cannot be kept"
    assert options(handed_on[0])["--time_column"] == "sent"
    call("dated.csv", "--time", "day", "--group_column", "a", "b")
    assert options(handed_on[1])["--time_column"] == "day"
    assert handed_on[1][-3:] == ["--group_column", "a", "b"]


@pytest.mark.parametrize(
    "names",
    [
        ("--text", "--id", "--encoder", "--clusters", "--output"),
        ("--text_column", "--id_column", "--model_name_or_path", "--num_clusters", "--output_dir"),
    ],
)
def test_what_is_said_is_taken_by_short_names_and_by_those_of_the_run(call, handed_on, names):
    values = ("channel", "message", "own/encoder", "7", "elsewhere")
    words = [word for pair in zip(names, values, strict=True) for word in pair]
    done = call("messages.csv", *words, "--max_seq_length", 256, "--num_train_epochs", 2)
    assert done.exit_code == 0 and done.output == ""
    wanted = {
        "--text_column": "channel",
        "--id_column": "message",
        "--model_name_or_path": "own/encoder",
        "--num_clusters": "7",
        "--output_dir": "elsewhere",
        "--max_seq_length": "256",
        "--num_train_epochs": "2",
    }
    assert wanted.items() <= options(handed_on[0]).items()


@pytest.mark.parametrize("levels", [["--levels", "2,4"], ["--levels=2,4"]])
def test_levels_say_how_many_clusters_there_are(call, handed_on, levels):
    assert call("messages.csv", *levels).exit_code == 0
    assert handed_on[0][-len(levels) :] == levels and "--num_clusters" not in handed_on[0]
    assert call("messages.csv", "--clusters", 4, *levels).exit_code == 0
    assert options(handed_on[1])["--num_clusters"] == "4", (
        "the run says that it is one or the other"
    )


def test_who_is_to_give_names_is_handed_on(call, handed_on):
    told = ("--name_with", "http://localhost:8000#large", "--about", "notes to us", "--send_texts")
    assert call("messages.csv", *told).exit_code == 0
    assert handed_on[0][-5:] == list(told)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nothing.csv"], "'nothing.csv': there is no such file"),
        (["messages.doc"], "unknown format"),
        (["--max_seq_length", "256", "messages.csv"], "the file of the texts first"),
        (["numbers.csv"], "expected a column of texts"),
    ],
)
def test_what_is_wrong_is_one_error(call, handed_on, tmp_path, arguments, message):
    (tmp_path / "messages.doc").touch()
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")
    done = call(*arguments)
    assert done.exit_code == 1 and not handed_on
    assert str(done.exception).startswith("error: ") or "error: " in done.output
    assert message in done.output + str(done.exception)


def test_the_report_is_opened_where_that_is_asked_for(call, handed_on, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    call("messages.csv")
    assert opened == []
    call("messages.csv", "--open")
    assert opened == [(tmp_path / "messages-clusters" / "results" / "report.html").as_uri()]


def test_help_fits_one_screen(call):
    lines = call("--help").output.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    assert "run_clustering" in " ".join(lines)


@pytest.mark.parametrize(
    "file, folder",
    [
        ("messages.csv", "messages-clusters"),
        ("../a/messages.JSONL.GZ", "messages-clusters"),
        ("v1.2 messages.xlsx", "v1.2 messages-clusters"),
    ],
)
def test_the_folder_is_called_by_the_file(file, folder):
    assert cli.default_output(file) == folder


def test_a_run_of_one_word(call, tmp_path, corpus, headless_dir):
    write(tmp_path / "fruit.csv", corpus[0])
    done = call("fruit.csv", "--encoder", headless_dir, "--clusters", 3, "--use_cpu")
    assert done.exit_code == 0, done.output
    results = tmp_path / "fruit-clusters" / "results"
    assert f"Report: {Path('fruit-clusters', 'results', 'report.html')}" in done.output
    with open(results / "clusters.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"T-{row}" for row in range(len(corpus[0]))]
