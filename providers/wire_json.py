"""How JSON from a provider is read: strictly, to typed values, and never with an exception.

A reader returns either what it was asked for or the reason why not, as text for a `MalformedStream`. Bounds: depth
(hardening: 128), integers of at most 4,300 digits (CPython's own), no NaN, no Infinity, no float beyond the range.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..engine.core.json_value import JSONObject, JSONValue
from ..engine.core.printable import printable
from ..engine.core.tool_json import DEPTH_MAX, read_finite_float
from ..engine.core.usage_error import UsageError

_EXCERPT_CHARS_MAX = 60


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=read_finite_float).decode


def read_object(text: str) -> JSONObject | str:
    """Return the JSON object that `text` is, or what was seen instead of one. Never raises."""
    value = read_value(text)
    if isinstance(value, dict):
        return value
    return f"seen '{printable(text, _EXCERPT_CHARS_MAX)}'; expected a JSON object"


def read_value(text: str) -> JSONValue:
    """Return the JSON value that `text` is; None also for what is not JSON. Never raises."""
    try:
        value: JSONValue = _decode(text)
    except (ValueError, RecursionError):
        return None
    # Brackets bound the depth, and counting them costs a twentieth of walking the value.
    if text.count("{") + text.count("[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        return None
    return value


def _depth(value: JSONValue) -> int:
    depth, layer = 0, [value]
    while layer := [child for item in layer for child in _children(item)]:
        depth += 1
    return depth


def _children(value: JSONValue) -> Sequence[JSONValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def text_at(holder: JSONObject, key: str) -> str:
    """Return the string at `key`; "" where there is none or something else."""
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def object_at(holder: JSONObject, key: str) -> JSONObject:
    """Return the object at `key`; an empty one where there is none or something else."""
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def list_at(holder: JSONObject, key: str) -> Sequence[JSONValue]:
    """Return the list at `key`; an empty one where there is none or something else."""
    value = holder.get(key)
    return value if isinstance(value, list) else ()


def count_at(holder: JSONObject, key: str) -> int | None:
    """Return the integer at `key` (True is none); None where there is none or something else."""
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def write_json(value: JSONValue) -> str:
    """Equal values in equal order give equal text: compact and ASCII, so that a lone surrogate survives as an escape.

    Raises:
        UsageError: the value holds NaN or an infinity, something that is not JSON, or nests too deep.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"the request can not be written as JSON: {error}; expected JSON values only") from None
