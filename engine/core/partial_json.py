r"""A preview of JSON that is still arriving, for display only: it never raises and never goes back.

**The law.** For every text and every prefix of it, `preview(prefix) <= preview(text)`, where *a <= b* means:
`NOTHING` is below everything; a string is below every string that begins with it; an array is below an array that is at
least as long and whose items are above its own, one by one; an object is below an object that begins with its keys, in
order, with values above its own; a number, a boolean and null are below themselves only. What a person was shown may
grow, and nothing else. For text that `parse_arguments` accepts, the preview of the whole is what that returns
(lone surrogates and keys that come twice apart).

**The policy.** Two are known: show strings only once they are whole (jiter's default), or as they grow (Vercel's
`fix-json`, jiter's `trailing-strings`). Ours is the second, because the strings are what one waits for in the arguments
of a call: the file, the query, the letter. As there, an incomplete key or escape is left out, and an incomplete literal
is completed: after `t` only `true` can come. One thing differs, since the law rules it out: **a number at the end of
the text is not shown**, not even its complete part, until white space, a comma or a bracket has ended it. "1" would
become "12", and "-1.2" "-1.25e9". A number at the top level, which usually nothing ends, stays hidden.

**Where it stops.** At the first thing `parse_arguments` would refuse, the preview stays as it is, whatever follows:
malformed text, NaN, 1e999, an integer without bounds, a 129th level, or the second use of a key (its first value stays
shown: the last one would go back).

**Surrogates.** The result always encodes as UTF-8: a lone surrogate is shown as U+FFFD. A high one at the end of a
growing string is held back, because its other half may follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeAlias

from .json_value import JSONValue
from .tool_json import DEPTH_MAX, read_finite_float, read_integer

__all__ = ["NOTHING", "Nothing", "preview"]


class Nothing(Enum):
    """The type of `NOTHING`."""

    NOTHING = "nothing"

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = Nothing.NOTHING
"""There is no value to show yet. Not None, which is the value of `null`."""


def preview(text: str) -> JSONValue | Nothing:
    """Return what can be shown of the value whose JSON begins with `text`. Never raises, never goes back.

    For display only: run nothing with it, however whole it looks.

    Cost: linear in the text, about 4 µs a value. A preview for every delta is quadratic: make one when you paint.

    """
    reader = _Reader(text)
    reader.read()
    return reader.root


_SPACE = re.compile(r"[ \t\n\r]*+")
# As much of a string as is whole: no half of an escape, nothing that JSON refuses.
_STRING = re.compile(r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?+([eE][+-]?[0-9]++)?+(?=[ \t\n\r,\]}])")
_LITERALS: dict[str, tuple[str, JSONValue]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_SURROGATE = re.compile("[\ud800-\udfff]")

_Step: TypeAlias = "Callable[[], _Step | None]"


class _Reader:
    """Walks a text; each step takes one token and returns the step that may follow, or None where the preview ends.

    The stack is a list, not Python's own: how deep the caller stands plays no part.
    """

    def __init__(self, text: str) -> None:
        self.root: JSONValue | Nothing = NOTHING
        self._text = text
        self._position = 0
        self._stack: list[list[JSONValue] | dict[str, JSONValue]] = []
        self._key = ""

    def read(self) -> None:
        step: _Step | None = self._read_value
        while step is not None:
            if space := _SPACE.match(self._text, self._position):
                self._position = space.end()
            step = step()

    def _take(self, token: str) -> bool:
        is_there = self._text.startswith(token, self._position)
        if is_there:
            self._position += len(token)
        return is_there

    def _show(self, value: JSONValue) -> None:
        if not self._stack:
            self.root = value
            return
        container = self._stack[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._key] = value

    def _read_value(self) -> _Step | None:
        if self._take('"'):
            shown, is_whole = self._read_string()
            self._show(shown)
            return self._end_value if is_whole else None
        if self._take("{"):
            return self._open({}, self._begin_object)
        if self._take("["):
            return self._open([], self._begin_array)
        literal = _LITERALS.get(self._text[self._position : self._position + 1])
        return self._read_number() if literal is None else self._read_literal(*literal)

    def _read_literal(self, word: str, value: JSONValue) -> _Step | None:
        self._show(value)
        return self._end_value if self._take(word) else None

    def _read_number(self) -> _Step | None:
        match = _NUMBER.match(self._text, self._position)
        if match is None:
            return None
        try:
            self._show(read_integer(match[0]) if match.lastindex is None else read_finite_float(match[0]))
        except ValueError:
            return None
        self._position = match.end()
        return self._end_value

    def _read_string(self) -> tuple[str, bool]:
        """Read from behind the opening quote; return what can be shown, and whether the closing quote was there."""
        match = _STRING.match(self._text, self._position)
        content = match[0] if match else ""
        self._position += len(content)
        is_whole = self._take('"')
        if "\\" in content:
            content = str(json.loads(f'"{content}"'))
        if not is_whole and "\ud800" <= content[-1:] <= "\udbff":
            content = content[:-1]
        return _encodable(content), is_whole

    def _open(self, container: list[JSONValue] | dict[str, JSONValue], first: _Step) -> _Step | None:
        if len(self._stack) == DEPTH_MAX:
            return None
        self._show(container)
        self._stack.append(container)
        return first

    def _begin_array(self) -> _Step | None:
        return self._close() if self._take("]") else self._read_value()

    def _begin_object(self) -> _Step | None:
        return self._close() if self._take("}") else self._read_key()

    def _read_key(self) -> _Step | None:
        if not self._take('"'):
            return None
        key, is_whole = self._read_string()
        if not is_whole or key in self._stack[-1]:
            return None
        self._key = key
        return self._read_colon

    def _read_colon(self) -> _Step | None:
        return self._read_value if self._take(":") else None

    def _end_value(self) -> _Step | None:
        if not self._stack:
            return None
        is_array = isinstance(self._stack[-1], list)
        if self._take(","):
            return self._read_value if is_array else self._read_key
        return self._close() if self._take("]" if is_array else "}") else None

    def _close(self) -> _Step:
        self._stack.pop()
        return self._end_value


def _encodable(text: str) -> str:
    """Join surrogate pairs, however they came, and replace lone ones with U+FFFD."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
