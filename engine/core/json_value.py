"""The type of a JSON value, the one canonical way to write it, and when two are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    JSONValue: TypeAlias = Union[bool, int, float, str, "Sequence[JSONValue]", "Mapping[str, JSONValue]", None]  # noqa: UP007
    JSONObject: TypeAlias = Mapping[str, JSONValue]
else:  # a recursive alias can not be resolved from another module's annotations, which is what cattrs does
    JSONValue = Any
    JSONObject = Mapping[str, Any]


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: JSONValue) -> str:
    """Equal values give equal text: sorted keys, no white space, ASCII only (a lone surrogate is an escape)."""
    return _CANONICAL.encode(value)


def is_same_json(one: JSONValue, other: JSONValue) -> bool:
    """Whether two values are written alike but for white space and the order of keys: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same_json, one, other))
    return one == other
