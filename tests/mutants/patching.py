"""How a bug is planted: one expression of a function of the engine is replaced, and the function compiled anew.

Only the code object of the function is exchanged, so whoever holds the function already (a table of folds, a name that
was imported) runs the planted bug too, and leaving the block brings the engine back exactly.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from itertools import groupby
from textwrap import dedent
from types import CodeType, FunctionType

from attrs import field, frozen

from riverrun.engine.testing.law import Law


class CannotPlant(Exception):
    """The function is not what the edit expects: the engine has changed, and the mutant has to follow."""


@frozen
class Edit:
    """In the function at `place` ("core.seam:Aligner.finish", under riverrun.engine), `old` becomes `new`.

    `old` stands there exactly once; lines after the first are indented as in a function at the top of a module.
    """

    place: str
    old: str
    new: str


@frozen
class Mutant:
    """A planted bug: its name, the law it breaks, what was planted in a line, how, and at which level it is seen."""

    name: str
    law: Law
    planted: str
    edits: tuple[Edit, ...] = field(converter=tuple[Edit, ...])
    level: str = "events"


def function_at(place: str) -> FunctionType:
    """Find a function, or that of a property or static method. Raises CannotPlant."""
    module, _, path = place.partition(":")
    found: object = import_module(f"riverrun.engine.{module}")
    try:
        for name in path.split("."):
            found = inspect.getattr_static(found, name)
    except AttributeError as error:
        raise CannotPlant(f"{place} is not there any more") from error
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    if not isinstance(found, FunctionType):
        raise CannotPlant(f"{place} is a {type(found).__name__}; expected a function")
    return found


def edited_code(function: FunctionType, edits: Iterable[Edit]) -> CodeType:
    """Compile a function with its edits. Raises CannotPlant."""
    source = dedent(inspect.getsource(function))
    for edit in edits:
        if source.count(edit.old) != 1:
            raise CannotPlant(f"{edit.place} holds {source.count(edit.old)} times {edit.old!r}; expected once")
        source = source.replace(edit.old, edit.new)
    module = compile(f"from __future__ import annotations\n{source}", f"<planted in {function.__qualname__}>", "exec")
    code = next(c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == function.__name__)
    if code.co_freevars != function.__code__.co_freevars:
        raise CannotPlant(f"{function.__qualname__} closes over {function.__code__.co_freevars}")
    return code


@contextmanager
def plant(mutant: Mutant) -> Generator[None, None, None]:
    """While this lasts, the engine has the bug. Raises CannotPlant; then nothing was changed."""
    edits = sorted(mutant.edits, key=lambda edit: edit.place)
    changes = [(function_at(place), list(group)) for place, group in groupby(edits, key=lambda edit: edit.place)]
    codes = [(function, function.__code__, edited_code(function, group)) for function, group in changes]
    for function, _, planted in codes:
        function.__code__ = planted
    try:
        yield
    finally:
        for function, before, _ in codes:
            function.__code__ = before
