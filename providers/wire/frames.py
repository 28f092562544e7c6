"""What a frame of a stream is: an object; a line that only says that the server lives; or what can not be read.

Rules:
- A line that does not begin with a bracket is no frame: nothing at all, `ping`, `null`. It is a sign of life, and its
  first words are kept, for a stream that fails after it. One that holds an object further on is no such line: a frame
  was damaged, or another was written into it.
- `data:` written twice, and a byte order mark before the bracket, leave one meaning.
- A key twice in one object: the same value twice is one. With two values, or with a number that is none, counts are not
  believed, all that one object holds of them; what nobody reads (`logprobs`, say) is passed over; anything else is a
  stream that can not be read.

Cost: one parse, whose only extra is a look at the keys of each object (0.3 µs an object, CPython 3.11); a frame with
anything odd in it is parsed twice.

Source: netease-lcap/wave-agent#1326, Growth-Circle/cadis#362, moeru-ai/airi#2589 (empty lines); RFC 8259 § 4 (keys).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import NoReturn, cast

from attrs import frozen

from ...engine.core.framing import SSEReader
from ...engine.core.ignored import Ignored
from ...engine.core.json_bounds import explain_excess
from ...engine.core.json_value import JSONObject, JSONValue, is_same_json
from ...engine.core.printable import printable
from ...engine.core.tool_json import INTEGER_DIGITS_MAX, read_integer
from .json import EXCERPT_CHARS_MAX, SHORT_CHARS_MAX
from .spoken import MINUS_ZERO, read_written, spoken

WORDS_CHARS_MAX = 120
"""How much is kept of a line that was no frame."""

_PREFIX = re.compile("(?:data:|[\ufeff \t\r\n])+")
_OBJECT = re.compile(r'\{\s*"')
_ERROR = re.compile(r'\s*\[?\s*\{\s*"(?:error|type"\s*:\s*"error)"')

_COUNTS = frozenset({
    "usage", "usageMetadata", "total_usage", "x_groq", "timings", "prompt_eval_count", "eval_count", "total_duration",
    "load_duration", "prompt_eval_duration", "eval_duration",
})  # fmt: skip
"""Where counts stand. The arguments of a call may have fields of these names: so only in `_ENVELOPES`."""

_UNREAD = frozenset({
    "logprobs", "logprobsResult", "avgLogprobs", "obfuscation", "system_fingerprint", "created", "created_at", "error",
    "copilot_usage", "provider_metadata",
})  # fmt: skip
"""What decides nothing: of two values the last, as readers of JSON do."""

_ENVELOPES = frozenset({"message", "response", "interaction", "metadata", "choices", "candidates"})
"""What is looked into for both."""


@frozen
class _Odd:
    """Stands for a value that is no one value. `last` is what most readers would take.

    Two that are odd in the same way are equal: an object that holds one is the same when it comes twice.
    """

    why: str
    last: JSONValue


class FrameReader:
    """Reads the frames of one response. `words` began the last line that was no frame.

    Args:
        values_max: how many values a frame may hold (`Limits.values_max`).
        ignored: where it counts.
        is_ndjson: a line that is not empty has to be a frame.

    """

    __slots__ = ("_ignored", "_is_ndjson", "_values_max", "words")

    def __init__(self, values_max: int, ignored: Counter[str], *, is_ndjson: bool = False) -> None:
        self.words: str = ""
        self._is_ndjson = is_ndjson
        self._values_max = values_max
        self._ignored = ignored

    def read(self, text: str) -> JSONObject | str | None:
        """Return the object that a frame is; None for a line that is none, counted; a text that says what was seen.

        Never raises.
        """
        if (excess := explain_excess(text, self._values_max)) is not None:
            return excess
        value = _decode(text)
        return cast("JSONObject", value) if isinstance(value, dict) else self._read_odd(text)

    def is_half(self, text: str) -> bool:
        """Whether what stood at the end of the body is no whole object. Of an error that was cut the words are kept."""
        if explain_excess(text, self._values_max) is not None or isinstance(_read_whole(_less_prefix(text)), dict):
            return False
        if _ERROR.match(text) is not None:
            self.words = printable(text, WORDS_CHARS_MAX)
        return True

    def _read_odd(self, text: str) -> JSONObject | str | None:
        prefix = _PREFIX.match(text)
        frame = _less_prefix(text)
        if not frame.startswith(("{", "[")):
            return self._pass_over(text, frame)
        value = _read_whole(frame, reader := _OddReader())
        if not isinstance(value, dict):
            return _unreadable(text)
        holder = cast("dict[str, object]", value)
        dropped = _drop_counts(holder)
        if (odd := _first_odd(holder)) is not None:
            return odd.why
        counts = (reader.again, dropped, prefix is not None and "data:" in prefix[0])
        for kind, count in zip((Ignored.KEY_TWICE, Ignored.COUNTS, Ignored.PREFIX_TWICE), counts, strict=True):
            if count:
                self._ignored[kind] += count
        return cast("JSONObject", holder)

    def _pass_over(self, text: str, line: str) -> str | None:
        """Take a line that is no frame for a sign of life, unless one is in it."""
        words = line.strip()
        if (words and self._is_ndjson) or _OBJECT.search(words):
            return _unreadable(text)
        if words:
            self.words = printable(words, WORDS_CHARS_MAX)
        self._ignored[Ignored.NO_FRAME if words else Ignored.EMPTY_LINE] += 1
        return None


def bare_frames(reader: SSEReader) -> Counter[str]:
    """Count the frames that came without their `data:`."""
    return Counter({Ignored.BARE_FRAME: reader.bare})


def _less_prefix(text: str) -> str:
    prefix = _PREFIX.match(text)
    return text if prefix is None else text[prefix.end() :]


def _read_whole(text: str, reader: _OddReader | None = None) -> object:
    """Return what a text is, odd or not; None where it is no JSON."""
    try:
        return _only_error((reader or _OddReader()).read(text))
    except (ValueError, RecursionError, MemoryError):
        return None


def _only_error(value: object) -> object:
    """Return the error that a list holds first (Vertex writes it so), or the value."""
    if not isinstance(value, list):
        return value
    listed = cast("list[object]", value)
    first = listed[0] if listed else None
    return cast("object", first) if isinstance(first, dict) and "error" in first else listed


def _unreadable(text: str) -> str:
    return f"seen '{printable(text, EXCERPT_CHARS_MAX)}'; expected a JSON object"


# -- what most frames are -------------------------------------------------------------------------------------------


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _object(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key twice")
    return value


def _integer(digits: str) -> int:
    return MINUS_ZERO if digits == "-0" else read_integer(digits)


_decode_short = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse, parse_float=read_written
).decode  # fmt: skip
_decode_long = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse, parse_float=read_written, parse_int=_integer
).decode  # fmt: skip


def _decode(text: str) -> object:
    is_plain = len(text) <= SHORT_CHARS_MAX and "-0" not in text
    try:
        return cast("object", _decode_short(text) if is_plain else _decode_long(text))
    except (ValueError, RecursionError, MemoryError):
        return None


# -- what is odd about the others -----------------------------------------------------------------------------------


class _OddReader:
    """Parses a frame with its oddities in place; `again` counts the keys that came again with the same value."""

    def __init__(self) -> None:
        self.again: int = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=_odd_number, parse_float=_float_or_odd,
            parse_int=_integer_or_odd,
        )  # fmt: skip

    def read(self, text: str) -> object:
        """Parse a text. Raises ValueError where it is no JSON at all."""
        return cast("object", self._decoder.decode(text))

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        value: dict[str, object] = {}
        for key, each in pairs:
            if key not in value:
                value[key] = each
            elif _is_same(value[key], each):
                self.again += 1
            else:
                last = each.last if isinstance(each, _Odd) else cast("JSONValue", each)
                value[key] = _Odd("seen a key twice in one object, with two values; expected each once", last)
        return value


def _is_same(one: object, other: object) -> bool:
    held, given = cast("JSONValue", one), cast("JSONValue", other)
    return is_same_json(held, given) and spoken(held) == spoken(given)


def _odd_number(word: str) -> object:
    return _Odd(f"seen {word}; expected finite numbers", None)


def _float_or_odd(digits: str) -> object:
    try:
        return read_written(digits)
    except ValueError:
        return _Odd("seen a number beyond the range of a double; expected finite numbers", None)


def _integer_or_odd(digits: str) -> object:
    try:
        return _integer(digits)
    except ValueError:
        return _Odd(f"seen an integer of {len(digits)} characters; expected at most {INTEGER_DIGITS_MAX} digits", None)


def _drop_counts(holder: dict[str, object]) -> int:
    """Take out counts of which any is odd, and settle what nobody reads; return how many objects had such counts."""
    odd = {key for key in holder if _first_odd(holder[key]) is not None}
    is_doubted = not odd.isdisjoint(_COUNTS)
    if is_doubted:
        for key in _COUNTS & holder.keys():
            del holder[key]
    for key in odd & _UNREAD:
        holder[key] = _settled(holder[key])
    return is_doubted + sum(_drop_counts(inner) for key in odd & _ENVELOPES for inner in _objects(holder[key]))


def _objects(value: object) -> list[dict[str, object]]:
    held = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, object]", each) for each in held if isinstance(each, dict)]


def _first_odd(value: object) -> _Odd | None:
    """Return the first odd value at or in a value. Its depth is bounded, as that of all that is parsed."""
    if isinstance(value, _Odd):
        return value
    inner: list[object] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return next((odd for each in inner if (odd := _first_odd(each)) is not None), None)


def _settled(value: object) -> object:
    """Return a value with the last one in the place of each odd one."""
    if isinstance(value, _Odd):
        return _settled(value.last)
    if isinstance(value, dict):
        return {key: _settled(each) for key, each in cast("dict[str, object]", value).items()}
    return [_settled(each) for each in cast("list[object]", value)] if isinstance(value, list) else value
