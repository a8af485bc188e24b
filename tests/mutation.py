"""Do the tests notice when the code is wrong? Each mutant has one small fault; a test must fail.

    python tests/mutation.py                                              # all
    python tests/mutation.py clusters trainer.py:ClusteringTrainer.log    # of a room, of a function

A process that has loaded what the package imports forks for each mutant, which is nothing but a
changed syntax tree: no file is written. A mutant meets the tests that run its line, until one fails
or hangs. Those that live for a reason are named by `mutants_that_live.txt`; any
other fails the run.
"""

import ast
import copy
import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from itertools import accumulate
from pathlib import Path
from types import CodeType

import coverage
import datasets  # noqa: F401 (this and what follows: loaded once for all)
import matplotlib.figure  # noqa: F401
import openpyxl  # noqa: F401
import plotly.graph_objects  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import sklearn.cluster  # noqa: F401
import sklearn.discriminant_analysis  # noqa: F401
import sklearn.feature_extraction.text  # noqa: F401
import sklearn.manifold  # noqa: F401
import transformers.models.bert.modeling_bert  # noqa: F401
import transformers.trainer  # noqa: F401


ROOT = Path(__file__).resolve().parent.parent
KNOWN = ROOT / "tests" / "mutants_that_live.txt"
MODULES = {  # and the tests that their mutants meet
    "clusters/[a-z]*.py": ("tests/clusters", "tests/test_doctests.py"),
    "modeling_bert_cluster.py": ("tests/test_modeling.py", "tests/test_doctests.py"),
    "trainer.py": ("tests/training", "tests/test_trainer.py"),
}
CORES = os.cpu_count() or 1
PATIENCE = 40  # seconds of tests for a mutant, at most
PYTEST = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
PYTEST += ["-m", "not slow and not browser"]
SAID = ("desc", "disable", "progress")  # what is only said is not changed

# What might stand for a node of each kind, were it wrong.

OPERATORS: dict[type, tuple[type, ...]] = {
    **{ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.Lt)},
    **{ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)},
    **{ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,)},
    **{ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,)},
    **{ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.Mult,), ast.Pow: (ast.Mult,)},
    **{ast.And: (ast.Or,), ast.Or: (ast.And,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,)},
}
NAMES = {"min": "max", "max": "min", "argmin": "argmax", "argmax": "argmin", "any": "all"}
NAMES |= {"all": "any", "zeros": "ones", "ones": "zeros", "sum": "mean", "mean": "sum"}


def changed(node: ast.AST, **fields: object) -> Iterator[ast.AST]:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    yield made


