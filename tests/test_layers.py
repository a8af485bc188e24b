"""The house: imports go down its list of layers, never up, and nobody takes what is private."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bert_clustering


PACKAGE = Path(bert_clustering.__file__).parent
# What a module may import lies in a later layer, in its own room, or is named beside it.
LAYERS = (
    ("cli",),
    ("run_clustering", "estimator"),
    ("assigning",),
    ("reports",),
    ("trainer",),
    ("training", "publishing"),
    ("texts",),
    ("clusters",),
    ("modeling_bert_cluster",),
    ("configuration_bert_cluster", "errors"),
)
ROOMS = ("assigning", "reports", "training", "publishing", "clusters", "texts")
ALSO = {("training", "publishing")}  # which files of a folder a training must not overwrite
MODULES = [
    *PACKAGE.glob("*.py"),
    *(path for room in ROOMS for path in (PACKAGE / room).glob("*.py")),
]


def layer_of(module: str) -> int:
    (number,) = (n for n, layer in enumerate(LAYERS) if module.split(".")[0] in layer)
    return number


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Module, from the package on, and name of whatever a file imports of the package."""
    here = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = here[: len(here) - node.level + 1]
                module = ".".join([*above, *filter(None, [module])])
            elif module.startswith("bert_clustering"):
                module = module.removeprefix("bert_clustering").removeprefix(".")
            else:
                continue
            for alias in node.names:
                yield (module or alias.name), alias.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    name = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if name in ("__init__", "run_clustering"):
        return
    for module, _ in imported(path):
        room = module.split(".")[0]
        if room != name and (name, room) not in ALSO:
            assert layer_of(name) < layer_of(module), f"{path.name} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_private_is_taken(path):
    for module, name in imported(path):
        assert not name.startswith("_"), f"{path.name} takes {name} of {module}"


def test_every_room_is_known():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"tests", "benchmarks"} == set(ROOMS)
