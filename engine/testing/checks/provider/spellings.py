"""Variants of a body: other spellings that mean the same, and bodies of the right format and of the wrong shape.

*Source*: "Server-sent events" in the HTML standard, sections 9.2.5 and 9.2.6: lines end with CRLF, LF or CR, the space
after the colon may be missing, a BOM may stand first, and comments, `id` and `retry` may stand anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

from ...wire.format import dump

_SSE = re.compile(rb"\A\s*(?:data|event|id|retry)?:")
_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_LINE = re.compile(rb"^(\{.*\})$", re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n")
COMMENT = b": ping\n\n"

_Span: TypeAlias = tuple[int, int]


def is_sse(body: bytes) -> bool:
    """Whether a body is a stream of server-sent events with data."""
    return _SSE.match(body) is not None and _DATA.search(body) is not None


def respelt(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the spellings of a body that mean the same, each with its name; none where the format is another."""
    plain = body.replace(b"\r\n", b"\n")
    if body.lstrip()[:1] == b"{":
        yield "with CRLF at the ends of its lines", plain.replace(b"\n", b"\r\n")
    if not is_sse(body):
        return
    yield "with LF at the ends of its lines", plain
    yield "with CRLF at the ends of its lines", plain.replace(b"\n", b"\r\n")
    yield "with CR at the ends of its lines", plain.replace(b"\n", b"\r")
    yield "without the space after `data:`", re.sub(rb"(?m)^data: ", b"data:", plain)
    if re.search(rb"(?m)^id:", plain) is None:
        yield "with `id: 1` before its data", re.sub(rb"(?m)^data:", b"id: 1\ndata:", plain)
    yield "with a comment before its data", re.sub(rb"(?m)^data:", b": ping\ndata:", plain)
    yield "with comments between its events", plain.replace(b"\n\n", b"\n\n" + COMMENT)
    yield "with a BOM before it", b"\xef\xbb\xbf" + plain
    yield "with `retry: 100` before it", b"retry: 100\n\n" + plain


def event_ends(body: bytes) -> list[int]:
    """Give where the events of an SSE body end, and where the first begins."""
    return [0, *(found.end() for found in _BLANK.finditer(body))]


# -- the right format and the wrong shape -------------------------------------------------------------------------

_ODD: tuple[Any, ...] = (None, [], {}, 0, "", True)
_ODD_TEXTS = (b"[]", b"null", b'"x"', b"1", b"true", b"[" * 100_000, b"1" * 5000)
"""What is JSON, or nearly, and no object. Too deep is a RecursionError, too many digits a ValueError."""


def odd_bodies(body: bytes) -> Iterator[bytes]:
    """Give bodies with one value that is no object, or one member of another type, or one member less.

    Of values with the same members only the first is bent. A body that is neither SSE nor lines of JSON gives none.
    """
    spans = _values(body)
    for start, end in spans[:1] + spans[len(spans) // 2 : len(spans) // 2 + 1]:
        yield from (body[:start] + odd + body[end:] for odd in _ODD_TEXTS)
    seen: set[str] = set()
    for start, end in spans:
        try:
            value: object = json.loads(body[start:end])
        except ValueError:
            continue  # a word such as [DONE]
        if (shape := repr(_members(value))) not in seen:
            seen.add(shape)
            yield from (body[:start] + dump(bent) + body[end:] for bent in _bent(value))


def _values(body: bytes) -> list[_Span]:
    pattern = _DATA if is_sse(body) else _LINE
    return [(found.start(1), found.start(1) + len(found[1].rstrip(b"\r"))) for found in pattern.finditer(body)]


def _members(value: object) -> object:
    if isinstance(value, dict):
        return {name: _members(one) for name, one in cast("dict[str, object]", value).items()}
    return [_members(one) for one in cast("list[object]", value)] if isinstance(value, list) else type(value)


def _bent(value: object) -> Iterator[Any]:
    """One place of a value at a time: another type, nothing, or a place further in."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for name, one in fields.items():
            yield {key: kept for key, kept in fields.items() if key != name}
            yield from ({**fields, name: odd} for odd in (*_ODD, *_bent(one)))
    elif isinstance(value, list):
        items = cast("list[object]", value)
        for at, one in enumerate(items):
            yield from ([*items[:at], odd, *items[at + 1 :]] for odd in (*_ODD, *_bent(one)))
