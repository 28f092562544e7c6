"""The laws of the design, by name, under Hypothesis: the real engine, a network of paper, virtual time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import trio
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.journal import fingerprint
from riverrun.engine.testing.network.script import Reset, Silence, Step
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.law_runs import (
    FAULTS,
    PATIENT,
    PROVIDERS,
    QUESTION,
    HonestNetwork,
    KeepingStore,
    Observation,
    Whole,
    fault_steps,
    in_virtual_time,
    observe,
    reads_of,
    watch_run,
)

pytestmark = pytest.mark.laws

PREFILL = "anthropic, by prefill"

odd_text = st.text(
    alphabet=st.one_of(
        st.sampled_from('ab \n\t`#|-éß漢字🙂👩‍👧\u0301\u200d\u2028\u00a0\ufeff"\\{}'),
        st.characters(exclude_categories=("Cs",)),
    ),
    min_size=1,
    max_size=60,
)
token_text = st.integers(min_value=1, max_value=40).map(lambda n: "".join(f"tök{i}🙂 " for i in range(n)))
tool_calls = st.lists(
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=8), st.none()), max_size=3),
    max_size=3,
).map(lambda rows: tuple(rr.ToolCall(f"call_{i}", f"tool{i}", row) for i, row in enumerate(rows)))


def one_end_in_order(faults: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Let one body end in order without a stop reason; a second that adds nothing ends the answer (law 2)."""
    first = next((at for at, (_, kind) in enumerate(faults) if kind == "premature end"), len(faults))
    return [
        (place, "reset" if kind == "premature end" and at > first else kind) for at, (place, kind) in enumerate(faults)
    ]


cuts = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(FAULTS)), max_size=4).map(one_end_in_order)


