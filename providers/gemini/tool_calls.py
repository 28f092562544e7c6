"""The calls of a Gemini stream: whole in one part, or opened by a name and streamed piece by piece.

Rules: a part with a name begins a call and, without `willContinue`, ends it too; parts without a name go on with the
call that is open, until one of them does not say `willContinue`; so does one with its name and id. Ids are rare (23 of
237 recorded), so one is made up where none is given, or where it is an earlier call's: it holds the response's id, so
that it is unique in a conversation, and is known by its prefix, so that it is never sent back.

Source: wire-formats §5.2 (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from zlib import crc32

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, canonical_json
from ...engine.core.policy import Limits
from ...engine.core.stream_events import BlockStop, StreamEvent, ToolCallDelta, ToolCallStart
from ..wire.call_bounds import ArgumentsBound, CallIds
from ..wire.json import excess_of_names, list_at, text_at, write_json
from .arguments import ArgumentsWriter

MADE_UP_PREFIX = "gemini-call-"
"""What begins the id of a call that the provider gave none."""


class _OpenCall:
    """One call between its name and its end."""

    __slots__ = ("bound", "checksum", "given", "id", "is_whole", "name", "repeats", "writer")

    def __init__(self, chosen: tuple[str, str | None], given: str, name: str, limits: Limits, held: HeldBytes) -> None:
        self.id, self.repeats = chosen
        self.given, self.name = given, name
        self.checksum: int = 0  # of arguments that came whole
        self.writer: ArgumentsWriter = ArgumentsWriter(held)
        self.bound: ArgumentsBound = ArgumentsBound(limits)
        self.is_whole: bool = False


class CallReader:
    """All calls of one response. `defect` says which part could not be one; `ignored` counts what is not read."""

    def __init__(self, limits: Limits) -> None:
        self._defect: str | None = None
        self.ignored: Counter[str] = Counter()
        self.response_key: str = ""
        """What makes a made-up id this response's own."""
        self._limits = limits
        self._held = HeldBytes(limits.held_bytes_max)
        self._ids = CallIds(limits)
        self._open: _OpenCall | None = None

    @property
    def defect(self) -> str | None:
        """Which part could not be one, or that too much is held."""
        return self._defect or self._held.defect

    @defect.setter
    def defect(self, defect: str | None) -> None:
        self._defect = defect

    @property
    def has_calls(self) -> bool:
        """Whether the answer holds a call."""
        return bool(self._ids)

    @property
    def is_open(self) -> bool:
        """Whether a call waits for more of its arguments."""
        return self._open is not None

    def take(self, call: JSONObject) -> Iterator[StreamEvent]:
        """Take one `functionCall`; say what it opens, adds and closes."""
        name = text_at(call, "name")
        if name and not self._goes_on(call, name):
            yield from self._begin(name, text_at(call, "id"))
        elif name:
            self.ignored[Ignored.TOLD_AGAIN] += 1
        elif self._open is None and not (call.get("args") or call.get("partialArgs")):
            self.ignored[Ignored.EMPTY_CALL] += 1
        if self.defect is None and self._open is not None:
            yield from self._argue(self._open, call)
            if call.get("willContinue") is not True:
                yield from self._close(self._open)
        elif self.defect is None and (call.get("args") or call.get("partialArgs")):
            self.defect = "seen arguments while no call is open; expected the call's name first"

    def _goes_on(self, call: JSONObject, name: str) -> bool:
        """Whether a part that has a name is more of the call that is open: it has its id, too."""
        given = text_at(call, "id")
        return self._open is not None and bool(given) and (given, name) == (self._open.given, self._open.name)

    def close_whole(self) -> Iterator[StreamEvent]:
        """Close the call that is open, if its arguments came whole: the answer has ended in order."""
        if self._open is not None and self._open.is_whole:
            self.ignored[Ignored.STOP_MISSING] += 1
            yield from self._close(self._open)

    def cut(self) -> Iterator[StreamEvent]:
        """Close the call that is open: the end of the answer fell inside it."""
        if self._open is not None:
            yield BlockStop(self._open.id, is_cut=True)
            self._open = None

    def _begin(self, name: str, given: str) -> Iterator[StreamEvent]:
        chosen = self._ids.choose(given, self.response_key, MADE_UP_PREFIX, "-")
        if (excess := excess_of_names(name, given)) is not None:
            self.defect = excess
        elif self._open is not None:
            self.defect = "seen a call begin while another waits for its arguments; expected the end of that one first"
        elif (defect := self._ids.admit(chosen[0])) is not None:
            self.defect = defect
        else:
            self.ignored[Ignored.CALL_ID_AGAIN] += chosen[1] is not None
            self._held.hold(len(chosen[0]) + len(name))
            self._open = _OpenCall(chosen, given, name, self._limits, self._held)
            yield ToolCallStart(chosen[0], name)

    def _argue(self, call: _OpenCall, given: JSONObject) -> Iterator[StreamEvent]:
        arguments = given.get("args")
        if arguments is not None and not isinstance(arguments, dict):
            self.defect = "seen args that are no object; expected an object"
        elif arguments and call.is_whole and _checksum(arguments) == call.checksum:
            self.ignored[Ignored.TOLD_AGAIN] += 1
        elif arguments and (call.is_whole or call.writer.is_begun):
            self.defect = "seen whole args after a part of them; expected one or the other"
        elif arguments:
            call.is_whole, call.checksum = True, _checksum(arguments)
            yield from self._add(call, write_json(arguments))
        for piece in list_at(given, "partialArgs"):
            if not isinstance(piece, dict):
                self.ignored[Ignored.UNKNOWN_PART] += 1
            elif call.is_whole:
                self.defect = "seen a part of args after the whole of them; expected one or the other"
            elif self.defect is None:
                text = call.writer.put(piece)
                self.defect = call.writer.defect
                yield from self._add(call, text)

    def _add(self, call: _OpenCall, text: str) -> Iterator[StreamEvent]:
        if (defect := call.bound.add(text)) is not None:
            self.defect = defect
        elif text:
            yield ToolCallDelta(call.id, text)

    def _close(self, call: _OpenCall) -> Iterator[StreamEvent]:
        yield from self._add(call, call.writer.close())
        if self.defect is None:
            yield BlockStop(call.id, repeats=call.repeats)
            self._open = None


def _checksum(arguments: JSONObject) -> int:
    return crc32(canonical_json(arguments).encode())
