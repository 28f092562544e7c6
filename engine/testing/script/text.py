"""What a simulated model says: each position of its text is a token of its own: loss, doubling and reordering show.

A `Version` is one whole answer the model would give; a model that starts over, or puts other white space at a seam,
makes a further version. The oracle of the text is then simple: what is shown is a prefix of a version, and at the end a
version.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

from attrs import field, frozen

from ...core.messages import ToolCall
from ...core.stop import StopReason
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.usage import UsageReport
from .faults import Item

WORDS = ("brook", "delta", "flöd", "g川川", "nai\u0308ve", "otter🦦", "rapid", "x👩\u200d👧y")
SPACES = (" ", "\n", "  ", ", ", " ")

EVIDENCE_CHARS = 24
"""How much of a repetition a dishonest model says at least: less is no evidence, and no seam can tell (`core.seam`)."""

START_OVER_CHARS = 32


def token(number: int) -> str:
    """The text at one position: unlike that at any other, white space at its end only, a letter at its start."""
    return f"{WORDS[number % 8]}{number}{SPACES[number % 5]}"


_delta = lru_cache(maxsize=8192)(TextDelta)


Aside: TypeAlias = Callable[[str], list[StreamEvent]]
"""What stands between the text: thoughts, or calls. Gives their events; the argument is put after each call's id."""

Marks: TypeAlias = tuple[tuple[int, Aside], ...]
"""At which offset of the text each aside stands, in order."""


@frozen
class Version:
    """One whole answer: `text`, where its pieces end (`edges`), where what is no text stands, and why it ends."""

    text: str
    edges: tuple[int, ...]
    marks: Marks = field(eq=False)
    stop: StopReason
    pieces: tuple[TextDelta, ...] = field(eq=False)
    """The text between the edges, as events; the same objects in every version and reply."""

    @classmethod
    def of(cls, text: str, edges: tuple[int, ...], marks: Marks, stop: StopReason) -> Version:
        """Make a version."""
        pieces = tuple(_delta(text[at:end]) for at, end in zip((0, *edges), edges, strict=False))
        return cls(text, edges, marks, stop, pieces)

    def respelled(self, offset: int, shown: str, reply: str) -> Version:
        """Return the version in which `reply` follows what was `shown`, instead of what stood after `offset`."""
        text = shown + reply
        shift = len(text) - len(self.text)
        edges = (*(e for e in self.edges if e < len(shown)), *(e + shift for e in self.edges if e + shift > len(shown)))
        marks = tuple((at + shift if at > offset else at, aside) for at, aside in self.marks)
        return Version.of(text, edges, marks, self.stop)

    def astray(self, offset: int) -> Version:
        """Return the version that is the same up to `offset`, an edge, and goes another way from there."""
        return Version.of(self.text[:offset] + self.text[offset:].swapcase(), self.edges, self.marks, self.stop)


@lru_cache(maxsize=4096)
def version_of(answer: tuple[Item, ...]) -> Version:
    """Write the answer out."""
    parts: list[str] = []
    edges: list[int] = []
    marks: list[tuple[int, Aside]] = []
    at = number = 0
    for index, item in enumerate(answer):
        if item.kind != "text":
            said = _thought_events if item.kind == "reasoning" else _call_events
            marks.append((at, partial(said, index, item)))
            continue
        for _ in range(item.size):
            word = token(number)
            if number % 3 == 1:
                edges.append(at + len(word) // 2)
            parts.append(word)
            at += len(word)
            edges.append(at)
            number += 1
    calls = any(i.kind == "calls" and not i.broken for i in answer)
    stop = StopReason.TOOL_USE if calls else StopReason.END_TURN
    return Version.of("".join(parts), tuple(edges), tuple(marks), stop)


@lru_cache(maxsize=4096)
def signature_of(index: int) -> str:
    """The signature of the thought that is item number `index`."""
    return f"signed-{index}"


def thought_of(index: int, item: Item) -> str:
    """The whole thought that is item number `index`."""
    return "".join(f"think{index}.{n} " for n in range(item.size))


def calls_of(index: int, item: Item, suffix: str) -> list[ToolCall]:
    """The calls of item number `index`, as one attempt (`suffix`) names them."""
    return [ToolCall(f"c{index}.{n}{suffix}", f"tool{n}", {"item": index, "n": n}) for n in range(item.size)]


def call_id_parts(call_id: str) -> tuple[int, int]:
    """Read item and number out of a call's id."""
    index, _, n = call_id.partition("@")[0][1:].partition(".")
    return int(index), int(n)


def _thought_events(index: int, item: Item, _suffix: str) -> list[StreamEvent]:
    said: list[StreamEvent] = [ReasoningDelta(f"think{index}.{n} ") for n in range(item.size)]
    if item.signed:
        said.append(ReasoningSignature(signature_of(index)))
    return [*said, BlockStop()]


def _call_events(index: int, item: Item, suffix: str) -> list[StreamEvent]:
    calls = calls_of(index, item, suffix)
    said: list[StreamEvent] = [ToolCallStart(call.id, call.name) for call in calls]
    said += [ToolCallDelta(call.id, f'{{"item": {index},') for call in calls]
    if not item.broken:
        said += [ToolCallDelta(call.id, f' "n": {n}}}') for n, call in enumerate(calls)]
    return [*said, *(BlockStop(call.id, is_cut=item.broken) for call in calls)]


class Reply:
    """What one attempt says, event by event; `ends[i]` is the offset in the version that event `i` comes up to."""

    __slots__ = ("ends", "events", "version")

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self.events: list[StreamEvent] = []
        self.ends: list[int] = []

    def begin(self, opening: tuple[StreamEvent, ...], offset: int) -> None:
        """Say what comes before everything else: the answer's name, and what the prompt cost."""
        self.events += opening
        self.ends += [offset] * len(opening)

    def say_text(self, start: int, end: int, ahead: str = "") -> None:
        """Say the text from offset `start` to `end` in pieces; `ahead` comes with the first."""
        version, edges = self.version, self.version.edges
        at, last = bisect_right(edges, start), bisect_right(edges, end)  # the pieces that end up to `end`
        first = edges[at] if at < last else end
        if ahead or start != (edges[at - 1] if at else 0):
            if ahead or start < first:
                self._put(TextDelta(ahead + version.text[start:first]), first)
            start, at = first, at + 1
        self.events += version.pieces[at:last]
        self.ends += edges[at:last]
        start = max(start, edges[last - 1] if last else 0)
        if start < end:
            self._put(TextDelta(version.text[start:end]), end)

    def say_rest(self, offset: int, suffix: str, ahead: str = "") -> None:
        """Say everything from `offset` on, and why the answer ends."""
        at = offset
        for mark, aside in self.version.marks:
            if mark < offset:
                continue
            at = self._say_block(at, mark, ahead)
            ahead = "" if mark > offset else ahead
            said = aside(suffix)
            self.events += said
            self.ends += [mark] * len(said)
        end = self._say_block(at, len(self.version.text), ahead)
        self.events.append(UsageReport(output=len(self.events)))
        self.events.append(StopReported(self.version.stop, "stop"))
        self.ends += (end, end)

    def _say_block(self, start: int, end: int, ahead: str) -> int:
        if start < end or ahead:
            self.say_text(start, end, ahead)
            self._put(BlockStop(), end)
        return end

    def _put(self, event: StreamEvent, end: int) -> None:
        self.events.append(event)
        self.ends.append(end)