def cut_at(fraction: float, kind: str, network: HonestNetwork) -> Callable[[list[bytes]], list[Step]]:
    """Play the first part of what the provider says, in two reads, and then the fault."""

    def first(events: list[bytes]) -> list[Step]:
        data = b"".join(events)
        end = math.floor(fraction * (len(data) - len(events[-1])))
        return [*reads_of(data[:end], [end // 2]), *fault_steps(kind, network.wire)]

    return first


def observed(name: str, whole: Whole, faults: list[tuple[float, str]]) -> Observation:
    wire, make = PROVIDERS[name]
    network = HonestNetwork(wire, whole)
    network.firsts = [cut_at(fraction, kind, network) for fraction, kind in faults]
    return in_virtual_time(lambda: observe(make(), network))  # type: ignore[return-value]


@given(odd_text, cuts)
def test_law_1_one_stream_by_prefill_for_any_text_and_any_cuts(text: str, faults: list[tuple[float, str]]) -> None:
    assume(text.strip())
    run = observed(PREFILL, Whole(text), faults)
    run.check_one_stream()
    assert run.seen.text == text


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != PREFILL])
@given(token_text, cuts)
def test_law_1_one_stream_by_quote_for_text_without_repetition(
    name: str, text: str, faults: list[tuple[float, str]]
) -> None:
    run = observed(name, Whole(text), faults)
    run.check_one_stream()
    assert run.seen.text == text


@pytest.mark.parametrize("name", PROVIDERS)
@given(token_text, tool_calls, st.sampled_from(["", "Let me think."]), cuts)
def test_law_3_a_call_is_released_whole_and_once_or_not_at_all(
    name: str, text: str, calls: tuple[rr.ToolCall, ...], reasoning: str, faults: list[tuple[float, str]]
) -> None:
    run = observed(name, Whole(text, calls, reasoning), faults)
    run.check_one_stream()
    run.check_calls()
    ready = run.seen.ready
    assert ready == list(calls[: len(ready)])
    assert bool(ready) == bool(calls)
    assert run.seen.result is not None
    assert run.seen.result.tool_calls == tuple(ready)


@given(token_text, cuts, st.sampled_from(sorted(PROVIDERS)))
def test_law_2_there_is_exactly_one_end(text: str, faults: list[tuple[float, str]], name: str) -> None:
    run = observed(name, Whole(text), faults)
    ends = [event for event in run.seen.events if isinstance(event, rr.Finished)]
    assert len(ends) + (run.seen.error is not None) == 1
    assert isinstance(run.seen.events[-1], rr.Finished)
    assert ends[0].result == run.seen.result


@pytest.mark.parametrize("name", PROVIDERS)
def test_law_2_a_body_that_closes_before_its_terminal_event_is_an_interruption(name: str) -> None:
    wire, make = PROVIDERS[name]
    network = HonestNetwork(wire, Whole("All of it."))
    once = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    terminal = 2 if wire.value == "anthropic" else 3  # the stop reason and message_stop; the finish, its usage, [DONE]
    network.firsts = [lambda events: [b"".join(events[:-terminal])]]
    run: Observation = in_virtual_time(lambda: observe(make(), network, policy=once))  # type: ignore[assignment]
    assert isinstance(run.seen.error, rr.StreamInterrupted)
    assert run.seen.error.cause == rr.causes.PrematureEnd()
    assert run.seen.error.snapshot is not None
    assert run.seen.error.snapshot.text == "All of it."


@pytest.mark.parametrize("name", PROVIDERS)
def test_law_2_a_stop_reason_with_every_block_closed_is_the_end_without_its_trailer(name: str) -> None:
    wire, make = PROVIDERS[name]
    network = HonestNetwork(wire, Whole("All of it."))
    trailer = 1 if wire.value == "anthropic" else 2  # message_stop; the usage and [DONE]
    network.firsts = [lambda events: [b"".join(events[:-trailer])]]
    run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
    assert run.seen.result is not None
    assert (run.seen.text, run.seen.result.stop_reason) == ("All of it.", rr.StopReason.END_TURN)
    assert len(run.seen.result.attempts) == 1


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("tail", ["reset", "garbage", "stall", "overloaded"])
def test_law_2_whatever_follows_the_terminal_event_the_answer_is_a_success(name: str, tail: str) -> None:
    wire, make = PROVIDERS[name]
    network = HonestNetwork(wire, Whole("All of it."))
    network.firsts = [lambda events: [b"".join(events), *fault_steps(tail, wire)]]
    run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
    assert run.seen.result is not None
    assert run.seen.text == "All of it."
    assert len(run.seen.result.attempts) == 1


@given(token_text, tool_calls, st.lists(st.integers(0, 3000), max_size=12), st.sampled_from(sorted(PROVIDERS)))
def test_law_4_how_the_bytes_are_cut_into_reads_changes_nothing(
    text: str, calls: tuple[rr.ToolCall, ...], edges: list[int], name: str
) -> None:
    wire, make = PROVIDERS[name]

    def seen(reads: list[int]) -> list[rr.Event]:
        network = HonestNetwork(wire, Whole(text, calls, "Hm."))
        network.firsts = [lambda events: list(reads_of(b"".join(events), reads))]
        run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
        return [event for event in run.seen.events if not isinstance(event, rr.Finished | rr.UsageUpdate)]

    assert seen(edges) == seen([])


snapshots = st.builds(
    rr.InterruptSnapshot,
    text=st.sampled_from(["", "said", " \n"]),
    completed_tool_calls=st.sampled_from([(), (rr.ToolCall("1", "t", {}),)]),
    in_flight_tools=st.sampled_from([(), (rr.InFlightTool("2", "u", '{"a'),)]),
    reasoning=st.sampled_from(["", "hm"]),
    cursor=st.sampled_from([None, "7"]),
)


@given(snapshots, st.booleans())
def test_law_5_planning_is_pure_and_follows_the_table(snapshot: rr.InterruptSnapshot, reattaches: bool) -> None:
    capabilities = Capabilities(can_reattach=reattaches)
    plan = rr.plan_recovery(snapshot, capabilities)
    assert plan == rr.plan_recovery(snapshot, capabilities)
    done, flying, text = snapshot.completed_tool_calls, snapshot.in_flight_tools, snapshot.text
    rows: list[tuple[bool, rr.RecoveryPlan]] = [
        (snapshot.cursor is not None and reattaches, rr.Reattach("7")),
        (bool(done), rr.SynthesizeToolUse(done, flying)),
        (bool(text and flying), rr.TruncateBeforeTool(text, flying)),
        (bool(text), rr.ContinueText(text)),
        (True, rr.WholeRestart(flying)),
    ]
    assert plan == next(expected for fits, expected in rows if fits)


def slow_consumer_run(pause_s: float) -> rr.StreamResult:
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("slow " * 2000))
    network.firsts = [lambda events: list(events)]

    async def main() -> rr.StreamResult:
        engine = rr.Engine(make(), transport=ScriptedTransport(network.script_for))
        async with engine.open_stream(QUESTION) as run:
            for _ in range(3):
                await run.receive_many()
                await trio.sleep(pause_s)
            async for _ in run:
                pass
        return run.result

    return in_virtual_time(main)  # type: ignore[return-value]


