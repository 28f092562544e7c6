"""The shape of a chunk: what one plain text delta of Chat Completions has in common with the next, learned on the way.

A chunk repeats some 300 characters around its few of text, and parsing them all again is most of the cost of an event
(3.7 µs of `json.loads`; 0.7 µs here, CPython 3.11). So a plain chunk that was parsed is kept as literal text with a
hole where the string of `content` is (or of reasoning), and one for `obfuscation`, whose length is random by design.

Why this can not differ from parsing: a JSON string without quotes, backslashes and control characters stands for
itself, so two chunks that are equal but for such strings parse to values that are equal but for those strings. That the
holes are `choices[0].delta[key]` and `obfuscation`, and nothing else, is not assumed from how they look: it is tried
out. `learn` fills the holes with probes, parses, and compares the whole value. A chunk that does not fit is parsed.

`str.isprintable` stands for "no control characters" because it is the cheapest test that implies it: what is refused
without need (U+2028, say) is parsed and comes out the same. A compiled expression was as fast, and 0.6 ms to make.
"""

from __future__ import annotations

import re

from ...engine.core.json_value import JSONObject
from ..wire.json import list_at, object_at, read_object

_STRINGS = {key: re.compile(f'"{key}": ?"') for key in ("content", "reasoning_content", "reasoning")}
_PADDING = re.compile(r'"obfuscation": ?"')
_STRING_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LEARNED_CHARS_MAX = 16 * 1024
"""A longer chunk is not learned: what is kept of it is held, and compared with every chunk after it."""

_PROBES = ("one probe", "another one's")


class ChunkShape:
    """Literal text around one hole, or two."""

    __slots__ = ("_end", "_head", "_head_chars", "_tail", "_tail_chars")

    def __init__(self, head: str, tail: str, end: str | None) -> None:
        self._head, self._head_chars = head, len(head)
        self._tail, self._tail_chars = tail, len(tail)
        self._end = end

    def read(self, data: str) -> str:
        """Return the text of a chunk of this shape; "" for any other chunk."""
        if data.startswith(self._head):
            text, _, rest = data[self._head_chars :].partition('"')
            if text.isprintable() and "\\" not in text:
                if self._end is None:
                    return text if rest == self._tail else ""
                if rest.startswith(self._tail):
                    padding, _, end = rest[self._tail_chars :].partition('"')
                    if end == self._end and padding.isprintable() and "\\" not in padding:
                        return text
        return ""

    def probe(self) -> str:
        """Return a chunk of this shape that holds the probes."""
        content, padding = _PROBES
        chunk = f'{self._head}{content}"{self._tail}'
        return chunk if self._end is None else f'{chunk}{padding}"{self._end}'


def learn(data: str, chunk: JSONObject, key: str) -> ChunkShape | None:
    """Make the shape of a chunk whose delta says something at `key` only; None where its holes are not sure.

    Args:
        data: the chunk as text.
        chunk: the same, parsed.
        key: "content", "reasoning_content" or "reasoning".
    """
    shape = _cut_holes(data, key) if len(data) <= _LEARNED_CHARS_MAX else None
    if shape is None:
        return None
    probed = read_object(shape.probe())
    if isinstance(probed, str) or not _fill(probed, chunk, key):
        return None
    return shape if probed == chunk else None


def _cut_holes(data: str, key: str) -> ChunkShape | None:
    if data.count(f'"{key}"') != 1 or data.count('"obfuscation"') > 1:
        return None
    content = _STRINGS[key].search(data)
    content_rest = content and _STRING_REST.match(data, content.end())
    if content is None or content_rest is None:
        return None
    head, tail = data[: content.end()], data[content_rest.end() :]
    padding = _PADDING.search(tail)
    padding_rest = padding and _STRING_REST.match(tail, padding.end())
    if padding is None or padding_rest is None:
        return ChunkShape(head, tail, None)
    return ChunkShape(head, tail[: padding.end()], tail[padding_rest.end() :])


def _fill(probed: JSONObject, chunk: JSONObject, key: str) -> bool:
    """Put the chunk's own strings where the probes came out; False where they came out elsewhere."""
    delta, said = _delta(probed), _delta(chunk)
    if not isinstance(delta, dict) or not isinstance(probed, dict) or delta.get(key) != _PROBES[0]:
        return False
    delta[key] = said.get(key)
    if probed.get("obfuscation") == _PROBES[1]:
        probed["obfuscation"] = chunk.get("obfuscation")
    return True


def _delta(chunk: JSONObject) -> JSONObject:
    choices = list_at(chunk, "choices")
    choice = choices[0] if choices else None
    return object_at(choice, "delta") if isinstance(choice, dict) else {}
