"""The package as it is built: what a wheel holds, and that it works where nothing of the checkout
is.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
DEPENDENCIES = sysconfig.get_path("purelib")
BESIDE_THE_PACKAGE = ("tests", "benchmarks", "demo", "docs", "examples")
DATA = {
    "py.typed",
    "publishing/templates/model_card.md",
    "reports/templates/report.html",
    "reports/topics.schema.json",
}


def execute(*command: object, cwd: Path) -> str:
    """Run a command offline, in a folder that is not the checkout; what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(cwd / "hf"), "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_environment(folder: Path, wheel: Path | None = None) -> Path:
    """The Python of a new environment that sees what this one has installed, but not this package,
    whose editable installation hangs on a `.pth` file that nothing reads there.
    """
    venv.create(folder)
    python = folder / "bin" / "python"
    if wheel is not None:
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
        execute(*pip, "--no-deps", wheel, cwd=folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text(DEPENDENCIES)
    return python


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of what git knows, or will, under another name."""
    folder = tmp_path_factory.mktemp("checkout")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (ROOT / name).is_file():  # it may be deleted, but not from the index yet
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def built(checkout) -> Path:
    """The folder of a source distribution, and of the wheel that is made of it."""
    execute(sys.executable, "-m", "build", "--no-isolation", cwd=checkout)
    return checkout / "dist"


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (path,) = built.glob("*.whl")
    return path


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_holds_the_package_alone_and_all_of_it(wheel, checkout):
    files = contents(wheel)
    tops = {name.split("/")[0] for name in files}
    assert tops == {"bert_clustering", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    modules = {
        path.relative_to(checkout).as_posix()
        for path in checkout.rglob("*.py")
        if path.relative_to(checkout).parts[0] not in (*BESIDE_THE_PACKAGE, "build")
    }
    packed = {name.removeprefix("bert_clustering/") for name in files if "dist-info" not in name}
    assert {name for name in packed if name.endswith(".py")} == modules
    assert packed >= DATA and not any(name.startswith(BESIDE_THE_PACKAGE) for name in packed)


def test_a_wheel_of_the_checkout_is_that_of_the_source_distribution(wheel, checkout, tmp_path):
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps")
    execute(*pip, "--wheel-dir", tmp_path, checkout, cwd=checkout)
    (direct,) = tmp_path.glob("*.whl")
    assert contents(direct) == contents(wheel)


def test_both_may_be_published(built, checkout):
    files = sorted(built.iterdir())
    assert [file.suffix for file in files] == [".whl", ".gz"]
    execute(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=checkout)
    with tarfile.open(files[1]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "LICENSE", "README.md", "setup.cfg"} < inside
    assert not any(name.startswith(BESIDE_THE_PACKAGE) for name in inside)


LOAD = """
import importlib.util, json, sys
from transformers import AutoModel, AutoTokenizer
assert importlib.util.find_spec("bert_clustering") is None
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=True)
outputs = model(**tokenizer(["apple pear plum"], return_tensors="pt"))
print(json.dumps([type(model).__name__, list(outputs.logits.shape)]))
"""


def test_an_installed_wheel_trains_and_its_model_loads_without_it(
    wheel, headless_dir, corpus, tmp_path
):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps([{"text": text} for text in corpus[0]]))
    python = make_environment(tmp_path / "with", wheel)
    where = "import bert_clustering; print(bert_clustering.__file__)"
    assert execute(python, "-c", where, cwd=tmp_path).startswith(str(tmp_path / "with"))
    execute(
        *(python.parent / "bert-clustering", texts, "--encoder", headless_dir, "--clusters", 3),
        "--use_cpu",
        cwd=tmp_path,
    )
    made = tmp_path / "texts-clusters"
    results = {path.name for path in (made / "results").iterdir()}
    assert {"clusters.csv", "report.html", "topics.json"} < results
    assert (made / "README.md").is_file()

    other = make_environment(tmp_path / "without")
    loaded = json.loads(execute(other, "-c", LOAD, made, cwd=tmp_path))
    assert loaded == ["BertForClustering", [1, 3]]
