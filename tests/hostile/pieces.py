"""What attacks in several formats are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import Any

from tests.hostile.attack import MIB

JUNK = "x" * (7 * MIB)
"""Within the bound of an event."""

WIDE = "\U0001f30d" + "a" * 999
"""A thousand characters of which one takes four bytes, and so all of them do."""

OBJECTS = '{"a":1},' * 30_000 + "{}"
"""The inside of a list of as many small objects as are admitted."""

LISTS = "[]," * 30_000 + "[]"

ARGUMENTS = '{"a":[' + LISTS + "]}"
"""Arguments of as many values as are admitted."""

SHORT_LINES = b":\n" * 32_768
BLANK_LINES = b"\n" * 65_536
DATA_LINES = b"data:ab\n" * 8192


def text(value: Any) -> str:
    """Write JSON, compact, in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def with_list(payload: Any, inside: str) -> str:
    """Write a payload in which the string "LIST" stands for a list."""
    return text(payload).replace('"LIST"', f"[{inside}]", 1)


def times(count: int, piece: bytes) -> Iterator[bytes]:
    """Say the same again and again, without making one long piece of it."""
    return islice(repeat(piece), count)


def joined(*parts: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """Say one after the other."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from part
