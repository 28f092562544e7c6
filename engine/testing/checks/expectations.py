"""Claims about a store and their expectations: a script over a fresh store raises `Broken` where one does not hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

from attrs import frozen

from ...core.errors import StoreError
from ...stores.store import CheckpointStore, StaleFence
from ..law import Law

Reopen: TypeAlias = Callable[[CheckpointStore], CheckpointStore]


class Broken(Exception):
    """Something does not hold; the message says what was seen. `law` is None where it is the law of the claim."""

    def __init__(self, message: str, law: Law | None = None) -> None:
        super().__init__(message)
        self.law = law


@frozen
class Claim:
    """A script over a fresh store; `reopen` gives the store as the next process has it."""

    law: Law
    says: str
    run: Callable[[CheckpointStore, Reopen], Awaitable[None]]


def expect(seen: object, expected: object, what: str) -> None:
    """Raise `Broken` where two values differ, saying where they do."""
    if seen != expected:
        raise Broken(f"{what} {tell_difference(seen, expected)}")


async def refuses(call: Awaitable[object], kind: type[StoreError], what: str) -> None:
    """Raise `Broken` where a call is not refused by this kind of error, in one short printable line.

    A `StaleFence` is no other kind of `StoreError`: it tells a run that another writer owns it.
    """
    try:
        await call
    except kind as error:
        line = str(error)
        if not line.isprintable() or len(line) > 400:
            raise Broken(f"{what} is refused by a message that is no short printable line: {line[:80]!r}") from error
        if isinstance(error, StaleFence) and kind is not StaleFence:
            raise Broken(f"{what} is refused by StaleFence, as a lost run; expected {kind.__name__}") from error
        return
    except StoreError as error:
        raise Broken(f"{what} is refused by {type(error).__name__}; expected {kind.__name__}") from error
    raise Broken(f"{what} is taken; expected {kind.__name__}")


SHOWN_CHARS_MAX = 60
"""A value as long as this is shown whole."""

BEFORE = 8
"""How much of what is still equal is shown before the place where two values differ."""


def tell_difference(seen: object, expected: object) -> str:
    """Say where two values differ, and how long they are; short ones are shown whole."""
    if max(len(repr(seen)), len(repr(expected))) <= SHOWN_CHARS_MAX:
        return f"{seen!r}; expected {expected!r}"
    if type(seen) is not type(expected) or not isinstance(seen, str | bytes | tuple | list):
        return f"{_cut(seen)}; expected {_cut(expected)}"
    ours, theirs = cast("Sequence[object]", seen), cast("Sequence[object]", expected)
    at = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    if isinstance(seen, str | bytes):
        start = max((min(len(ours), len(theirs)) if at is None else at) - BEFORE, 0)
        return f"{_window(ours, start)}; expected {_window(theirs, start)}"
    lengths = f"{len(ours)} of them" if len(ours) == len(theirs) else f"{len(ours)} of them, expected {len(theirs)}"
    if at is None:
        extra = ours[len(theirs) :] or theirs[len(ours) :]
        verb = "too much" if len(ours) > len(theirs) else "missing"
        return f"{lengths}: {verb} from number {min(len(ours), len(theirs))} on: {_cut(extra[0])}"
    return f"{lengths}; number {at} is {tell_difference(ours[at], theirs[at])}"


def _cut(value: object) -> str:
    said = repr(value)
    return said if len(said) <= SHOWN_CHARS_MAX else f"{said[:SHOWN_CHARS_MAX]}… ({type(value).__name__})"


def _window(value: Sequence[object], start: int) -> str:
    dots = "…" if start else ""
    return f"{dots}{value[start : start + 24]!r} (from {start} on, of {len(value)})"
