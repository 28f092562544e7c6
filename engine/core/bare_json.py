"""Lines of JSON in a stream of events that stand there without `data:`: a gateway's error, mostly.

No field of an event begins with a bracket, a quote or white space, so such a line is no field. It begins a value where
it begins with a bracket behind which JSON would go on; one that says `[INFO]` is passed over, as the standard has it.
"""

from __future__ import annotations

import re

MARKS = b'{[ \t"}],'
"""What a line of a value begins with, however it is laid out."""

_BEGINS = re.compile(rb'\{[ \t]*(?:["}]|\Z)|\[[ \t]*(?:\{|\Z)')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_CLOSES = {b"{": b"}", b"[": b"]"}


def begins_value(line: bytes) -> bool:
    """Whether a line begins a value of its own."""
    return _BEGINS.match(line) is not None


def depth_after(line: bytes, depth: int) -> int:
    """Return how many brackets are open after a line, if so many were before it. Cost: linear in the line."""
    bare = _STRING.sub(b"", line)
    return depth + bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def may_end(line: bytes) -> bool:
    """Whether a value may end with its first line: its last bracket is the first one's, or it is none of brackets."""
    closing = _CLOSES.get(line.lstrip()[:1])
    return closing is None or line.rstrip()[-1:] == closing
