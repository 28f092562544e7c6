"""What stands where a text should, read as text: a string; a number or a boolean; a list of parts.

Some gateways write a token that looks like a number as one. What was said is then the characters that stood in the
body: `0.10` is not `0.1`, and the dot of `1.0` is a character of the answer. So a number that is read from a frame
remembers them. Anything else (an object, a part that is no text) has no one meaning, and the stream is malformed.

Source: cloudflare/ai#651 (2026-09-02); mastra-ai/mastra#18289 (2026-06); Mistral's and Databricks' lists of parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from ...engine.core.json_value import JSONObject, JSONValue

NOT_TEXT = "seen something other than text where the answer's text is; expected a string"
"""The defect of a stream whose text is neither a string nor a number, a boolean or a list of texts."""

_TEXT_KINDS = ("text", "output_text", "summary_text", "reasoning_text")


class WrittenNumber(float):
    """A number with a fraction or an exponent, and the characters that it was written with."""

    __slots__ = ("written",)

    written: str


class _WrittenZero(int):
    """The integer `-0`."""


MINUS_ZERO: Final = _WrittenZero(0)
"""The one integer that Python does not write as JSON does."""


def read_written(digits: str) -> WrittenNumber:
    """Read a number that has a fraction or an exponent. Raises ValueError when it overflows (1e999)."""
    number = WrittenNumber(digits)
    if not isfinite(number):
        raise ValueError("a number beyond the range of a double")
    number.written = digits
    return number


def spoken(value: JSONValue) -> str | None:
    """Return the characters of what was said; "" for null, None for what is no text."""
    if isinstance(value, str):
        return value
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenNumber):
        return value.written
    if isinstance(value, int):
        return "-0" if value is MINUS_ZERO else str(value)
    return _joined(value) if isinstance(value, list) else None


def spoken_at(holder: JSONObject, key: str) -> str | None:
    """Return the characters of what was said at `key`; "" where nothing was, None for what is no text."""
    return spoken(holder.get(key))


def _joined(parts: Sequence[JSONValue]) -> str | None:
    texts = [_text_of(part) for part in parts]
    said = [text for text in texts if text is not None]
    return "".join(said) if len(said) == len(texts) else None


def _text_of(part: JSONValue) -> str | None:
    """Return the text of one part; a list inside a list is none."""
    if not isinstance(part, Mapping):
        return None if isinstance(part, list) else spoken(part)
    if part.get("type", "text") not in _TEXT_KINDS:
        return None
    text = part.get("text")
    return None if isinstance(text, list) else spoken(text)
