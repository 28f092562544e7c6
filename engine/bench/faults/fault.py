"""One fault of the benchmark, as data: what the server does, where it exists, and who can get over it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ...testing.script.faults import Fault
from ...testing.wire.formats import Wire
from .answers import Shape
from .play import WELL, Play

WIRES: tuple[Wire, ...] = (Wire.ANTHROPIC, Wire.OPENAI, Wire.RESPONSES, Wire.GEMINI, Wire.OLLAMA)
"""The formats that the benchmark speaks."""


@frozen(kw_only=True)
class BenchFault:
    """One fault: what the server does to the requests of a trial, and who can get over it.

    Attributes:
        name: the model that draws it.
        group: the heading it stands under.
        title: what happens, in a line.
        plays: what goes wrong with the first request, the second, and so on; later ones go well, or as the last
            if it `repeats`.
        repeats: whether every later request goes as the last play.
        wires: the formats it exists for.
        shape: what the answer holds.
        turns: how often a caller has to ask at most, giving results back, until the model has made all its calls: after
            a cut between two calls an agent may run the first, and is then asked for the second.
        ends_in_error: the right end is a clean error: the provider says for good that there is no answer.
        cannot_win: for each peer (or "*") that can not be exact here, why.
        differs: how the rule differs from Failover Bench's of the same id; "" for the same, and for faults of ours.
        faults: the same at the level of events, for `ScriptedSource`, one a request; empty where there is none.
    """

    name: str
    group: str
    title: str
    plays: tuple[Play, ...] = (WELL,)
    repeats: bool = False
    wires: tuple[Wire, ...] = WIRES
    shape: Shape = Shape.TEXT
    turns: int = 1
    ends_in_error: bool = False
    cannot_win: Mapping[str, str] = field(factory=dict[str, str])
    differs: str = ""
    faults: tuple[Fault, ...] = ()

    def play(self, number: int) -> Play:
        """Return what goes wrong with request `number`, from 0."""
        if number < len(self.plays):
            return self.plays[number]
        return self.plays[-1] if self.repeats else WELL
