"""The public face: names that load when they are asked for, and say of which public module they are."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import riverrun as rr

MODULES = ("riverrun", "riverrun.errors", "riverrun.causes", "riverrun.abc", "riverrun.lowlevel", "riverrun.testing")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
DEPENDENCIES = {"trio", "httpx", "attr", "attrs", "cattrs"}


def named(module: ModuleType) -> dict[str, object]:
    """The public names of a module, and what they are."""
    return {name: getattr(module, name) for name in module.__all__}


def is_ours(value: object) -> bool:
    return isinstance(value, type | FunctionType) and value.__module__.startswith("riverrun")


OURS = {
    f"{public}.{name}": value for public in MODULES for name, value in named(importlib.import_module(public)).items()
}
CODE = {name: value for name, value in OURS.items() if isinstance(value, type | FunctionType) and is_ours(value)}


def loaded(line: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a line."""
    script = f"{line}\nimport sys; print(*sys.modules)"
    arguments = [sys.executable, "-W", "error", "-c", script]
    return set(subprocess.run(arguments, capture_output=True, check=True, timeout=60).stdout.decode().split())


# -- names ------------------------------------------------------------------------------------------------------------


def test_there_are_about_eighty_names() -> None:
    assert 75 <= len(rr.__all__) <= 85


@pytest.mark.parametrize("public", MODULES)
def test_what_type_checkers_see_is_what_is_loaded(public: str) -> None:
    module = importlib.import_module(public)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (shown,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in shown.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported.keys() == {
        name for name, value in named(module).items() if not isinstance(value, ModuleType) and name != "__version__"
    }
    for name, place in imported.items():
        home, _, called = place.rpartition(".")
        assert getattr(importlib.import_module(f"riverrun.{home}"), called) is getattr(module, name)


@pytest.mark.parametrize("public", MODULES)
def test_dir_shows_every_name(public: str) -> None:
    module = importlib.import_module(public)
    assert set(module.__all__) <= set(dir(module))


def test_a_name_that_does_not_exist_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="module 'riverrun' has no attribute 'Nope'"):
        getattr(rr, "Nope")  # noqa: B009 - a type checker knows that it does not exist
    with pytest.raises(ImportError, match=r"cannot import name 'Nope' from 'riverrun.errors'"):
        exec("from riverrun.errors import Nope")  # noqa: S102 - as above


def test_a_name_has_one_home_but_for_the_errors_that_everybody_catches() -> None:
    homes = [name.rpartition(".")[2] for name in OURS]
    twice = {name for name in homes if homes.count(name) > 1}
    both = {"InferenceError", "UsageError", "StoreError", "StreamInterrupted", "RiverrunError", "InterruptCause"}
    assert twice == both | {"RateLimited", "Overloaded"}


@pytest.mark.parametrize("example", ["own_provider.py", "own_store.py", "custom_plan.py"])
def test_a_part_of_ones_own_takes_public_names_only(example: str) -> None:
    tree = ast.parse((EXAMPLES / example).read_text("utf-8"))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module.startswith("riverrun")} <= {*MODULES, "riverrun.testing.strategies"}


# -- where they say they are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODE)
def test_a_public_thing_says_a_public_module(name: str) -> None:
    value = CODE[name]
    if value.__name__ == name.rpartition(".")[2]:  # else it is called otherwise at home, and says that
        assert value.__module__ in MODULES
        assert getattr(importlib.import_module(value.__module__), value.__name__) is value


@pytest.mark.parametrize("name", CODE)
def test_a_public_thing_is_pickled_by_its_name(name: str) -> None:
    assert pickle.loads(pickle.dumps(CODE[name])) is CODE[name]  # noqa: S301 - our own bytes


def test_a_value_of_a_public_class_can_be_sent_to_another_process() -> None:
    stop = importlib.import_module("riverrun.lowlevel").StopReported(rr.StopReason.END_TURN, "stop")
    assert pickle.loads(pickle.dumps(stop)) == stop  # noqa: S301 - our own bytes


@pytest.mark.parametrize("name", CODE)
def test_the_types_of_a_public_thing_can_be_read(name: str) -> None:
    value = CODE[name]
    typing.get_type_hints(value)
    for member in vars(value).values():
        if isinstance(member, FunctionType) and member.__module__.startswith("riverrun"):
            typing.get_type_hints(member)


def test_the_source_of_a_method_and_of_a_function_is_found() -> None:
    assert inspect.getsource(rr.Engine.open_stream).lstrip().startswith("def open_stream")
    assert inspect.getsource(rr.plan_recovery).startswith("def plan_recovery")
    with pytest.raises(OSError, match=r"class definition|source code not available"):
        inspect.getsource(rr.Engine)


def test_an_error_says_where_to_catch_it_before_anybody_asked_for_its_name() -> None:
    line = "from riverrun import Engine; from riverrun.engine.core.errors import Unauthorized; print(Unauthorized)"
    assert "'riverrun.errors.Unauthorized'>" in loaded(line)


# -- what an import costs ---------------------------------------------------------------------------------------------


def test_the_package_itself_loads_none_of_its_dependencies() -> None:
    assert not loaded("import riverrun, riverrun.testing") & DEPENDENCIES


def test_a_program_loads_the_provider_it_uses_and_no_other() -> None:
    of_providers = {name for name in loaded("from riverrun import Anthropic, Engine") if "riverrun.providers." in name}
    others = ("openai_chat", "openai_responses", "gemini", "gemini_interactions", "ollama", "by_name")
    assert not {name for name in of_providers if name.split(".")[2] in others}


def test_a_program_loads_the_client_and_the_codec_once_it_makes_an_engine_or_stores_something() -> None:
    modules = loaded("from riverrun import Anthropic, Engine")
    assert not modules & {"httpx", "httpcore", "h11", "anyio", "cattrs", "sqlite3", "hypothesis", "pytest"}
    assert not {name for name in modules if name.startswith(("riverrun.engine.testing", "riverrun.engine.cli"))}
    assert len([name for name in modules if name.startswith("riverrun")]) <= 130
    line = "from riverrun import Anthropic, Engine; Engine(Anthropic('m', api_key='k'))"
    assert "httpx" in loaded(line)  # and not with the first request, which would wait for it
