"""What a caller's values have to be: each check is a `UsageError` that says what was seen and what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

from .usage_error import UsageError

if TYPE_CHECKING:
    from attrs import Attribute  # not at run time: the command line checks its options with these, and starts at once

SEEN_CHARS_MAX = 80
"""How much of a caller's value a message repeats."""

WHOLE_NUMBER_MAX = 2**63 - 1
"""The largest whole number, and its negative the least: what stores and other languages' integers hold."""

Validator: TypeAlias = Callable[[object, "Attribute[Any]", object], None]  # attrs hands on whatever the caller gave


def seen(value: object) -> str:
    """Show a value in a message: what is short as it is, everything else by its type."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, int) and abs(value) > WHOLE_NUMBER_MAX:  # Python does not write very long ones
        return f"a whole number of {value.bit_length():,} bits, beyond the 63 that one may have"
    if value is None or isinstance(value, str | bytes | int | float):
        shown = repr(value)
        return shown if len(shown) <= SEEN_CHARS_MAX else f"{shown[: SEEN_CHARS_MAX - 1]}…"
    return f"a {type(value).__name__}"


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of 64 bits; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= WHOLE_NUMBER_MAX


def within(low: float, high: float, expected: str) -> Validator:
    """Take numbers from `low` to `high`; whole ones of 64 bits, for a longer one may be no float."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        # NaN compares false, so it is refused here like any other number out of range.
        if not (isinstance(value, float) or is_whole_number(value)) or not low <= value <= high:
            raise UsageError(f"{attribute.name} is {seen(value)}; expected {expected}", argument=attribute.name)

    return check


def at_least(low: float) -> Validator:
    """Take numbers from `low` up."""
    return within(low, math.inf, f"a number of at least {low:g}")


def count(low: int = 1) -> Validator:
    """Take whole numbers from `low` up, of 64 bits."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        if not is_whole_number(value) or value < low:
            raise UsageError(
                f"{attribute.name} is {seen(value)}; expected a whole number of at least {low}", argument=attribute.name
            )

    return check


def whole_number() -> Validator:
    """Take whole numbers of 64 bits; True is none."""

    def check(_holder: object, attribute: Attribute[Any], value: object) -> None:
        if not is_whole_number(value):
            raise UsageError(f"{attribute.name} is {seen(value)}; expected a whole number", argument=attribute.name)

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
        raise UsageError(f"{name} is {seen(value)}; expected {expected}", argument=name)


def items_of(name: str, value: object, alone: type | tuple[type, ...], expected: str) -> tuple[object, ...]:
    """Return the items of a list or of any other iterable; a value of a type in `alone` needs no list around it."""
    if type(value) is tuple:  # as where a request is made of another
        return cast("tuple[object, ...]", value)
    refusal = f"{name} is {seen(value)}; expected {expected}"
    if isinstance(value, alone):
        return (value,)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise UsageError(refusal, argument=name)
    return tuple(cast("Iterable[object]", value))
