"""The layout is executed: imports point one way, without cycles, and the core touches no clock, dice, socket or log."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("engine", "providers")
IMPURE = {"trio", "httpx", "httpx2", "time", "random", "logging", "socket", "os", "asyncio", "anyio", "secrets", "uuid"}
PURE_EXCEPTIONS = {
    f"providers.{name}": {"os"} for name in ("endpoint", "by_name", "compatible", "compatible_azure", "ollama_host")
}
"""Keys and base URLs come from the environment when a provider is made; nothing else outside looks at the world."""

ALLOWED = {
    "engine.core": {"engine.core"},
    "providers": {"providers", "engine.core"},
    "engine.stores": {"engine.stores", "engine.core"},
    "engine.http.client": {"engine.core"},
    "engine.http.environment": {"engine.core"},
    "engine.http.lookup": set[str](),
    "engine.http.own_client": {"engine.core", "engine.http.environment", "engine.http.lookup"},
    "engine.http.handshake": set[str](),
    "engine.http.reuse": {"engine.http.client"},
    "engine.http.quiet_logs": {"engine.core"},
    "engine.http.transport_error": {"engine.core", "engine.http.client", "engine.http.lookup"},
    "engine.http.opened_response": {
        "engine.core",
        "engine.http.client",
        "engine.http.reuse",
        "engine.http.transport_error",
        "engine.parking",
    },
    "engine.http.transport": {
        "engine.core",
        "engine.http.handshake",
        "engine.http.client",
        "engine.http.opened_response",
        "engine.http.own_client",
        "engine.http.quiet_logs",
        "engine.http.transport_error",
    },
    "engine.run.watch": {"engine.core", "engine.parking"},
    "engine.parking": set[str](),
    "engine.run.turnstile": set[str](),
    "engine.run.mailbox": {"engine.core", "engine.parking"},
    "engine.error_groups": {"engine.core"},
    "engine.source": {"engine.core", "engine.http.opened_response", "engine.http.transport"},
    "engine.run.attempt": {
        "engine.core",
        "engine.http.transport",
        "engine.run.watch",
        "engine.source",
        "engine.error_groups",
        "engine.run.turnstile",
    },
    "engine.run.spoken": {"engine.core"},
    "engine.run.journal_writer": {"engine.core", "engine.stores", "engine.parking", "engine.error_groups"},
    "engine.run.checkpoint": {"engine.core", "engine.stores", "engine.error_groups"},
    "engine.run.delivery": {
        "engine.core",
        "engine.run.attempt",
        "engine.run.journal_writer",
        "engine.run.mailbox",
        "engine.run.spoken",
    },
    "engine.recovery": {
        "engine.core",
        "engine.run.attempt",
        "engine.run.delivery",
        "engine.plan_check",
        "engine.run.watch",
        "engine.world",
    },
    "engine.plan_check": {"engine.core"},
    "engine.world": {"engine.core", "engine.source", "engine.http.transport", "engine.run.turnstile"},
}
"""What each part may import of ours. Parts that are not named here (run, engine, testing, cli) stand above these."""

ABOVE = ("engine.cli", "engine.testing")


def modules() -> dict[str, Path]:
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


MODULES = modules()


def imports_of(name: str) -> Iterator[tuple[str, bool]]:
    """The modules that a module imports, ours by their place in the tree; and whether the import is relative."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", False
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            for alias in node.names:
                whole = ".".join([*base, *(node.module or "").split("."), alias.name]).replace("..", ".")
                yield (whole if whole in MODULES else whole.rpartition(".")[0]), True


def part_of(name: str) -> str:
    return next((part for part in sorted(ALLOWED, key=len, reverse=True) if f"{name}.".startswith(f"{part}.")), name)


@pytest.mark.parametrize("name", MODULES)
def test_our_own_imports_are_relative(name: str) -> None:
    absolute = [module for module, relative in imports_of(name) if not relative]
    assert not [module for module in absolute if module.split(".")[0] in {"riverrun", *FOLDERS}]


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    part = part_of(name)
    if part not in ALLOWED:
        return
    ours = {part_of(module) for module, relative in imports_of(name) if relative}
    assert ours - {part} <= ALLOWED[part]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(ABOVE)])
def test_the_library_imports_neither_its_testing_kit_nor_its_command_line(name: str) -> None:
    assert not [module for module, _ in imports_of(name) if module.startswith(ABOVE)]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(("engine.core", "providers"))])
def test_the_core_and_the_providers_are_pure(name: str) -> None:
    outside = {module.split(".")[0] for module, relative in imports_of(name) if not relative}
    assert not (outside & IMPURE) - PURE_EXCEPTIONS.get(name, set())


def test_one_module_of_the_library_knows_httpx() -> None:
    knowing = {name for name in MODULES if any(module.split(".")[0] == "httpx" for module, _ in imports_of(name))}
    assert {name for name in knowing if not name.startswith(ABOVE)} == {"engine.http.own_client"}


def test_only_the_pytest_plugin_of_the_testing_kit_imports_pytest() -> None:
    for name in MODULES.keys() - {"engine.testing.pytest_plugin"}:
        outside = {module.split(".")[0] for module, _ in imports_of(name)}
        assert not outside & {"pytest", "tests", "benchmarks"}


def test_there_is_no_import_cycle() -> None:
    ours = {name: {module for module, relative in imports_of(name) if relative} for name in MODULES}
    graph = {name: (imported & MODULES.keys()) - {name} for name, imported in ours.items()}
    while leaves := {name for name, imported in graph.items() if not imported & graph.keys()}:
        graph = {name: imported for name, imported in graph.items() if name not in leaves}
    assert not graph, f"a cycle among {sorted(graph)}"


def sizes() -> Iterator[tuple[str, int]]:
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or node.lineno) - node.lineno + 1 - (len(doc.splitlines()) if doc else 0)
                yield f"{name}.{node.name}", lines


def test_functions_are_short() -> None:
    lengths = sorted(lines for _, lines in sizes())
    assert not [(name, lines) for name, lines in sizes() if lines > 45]
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[len(lengths) * 9 // 10] <= 22


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_in_its_first_sentence(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
