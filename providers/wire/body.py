"""How a caller's `extra` enters a body: last and verbatim, but for what would make it no stream of one answer."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.usage_error import UsageError
from .json import write_json


def write_body(body: Mapping[str, JSONValue], extra: JSONObject) -> bytes:
    """Return the body as bytes: equal requests give equal bytes.

    Raises:
        UsageError: `extra` asks for several answers or for no stream, or holds what is not JSON.
    """
    if (count := extra.get("n", 1)) != 1:
        raise UsageError(f"extra holds n={count!r}; expected one answer a request: open several runs")
    if extra.get("stream", True) is not True:
        raise UsageError("extra holds stream; expected none: every request is a stream")
    return write_json({**body, **extra}).encode("ascii")
