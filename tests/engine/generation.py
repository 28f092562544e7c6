"""A provider whose generations live on without a reader: a dropped stream can be read on from a cursor.

Its wire is one line an event, "generation number, event number, event as JSON"; its server is a list of generations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from attrs import define, field

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.codec import structure, unstructure
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import ErrorResponse, WireRequest
from riverrun.engine.core.stream_events import CursorMoved, StopReported, StreamEvent
from riverrun.engine.testing.network.script import Reset, Silence, Step
from riverrun.engine.testing.network.transport import Script

RESET = Reset()


class LineDecoder:
    """Reads lines; a cursor follows each event. Complete with the generation's `StopReported`."""

    defect: str | None = None
    is_complete = False

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Give the events of every whole line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines for event in self._read(*json.loads(line))]

    def _read(self, generation: int, number: int, said: object) -> list[StreamEvent]:
        event: StreamEvent = structure(said, StreamEvent)
        self.is_complete = self.is_complete or isinstance(event, StopReported)
        return [event, CursorMoved(f"{generation}:{number}")]

    def close(self) -> Sequence[StreamEvent]:
        """Nothing is pending at a line's end."""
        return ()


class LineProvider:
    """Asks for a new generation, or reads one on."""

    name = "lines"
    model = "m-1"

    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        """Everything but a prefix."""
        return Capabilities(forms=(ContinuationForm.QUOTE,), can_reattach=True)

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Ask for a new generation."""
        return WireRequest("http://127.0.0.1:9/new", {}, b"{}")

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, LineDecoder]:
        """Ask for what follows the cursor."""
        return WireRequest(f"http://127.0.0.1:9/{cursor}", {}, b"", method="GET"), LineDecoder()

    def decoder(self, limits: Limits) -> LineDecoder:
        """Read lines."""
        return LineDecoder()

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Only one thing can be wrong here."""
        return Failure(FailureKind.MODEL_NOT_FOUND, "no such generation", status=response.status)


@define
class LineServer:
    """Keeps `generations`, and breaks each answer after so many events (`cuts`, then none), or falls
    silent."""

    generations: list[Sequence[StreamEvent]]
    cuts: list[int] = field(factory=list)
    is_forgetful: bool = False
    paths: list[str] = field(factory=list)
    begun: int = 0
    silent_after: int | None = None

    def script_for(self, wire: WireRequest) -> Script:
        """Answer one request."""
        path = wire.url.rpartition("/")[2]
        self.paths.append(path)
        if path == "new":
            self.begun += 1
            return self._answer(self.begun - 1, 0)
        if self.is_forgetful:
            return Script([b"gone"], status=404, headers={})
        generation, _, number = path.partition(":")
        return self._answer(int(generation), int(number) + 1)

    def _answer(self, generation: int, at: int) -> Script:
        events = self.generations[generation]
        end = min(at + self.cuts.pop(0), len(events)) if self.cuts else len(events)
        rows = [[generation, number, unstructure(events[number], StreamEvent)] for number in range(at, end)]
        steps: list[Step] = [json.dumps(row).encode() + b"\n" for row in rows]
        if self.silent_after is not None:
            return Script([*steps[: self.silent_after], Silence()])
        return Script([*steps, RESET] if end < len(events) else steps)
