"""What README and docs show is run: their Python, and their commands but for those that load a
dataset of the Hub; their links, pictures and paths exist.
"""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet
import pytest
from loopback_hub import LoopbackHub
from loopback_llm import LoopbackLLM
from transformers import HfArgumentParser
from typer.testing import CliRunner

from bert_clustering import cli, run_clustering
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.run_arguments import DataArguments, ModelArguments


ROOT = Path(__file__).parent.parent
README, GUIDE, HUB = "README.md", "docs/guide.md", "docs/hub.md"
METHOD, BENCHMARKS = "docs/method.md", "docs/benchmarks.md"
SCALE, SERVING = "docs/scale.md", "docs/serving.md"
CONTRIBUTING = "CONTRIBUTING.md"
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (README, GUIDE, HUB, SCALE, SERVING, METHOD, BENCHMARKS, CONTRIBUTING)
}
MAX_README = 12_000  # bytes
HUB_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
TEACHER = "sentence-transformers/all-mpnet-base-v2"
MULTILINGUAL_ENCODER = "intfloat/multilingual-e5-small"
LLM_SERVER = "http://localhost:8000"
ARGUMENTS = (ModelArguments, DataArguments, ClusteringTrainingArguments)
# Blocks of hub.md that need what is not here: another library, and a commit's hash.
ELSEWHERE = ("bertopic", "revision")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def lines(page: str, language: str) -> list[str]:
    """Lines of all blocks, those that go on behind a backslash in one."""
    joined = "".join(blocks(page, language)).replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip()]


def commands(page: str) -> list[list[str]]:
    return [shlex.split(line) for line in lines(page, "bash") if "run_clustering.py" in line]


def arguments_of(command: list[str]) -> list[str]:
    return command[command.index("run_clustering.py") + 1 :]


def short_commands(page: str) -> list[list[str]]:
    """Those of one word."""
    return [shlex.split(line) for line in lines(page, "bash") if line.startswith("bert-clustering")]


def local_commands(page: str) -> list[list[str]]:
    return [command for command in commands(page) if "--dataset_name" not in command]


def run(command: list[str], folder: Path, returncode: int = 0, **more: str) -> str:
    """Run it in the folder; what it wrote to stderr."""
    environment = os.environ | {"HF_HOME": str(folder / "hf"), "ACCELERATE_USE_CPU": "true"} | more
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == returncode, done.stderr
    return done.stderr


def launch(command: list[str]) -> list[str]:
    """How a command starts the script here."""
    script = command.index("run_clustering.py")
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *command[1:script]]
    return [
        *([sys.executable] if command[0] == "python" else launcher),
        str(ROOT / "run_clustering.py"),
    ]


def run_commands(
    page: str,
    folder: Path,
    texts: list[str],
    encoder: str,
    server: str = "",
    in_process: bool = False,
    **more: str,
) -> int:
    """Run the local commands of a page one after the other; how many there are. Those without a
    launcher may run in this process, which has imported all libraries.
    """
    for name in ("messages.csv", "new.csv"):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            topics = ["refund", "card", *[""] * (len(texts) - 2)]
            days = [f"2024-05-{1 + row % 9:02}" for row in range(len(texts))]
            others = [topics, days, [text[0] for text in texts], range(len(texts))]
            first = 0 if name == "messages.csv" else 1000
            rows = zip(range(first, first + len(texts)), texts, *others, strict=True)
            names = ["id", "text", "topic", "sent", "product", "ticket"]
            csv.writer(file).writerows([names, *rows])
    (folder / "data").mkdir()
    table = pyarrow.table({"text": texts, "product": [text[0] for text in texts]})
    pyarrow.parquet.write_table(table, folder / "data/part.parquet")
    for block in blocks(page, "json"):
        (folder / "arguments.json").write_text(block, encoding="utf-8")
    for block in blocks(page, "yaml"):
        (folder / "topics.yaml").write_text(block, encoding="utf-8")
    for command in local_commands(page):
        put = dict.fromkeys((HUB_ENCODER, MULTILINGUAL_ENCODER, TEACHER), encoder)
        put |= {LLM_SERVER: server}
        arguments = [put.get(part, part) for part in arguments_of(command)]
        if in_process and command[0] == "python":
            with chdir(folder):
                run_clustering.main(arguments)
        else:
            run([*launch(command), *arguments], folder, **more)
    return len(local_commands(page))


