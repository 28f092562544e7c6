"""Where comments stand in the bytes of a compatible server: each proves that it lives, in the order it came.

A read is cut so that no piece has a comment behind the end of an event, in as few pieces as that takes: a server may
send nothing but comments, twenty thousand in one read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...engine.core.framing import SSEReader

_RUN = re.compile(rb"(?<![^\r\n]):[^\r\n]*+(?:[\r\n]++:[^\r\n]*+)*+[\r\n]*+")
"""Comments, and blank lines between and behind them. An event may end in it, at its first blank line only."""

_BLANK = re.compile(rb"(?:(?<=\n)|(?<=\r)(?!\n))(?:\r\n|\r|\n)")


def at_comments(data: bytes, reader: SSEReader) -> Iterator[bytes]:
    """Cut one read. Each piece has to be read before the next is asked for."""
    begin = 0
    for run in _RUN.finditer(data):
        if run.start() > begin:
            yield data[begin : run.start()]
        begin = run.end()
        # At the very start it may be the rest of a line, which is no comment.
        blank = _BLANK.search(data, run.start(), begin) if reader.has_data or not run.start() else None
        middle = begin if blank is None else blank.end()
        yield data[run.start() : middle]
        if middle < begin:
            yield data[middle:begin]
    if begin < len(data):
        yield data[begin:]
