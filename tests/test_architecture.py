"""The layout is executed: imports point one way, without cycles, and the core touches no clock, dice, socket or log."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("engine", "providers")
IMPURE = {"trio", "httpx", "httpx2", "time", "random", "logging", "socket", "os", "asyncio", "anyio", "secrets", "uuid"}
PURE_EXCEPTIONS = {
    f"providers.{name}": {"os"}
    for name in ("endpoint", "by_name", "openai_chat.presets", "openai_chat.azure", "ollama.host")
}
"""Keys and base URLs come from the environment when a provider is made; nothing else outside looks at the world."""

MAY_IMPORT = {
    "engine.core": set[str](),
    "engine.parking": set[str](),
    "engine.error_groups": {"engine.core"},
    "engine.bounded_file": {"engine.core"},
    "providers": {"engine.core"},
    "engine.stores": {"engine.core"},
    "engine.http": {"engine.core", "engine.parking"},
    "engine.source": {"engine.core", "engine.http"},
    "engine.run": {
        "engine.core", "engine.error_groups", "engine.http", "engine.parking", "engine.source", "engine.stores",
    },
    "engine.recording": {"engine.bounded_file", "engine.core", "engine.http"},
    "engine.engine": {"engine.core", "engine.http", "engine.run", "engine.source", "engine.stores"},
}  # fmt: skip
"""What each room may import of ours, from the lowest floor to the highest. What is not named here (the testing kit, the
command line) stands above all of these, and none of these may import it."""

ABOVE = ("engine.cli", "engine.testing", "engine.bench")


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


def room_of(name: str) -> str:
    return next((room for room in MAY_IMPORT if f"{name}.".startswith(f"{room}.")), "above")


def folder_of(name: str) -> str:
    """The folder of a module. A file that stands beside folders is a room of its own."""
    folder = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    return name if folder in BESIDE_FOLDERS else folder


BESIDE_FOLDERS = {name.rpartition(".")[0] for name, path in MODULES.items() if path.name == "__init__.py"}
"""The folders that hold folders."""


def upward(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """The imports that no room may have, of modules by name."""
    return [
        f"{name} imports {imported}"
        for name, every in imports.items()
        for imported in every
        if (room := room_of(name)) != "above" and room_of(imported) not in {room, *MAY_IMPORT[room]}
    ]


def folder_cycle(imports: Mapping[str, Iterable[str]]) -> set[str]:
    """The folders that import each other in a circle, or stand above one; a folder's own `__init__` hands on names."""
    graph: dict[str, set[str]] = {}
    for name, every in imports.items():
        if not (name in MODULES and MODULES[name].name == "__init__.py"):
            graph.setdefault(folder_of(name), set()).update(folder_of(imported) for imported in every)
    return remainder({folder: imported - {folder} for folder, imported in graph.items()})


def remainder(graph: dict[str, set[str]]) -> set[str]:
    """What is left of a graph when what imports nothing that is left was taken away again and again."""
    while leaves := {name for name, imported in graph.items() if not imported & graph.keys()}:
        graph = {name: imported for name, imported in graph.items() if name not in leaves}
    return set(graph)


def ours() -> dict[str, set[str]]:
    every = {name: {module for module, relative in imports_of(name) if relative} for name in MODULES}
    return {name: (imported & MODULES.keys()) - {name} for name, imported in every.items()}


IMPORTS = ours()


@pytest.mark.parametrize("name", MODULES)
def test_our_own_imports_are_relative(name: str) -> None:
    absolute = [module for module, relative in imports_of(name) if not relative]
    assert not [module for module in absolute if module.split(".")[0] in {"riverrun", *FOLDERS}]


def test_imports_point_one_way_between_rooms() -> None:
    assert upward(IMPORTS) == []


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("engine.core.seam", "engine.run.loop"),
        ("engine.core.seam", "providers.models"),
        ("providers.anthropic.decode", "engine.http.transport"),
        ("engine.stores.memory", "engine.run.mailbox"),
        ("engine.http.transport", "engine.source"),
        ("engine.run.run", "engine.engine"),
        ("engine.engine", "engine.testing.law"),
    ],
)
def test_a_planted_import_of_a_higher_floor_is_found(name: str, imported: str) -> None:
    assert upward({**IMPORTS, name: {*IMPORTS[name], imported}}) == [f"{name} imports {imported}"]


