"""The simulator at the level of bytes: every fault reaches the engine as what it is on a wire, and each run repeats."""

from __future__ import annotations

import pytest

from riverrun import Anthropic
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.engine.testing.script.faults import SERVED_ALONE, Fault, FaultKind, Item
from riverrun.engine.testing.simulator.byte_level import wire_of
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.runner import Outcome, simulate, simulate_many
from riverrun.engine.testing.simulator.scenario import PROVIDERS, Scenario
from riverrun.engine.testing.wire.formats import Wire, encode_events
from riverrun.providers.openai_chat.presets import VLLM

WIRES = (Wire.ANTHROPIC, Wire.OPENAI)
ANSWER = (Item("reasoning", 2, signed=True), Item("text", 9), Item("calls", 2))
EVENTS: list[StreamEvent] = [
    ResponseStarted("r1", "m"),
    UsageReport(input=11),
    ReasoningDelta("Which "),
    ReasoningDelta("river? "),
    ReasoningSignature("signed"),
    BlockStop(),
    TextDelta("水は"),
    TextDelta("流れる"),
    BlockStop(),
    ToolCallStart("c1", "look"),
    ToolCallDelta("c1", '{"at":'),
    ToolCallDelta("c1", " 1}"),
    BlockStop("c1"),
    UsageReport(output=9),
    StopReported(StopReason.TOOL_USE, "tool_use"),
]


def run(fault: Fault, provider: str = "prefill", answer: tuple[Item, ...] = ANSWER, seed: int = 0) -> Outcome:
    outcome = simulate(Scenario(seed, "bytes", provider, answer, (fault,)))
    assert not outcome.broken
    return outcome


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in SERVED_ALONE])
def test_every_fault_of_a_scenario_breaks_no_law_on_a_wire(kind: FaultKind, provider: str, seed: int) -> None:
    faults = [Fault(kind, at, seconds=61.0, count=30, burst=2) for at in (0, 4, 7, 12)]
    outcomes = simulate_many(Scenario(seed, "bytes", provider, ANSWER, (fault,)) for fault in faults)
    assert not [outcome for outcome in outcomes if outcome.broken]


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.RESET,
        FaultKind.HALF_CLOSE,
        FaultKind.STALL,
        FaultKind.PINGS_ONLY,
        FaultKind.GARBAGE,
        FaultKind.GOAWAY,
        FaultKind.PREMATURE_END,
    ],
)
def test_a_fault_that_cuts_an_answer_is_got_over_by_a_second_request(kind: FaultKind) -> None:
    outcome = run(Fault(kind, 7, seconds=20.0), answer=(Item("text", 12),))
    assert [attempt.fault.kind for attempt in outcome.attempts] == [kind, FaultKind.NONE]
    assert outcome.attempts[1].terminal


def test_a_scenario_is_the_same_run_alone_and_in_company() -> None:
    scenarios = [scenario_of(seed, "bytes") for seed in range(60)]
    together = simulate_many(scenarios)
    alone = [simulate(scenario) for scenario in scenarios[::7]]
    assert [outcome.log_hash for outcome in alone] == [outcome.log_hash for outcome in together[::7]]


def test_a_sweep_of_bytes_breaks_no_law() -> None:
    outcomes = simulate_many(scenario_of(seed, "bytes") for seed in range(1500))
    assert not [outcome.scenario.seed for outcome in outcomes if outcome.broken]


# -- the words of a wire format -----------------------------------------------------------------------------------


def decoded(wire: Wire, events: list[StreamEvent], *, is_whole: bool = True) -> tuple[list[StreamEvent], bool]:
    origin = "http://127.0.0.1:9"
    provider = Anthropic("m", base_url=origin) if wire is Wire.ANTHROPIC else VLLM("m", base_url=f"{origin}/v1")
    decoder = provider.decoder(Limits())
    read = [*decoder.feed(b"".join(encode_events(wire, events, is_whole=is_whole))), *decoder.close()]
    return read, decoder.is_complete


def test_what_is_written_as_a_message_is_read_as_the_same_events() -> None:
    read, is_complete = decoded(Wire.ANTHROPIC, EVENTS)
    assert [event for event in read if not isinstance(event, UsageReport)] == [
        event for event in EVENTS if not isinstance(event, UsageReport)
    ]
    assert is_complete


def test_what_is_written_as_a_completion_is_read_as_the_same_text_thoughts_and_calls() -> None:
    kinds = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta)
    read, is_complete = decoded(Wire.OPENAI, EVENTS)
    assert [event for event in read if isinstance(event, kinds)] == [e for e in EVENTS if isinstance(e, kinds)]
    assert is_complete


@pytest.mark.parametrize("wire", WIRES)
def test_an_answer_that_is_not_whole_is_read_as_not_complete(wire: Wire) -> None:
    assert not decoded(wire, EVENTS[:8], is_whole=False)[1]


def test_each_event_has_its_own_place_in_what_is_written() -> None:
    for wire in WIRES:
        assert len(encode_events(wire, EVENTS, is_whole=True)) == len(EVENTS)


def test_the_wire_format_is_one_that_can_say_what_the_provider_declares() -> None:
    assert {name: wire_of(name, 0) for name in ("native", "prefill")} == {
        "native": Wire.OPENAI,
        "prefill": Wire.ANTHROPIC,
    }
    assert {wire_of("quote", seed) for seed in (0, 1)} == set(WIRES)
