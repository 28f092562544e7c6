"""How JSON from a provider is read: strictly, to typed values, and never with an exception.

A reader returns either what it was asked for or the reason why not, as text for a `MalformedStream`. Bounds: the number
of values and their depth (`json_bounds`), told before anything is parsed; no NaN, no Infinity, no float beyond the
range; integers of at most 640 digits in a text of more than 16 KiB, of 4,300 (CPython's own) in a shorter one: their
cost grows with the square of their length.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...engine.core.json_bounds import VALUES_MAX, explain_excess, objects_bytes
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.printable import printable
from ...engine.core.tool_json import read_finite_float, read_integer
from ...engine.core.usage_error import UsageError
from .spoken import spoken

EXCERPT_CHARS_MAX = 60
"""How much of a frame that can not be read is repeated."""

NAME_CHARS_MAX = 4096
"""How long an id or a name may be. Most have 64 characters; ids that a gateway encrypts were seen with 400."""


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


SHORT_CHARS_MAX = 16 * 1024
"""Up to here integers are read as CPython does: a hook for each costs more than the few long ones that fit."""

_decode_short = json.JSONDecoder(parse_constant=_refuse, parse_float=read_finite_float).decode
_decode_long = json.JSONDecoder(parse_constant=_refuse, parse_float=read_finite_float, parse_int=read_integer).decode


def read_object(text: str, values_max: int = VALUES_MAX) -> JSONObject | str:
    """Return the JSON object that `text` is, or what was seen instead of one. Never raises.

    Args:
        text: what came.
        values_max: how many values it may hold (`Limits.values_max`).
    """
    if (excess := explain_excess(text, values_max)) is not None:
        return excess
    value = _decode(text)
    if isinstance(value, dict):
        return value
    return f"seen '{printable(text, EXCERPT_CHARS_MAX)}'; expected a JSON object"


def read_value(text: str, values_max: int = VALUES_MAX) -> JSONValue:
    """Return the JSON value that `text` is; None also for what is not JSON. Never raises."""
    return None if explain_excess(text, values_max) is not None else _decode(text)


def _decode(text: str) -> JSONValue:
    try:
        value: JSONValue = _decode_short(text) if len(text) <= SHORT_CHARS_MAX else _decode_long(text)
    except (ValueError, RecursionError, MemoryError):
        return None
    return value


def text_at(holder: JSONObject, key: str) -> str:
    """Return the string at `key`; "" where there is none or something else."""
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def name_at(holder: JSONObject, key: str) -> str:
    """Return the id or name at `key`; "" where there is none, something else, or more than an id has."""
    value = holder.get(key)
    return value if isinstance(value, str) and len(value) <= NAME_CHARS_MAX else ""


def call_name_at(holder: JSONObject, key: str) -> str:
    """Return the name or id of a call: a string, or the characters of a number; "" for all else, as `name_at`."""
    value = holder.get(key)
    name = spoken(value) if isinstance(value, str | int | float) else None
    return name if name is not None and len(name) <= NAME_CHARS_MAX else ""


def excess_of_names(*names: str) -> str | None:
    """Say that one of these ids or names is longer than they are, without repeating it; None where none is."""
    for name in names:
        if len(name) > NAME_CHARS_MAX:
            return f"seen an id or a name of {len(name)} characters; expected at most {NAME_CHARS_MAX}"
    return None


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


def arguments_of(value: JSONValue) -> str | None:
    """Return arguments, or a fragment of them, as text; an object is written as JSON; None for a list.

    Sources: older Ollama and Mistral's types (the object itself).
    """
    if isinstance(value, dict):
        return write_json(value)
    return None if isinstance(value, list) else spoken(value)


def held_bytes_of(value: JSONValue) -> int:
    """Return what a parsed value takes while a decoder holds it (`HeldBytes`): its text, and so much a value."""
    written = write_json(value)
    return len(written) + objects_bytes(written)