def test_no_folders_import_each_other_in_a_circle() -> None:
    assert folder_cycle(IMPORTS) == set()


def test_a_planted_cycle_between_folders_is_found() -> None:
    planted = {
        **IMPORTS,
        "providers.wire.json": {*IMPORTS["providers.wire.json"], "providers.anthropic.blocks"},
    }
    assert {"providers.wire", "providers.anthropic"} <= folder_cycle(planted)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(ABOVE)])
def test_the_library_imports_neither_its_testing_kit_nor_its_command_line(name: str) -> None:
    assert not [module for module, _ in imports_of(name) if module.startswith(ABOVE)]


UPSTAIRS = ("engine.testing", "engine.bench", "engine.cli")
"""The rooms above the library, from the lowest to the highest."""


@pytest.mark.parametrize(
    ("room", "higher"), [(room, higher) for at, room in enumerate(UPSTAIRS) for higher in UPSTAIRS[at + 1 :]]
)
def test_the_rooms_above_the_library_import_one_way(room: str, higher: str) -> None:
    inside = [name for name in MODULES if name.startswith(f"{room}.")]
    assert inside
    assert not [name for name in inside for module, _ in imports_of(name) if module.startswith(higher)]


KIT_FOLDERS = {
    "script": set[str](),
    "wire": {"script"},
    "network": {"script", "wire"},
    "simulator": {"script", "wire", "network"},
    "stalls": {"script", "network", "simulator"},
    "checks": {"script", "wire", "network", "simulator"},
}
"""What each folder of the testing kit may import of the other folders; its loose files are not held by this."""


@pytest.mark.parametrize("folder", KIT_FOLDERS)
def test_the_folders_of_the_testing_kit_import_one_way(folder: str) -> None:
    inside = [name for name in MODULES if name.startswith(f"engine.testing.{folder}.")]
    imported = {module.split(".")[2] for name in inside for module, _ in imports_of(name) if module.count(".") > 2}
    assert inside
    assert imported & KIT_FOLDERS.keys() - {folder} <= KIT_FOLDERS[folder]


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


MAY_TOUCH = {
    (
        "engine.testing.simulator.clock",
        "_r",
    ): "trio keeps the dice of its scheduler there",
    ("engine.testing.simulator.clock", "_ALLOW_DETERMINISTIC_SCHEDULING"): "trio sorts ready tasks only if this is set",
    ("engine.testing.simulator.clock", "_cancel_status"): "the scope of a sleep has no other name",
    ("engine.testing.simulator.clock", "_scope"): "the same",
    ("engine.testing.simulator.clock", "_core"): "trio's scheduler is in there",
    ("engine.testing.simulator.clock", "_run"): "the same",
    ("engine.testing.network.http", "_pool"): "httpx hands a network on to nobody",
}
"""The private names of others that the testing kit needs, each with the reason. None of them is ours."""


def private_names(tree: ast.AST) -> Iterator[str]:
    """The private names that a module takes of others: as an attribute, by getattr and its like, by an import."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name("self" | "cls") | ast.Call(ast.Name("super")), _):
                continue
            case ast.Attribute(_, name):
                yield name
            case ast.Call(ast.Name("getattr" | "setattr" | "hasattr" | "delattr"), [_, ast.Constant(str(name)), *_]):
                yield name
            case ast.Import(names) | ast.ImportFrom(_, names):
                yield from (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else ()
                yield from (part for alias in names for part in alias.name.split("."))
            case _:
                continue


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def test_the_testing_kit_takes_nothing_private_of_others() -> None:
    kit = {name: path for name, path in MODULES.items() if name.startswith("engine.testing")}
    taken = {
        (name, private)
        for name, path in kit.items()
        for private in private_names(ast.parse(path.read_text(encoding="utf-8")))
        if is_private(private)
    }
    assert taken == set(MAY_TOUCH)


@pytest.mark.parametrize(
    "planted",
    [
        "store._journals",
        "self.store._journals",
        "getattr(store, '_journals')",
        "from ..stores.memory import _Journal",
        "from trio._core import _run",
        "from trio import _core",
    ],
)
def test_a_planted_look_at_something_private_is_found(planted: str) -> None:
    assert [name for name in private_names(ast.parse(planted)) if is_private(name)]


def test_there_is_no_import_cycle() -> None:
    assert remainder(dict(IMPORTS)) == set()


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_in_its_first_sentence(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
