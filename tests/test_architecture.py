"""The file list is the architecture: imports go strictly downwards in this list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lossaudit"

ORDER = [
    "exports",
    "errors",
    "suites",
    "corrections.correction",
    "corrections.accumulators",
    "corrections.logs",
    "corrections.loops",
    "corrections.trainings",
    "corrections",
    "inputs",
    "extraction",
    "exact",
    "replays",
    "accumulators",
    "tolerances",
    "inversions",
    "recordings",
    "timings",
    "costs",
    "machines",
    "store",
    "recorders",
    "truths",
    "findings",
    "evidence",
    "trainings",
    "predictions",
    "smoothings",
    "quantities",
    "claims",
    "evaluations",
    "formats.names",
    "formats.digits",
    "formats.points",
    "formats.columns",
    "formats.delimited",
    "formats.documents",
    "formats.wandb",
    "formats.table",
    "formats.csvlog",
    "formats.history",
    "formats.trainer_state",
    "formats.events",
    "formats.tfevents",
    "formats.mlflow",
    "formats.reading",
    "formats",
    "causes.cause",
    "causes.batches",
    "causes.means",
    "causes.numbers",
    "logs.columns",
    "logs.averages",
    "logs.axes",
    "logs.curves",
    "logs.totals",
    "logs.reports",
    "logs",
    "causes",
    "mistakes",
    "coincidences",
    "alignments",
    "exhibits",
    "cases",
    "messages",
    "checks.values",
    "checks.order",
    "checks.captures",
    "checks.conduct",
    "checks",
    "defects",
    "recognitions",
    "explanations",
    "auditing",
    "render.text",
    "render.suites",
    "render.costs",
    "sources",
    "settings",
    "render",
    "keras.rings",
    "keras.metrics",
    "keras.samples",
    "keras.probes",
    "keras.callers",
    "keras.attachments",
    "keras.captures",
    "keras.callbacks",
    "keras.states",
    "keras.feeds",
    "keras.passes",
    "keras.gaps",
    "keras.summaries",
    "keras.audits",
    "keras.scripts",
    "keras.loops",
    "stopwatches",
    "overhead",
    "testing.faults.fault",
    "testing.faults.states",
    "testing.faults.averages",
    "testing.faults.batches",
    "testing.faults.contents",
    "testing.faults.numbers",
    "testing.faults.steps",
    "testing.faults.pairs",
    "testing.faults",
    "testing.assertions",
    "testing.scenarios",
    "testing.keras_facts.loop",
    "testing.keras_facts.fact",
    "testing.keras_facts.probes",
    "testing.keras_facts.means",
    "testing.keras_facts.contents",
    "testing.keras_facts.steps",
    "testing.keras_facts.hooks",
    "testing.keras_facts.writers",
    "testing.keras_facts.replicas",
    "testing.keras_facts.verification",
    "testing.keras_facts.test_facts",
    "testing.keras_facts.conftest",
    "testing.keras_facts",
    "testing.schedules",
    "testing.strategies",
    "testing.violations",
    "testing.subjects",
    "testing.accumulators",
    "testing.accumulator_checks",
    "testing.models",
    "testing.drivers",
    "testing.witnesses",
    "testing.readings",
    "testing.callback_checks",
    "testing.loop_checks",
    "testing.suites",
    "testing",
    "demo",
    "pytest_plugin",
    "cli",
]
LAZY = {
    ("recordings", "store"),  # Recording.save is a method, and the file format is not the recording's business
    ("findings", "settings"),  # which rules there are is known below it, where they are looked for
    ("findings", "render.html"),  # a Report writes itself, and how it looks is not its business
    ("findings", "render.plots"),
    ("keras.scripts", "keras.audits"),  # keras is watched for, not imported
}
PEERS = {"keras", "testing", "pytest_plugin"}
CALLED = {
    ("testing.drivers", "keras.loops"),  # fit_loop is one of the ways of training that a callback is tested in
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def place(module: str) -> int:
    return next(index for index, name in enumerate(ORDER) if module == name or module.startswith(name + "."))


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere in it, but for type checking."""
    tree = ast.parse(path.read_text("utf-8"))
    checking = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {id(child) for node in checking for child in ast.walk(node)}
    found = [
        node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in skipped
    ]
    names = {
        f"{node.module}.{alias.name}" for node in found if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    names |= {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    inside = {name.removeprefix("lossaudit.") for name in names if name.startswith("lossaudit.")}
    return {candidate for name in inside if (candidate := known(name))}


def known(name: str) -> str | None:
    """The module in which an imported name lives; None for one of the package itself."""
    candidates = [name, name.rpartition(".")[0]]
    return next((one for one in candidates if (PACKAGE / Path(*one.split("."))).with_suffix(".py").exists()), None)


MODULES = {
    module_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if module_of(path) not in ("__init__", "keras")
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_stands_above_it(module):
    upwards = {other for other in imports(MODULES[module]) if place(other) > place(module)}
    assert {(module, other) for other in upwards} <= LAZY


def test_the_test_sees_imports_inside_functions_and_by_name():
    assert "store" in imports(MODULES["recordings"])
    assert "quantities" in imports(MODULES["causes.means"])


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_keras_testing_and_the_plugin_do_not_import_one_another(peer):
    for module, path in MODULES.items():
        if module.partition(".")[0] == peer and module != "pytest_plugin":
            others = {(module, other) for other in imports(path) if other.partition(".")[0] in PEERS - {peer}}
            assert others <= CALLED


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_longer_than_400_lines(module):
    assert len(MODULES[module].read_text("utf-8").splitlines()) <= 400


def test_no_module_has_a_name_that_says_nothing():
    parts = {part for module in MODULES for part in module.split(".")}
    assert not parts & {"utils", "helpers", "common", "base", "core", "misc"}


def test_no_tolerance_is_written_down_outside_of_the_module_that_derives_them():
    for module, path in MODULES.items():
        numbers = [
            node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
        ]
        small = [value for value in numbers if isinstance(value, float) and 0 < abs(value) < 1e-3]
        assert not small or module == "tolerances", (module, small)
