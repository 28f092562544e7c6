"""The world in which the laws are tested: the real engine on a network of paper, an honest provider, and one observer.

Everything runs in virtual time. The first requests are answered as a test scripts them; every later one by a model that
goes on honestly from what the request says was said.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import trio
from attrs import define, field, frozen
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.journal import restore
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import Provider, WireRequest
from riverrun.engine.testing.network.script import GoesAway, Reset, Silence, Step
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.engine.testing.script.answers import split_pieces
from riverrun.engine.testing.wire.formats import (
    Continuation,
    Reply,
    Wire,
    events_of,
    ping,
    read_continuation,
    stream_error,
)

QUESTION = rr.InferenceRequest([rr.Message.user("Tell me.")], max_tokens=100_000)
PATIENT = rr.Policy(retry=rr.RetryPolicy(attempts_max=50))

PROVIDERS: dict[str, tuple[Wire, Callable[[], Provider]]] = {
    "anthropic, by prefill": (Wire.ANTHROPIC, lambda: rr.Anthropic("claude-sonnet-4-5", base_url="http://127.0.0.1:9")),
    "anthropic, by quote": (Wire.ANTHROPIC, lambda: rr.Anthropic("claude-opus-4-8", base_url="http://127.0.0.1:9")),
    "openai, by quote": (Wire.OPENAI, lambda: rr.OpenAIChat("gpt-4o", base_url="http://127.0.0.1:9/v1")),
}


def fault_steps(kind: str, wire: Wire) -> list[Step]:
    """How an attempt ends early, after whatever came before."""
    steps: dict[str, list[Step]] = {
        "premature end": [],
        "reset": [Reset()],
        "goaway": [GoesAway()],
        "stall": [Silence()],
        "pings only": [ping(wire), Silence(50.0), ping(wire), Silence()],
        "overloaded": [b"\n\n" + stream_error(wire, 529)],
        "garbage": [b"\n\ndata: {nonsense\n\n"],
    }
    return steps[kind]


FAULTS = ("premature end", "reset", "goaway", "stall", "pings only", "overloaded", "garbage")


@frozen
class Whole:
    """A whole answer, as the honest provider knows it."""

    text: str
    calls: tuple[rr.ToolCall, ...] = ()
    reasoning: str = ""

    def has(self, call: rr.ToolCall) -> bool:
        """Whether a call is one of the answer's."""
        return any(is_same_call(call, known) for known in self.calls)


UNNAMED = "unnamed-"
"""How the ids of calls begin to which their provider gives none: our decoders make up their own."""


def is_same_call(call: rr.ToolCall, known: rr.ToolCall) -> bool:
    """Whether a call is a known one, whatever its id if the known one has none."""
    has_id = known.id == call.id or known.id.startswith(UNNAMED)
    return has_id and (call.name, call.arguments) == (known.name, known.arguments)


@define
class HonestNetwork:
    """Answers the first requests by `firsts`, and goes on honestly after what was said from then on."""

    wire: Wire
    whole: Whole
    firsts: list[Callable[[list[bytes]], list[Step]] | list[Step]] = field(factory=list)
    continuations: list[Continuation] = field(factory=list)
    continues: bool = False
    """Whether a trailing assistant turn of Chat Completions is gone on from unasked."""
    echoes: bool = False
    """Whether a prefix is given back by contract."""
    pieces_max: int | None = None
    """In how many events at most a text is said; None: as tokens come."""

    def script_for(self, wire_request: WireRequest) -> Script:
        continuation = read_continuation(self.wire, json.loads(wire_request.body), continues=self.continues)
        self.continuations.append(continuation)
        first = self.firsts.pop(0) if self.firsts else _whole
        return Script(first if isinstance(first, list) else first(self.events_after(continuation)))

    def events_after(self, continuation: Continuation) -> list[bytes]:
        """What an honest provider says after what was said; prefixes may have lost their trailing white space."""
        said = continuation.text
        assert self.whole.text.startswith(said), (said, self.whole.text)
        rest = self.whole.text[0 if self.echoes and continuation.is_prefix else len(said) :]
        reasoning = "" if said else self.whole.reasoning
        calls = json.dumps([[call.id, call.name, call.arguments] for call in self.whole.calls])
        return list(_encoded(self.wire, rest, reasoning, calls, self.pieces_max))


def _whole(events: list[bytes]) -> list[Step]:
    return [b"".join(events)]


