"""Hypothesis strategies for everything that riverrun reads, folds and plans: they compose, and shrink to what is small.

    from riverrun.testing.strategies import answers, chunked, mutated, wire_bytes

    @given(chunked(mutated(wire_bytes("anthropic", answers()))))
    def test_my_proxy(chunks: list[bytes]) -> None: ...

The one module of the kit that needs Hypothesis (`pip install hypothesis`); it is imported by its own name only.
Everything is drawn from lists of small parts, the plainest first, so that a counter-example loses its parts one by one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, pairwise
from typing import Any, cast
from weakref import WeakSet

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy as Strategy

from ..core import stream_events as se
from ..core.accumulator import Accumulator
from ..core.capabilities import Capabilities, ContinuationForm
from ..core.json_value import JSONObject
from ..core.messages import ImageBlock, Message, OpaqueBlock, TextBlock, Tool, ToolCall, ToolResult
from ..core.policy import Limits
from ..core.request import InferenceRequest, ToolChoice
from ..core.snapshot import InterruptSnapshot
from ..core.stop import StopReason
from ..core.stream_events import StreamEvent
from ..core.usage import UsageReport
from ..core.usage_error import UsageError
from .script.answers import HOSTILE_TEXTS, Answer, split_pieces
from .simulator.strategies import fault_schedules, policies, scenarios
from .wire.answers import answer_bytes

__all__ = [
    "LOOK",
    "answers",
    "capabilities",
    "chunked",
    "fault_schedules",
    "interrupt_snapshots",
    "json_objects",
    "mutated",
    "policies",
    "requests",
    "scenarios",
    "stream_events",
    "texts",
    "tool_calls",
    "wire_bytes",
]

# -- parts of an answer -------------------------------------------------------------------------------------------


def texts(*, parts_max: int = 6) -> Strategy[str]:
    """Text that can be sent: words, hostile parts, any Unicode but lone surrogates. Shrinks towards "" and "a"."""
    words = st.sampled_from(("a", "b ", "river ", "\n"))
    anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
    return st.lists(words | st.sampled_from(HOSTILE_TEXTS) | anything, max_size=parts_max).map("".join)


def json_objects() -> Strategy[JSONObject]:
    """JSON objects as arguments are: nested, with numbers that every JSON library reads alike."""
    keys = st.sampled_from(("a", "path")) | texts(parts_max=2)
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts(parts_max=2)
    values: Strategy[Any] = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
    )
    return st.dictionaries(keys, values, max_size=3)


def tool_calls(*, names: Sequence[str] = ("look", "run_tests")) -> Strategy[ToolCall]:
    """Whole tool calls; ids may repeat, unlike those of one answer."""
    return st.builds(ToolCall, st.integers(1, 9).map("call_{}".format), st.sampled_from(names), json_objects())


def answers(*, with_reasoning: bool = True, calls_max: int = 2) -> Strategy[Answer]:
    """Whole answers: thoughts, text, calls of different ids; never without both text and a call."""
    calls = st.lists(tool_calls(), max_size=calls_max, unique_by=lambda call: call.id).map(tuple)
    thoughts = texts(parts_max=3) if with_reasoning else st.just("")
    made = st.builds(Answer, st.just("drawn"), texts(), thoughts, calls)
    return made.map(lambda answer: answer if answer.text or answer.calls else evolve(answer, text="a"))


# -- bytes --------------------------------------------------------------------------------------------------------


def wire_bytes(provider_name: str, answer: Answer | Strategy[Answer] | None = None) -> Strategy[bytes]:
    """What the provider of this name (`riverrun providers` lists them) would send for an answer: the whole body.

    Raises:
        UsageError: no wire format is known for the name.
    """
    given = answers() if answer is None else st.just(answer) if isinstance(answer, Answer) else answer
    answer_bytes(provider_name, Answer("probe", "a"))
    return st.tuples(given, st.integers(0, 3)).map(lambda drawn: answer_bytes(provider_name, drawn[0], seed=drawn[1]))


def chunked(data: Strategy[bytes] | Strategy[Answer] | bytes | Answer) -> Strategy[list[bytes]]:
    """The same bytes in any cut: whole, in a few reads, or byte by byte. Shrinks towards one read.

    An answer is written as Chat Completions write it; `wire_bytes` knows the other formats.

    Raises:
        UsageError: neither a strategy, bytes, nor an answer.
    """
    written = _written_of("chunked", data)

    @st.composite
    def cut(draw: st.DrawFn) -> list[bytes]:
        whole = draw(written)
        place = st.integers(0, len(whole))
        count, begin = (
            draw(place),
            draw(place),
        )  # so many reads of one byte each; first the number, for it shrinks first
        cuts = {*draw(st.lists(place, max_size=8)), *range(begin, min(begin + count, len(whole)))}
        return [whole[start:end] for start, end in pairwise((0, *sorted(cuts - {0, len(whole)}), len(whole)))]

    made = cut()
    _CUT.add(made)
    return made


_CUT: WeakSet[Strategy[list[bytes]]] = WeakSet()
"""What `chunked` made: a strategy does not say what it will draw."""


def mutated(data: Strategy[bytes] | Strategy[Answer] | bytes | Answer) -> Strategy[bytes]:
    """Bytes with a few edits: cut short, cut out, said twice, overwritten, inserted. Shrinks towards no edit.

    An answer is written as by `chunked`.

    Raises:
        UsageError: neither a strategy, bytes, nor an answer; or what `chunked` made: mutate first, and cut then.
    """
    written = _written_of("mutated", data)
    place = st.integers(0, 2**16)
    edit = st.tuples(st.sampled_from(sorted(_EDITS)), place, place, st.binary(max_size=4))
    return st.builds(_edit, written, st.lists(edit, max_size=4))


def _written_of(caller: str, data: object) -> Strategy[bytes]:
    given: object = st.just(data) if isinstance(data, bytes | Answer) else data
    if isinstance(given, Strategy) and given in _CUT:
        raise UsageError(f"{caller}() was given what chunked() made; expected whole bytes: chunked(mutated(…))")
    if not isinstance(given, Strategy):
        raise UsageError(f"{caller}() was given {repr(data)[:80]}; {_EXPECTED}")
    return cast("Strategy[object]", given).map(lambda drawn: _written(caller, drawn))


_EXPECTED = "expected bytes, an Answer, or a strategy for one of them, as answers() or wire_bytes(…)"


def _written(caller: str, drawn: object) -> bytes:
    if isinstance(drawn, Answer):
        return answer_bytes("openai", drawn)
    if not isinstance(drawn, bytes):
        raise UsageError(f"{caller}() was given a strategy that drew {repr(drawn)[:80]}; {_EXPECTED}")
    return drawn


_EDITS: dict[str, Callable[[bytes, int, int, bytes], bytes]] = {
    "cut short": lambda data, at, _to, _new: data[:at],
    "cut out": lambda data, at, to, _new: data[:at] + data[to:],
    "insert": lambda data, at, _to, new: data[:at] + new + data[at:],
    "overwrite": lambda data, at, _to, new: data[:at] + new + data[at + len(new) :],
    "twice": lambda data, at, to, _new: data[:to] + data[at:],
}


def _edit(data: bytes, edits: Sequence[tuple[str, int, int, bytes]]) -> bytes:
    for name, one, other, new in edits:
        at, to = sorted((one % (len(data) + 1), other % (len(data) + 1)))
        data = _EDITS[name](data, at, to, new)
    return data


# -- events, snapshots, requests ----------------------------------------------------------------------------------


@st.composite
def stream_events(draw: st.DrawFn, *, with_server_tools: bool = True) -> tuple[StreamEvent, ...]:
    """The events of one whole attempt, as a decoder gives them: blocks one after another, usage, a stop.

    Ids of calls are different; calls may be cut by the ceiling; cursors move, pings come between.
    """
    kinds = ["text", "reasoning", "call", "ping", "cursor", "redacted", *(["server_tool"] if with_server_tools else [])]
    events: list[StreamEvent] = [se.ResponseStarted("r", "model")] if draw(st.booleans()) else []
    for place, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=5))):
        events += draw(_block(kind, place))
    events.append(UsageReport(input=draw(st.integers(0, 9)), output=draw(st.integers(0, 99))))
    called = any(isinstance(event, se.ToolCallStart) for event in events)
    return (*events, se.StopReported(StopReason.TOOL_USE if called else StopReason.END_TURN, "stop"))


@cache  # made once: to make a strategy and validate it costs more than to draw from it
def _pieces(at_least: int, at_most: int) -> Strategy[list[str]]:
    return st.lists(texts(parts_max=2).map(lambda text: text or "a"), min_size=at_least, max_size=at_most)


@cache
def _call() -> Strategy[ToolCall]:
    return tool_calls()


def _block(kind: str, place: int) -> Strategy[list[StreamEvent]]:
    pieces = _pieces(1, 3)
    match kind:
        case "text":
            return pieces.map(lambda said: [*map(se.TextDelta, said), se.BlockStop()])
        case "reasoning":
            return st.builds(_thought_events, pieces, st.booleans())
        case "call":
            return st.builds(_call_events, _call(), st.just(f"call_{place}"), st.integers(0, 3), st.booleans())
        case "server_tool":
            block = OpaqueBlock("web_search_result", {"n": place}, "sim/model")
            done: list[StreamEvent] = [se.OpaqueBlockReceived(block, closes_server_tool=True)]
            return st.sampled_from((done, [])).map(lambda end: [se.ServerToolStarted("web_search"), *end])
        case _:
            single: dict[str, StreamEvent] = {"ping": se.KeepAlive(), "cursor": se.CursorMoved(f"at-{place}")}
            return st.just([single.get(kind, _REDACTED)])


def _thought_events(said: list[str], is_signed: bool) -> list[StreamEvent]:
    signature = [se.ReasoningSignature("sig")] if is_signed else []
    return [*map(se.ReasoningDelta, said), *signature, se.BlockStop()]


_REDACTED = se.RedactedReasoning("opaque")


def _call_events(call: ToolCall, call_id: str, seed: int, is_cut: bool) -> list[StreamEvent]:
    dice = random.Random(seed)  # noqa: S311 - how a call is cut into pieces is no secret
    pieces = split_pieces(json.dumps(call.arguments, ensure_ascii=False), dice)
    said = pieces[:-1] if is_cut else pieces
    return [
        se.ToolCallStart(call_id, call.name),
        *(se.ToolCallDelta(call_id, one) for one in said),
        se.BlockStop(call_id, is_cut),
    ]


@st.composite
def interrupt_snapshots(draw: st.DrawFn) -> InterruptSnapshot:
    """What a run may hold when it is interrupted: the fold of an attempt that is cut, wherever.

    Text, released calls and calls under way (one, or two at once) are each there about half of the time, in any order,
    with thoughts, server-side tools and cursors between. Shrinks towards nothing held.
    """
    accumulator = Accumulator(Limits(), origin="sim/model")
    accumulator.begin_attempt()
    for event in chain.from_iterable(draw(st.permutations(draw(_said_parts())))):
        accumulator.fold(event)
    accumulator.bytes_received = draw(st.integers(0, 99))
    return accumulator.snapshot()


@st.composite
def _said_parts(draw: st.DrawFn) -> list[list[StreamEvent]]:
    """Parts of an answer, the plainest first: drawn kind by kind, for of a mixed list most are cut too early."""
    parts: list[list[StreamEvent]] = [[se.TextDelta(text)] for text in draw(_pieces(0, 2))]
    for is_released in (True, False):
        for call in draw(_CALLS):
            events = _call_events(call, f"call_{len(parts)}", draw(st.integers(0, 3)), is_cut=False)
            parts.append(events if is_released else events[: draw(st.integers(1, len(events) - 1))])
    for kind in draw(_BETWEEN):
        parts.append(draw(_block(kind, len(parts))))
    if report := draw(_USAGE):
        parts.append([report])
    return parts


_CALLS = st.lists(_call(), max_size=2)
_BETWEEN = st.lists(st.sampled_from(("reasoning", "cursor", "redacted", "server_tool", "call")), max_size=2)
_USAGE = st.none() | st.builds(UsageReport, input=st.integers(0, 9), output=st.integers(0, 99))


def capabilities() -> Strategy[Capabilities]:
    """What a provider may declare. Shrinks towards a quote and nothing else."""
    forms = st.lists(
        st.sampled_from((ContinuationForm.QUOTE, ContinuationForm.PREFILL, ContinuationForm.NATIVE)), unique=True
    )
    return st.builds(
        Capabilities,
        forms=st.just((ContinuationForm.QUOTE,)) | forms.map(tuple),
        can_reattach=st.booleans(),
        echoes=st.booleans(),
        prefix_trailing_space=st.sampled_from((True, False)),
        whole_only=st.sampled_from((None, "JSON mode")),
        reasons=st.booleans(),
    )


def requests(*, with_tools: bool = True, with_images: bool = True) -> Strategy[InferenceRequest]:
    """Requests: a conversation that ends with the user, a system text, tools, ceilings. Not every API takes all."""
    said = texts(parts_max=3).map(lambda text: text or "a")
    user = said.map(Message.user)
    turns: list[Strategy[list[Message]]] = [
        st.tuples(user, said.map(Message.assistant)).map(list),
    ]
    if with_tools:
        turns.append(st.builds(_tool_turns, user, tool_calls(), said))
    if with_images:
        image = ImageBlock(data=b"\x89PNG")
        turns.append(said.map(lambda text: [Message.user(text, image), Message.assistant("I see.")]))
    before: Strategy[list[Message]] = st.lists(st.one_of(turns), max_size=2).map(
        lambda drawn: list(chain.from_iterable(drawn))
    )
    tools = st.sampled_from(((), (LOOK,))) if with_tools else st.just(())
    return st.builds(
        _request,
        before,
        user,
        tools,
        st.sampled_from(("", "Be brief.", "🦦")),
        st.none() | st.integers(1, 100_000),
        st.none() | st.sampled_from((0.0, 0.5, 1.0)),
        st.sampled_from(((), ("END",))),
    )


LOOK = Tool("look", "Looks at a place.", {"type": "object", "properties": {"a": {"type": "string"}}})
"""A tool to offer."""


def _tool_turns(user: Message, call: ToolCall, said: str) -> list[Message]:
    called = evolve(call, name=LOOK.name)
    return [user, Message.assistant(called), Message.tool_results(ToolResult(call.id, said)), Message.assistant(said)]


def _request(
    before: list[Message],
    last: Message,
    tools: tuple[Tool, ...],
    system: str,
    ceiling: int | None,
    temperature: float | None,
    stops: tuple[str, ...],
) -> InferenceRequest:
    used = tools or ((LOOK,) if any(isinstance(b, ToolCall) for m in before for b in m.content) else ())
    choice = ToolChoice.tool(LOOK.name) if tools and ceiling is not None and ceiling % 7 == 0 else None
    return InferenceRequest(
        (*before, last),
        system=(TextBlock(system),) if system else (),
        tools=used,
        tool_choice=choice,
        max_tokens=ceiling,
        temperature=temperature,
        stop_sequences=stops,
    )
