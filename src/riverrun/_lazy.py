"""Loads a public name when it is asked for, and lets everything public say which public module it is of.

Importing everything took twice what the dependencies take, half of it for providers that a program does not use
(benchmarks/bench_import.py).

A class says `riverrun.errors` and not `riverrun.engine.core.errors` in tracebacks, pickles and documentation, as
`trio.Lock` says `trio`. What it costs, there and here: `inspect.getsource` of such a class is an OSError. It gives the
source of its methods, and of functions.
"""

from __future__ import annotations

import importlib
import sys
import typing
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

ROOT = __name__.rpartition(".")[0]

_unpublished: dict[str, dict[str, str]] = {}
"""By the module that defines them: names that do not say yet of which public module they are, and that module."""


def publish_lazily(public: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` of a public module (PEP 562).

    Args:
        public: the module's name.
        homes: where names are defined, by module below this package: `{"engine.engine": "Engine"}`. `New=Old` is one
            that is called otherwise there.
    """
    home_of: dict[str, tuple[str, str]] = {}
    for home, names in homes.items():
        for name, _, old in (each.partition("=") for each in names.split()):
            home_of[name] = f"{ROOT}.{home}", old or name
            if not old:  # else its own name would not lead to it
                _unpublished.setdefault(f"{ROOT}.{home}", {}).setdefault(name, public)

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {public!r} has no attribute {name!r}")
        home, called = home_of[name]
        value = getattr(importlib.import_module(home), called)
        _publish_loaded()  # what comes with it too, or an error would say another module before it is caught by name
        setattr(sys.modules[public], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[public]), *home_of})

    return load, listed


def _publish_loaded() -> None:
    """Publish what is defined in the modules that are loaded by now."""
    for home in [home for home in _unpublished if home in sys.modules]:
        defining = importlib.import_module(home)  # waits for another thread that imports it just now
        for name, public in _unpublished.pop(home, {}).items():
            value = getattr(defining, name)
            if isinstance(value, type | FunctionType) and value.__module__.startswith(f"{ROOT}."):
                _publish(value, public)


def _publish(value: type[Any] | FunctionType, public: str) -> None:
    """Let a class or a function say that it is of a public module.

    Annotations are resolved first: what they name stands in the module that defines the class.
    """
    if not isinstance(value, FunctionType):
        if own := vars(value).get("__annotations__"):
            hints = typing.get_type_hints(value, include_extras=True)
            value.__annotations__ = {name: hints[name] for name in own}
        if "__firstlineno__" in vars(value):  # from Python 3.13 on; inspect would show other lines
            del value.__firstlineno__
    value.__module__ = public
