"""Where a dropped background response is read on: what its decoder has to know in the middle of it, as one short text.

The provider keeps the events of a background response by number, so the place is a number; but a decoder that starts
there has not seen what is open. Of each open item the cursor holds what names it, and how much of it was said: a count
and a checksum, never the text itself, so that the provider's own whole text can still be held against it.

Source: wire-formats §4.4; platform.openai.com/docs/guides/background (2026-11).
"""

from __future__ import annotations

from attrs import frozen

from ...engine.core.codec import CodecError, from_json, to_json
from ...engine.core.usage_error import UsageError

OPEN_MAX = 8
"""How many items and tools a cursor carries: one is written after every event, 4 µs an item. One is open, as a rule."""

PARTS_MAX = 256
"""How many parts of one item a cursor carries; an answer has a few."""

_ID_CHARS_MAX = 256
NUMBER_MAX = 2**53
"""The largest index or number that is believed: what JSON readers agree upon."""


@frozen
class SaidState:
    """How much of a text was said: characters, their checksum, and half a character that waits for its pair."""

    chars: int = 0
    checksum: int = 0
    half: str = ""


@frozen
class OpenItem:
    """An item of the output that had begun and not ended. Which fields count depends on its kind."""

    index: int
    kind: str
    item_id: str = ""
    said: SaidState = SaidState()
    is_done: bool = False
    call_id: str = ""
    name: str = ""
    part: str = ""
    part_said: SaidState = SaidState()
    parts: tuple[str, ...] = ()
    given_id: str = ""


@frozen
class Cursor:
    """A place in a background response: right after event `after`.

    `at` names the model and endpoint that keep the response; `top` is the highest index of an item so far; `speaker` is
    the item whose text or reasoning is open; `running` are the server-side tools that may run.
    """

    at: str
    response_id: str
    after: int
    top: int = -1
    has_calls: bool = False
    is_refused: bool = False
    speaker: int | None = None
    items: tuple[OpenItem, ...] = ()
    running: tuple[str, ...] = ()


def write_cursor(cursor: Cursor, *, chars_max: int) -> str | None:
    """Write a cursor as ASCII text; None where it would be too long to keep, which is seen before it is written."""
    named = [text for item in cursor.items for text in (item.kind, item.item_id, item.call_id, item.name, *item.parts)]
    if sum(map(len, named)) + sum(map(len, cursor.running)) > chars_max:
        return None
    text = to_json(cursor)
    return text if len(text) <= chars_max else None


def read_cursor(text: str, *, at: str) -> Cursor:
    """Read what `write_cursor` wrote.

    Raises:
        UsageError: it is no cursor of this format, or one of another model or endpoint.
    """
    try:
        cursor = from_json(text, Cursor)
    except CodecError as error:
        raise UsageError(f"the cursor can not be read ({error}); expected one of openai-responses") from None
    if cursor.at != at:
        raise UsageError("the cursor is of another model or endpoint; expected one of this provider's own")
    if not is_response_id(cursor.response_id) or not 0 <= cursor.after <= NUMBER_MAX:
        raise UsageError("the cursor names no response and event; expected both")
    return cursor


def is_response_id(response_id: str) -> bool:
    """Whether an id can stand in a path: not empty, not made of dots, no control characters, 256 characters at most."""
    return bool(response_id.strip(".")) and len(response_id) <= _ID_CHARS_MAX and response_id.isprintable()
