"""What the fault server notes of each request, on two clocks, and how it is told as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field, frozen

from ...core.json_value import JSONObject, JSONValue
from ...testing.network.script import Close, Reset, Silence, Step
from .asked import Asked

MOMENTS_MAX = 400
"""The most moments of a request that are kept."""


@frozen
class Now:
    """Two clocks: the machine's monotonic one, which all its processes share, and the wall's."""

    monotonic_s: Callable[[], float] = time.monotonic
    wall_s: Callable[[], float] = time.time


@frozen
class Noted:
    """One moment: what, and when on both clocks. `kind` is one of `result.Moment`'s."""

    monotonic_s: float
    wall_s: float
    kind: str
    words: str = ""


@define(eq=False)
class Entry:
    """One request of a trial, and what was done to it."""

    number: int
    asked: Asked
    now: Now
    fault: str = ""
    is_left: bool = False
    is_ended: bool = False
    moments: list[Noted] = field(factory=list[Noted], init=False)
    moments_lost: int = field(default=0, init=False)
    _refused: str = field(default="", init=False)
    _tokens: int = field(default=0, init=False)
    _events: int = field(default=0, init=False)
    _sent: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.note("request", self.asked.way)

    def note(self, kind: str, words: str = "") -> None:
        """Note a moment."""
        if len(self.moments) < MOMENTS_MAX:
            self.moments.append(Noted(self.now.monotonic_s(), self.now.wall_s(), kind, words[:300]))
        else:
            self.moments_lost += 1

    def refuse(self, why: str) -> None:
        """Note that it is answered 400."""
        self._refused = why

    def play(self, fault: str, tokens: int, events: int = 0) -> None:
        """Note what is played: a fault's line, or "", and how many tokens in how many events are to be said."""
        self.fault, self._tokens, self._events = fault, tokens, events

    def on_step(self, step: Step) -> None:
        """Note a step as it is played."""
        match step:
            case bytes():
                self.note("event" if self._sent else "headers")
                self._sent += 1
            case Silence(seconds):
                self.note("fault", "silence" if seconds is None else f"{seconds:g} s of silence")
            case Reset():
                self.note("fault", "reset")
            case Close():
                self.note("fault", "closed")
            case _:
                pass

    def end(self, *, is_left: bool) -> None:
        """Note the end."""
        self.is_left, self.is_ended = is_left, True
        self.note("end", "the client left" if is_left else "")

    @property
    def tokens_said(self) -> int:
        """How many tokens were said: all of a whole answer, and of a cut one the share of its events."""
        said = max(self._sent - 1, 0)
        return self._tokens if said >= self._events else self._tokens * said // max(self._events, 1)

    def told(self) -> JSONObject:
        """Tell it as JSON."""
        asked = self.asked
        moments: list[JSONValue] = [
            {"monotonic_s": one.monotonic_s, "wall_s": one.wall_s, "kind": one.kind, "words": one.words}
            for one in self.moments
        ]
        return {
            "number": self.number,
            "wire": asked.wire.value,
            "path": asked.path,
            "model": asked.model,
            "streams": asked.streams,
            "way": asked.way.value,
            "said": asked.continuation.text,
            "called": sorted(asked.called),
            "refused": self._refused,
            "fault": self.fault,
            "output_tokens": self.tokens_said,
            "is_left": self.is_left,
            "is_ended": self.is_ended,
            "moments": moments,
            "moments_lost": self.moments_lost,
        }