def other_constant(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool():
            yield ast.Constant(not node.value)
        case int():
            yield ast.Constant(node.value + 1)
        case float():
            yield ast.Constant(2 * node.value or 1.0)
        case str():
            yield ast.Constant(node.value + "X")


def other_operator(node: ast.BinOp | ast.BoolOp | ast.AugAssign) -> Iterator[ast.AST]:
    for other in OPERATORS.get(type(node.op), ()):
        yield from changed(node, op=other())
    if isinstance(node, ast.AugAssign):
        yield ast.Pass()


def other_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        for other in OPERATORS[type(operator)]:
            yield from changed(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def other_name(node: ast.Name | ast.Attribute) -> Iterator[ast.AST]:
    field = "id" if isinstance(node, ast.Name) else "attr"
    if getattr(node, field) in NAMES:
        yield from changed(node, **{field: NAMES[getattr(node, field)]})


def fewer_arguments(node: ast.Call) -> Iterator[ast.AST]:
    for place, keyword in enumerate(node.keywords):
        if keyword.arg not in SAID:
            yield from changed(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])


def other_condition(node: ast.If | ast.IfExp) -> Iterator[ast.AST]:
    if not isinstance(node.test, ast.Compare | ast.UnaryOp):  # which are changed themselves
        yield from changed(node, test=ast.UnaryOp(ast.Not(), node.test))


def no_value(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield from changed(node, value=ast.Constant(None))


def no_effect(node: ast.Expr | ast.Assign) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr) or isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        yield ast.Pass()


def no_sign(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


FAULTS: dict[type, Callable[..., Iterator[ast.AST]]] = {
    **{ast.Constant: other_constant, ast.Compare: other_comparison, ast.BinOp: other_operator},
    **{ast.BoolOp: other_operator, ast.AugAssign: other_operator, ast.UnaryOp: no_sign},
    **{ast.Name: other_name, ast.Attribute: other_name, ast.Call: fewer_arguments},
    **{ast.If: other_condition, ast.IfExp: other_condition, ast.Return: no_value},
    **{ast.Expr: no_effect, ast.Assign: no_effect},
    **{ast.Break: lambda node: iter([ast.Continue()])},
    **{ast.Continue: lambda node: iter([ast.Break()])},
}


def is_only_said(node: ast.AST) -> bool:
    """Whether it is for people: docstrings, messages, progress bars and types."""
    match node:
        case ast.Raise() | ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
            return True
        case ast.keyword(arg=name) if name in SAID:
            return True
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and is_none(node.right)


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


@dataclass
class Mutant:
    """A module in whose syntax tree `new` is to stand in the place of a node."""

    module: str
    rooms: tuple[str, ...]  # of the tests it meets
    name: str
    tree: ast.AST
    parent: ast.AST
    field: str
    place: int | None
    new: ast.AST
    lines: list[tuple[int, int]]  # first and last of the node, and of all about it, outwards

    def compile(self) -> CodeType:
        """The code with the fault, which stays in the tree: for a process of its own."""
        if self.place is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.place] = self.new
        return compile(ast.fix_missing_locations(self.tree), str(ROOT / self.module), "exec")


def find_mutants(module: str, rooms: tuple[str, ...]) -> Iterator[Mutant]:
    source = (ROOT / module).read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    seen: Counter[str] = Counter()

    def children(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            if field == "defaults":  # of the last arguments
                names = [argument.arg for argument in parent.args[len(parent.args) - len(value) :]]
                value = [None if n in SAID else v for n, v in zip(names, value, strict=True)]
            if isinstance(value, list):
                yield from ((node, field, place) for place, node in enumerate(value))
            else:
                yield value, field, None

    def visit(parent: ast.AST, path: list[ast.AST]) -> Iterator[Mutant]:
        for node, field, place in children(parent):
            if not isinstance(node, ast.AST) or is_only_said(node):
                continue
            about = [*path, node] if hasattr(node, "lineno") else path
            spans = [(outer.lineno, outer.end_lineno) for outer in reversed(about)]
            scope = ".".join(n.name for n in path if isinstance(n, ast.FunctionDef | ast.ClassDef))
            for new in FAULTS.get(type(node), lambda node: iter(()))(node):
                name = f"{module}:{scope}: {lines[node.lineno - 1].strip()} | "
                name += difference(node, new)
                seen[name] += 1
                name += f" ({seen[name]})" if seen[name] > 1 else ""
                yield Mutant(module, rooms, name, tree, parent, field, place, new, spans)
            yield from visit(node, about)

    return visit(tree, [])


def difference(old: ast.AST, new: ast.AST) -> str:
    """What is exchanged, in a few words."""
    one, other = (" ".join(ast.unparse(getattr(n, "test", n)).split()) for n in (old, new))
    if len(one) > 50:
        start = len(os.path.commonprefix([one, other]))
        end = len(os.path.commonprefix([one[start:][::-1], other[start:][::-1]]))
        one, other = one[start : len(one) - end], other[start : len(other) - end]
    return f"{one[:50]} -> {other[:50].rstrip() or 'nothing'}"


class Measure:
    """A plugin of pytest that notes which lines each test runs, and how long it takes."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover, self.seconds = cover, Counter()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.cover.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


class Choose:
    """A plugin of pytest that runs some tests, in their order, and ends the process that hangs."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.order = seconds, list(seconds)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self.seconds]
        items.sort(key=lambda item: self.order.index(item.nodeid))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.alarm(10 + int(5 * self.seconds[nodeid]))


def run_tests(tests: list[str], plugin: Measure | Choose, log: Path | str) -> int:
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return pytest.main([*PYTEST, *tests], plugins=[plugin])


def measure(tests: list[str], folder: Path) -> tuple[coverage.CoverageData, dict[str, float]]:
    """Which tests run each line, and how long they take without any fault."""
    data, seconds = folder / "coverage", folder / "seconds.json"
    process = os.fork()
    if not process:
        cover = coverage.Coverage(str(data), config_file=False, include=[f"{ROOT}/*"])
        plugin = Measure(cover)
        cover.start()
        failed = run_tests(tests, plugin, folder / "tests.txt")
        cover.stop()
        cover.save()
        seconds.write_text(json.dumps(plugin.seconds))
        os._exit(failed)
    if os.waitpid(process, 0)[1]:
        sys.exit(f"The tests fail without any fault: see {folder / 'tests.txt'}.")
    found = coverage.CoverageData(str(data))
    found.read()
    return found, json.loads(seconds.read_text())


def choose_tests(
    mutant: Mutant, covered: coverage.CoverageData, seconds: dict[str, float]
) -> dict[str, float]:
    """Those that run the mutant's line, else what is about it: the module's own and then the
    others, each the quickest first, while time lasts.
    """
    lines = covered.contexts_by_lineno(str(ROOT / mutant.module))
    chosen: set[str] = set()
    for first, last in [*mutant.lines, (1, max(lines))]:
        chosen = {test for line in lines if first <= line <= last for test in lines[line]}
        chosen = {test for test in chosen if test.startswith(mutant.rooms)}
        if chosen:
            break
    own = f"/test_{Path(mutant.module).stem}"
    ranked = sorted(chosen, key=lambda test: (own not in test, seconds[test]))
    spent = accumulate(seconds[test] for test in ranked)
    return {t: seconds[t] for t, until in zip(ranked, spent, strict=True) if until < PATIENCE}


def meet(mutant: Mutant, tests: dict[str, float]) -> int:
    """Start a process in which the mutant meets the tests; it ends by 0 where the mutant lives."""
    process = os.fork()
    if process:
        return process
    status = 0
    try:
        signal.alarm(60)  # for the import
        get_code, code, path = SourceFileLoader.get_code, mutant.compile(), ROOT / mutant.module
        SourceFileLoader.get_code = lambda loader, name: (
            code if loader.path == str(path) else get_code(loader, name)
        )
        status = run_tests(
            sorted({test.split("::")[0] for test in tests}), Choose(tests), os.devnull
        )
    finally:
        os._exit(0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else status)


def living(mutants: list[Mutant], folder: Path) -> Iterator[Mutant]:
    """Those that no test catches, as they are found."""
    tests = sorted({room for mutant in mutants for room in mutant.rooms})
    covered, seconds = measure(tests, folder)
    left, running = mutants[::-1], {}
    while left or running:
        while left and len(running) < CORES:
            mutant = left.pop()
            running[meet(mutant, choose_tests(mutant, covered, seconds))] = mutant
        process, status = os.wait()
        mutant = running.pop(process)
        if not status:
            yield mutant


def main(wanted: tuple[str, ...]) -> None:
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.freeze()  # else each process goes through all that was loaded
    folder = ROOT / "build" / "mutation"
    folder.mkdir(parents=True, exist_ok=True)
    mutants = [
        mutant
        for pattern, rooms in MODULES.items()
        for path in sorted(ROOT.glob(pattern))
        for mutant in find_mutants(str(path.relative_to(ROOT)), rooms)
        if mutant.name.startswith(wanted or "")
    ]
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    known = {line for line in lines if line and not line.startswith("#")}
    gone = known - {mutant.name for mutant in mutants} if not wanted else ()
    alive = Counter(mutant.module for mutant in mutants if mutant.name in known)
    unknown = 0
    for mutant in living([mutant for mutant in mutants if mutant.name not in known], folder):
        sys.stdout.write(f"{mutant.name}\n")
        sys.stdout.flush()
        alive[mutant.module] += 1
        unknown += 1
    for module, number in Counter(mutant.module for mutant in mutants).items():
        caught = number - alive[module]
        sys.stdout.write(f"{module:30} {caught:4} of {number:4}, {100 * caught / number:5.1f} %\n")
    for name in gone:
        sys.stdout.write(f"No longer a mutant: {name}\n")
    sys.exit(f"{unknown} live without a reason." if unknown else 0)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
