"""The type of a JSON value, and the one canonical way to write it."""

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
