"""What a request of a trial asks: how it continues, and which calls were made before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from attrs import frozen

from ...core.json_value import JSONObject, JSONValue
from ...testing.wire.formats import Continuation, Wire, asks_for_stream, read_continuation


class Way(StrEnum):
    """How a request asks for the rest of an answer."""

    ANEW = "anew"
    """It says nothing of an answer before."""
    PREFIX = "prefix"
    """It ends with the assistant's own turn."""
    QUOTE = "quote"
    """A user turn quotes the end of what was said."""
    RESULTS = "results"
    """It gives the results of calls."""


@frozen
class Asked:
    """One request, as it was understood."""

    wire: Wire
    path: str
    model: str
    body: JSONObject
    streams: bool
    continuation: Continuation
    called: frozenset[str]

    @property
    def way(self) -> Way:
        """How it goes on from what was said."""
        if self.continuation.is_prefix:
            return Way.PREFIX
        if self.continuation.is_quote:
            return Way.QUOTE
        return Way.RESULTS if self.called else Way.ANEW


def asked_of(wire: Wire, path: str, model: str, body: JSONObject) -> Asked:
    """Read a request. A trailing assistant turn of Chat Completions is gone on from where the request asks for it."""
    return Asked(
        wire,
        path,
        model,
        body,
        asks_for_stream(wire, path, body),
        read_continuation(wire, body),
        frozenset(_calls_of(body)),
    )


_TURNS = ("messages", "input", "contents")


def _calls_of(body: JSONObject) -> Iterator[str]:
    """Give the names of the calls in the turns of a request, in whatever format: each has its result there too."""
    for turns in _TURNS:
        yield from _calls_in(body.get(turns))


def _calls_in(value: JSONValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_in(item)
    elif isinstance(value, Mapping):
        kind, name = value.get("type"), value.get("name")
        if kind in ("tool_use", "function_call") and isinstance(name, str):
            yield name
        for key in ("function", "functionCall"):
            called = value.get(key)
            if isinstance(called, Mapping) and isinstance(name := called.get("name"), str):
                yield name
        for key in ("content", "parts", "tool_calls"):
            yield from _calls_in(value.get(key))
