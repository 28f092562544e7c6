"""The schema of a result as a page tells it, made from its classes: `python -m tests.bench.schema_of`."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from enum import StrEnum
from inspect import getdoc
from typing import get_args, get_origin, get_type_hints

from attrs import fields, has

from riverrun.engine.bench.result import BenchResult


def classes(root: type) -> list[type]:
    """A class and those that its fields hold, each once."""
    found = [root]
    for each in found:
        held = [kind for hint in get_type_hints(each).values() for kind in inside(hint)]
        found.extend(kind for kind in held if has(kind) and kind not in found)
    return found


def inside(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for argument in get_args(hint):
        yield from inside(argument)


def spelled(hint: object) -> str:
    """A type in the words of JSON."""
    words = {str: "text", int: "integer", float: "number", type(None): "null"}
    arguments = [argument for argument in get_args(hint) if argument is not Ellipsis]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ", ".join(f'"{member}"' for member in hint)
    if hint in words:
        return words[hint]
    if get_origin(hint) is tuple:
        return f"list: {spelled(arguments[0])}"
    if isinstance(hint, types.UnionType):
        return " or ".join(map(spelled, arguments))
    return f"object: {spelled(arguments[1])} by name" if arguments else hint.__name__


def told(cls: type) -> dict[str, str]:
    """What a class's docstring says of its fields."""
    _, _, attributes = (getdoc(cls) or "").partition("Attributes:\n")
    return {
        name: says.replace("None", "null") for name, says in re.findall(r"^\s+(\w+): (.+)$", attributes, re.MULTILINE)
    }


def schema(root: type = BenchResult) -> str:
    """The tables."""
    parts: list[str] = []
    for cls in classes(root):
        hints, says = get_type_hints(cls), told(cls)
        rows = [f"| `{each.name}` | {spelled(hints[each.name])} | {says.get(each.name, '')} |" for each in fields(cls)]
        first = (getdoc(cls) or "").splitlines()[0]
        parts.append(
            "\n".join(
                [f"**{cls.__name__}.** {first}", "", "| key | value | what it is |", "| --- | --- | --- |", *rows]
            )
        )
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(schema())