@given(st.floats(min_value=61, max_value=100_000))
@settings(max_examples=20)
def test_law_6_a_slow_consumer_is_not_a_stall(pause_s: float) -> None:
    result = slow_consumer_run(pause_s)
    assert len(result.attempts) == 1
    assert result.text == "slow " * 2000


def test_law_6_a_hanging_store_is_not_a_stall_and_costs_the_stream_nothing() -> None:
    class Hanging(rr.MemoryStore):
        async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
            await trio.sleep_forever()

    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("steady"))
    network.firsts = [lambda events: [step for event in events for step in (event, Silence(30.0))]]

    async def main() -> tuple[rr.StreamResult, float]:
        engine = rr.Engine(make(), transport=ScriptedTransport(network.script_for), store=Hanging())
        result = await engine.complete(QUESTION, run_id="a")
        return result, trio.current_time()

    (result, ended_s), began_s = in_virtual_time(main), 0.0  # type: ignore[misc]
    assert len(result.attempts) == 1
    assert result.checkpoint_failures > 0
    assert result.attempts[0].ended_s - began_s <= 30.0 * 12
    del ended_s


@pytest.mark.parametrize("gap_s", [59.0, 60.0])
def test_law_6_an_event_exactly_at_the_deadline_wins(gap_s: float) -> None:
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("tick tock"))
    network.firsts = [lambda events: [step for event in events for step in (event, Silence(gap_s))]]
    run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
    assert run.seen.result is not None
    assert len(run.seen.result.attempts) == 1


def test_law_6_a_ping_never_counts_as_progress() -> None:
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("tick tock"))
    pings: list[Step] = [step for _ in range(100) for step in (b": ping\n\n", Silence(5.0))]
    network.firsts = [lambda events: [b"".join(events[:5]), *pings]]
    run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
    assert run.seen.result is not None
    first = run.seen.result.attempts[0]
    assert first.cause == rr.causes.IdleStall("idle", 60.0)
    assert first.ended_s == pytest.approx(60.0)


@given(st.integers(1, 6), st.lists(st.sampled_from(FAULTS), min_size=8, max_size=8))
def test_law_8_attempts_never_exceed_the_budget(attempts_max: int, kinds: list[str]) -> None:
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("tök1 tök2 tök3 tök4"))
    network.firsts = [cut_at(0.5, kind, network) for kind in kinds]
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=attempts_max))
    run: Observation = in_virtual_time(lambda: observe(make(), network, policy=policy))  # type: ignore[assignment]
    assert len(network.continuations) == attempts_max
    assert isinstance(run.seen.error, rr.StreamInterrupted)
    run.check_one_stream()


def test_law_8_a_plan_without_a_new_attempt_is_carried_out_on_the_last_one() -> None:
    wire, make = PROVIDERS[PREFILL]
    call = rr.ToolCall("call_0", "look", {"at": "river"})
    network = HonestNetwork(wire, Whole("See:", (call, rr.ToolCall("call_1", "go", {}))))
    network.firsts = [lambda events: [b"".join(events[:-4])]]
    once = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    run: Observation = in_virtual_time(lambda: observe(make(), network, policy=once))  # type: ignore[assignment]
    assert run.seen.result is not None
    assert run.seen.result.stop_reason is rr.StopReason.TOOL_USE
    assert run.seen.ready == [call]
    run.check_calls()


@pytest.mark.parametrize("name", PROVIDERS)
@given(token_text, cuts)
@settings(max_examples=40)
def test_law_9_the_ledger_adds_up(name: str, text: str, faults: list[tuple[float, str]]) -> None:
    run = observed(name, Whole(text), faults)
    assert run.seen.result is not None
    attempts = run.seen.result.attempts
    assert len(attempts) == len(run.network.continuations)
    assert sum((attempt.usage for attempt in attempts), rr.TokenUsage()) == run.seen.result.usage
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert [attempt.cause is None for attempt in attempts] == [False] * (len(attempts) - 1) + [True]