def run_short_commands(page: str, folder: Path, encoder: str, in_process: bool) -> None:
    """Run those of one word, beside what `run_commands` has left."""
    for command in short_commands(page):
        more = ["--encoder", encoder] if command[1].endswith(".csv") else []
        arguments = [*command[1:], *more]
        if in_process:
            with chdir(folder):
                done = CliRunner().invoke(cli.app, arguments)
            assert done.exit_code == 0, done.output
        else:
            run([sys.executable, "-m", "bert_clustering.cli", *arguments], folder)


def column(path: Path, name: str) -> list[str]:
    with open(path, newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def heading_anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_the_readme_is_short():
    assert len(PAGES[README].encode()) <= MAX_README


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_exist(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", PAGES[page])
    local = [target for target in targets if not target.startswith(("http://", "https://"))]
    assert local
    for target in local:
        name, _, anchor = target.partition("#")
        path = ROOT / page if not name else (ROOT / page).parent / name
        assert path.exists(), target
        assert not anchor or anchor in heading_anchors(path), target


@pytest.mark.parametrize("page", (CONTRIBUTING, METHOD))
def test_files_of_the_code_that_are_named_exist(page):
    named = re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+(?:[\w.]+)?)`", PAGES[page])
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_contributing_names_each_file_of_the_rooms():
    rooms = ("assigning", "reports", "training", "publishing", "clusters", "texts")
    files = [path.relative_to(ROOT) for room in rooms for path in (ROOT / room).glob("[!_]*.py")]
    assert [str(file) for file in files if f"`{file}`" not in PAGES[CONTRIBUTING]] == []


@pytest.mark.parametrize("page", PAGES)
def test_verbs_that_are_named_are_in_the_makefile(page):
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:`|^)make ([a-z-]+)(?:`|$)", PAGES[page], flags=re.MULTILINE)
    assert set(named) <= set(verbs) and (named or page not in (README, CONTRIBUTING))


@pytest.mark.parametrize("page, count", [(README, 2), (GUIDE, 16), (HUB, 1)])
def test_commands_are_understood(page, count):
    parser = HfArgumentParser(ARGUMENTS)
    assert len(commands(page)) == count
    for command in commands(page):
        if arguments_of(command) != ["arguments.json"]:
            parser.parse_args_into_dataclasses(arguments_of(command))


def test_bash_blocks_hold_nothing_that_is_not_tried():
    others = [
        line
        for page in PAGES
        for line in lines(page, "bash")
        if not re.match(r"(accelerate launch|python) .*run_clustering\.py|bert-clustering ", line)
    ]
    assert others == ["pip install -e .", "make demo"]
    assert not [page for page in PAGES if page not in (README, GUIDE) and short_commands(page)]


def test_commands_of_the_benchmarks_name_scripts_and_options_that_exist():
    benchmarks = ROOT / "benchmarks"
    of_the_command = {f"--{field.name}" for part in ARGUMENTS for field in fields(part)}
    shared = (benchmarks / "quality.py").read_text(encoding="utf-8")
    found = [line.split() for line in lines(BENCHMARKS, "text") if "-m benchmarks." in line]
    scripts = {command[2].removeprefix("benchmarks.") for command in found}
    assert scripts == {path.stem for path in benchmarks.glob("*.py")} - {
        "in_process",  # parts of others
        "peer_methods",
    }
    for command in found:
        script = command[2].removeprefix("benchmarks.")
        code = (benchmarks / f"{script}.py").read_text(encoding="utf-8") + shared
        for option in (part for part in command if part.startswith("--")):
            assert f'"{option}"' in code or option in of_the_command, (script, option)


@pytest.mark.slow
def test_python_blocks_run_one_after_the_other(corpus, headless_dir, tmp_path):
    assert [len(blocks(page, "python")) for page in (README, GUIDE, HUB)] == [1, 1, 6]
    trained = blocks(README, "python") + [
        "import json\n"
        "names = [clustering.model_.config.id2label[cluster] for cluster in clusters]\n"
        "assert set(names) <= set(clustering.topics_['label'])\n"
        "json.dump([clusters.tolist(), names], open('expected.json', 'w'))",
        *blocks(GUIDE, "python"),
        "assert probabilities.shape == (91, 3) and embeddings.shape == (91, 40)\n"
        "assert probabilities.argmax(axis=1).tolist() == clusters.tolist()\n"
        "assert len(set(names.values())) == 3",
    ]
    code = f"texts = {corpus[0]!r}\n" + "\n".join(trained).replace(HUB_ENCODER, headless_dir)
    assert code.count(headless_dir) == 2
    run([sys.executable, "-c", code], tmp_path)

    loaded = [
        block for block in blocks(HUB, "python") if not any(word in block for word in ELSEWHERE)
    ]
    assert len(loaded) == 4 and "import bert_clustering" in loaded[-1]
    loaded.insert(
        -1,
        "import json, sys\n"
        "assert 'bert_clustering' not in sys.modules\n"
        "clusters, names = json.load(open('expected.json'))\n"
        "assert probabilities.argmax(-1).tolist() == clusters\n"
        "assert [label['label'] for label in labels] == names\n"
        "assert abs(vectors - embeddings.detach().numpy()).max() < 1e-5",
    )
    loaded.append(
        "assert type(model).__module__ == 'bert_clustering.modeling_bert_cluster'\n"
        "assert [model.config.id2label[cluster] for cluster in clusters] == names"
    )
    run([sys.executable, "-c", f"texts = {corpus[0]!r}\n" + "\n".join(loaded)], tmp_path)


@pytest.mark.slow
def test_an_error_of_a_launched_command_is_one_message(tmp_path):
    command = next(command for command in commands(README) if "--train_file" in command)
    stderr = run([*launch(command), *arguments_of(command)], tmp_path, returncode=1)
    assert "messages.csv" in stderr and "there is no such file" in stderr
    assert stderr.count("error:") == 1 and "Traceback" not in stderr


@pytest.mark.slow
@pytest.mark.parametrize("page, count", [(README, 2), (GUIDE, 15)])
def test_commands_on_files_run(page, count, corpus, headless_dir, tmp_path):
    server, in_process = LoopbackLLM(), page == GUIDE
    found = run_commands(page, tmp_path, corpus[0], headless_dir, server.url, in_process)
    assert found == count
    server.stop()
    assert column(tmp_path / "output/results/clusters.csv", "cluster") == column(
        tmp_path / "predictions/results/predictions.csv", "cluster"
    )
    run_short_commands(page, tmp_path, headless_dir, in_process)
    if page == README:
        assert (tmp_path / "messages-clusters/results/report.html").is_file()
    else:
        names = json.loads((tmp_path / "output/config.json").read_text())["id2label"].values()
        assert len(names) == 11 and "Refunds" in names
        assert "About " in (tmp_path / "output/results/names.json").read_text(encoding="utf-8")
        assigned = pyarrow.parquet.read_table(tmp_path / "assigned/clusters")
        assert assigned.num_rows == len(corpus[0]) and "product" in assigned.column_names
        edits = (tmp_path / "again/edits.yaml").read_text(encoding="utf-8")
        assert "rename" in edits and "drop" in edits, "made again, or named"


@pytest.mark.slow
def test_the_command_that_publishes_runs_and_its_commit_loads(corpus, headless_dir, tmp_path):
    hub = LoopbackHub(tmp_path / "hub")
    endpoint = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0"}
    assert run_commands(HUB, tmp_path, corpus[0], headless_dir, **endpoint) == 1
    (pinned,) = (block for block in blocks(HUB, "python") if "revision" in block)
    code = pinned.replace("0f3c1d2", hub.commits("user/topics")[-1].name.split("-")[1])
    assert code != pinned
    run([sys.executable, "-c", f"from transformers import AutoModel\n{code}"], tmp_path, **endpoint)
    hub.stop()
    assert hub.refused == []


@pytest.mark.slow
def test_the_script_is_also_a_module_for_any_folder(tmp_path):
    stderr = run(
        [sys.executable, "-m", "bert_clustering.run_clustering", "--model_name_or_path", "none"],
        tmp_path,
        returncode=1,
    )
    assert "--do_train" in stderr and "Traceback" not in stderr
