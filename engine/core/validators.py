"""What a caller's values have to be: each check is a `UsageError` that says what was seen and what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from attrs import Attribute

from .usage_error import UsageError

SEEN_CHARS_MAX = 80
"""How much of a caller's value a message repeats."""

Validator: TypeAlias = Callable[[object, "Attribute[Any]", object], None]  # attrs hands on whatever the caller gave


def seen(value: object) -> str:
    """Show a value in a message: what is short as it is, everything else by its type."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, str | bytes | int | float):
        shown = repr(value)
        return shown if len(shown) <= SEEN_CHARS_MAX else f"{shown[: SEEN_CHARS_MAX - 1]}…"
    return f"a {type(value).__name__}"


def within(low: float, high: float, expected: str) -> Validator:
    """Take numbers from `low` to `high`."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        # NaN compares false, so it is refused here like any other number out of range.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise UsageError(f"{attribute.name} is {value!r}; expected {expected}")

    return check


def at_least(low: float) -> Validator:
    """Take numbers from `low` up."""
    return within(low, math.inf, f"a number of at least {low:g}")


def count(low: int = 1) -> Validator:
    """Take whole numbers from `low` up."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise UsageError(f"{attribute.name} is {value!r}; expected a whole number of at least {low}")

    return check


def whole_number() -> Validator:
    """Take whole numbers; True is none."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{attribute.name} is {seen(value)}; expected a whole number")

    return check


def instance(kind: type, expected: str) -> Validator:
    """Take instances of a class."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        require_instance(attribute.name, value, kind, expected)

    return check


def or_none(validator: Validator) -> Validator:
    """Take None, and what `validator` takes."""

    def check(holder: object, attribute: Attribute[Any], value: object) -> None:
        if value is not None:
            validator(holder, attribute, value)

    return check


def require_instance(name: str, value: object, kind: type, expected: str) -> None:
    """Refuse what is no instance of a class."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} is {seen(value)}; expected {expected}")


def items_of(name: str, value: object, alone: type | tuple[type, ...], expected: str) -> tuple[object, ...]:
    """Return the items of a list or of any other iterable; a value of a type in `alone` needs no list around it."""
    if type(value) is tuple:  # as where a request is made of another
        return cast("tuple[object, ...]", value)
    refusal = f"{name} is {seen(value)}; expected {expected}"
    if isinstance(value, alone):
        return (value,)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise UsageError(refusal)
    return tuple(cast("Iterable[object]", value))