def test_law_9_counts_what_was_said_and_not_kept() -> None:
    """Law 9: an echo that the seam swallowed was generated and paid, though nobody saw it twice."""
    said, rest = "A river does not stop at a stone; ", "it goes around."
    name = "openai, by quote"
    network = HonestNetwork(PROVIDERS[name][0], Whole(said + rest))
    chunks = [json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}) for text in (said, said, rest)]
    data = [f"data: {chunk}\n\n".encode() for chunk in chunks]
    network.firsts = [[data[0]], [data[1], data[2]]]
    run = in_virtual_time(lambda: observe(PROVIDERS[name][1](), network))
    assert isinstance(run, Observation)
    assert run.seen.result is not None
    assert [str(a.seam) for a in run.seen.result.attempts] == ["None", "echo", "clean"]
    tokens = -(-len(said + rest) // 4)
    assert [a.usage.output for a in run.seen.result.attempts[:2]] == [-(-len(said) // 4), tokens]


@given(token_text, tool_calls, cuts, st.sampled_from(sorted(PROVIDERS)), st.random_module())
def test_law_11_any_order_of_tasks_gives_the_same_answer(
    text: str, calls: tuple[rr.ToolCall, ...], faults: list[tuple[float, str]], name: str, order: object
) -> None:
    run = observed(name, Whole(text, calls), faults)
    run.check_one_stream()
    run.check_calls()
    assert run.seen.text == text


def test_the_events_of_an_interruption_come_in_the_order_of_the_design() -> None:
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("tök1 tök2", (rr.ToolCall("call_0", "t", {"a": 1}),)))
    network.firsts = [lambda events: [b"".join(events[:-4]), Reset()]]
    run: Observation = in_virtual_time(lambda: observe(make(), network))  # type: ignore[assignment]
    kinds = [type(e) for e in run.seen.events if not isinstance(e, rr.UsageUpdate | rr.TextDelta | rr.ToolCallDelta)]
    first = [rr.ToolCallStart, rr.Interrupted, rr.ToolCallCancel, rr.RetryScheduled]
    assert kinds == [*first, rr.Resumed, rr.ToolCallStart, rr.ToolCallReady, rr.Finished]


async def test_a_checkpoint_of_another_request_is_refused_and_untouched(autojump_clock: MockClock) -> None:
    store = KeepingStore()
    network = HonestNetwork(PROVIDERS[PREFILL][0], Whole("said and done"))
    network.firsts = [lambda events: [b"".join(events[:5]), Silence()]]
    engine = rr.Engine(PROVIDERS[PREFILL][1](), store=store, transport=ScriptedTransport(network.script_for))
    with trio.move_on_after(5):
        await watch_run(engine, QUESTION)
    other = rr.InferenceRequest([rr.Message.user("Something else.")])
    assert fingerprint(other) != fingerprint(QUESTION)
    with pytest.raises(rr.errors.CheckpointMismatch, match="another request"):
        async with engine.open_stream(other, run_id="run"):
            pass
    assert await store.list_runs() == ("run",)
    assert (await watch_run(engine, QUESTION)).text == "said and done"


def test_nothing_of_a_refused_prefill_is_lost_and_the_next_form_takes_its_place() -> None:
    said = "This model does not support assistant message prefill. The conversation must end with a user message."
    error_body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": said}}).encode()
    wire, make = PROVIDERS[PREFILL]
    network = HonestNetwork(wire, Whole("tök1 tök2 tök3"))
    network.firsts = [lambda events: [b"".join(events[:5])]]

    def script_for(request: object) -> Script:
        script = network.script_for(request)  # type: ignore[arg-type]
        if network.continuations[-1].is_prefix:
            return Script([error_body], status=400, headers={"content-type": "application/json"})
        return script

    async def main() -> rr.StreamResult:
        engine = rr.Engine(make(), policy=PATIENT, transport=ScriptedTransport(script_for))
        return await engine.complete(QUESTION)

    result: rr.StreamResult = in_virtual_time(main)  # type: ignore[assignment]
    assert result.text == "tök1 tök2 tök3"
    assert [a.continuation for a in result.attempts] == [None, ContinuationForm.PREFILL, ContinuationForm.QUOTE]
