"""Results on a Hub: private, whole, and never over what is not ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from bert_clustering.errors import InputError
from bert_clustering.publishing.results import check_results_repos


ROOT = Path(__file__).parents[2]
ID = "tester/found"
DATASET, SPACE = f"datasets/{ID}", f"spaces/{ID}"


@pytest.fixture
def call(hub, tmp_path):
    """A process that knows this Hub alone; with a token unless it is empty."""

    def run(*command: str, token: str = "hf_right") -> subprocess.CompletedProcess:
        unknown = ("HF_HUB_OFFLINE", "HF_TOKEN")
        environment = {name: value for name, value in os.environ.items() if name not in unknown}
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / f"known_{token}")}
        environment |= {"OMP_NUM_THREADS": "1"} | ({"HF_TOKEN": token} if token else {})
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def cluster(call, headless_dir, corpus, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(corpus[0]), encoding="utf-8")

    def run(*more: str, token: str = "hf_right") -> subprocess.CompletedProcess:
        command = [str(ROOT / "run_clustering.py"), "--model_name_or_path", headless_dir]
        command += ["--train_file", "texts.txt", "--num_clusters", "3", "--do_train", "--use_cpu"]
        command += ["--output_dir", "run", "--num_train_epochs", "0", "--disable_tqdm", "true"]
        return call(*command, *more, token=token)

    return run


@pytest.fixture
def check(hub, monkeypatch, tmp_path):
    """The error of the check against this Hub; nothing where there is none."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def call(repo_id: str, token: str = "hf_right") -> str:
        try:
            check_results_repos(repo_id, token)
        except InputError as error:
            return str(error)
        return ""

    return call


@pytest.mark.parametrize("repo_id", ["found", "a/b/c", "tester/has space", "", "tester/"])
def test_a_malformed_id_is_one_error(repo_id):
    with pytest.raises(InputError, match="--push_results: expected user/name"):
        check_results_repos(repo_id, "hf_right")


@pytest.mark.slow
def test_results_and_report_arrive_and_load(hub, cluster, call, corpus, tmp_path):
    done = cluster("--push_results", ID)
    assert done.returncode == 0, done.stderr
    assert hub.private == {DATASET, SPACE}
    results = tmp_path / "run" / "results"
    paths = [path for path in results.rglob("*") if path.is_file()]
    local = {path.relative_to(results).as_posix(): path.read_bytes() for path in paths}
    arrived = {name: path.read_bytes() for name, path in hub.files(DATASET).items()}
    assert arrived.pop("README.md") and arrived == local
    page = hub.files(SPACE)
    assert set(page) == {"README.md", "index.html"}
    assert page["index.html"].read_bytes() == local["report.html"]
    assert "sdk: static" in page["README.md"].read_text(encoding="utf-8")
    code = f"from datasets import load_dataset\nd = load_dataset('{ID}', 'clusters')['train']\n"
    loaded = call("-c", code + "print(*d['text'], sep='\\n')")
    assert loaded.stdout.split("\n")[: len(corpus[0])] == list(corpus[0]), loaded.stderr
    assert call("-c", code, token="").returncode != 0

    # Again, for the finished run
    again = ("--model_name_or_path", "run", "--do_report", "--push_results", ID)
    done = call(str(ROOT / "run_clustering.py"), *again)
    assert done.returncode == 0, done.stderr
    assert len(hub.commits(DATASET)) == len(hub.commits(SPACE)) == 3


@pytest.mark.slow
def test_nothing_goes_anywhere_unasked_or_without_a_token(hub, cluster, tmp_path):
    done = cluster("--push_results", ID, token="")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: --push_results needs a token" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()
    assert cluster().returncode == 0
    assert not hub.folder.exists()


def test_a_token_writes_where_it_may(check):
    assert "the Hub refuses" in check(ID, token="hf_wrong")
    assert "may not write to 'other/found'" in check("other/found")
    assert check(ID) == check("team/found") == ""


@pytest.mark.parametrize("kind", [DATASET, SPACE])
def test_what_is_not_ours_or_is_public_is_refused(hub, check, kind):
    hub.private.add(kind)
    for card in (None, "---\ntags:\n- cats\n---\n", "no metadata"):
        theirs = hub.add_commit(kind)
        if card:
            (theirs / "README.md").write_text(card)
        assert "that is not of BERT-Clustering" in check(ID), card
    (hub.add_commit(kind) / "README.md").write_text("---\ntags:\n- bert-clustering\n---\n")
    assert check(ID) == ""
    hub.private.remove(kind)
    assert f"the {kind.split('s/')[0]} '{ID}' is public" in check(ID)