@lru_cache(maxsize=4096)
def _encoded(wire: Wire, text: str, reasoning: str, calls: str, pieces_max: int | None) -> tuple[bytes, ...]:
    dice = random.Random(len(text))
    said = [rr.ToolCall(*row) for row in json.loads(calls)]
    pieces = split_pieces(text, dice)
    step = 1 if pieces_max is None else -(-len(pieces) // pieces_max) or 1
    joined = ["".join(pieces[at : at + step]) for at in range(0, len(pieces), step)]
    reply = Reply(len(text), "m", joined, split_pieces(reasoning, dice), said, input_tokens=7)
    return tuple(events_of(wire, reply))


class KeepingStore(rr.MemoryStore):
    """A memory store that remembers what a finished run had stored."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: tuple[bytes, ...] = ()

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, fence, sequence, entry)
        self.kept = (*self.kept[:sequence], entry)


@define
class Seen:
    """What the consumer of a run saw, and how it ended."""

    events: list[rr.Event] = field(factory=list)
    text: str = ""
    ready: list[rr.ToolCall] = field(factory=list)
    cancelled: list[str] = field(factory=list)
    started: list[str] = field(factory=list)
    result: rr.StreamResult | None = None
    error: Exception | None = None

    def take(self, event: rr.Event) -> None:
        """Fold what is shown, as a consumer would."""
        self.events.append(event)
        match event:
            case rr.TextDelta(text):
                self.text += text
            case rr.StreamReset():
                self.text = ""
            case rr.ToolCallStart(call_id):
                self.started.append(call_id)
            case rr.ToolCallReady(call):
                self.ready.append(call)
            case rr.ToolCallCancel(call_id):
                self.cancelled.append(call_id)
            case _:
                pass


async def watch_run(engine: rr.Engine, request: rr.InferenceRequest, run_id: str = "run") -> Seen:
    """Consume a run to its end."""
    seen = Seen()
    async with engine.open_stream(request, run_id=run_id) as run:
        try:
            async for event in run:
                seen.take(event)
        except rr.InferenceError as error:
            seen.error = error
    if seen.error is None:
        seen.result = run.result
    return seen


@define
class Observation:
    """One observed run: what was seen, what was asked, what was stored."""

    seen: Seen
    network: HonestNetwork
    stored: tuple[bytes, ...]
    open_bodies: int

    @property
    def stored_text(self) -> str:
        """What a process that opened the run at its end would find."""
        restored = restore(self.stored, Limits())
        return "" if restored is None else restored.accumulator.text

    def check_one_stream(self) -> None:
        """Law 1: shown = result = stored = what each next request said was said."""
        held = self.seen.result.text if self.seen.result is not None else _snapshot_text(self.seen.error)
        assert self.seen.text == held
        assert self.stored_text == held
        for continuation in self.network.continuations:
            assert self.network.whole.text.startswith(continuation.text)
        assert self.open_bodies == 0

    def check_calls(self) -> None:
        """Law 3: each call is ready once or cancelled, never both, and never only begun."""
        ids = [call.id for call in self.seen.ready]
        assert len(ids) == len(set(ids))
        assert sorted(ids + self.seen.cancelled) == sorted(self.seen.started)
        assert [call for call in self.seen.ready if not self.network.whole.has(call)] == []


def _snapshot_text(error: Exception | None) -> str:
    snapshot = getattr(error, "snapshot", None)
    return snapshot.text if snapshot is not None else ""


async def observe(
    provider: Provider,
    network: HonestNetwork,
    *,
    policy: rr.Policy = PATIENT,
    request: rr.InferenceRequest = QUESTION,
) -> Observation:
    """Run once, inside a running trio loop."""
    transport, store = ScriptedTransport(network.script_for), KeepingStore()
    engine = rr.Engine(provider, policy=policy, store=store, transport=transport, chance=lambda: 0.5)
    seen = await watch_run(engine, request)
    return Observation(seen, network, store.kept, transport.open_bodies)


def in_virtual_time(main: Callable[[], object]) -> object:
    """Run an async function on a clock that jumps over every wait."""
    return trio.run(main, clock=MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def reads_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut bytes into reads."""
    edges = [0, *sorted({min(max(cut, 0), len(data)) for cut in cuts}), len(data)]
    return [part for a, b in pairwise(edges) if (part := data[a:b])]
