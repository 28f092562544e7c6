"""How a caller's `extra` enters a body: last and verbatim, but for what would make it another kind of answer."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.usage_error import UsageError
from .json import write_json

_IN_ONE_PIECE: JSONObject = {}
_ASKS_FOR_STREAM = ("stream", "stream_options")


def write_body(
    body: Mapping[str, JSONValue], extra: JSONObject, *, streams: bool = True, whole: JSONObject = _IN_ONE_PIECE
) -> bytes:
    """Return the body as bytes: equal requests give equal bytes.

    `body` asks for a stream. Where none is wanted (`streams`), what asks for it is left out, and `whole` stands there.

    Raises:
        UsageError: `extra` asks for several answers or says how the answer comes, or holds what is not JSON.
    """
    if (count := extra.get("n", 1)) != 1:
        raise UsageError(f"extra holds n={count!r}; expected one answer a request: open several runs")
    check_stream(extra, streams=streams)
    fields = {**body, **extra}
    if not streams:
        fields = {**{name: value for name, value in fields.items() if name not in _ASKS_FOR_STREAM}, **whole}
    return write_json(fields).encode("ascii")


def check_stream(extra: JSONObject, *, streams: bool) -> None:
    """Refuse a `stream` in `extra` that is none where one is asked for. Raises UsageError."""
    if streams and extra.get("stream", True) is not True:
        raise UsageError(
            f"extra holds stream={extra['stream']!r}; expected none",
            argument="streams",
            advised="streams",
            advice=": where streams are not to be had, make the provider with streams=False",
        )
