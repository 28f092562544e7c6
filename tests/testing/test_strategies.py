"""The strategies: what they draw is sound, they compose, and what they find is small."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import Phase, given, settings

from riverrun.engine.core.codec import from_json, to_json
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.testing.script.answers import Answer
from riverrun.engine.testing.script.faults import Fault, FaultKind
from riverrun.engine.testing.simulator.runner import simulate_many
from riverrun.engine.testing.simulator.scenario import Scenario
from riverrun.engine.testing.simulator.story import tell_story
from riverrun.providers.by_name import provider_classes
from riverrun.testing import strategies as st


def least(strategy: Any, breaks: Any) -> Any:
    found = st.find_smallest(strategy, breaks, runs=2000, seed=3)
    assert found is not None
    return found


def test_a_text_shrinks_to_the_part_that_matters() -> None:
    assert least(st.texts(), lambda text: "```" in text) == "```python\nx = 1\n```\n"
    assert len(least(st.texts(), lambda text: not text.isascii())) <= 3


def test_an_answer_with_a_call_shrinks_to_an_empty_call() -> None:
    answer = least(st.answers(), lambda answer: bool(answer.calls))
    assert (answer.text, answer.reasoning, len(answer.calls), answer.calls[0].arguments) == ("", "", 1, {})


def test_a_cut_shrinks_to_two_reads() -> None:
    body = st.wire_bytes("anthropic", Answer("one", "é"))
    assert len(least(st.chunked(body), lambda reads: len(reads) > 1)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_cut_through_a_character_shrinks_to_that_cut(seed: int) -> None:
    body = st.wire_bytes("openai", Answer("one", "The river, 🌊"))
    reads = st.find_smallest(
        st.chunked(body), lambda reads: any(0x80 <= read[0] < 0xC0 for read in reads), runs=500, seed=seed
    )
    assert reads is not None
    assert len(reads) == 2


def test_a_mutation_shrinks_to_one_edit() -> None:
    whole = least(st.wire_bytes("openai", Answer("one", "a")), lambda body: True)
    assert whole.startswith(
        least(st.mutated(st.wire_bytes("openai", Answer("one", "a"))), lambda body: len(body) < 200)
    )


def test_a_snapshot_shrinks_to_what_it_has_to_hold() -> None:
    snapshot = least(st.interrupt_snapshots(), lambda held: held.text and held.in_flight_tools)
    assert snapshot.text in ("a", "aa")  # two deltas may have to say it
    assert [call.partial_args for call in snapshot.in_flight_tools] == [""]


def test_a_snapshot_shrinks_to_one_that_holds_nothing() -> None:
    assert least(st.interrupt_snapshots(), lambda held: True) == InterruptSnapshot()


def test_two_calls_under_way_shrink_to_two_names() -> None:
    snapshot = least(st.interrupt_snapshots(), lambda held: len(held.in_flight_tools) == 2)
    assert snapshot == InterruptSnapshot(in_flight_tools=snapshot.in_flight_tools, output_tokens=0)
    assert [call.partial_args for call in snapshot.in_flight_tools] == ["", ""]


def test_what_a_snapshot_may_hold_is_there_about_half_of_the_time_in_every_combination() -> None:
    seen: Counter[tuple[bool, bool, int]] = Counter()

    @given(st.interrupt_snapshots())
    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    def look(held: InterruptSnapshot) -> None:
        seen[bool(held.text), bool(held.completed_tool_calls), len(held.in_flight_tools)] += 1

    look()
    assert set(seen) == set(product((False, True), (False, True), (0, 1, 2)))
    for place in range(3):
        assert 90 < sum(times for held, times in seen.items() if held[place]) < 240, (place, seen)


def test_a_scenario_shrinks_to_one_fault() -> None:
    scenario = least(st.scenarios(), lambda drawn: any(fault.kind == "stall" for fault in drawn.faults))
    assert [fault.kind.value for fault in scenario.faults] == ["stall"]
    assert not scenario.has_store


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [FaultKind.STALL, FaultKind.OVERLAP, FaultKind.IN_BAND_ERROR])
def test_a_schedule_shrinks_to_one_plain_fault(kind: FaultKind, seed: int) -> None:
    faults = st.find_smallest(
        st.fault_schedules(), lambda drawn: any(f.kind is kind and f.at > 2 for f in drawn), runs=1000, seed=seed
    )
    assert faults == (Fault(kind, at=3, count=30 if kind is FaultKind.OVERLAP else 0),)


@pytest.mark.parametrize(
    ("field", "value"), [("retry_after_s", 7.0), ("manner", FaultKind.ECHO), ("burst", 16), ("status", 429)]
)
def test_a_schedule_shrinks_to_the_one_fault_that_matters(field: str, value: object) -> None:
    faults = least(st.fault_schedules(), lambda drawn: any(getattr(fault, field) == value for fault in drawn))
    assert len(faults) == 1
    assert faults[0].at == 0


@pytest.mark.parametrize("name", provider_classes())
def test_every_provider_has_its_bytes(name: str) -> None:
    assert b"river" in least(st.wire_bytes(name, Answer("one", "river river river")), lambda body: b"river" in body)


@given(st.chunked(st.mutated(st.wire_bytes("gemini", st.answers()))))
@settings(max_examples=50)
def test_strategies_compose(reads: list[bytes]) -> None:
    assert all(isinstance(read, bytes) for read in reads)


@given(st.chunked(st.mutated(st.answers())))
@settings(max_examples=50)
def test_an_answer_is_written_where_bytes_are_needed(reads: list[bytes]) -> None:
    assert all(isinstance(read, bytes) for read in reads)


def test_bytes_and_an_answer_stand_for_themselves() -> None:
    answer = Answer("one", "a")
    assert least(st.chunked(b"abc"), lambda reads: True) == [b"abc"]
    assert least(st.mutated(b"abc"), lambda data: True) == b"abc"
    assert b"[DONE]" in least(st.mutated(answer), lambda data: True)
    assert b"".join(least(st.chunked(answer), lambda reads: len(reads) == 2)).endswith(b"[DONE]\n\n")


@pytest.mark.parametrize("strategy", [st.chunked, st.mutated])
@pytest.mark.parametrize(
    "given", ["abc", None, 3, [b"abc"], st.answers, st.chunked(b"abc")], ids=lambda one: repr(one)[:9]
)
def test_what_is_neither_is_refused_at_the_call(strategy: Any, given: Any) -> None:
    with pytest.raises(UsageError, match=rf"{strategy.__name__}\(\) was given .*; expected "):
        strategy(given)


def test_a_strategy_for_something_else_is_refused_when_it_draws() -> None:
    with pytest.raises(UsageError, match=r"mutated\(\) was given a strategy that drew ''; expected bytes"):
        least(st.mutated(cast("Any", st.texts())), lambda data: True)


def test_a_cut_and_mutated_answer_shrinks_to_a_whole_small_one() -> None:
    reads = least(st.chunked(st.mutated(st.answers())), lambda reads: b"[DONE]" in b"".join(reads))
    assert len(reads) == 1
    assert len(reads[0]) < 1000


@given(st.interrupt_snapshots())
@settings(max_examples=100)
def test_a_snapshot_is_one_that_a_run_could_hold(snapshot: InterruptSnapshot) -> None:
    assert snapshot.text == "".join(getattr(block, "text", "") for block in snapshot.blocks if _is_text(block))
    assert len({call.id for call in snapshot.completed_tool_calls}) == len(snapshot.completed_tool_calls)


def _is_text(block: object) -> bool:
    return type(block).__name__ == "TextBlock"


@given(st.requests())
@settings(max_examples=100)
def test_a_request_goes_through_json_and_back(request: InferenceRequest) -> None:
    assert from_json(to_json(request), InferenceRequest) == request


@given(st.scenarios())
@settings(max_examples=100)
def test_a_scenario_goes_through_json_and_back(scenario: Scenario) -> None:
    assert Scenario.from_json(scenario.to_json()) == scenario


@given(st.scenarios())
@settings(max_examples=40)
def test_a_scenario_can_be_simulated(scenario: Scenario) -> None:
    outcome = simulate_many([scenario])[0]
    assert not outcome.broken, tell_story(outcome)


def test_the_kit_is_imported_without_hypothesis() -> None:
    names = "from riverrun.testing import check_planner, check_provider, check_store, simulate"
    script = f"import sys; sys.modules['hypothesis'] = None; {names}"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
