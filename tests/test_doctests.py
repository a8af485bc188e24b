"""Examples in the docstrings of the package are run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import bert_clustering


MODULES = [
    module.name
    for room in ("", "clusters.", "publishing.", "reports.", "texts.", "training.")
    for module in pkgutil.iter_modules(
        [bert_clustering.__path__[0] + "/" + room.rstrip(".")], "bert_clustering." + room
    )
    if not module.ispkg and module.name != "bert_clustering.run_clustering"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_there_are_examples():
    examples = sum(
        len(test.examples)
        for name in MODULES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
    )
    assert examples > 40
