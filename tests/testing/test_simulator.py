"""The simulator itself: it repeats, it sees what hangs, it makes failures small, and it tells them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import nan
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.clocks import Clocks
from riverrun.engine.core.codec import CodecError
from riverrun.engine.core.errors import UsageError
from riverrun.engine.core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from riverrun.engine.core.policy import CheckpointPolicy, Policy, RetryPolicy, StallPolicy
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.run.run import Run
from riverrun.engine.testing.script.faults import STATUSES, Fault, FaultKind, Item, error_of
from riverrun.engine.testing.script.text import version_of
from riverrun.engine.testing.simulator import clock as clocks
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.planners import planner_of
from riverrun.engine.testing.simulator.runner import Outcome, simulate, simulate_many
from riverrun.engine.testing.simulator.scenario import (
    Act,
    Consumer,
    Scenario,
    StoreFault,
    StoreKind,
)
from riverrun.engine.testing.simulator.shrink import shrink, smaller
from riverrun.engine.testing.simulator.story import tell_story
from riverrun.engine.testing.simulator.sweep import sweep

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.json"))
RESET = Scenario(faults=(Fault(FaultKind.RESET, 8),), has_store=False)


def kept(path: Path) -> Scenario:
    return Scenario.from_json(path.read_bytes())


def kinds(scenario: Scenario) -> list[str]:
    return [entry[2] for entry in simulate(scenario).log if entry[1] == "got"]


# -- scenarios that found something -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_kept_scenario_holds(path: Path) -> None:
    outcome = simulate(kept(path))
    assert not outcome.broken, tell_story(outcome)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_kept_scenario_says_what_it_found_and_only_what_matters(path: Path) -> None:
    assert kept(path).why
    assert kept(path).to_json() == path.read_text("utf-8")


def test_what_an_earlier_process_showed_is_taken_back_where_nothing_is_stored() -> None:
    scenario = next(kept(path) for path in SCENARIOS if path.stem == "nothing_stored_of_what_was_shown")
    assert "StreamReset" in kinds(scenario)


# -- determinism --------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 7))
def test_a_scenario_is_the_same_run_alone_and_in_company(seed: int, others: int, group: int) -> None:
    company = [scenario_of(others + n) for n in range(3)]
    together = simulate_many([*company, scenario_of(seed)], group=group)[-1]
    alone = simulate(scenario_of(seed))
    assert (together.log, together.log_hash) == (alone.log, alone.log_hash)


def test_the_seed_decides_the_order_of_tasks() -> None:
    logs = {simulate(evolve(RESET, seed=seed)).log_hash for seed in range(8)}
    assert len(logs) > 1


def test_a_scenario_leaves_trios_scheduler_as_it_was() -> None:
    scheduler: Any = clocks.scheduler
    before = scheduler._r, scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    simulate(RESET)
    assert (scheduler._r, scheduler._ALLOW_DETERMINISTIC_SCHEDULING) == before


# -- what hangs ---------------------------------------------------------------------------------------------------


def test_a_deadlock_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_run: Run) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Run, "__anext__", hang)
    broken = simulate(Scenario(has_store=False)).broken
    assert [(one.law, one.message[:8]) for one in broken][:1] == [("liveness", "deadlock")]


def test_a_loop_that_never_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def spin(_run: Run) -> None:
        while True:
            await trio.lowlevel.checkpoint()

    monkeypatch.setattr(Run, "__anext__", spin)
    assert "while no time passes" in simulate(Scenario(has_store=False)).broken[0].message


# -- what a silence may end --------------------------------------------------------------------------------------------

SLOW_FIRST_WORD = Scenario(faults=(Fault(FaultKind.DRIP, 0, seconds=121.0, count=2),), has_store=False)
"""A sign of life after two minutes, and one after four: within the first-event clock, for each of them moves it."""


def test_a_first_event_clock_that_ends_a_drip_is_held_to_its_own_numbers() -> None:
    hasty = Policy(stall=StallPolicy(first_event_s=120))
    assert not simulate(SLOW_FIRST_WORD).broken
    assert not simulate(evolve(SLOW_FIRST_WORD, policy=hasty)).broken
    assert len(simulate(evolve(SLOW_FIRST_WORD, policy=hasty)).attempts) == 2


def test_a_first_event_clock_that_no_sign_of_life_moves_breaks_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(_clocks: Clocks, _now: float) -> None:
        pass

    monkeypatch.setattr(Clocks, "ping", forget)
    broken = simulate(SLOW_FIRST_WORD).broken
    assert [one.law for one in broken] == ["time belongs to the provider"]
    assert "is said to end by: first event stall" in broken[0].message


# -- shrinking ----------------------------------------------------------------------------------------------------

CARELESS = Scenario(
    seed=77,
    planner="careless",
    answer=(Item("reasoning", 3), Item("text", 9), Item("calls", 2), Item("text", 4)),
    faults=(Fault(FaultKind.RESET, 30), Fault(FaultKind.STALL, 3)),
    store=(StoreFault(StoreKind.SLOW, 1),),
    consumer=Consumer(many=True, slow_s=0.5),
    policy=Policy(checkpoint=CheckpointPolicy(lag_s=0)),
)


def test_a_failure_is_shrunk_to_what_causes_it() -> None:
    law = simulate(CARELESS).broken[0].law
    small = shrink(CARELESS, law)
    assert law in {one.law for one in simulate(small).broken}
    assert small == Scenario(
        planner="careless",
        answer=(Item("calls"),),
        faults=(Fault(FaultKind.RESET, small.faults[0].at),),
        has_store=False,
    )


def test_what_breaks_nothing_is_left_as_it_is() -> None:
    assert shrink(RESET, "one stream") is RESET


@given(st.integers(0, 100_000))
def test_shrinking_can_not_go_round_in_circles(seed: int) -> None:
    scenario = scenario_of(seed)
    for _ in range(200):
        following = list(smaller(scenario))
        assert scenario not in following
        if not following:
            return
        scenario = following[seed % len(following)]


# -- stories ------------------------------------------------------------------------------------------------------


def test_a_story_tells_what_was_asked_said_shown_and_broken() -> None:
    story = tell_story(simulate(CARELESS))
    assert all(word in story for word in ("asked     request 1", "provider  ", "consumer  ", "ended", "BROKEN  "))


def test_a_story_tells_each_token_that_was_said_once() -> None:
    provider = [line for line in tell_story(simulate(RESET)).splitlines() if " provider  " in line]
    pieces = version_of(RESET.answer).pieces
    assert [sum(line.count(repr(piece.text)) for line in provider) for piece in pieces[:4]] == [1, 1, 1, 1]


def test_a_story_tells_what_was_planned_why_and_how_it_goes_on() -> None:
    story = tell_story(simulate(Scenario(faults=(Fault(FaultKind.RESET, 5),))))
    planned = "planned   ContinueText (go on after 14 characters)"
    assert all(word in story for word in (planned, "Interrupted(connection reset)", "RetryScheduled(attempt 2 of "))
    assert "Resumed(attempt 2, by prefill, clean)" in story


def test_a_story_tells_where_a_planner_raised() -> None:
    def raises(_snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
        raise ValueError("not\ntoday")

    line = raises.__code__.co_firstlineno + 1
    said = rf"planned   nothing: it raised ValueError: not\ntoday, at test_simulator.py:{line}"
    assert said in tell_story(simulate(RESET, planner=raises))


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no message")


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), GeneratorExit(), BaseExceptionGroup("many", [SystemExit(3)]), Unreadable()],
    ids=lambda error: type(error).__name__,
)
def test_a_story_tells_of_a_planner_that_raises_what_would_take_the_loop_down(error: BaseException) -> None:
    def raises(_snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
        raise error

    outcome = simulate(RESET, planner=raises)
    name = type(error).__name__
    assert f"planned   nothing: it raised {name}: " in tell_story(outcome)
    assert f"the run raised RuntimeError: the planner raised {name}" in outcome.broken[0].message


def test_a_planner_s_ctrl_c_is_the_caller_s() -> None:
    def raises(_snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
        raise KeyboardInterrupt

    with pytest.raises(BaseExceptionGroup) as raised:
        simulate(RESET, planner=raises)
    assert raised.value.subgroup(KeyboardInterrupt) is not None


def test_a_story_tells_where_a_planner_raised_however_long_its_message_is() -> None:
    def raises(_snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
        raise ValueError("word " * 99)

    assert "  at test_simulator.py:" in tell_story(simulate(RESET, planner=raises))


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no repr")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (ContinueText(cast("Any", None)), "ContinueText.assistant_prefix is a NoneType; expected a str"),
        (TruncateBeforeTool(cast("Any", 5), ()), "TruncateBeforeTool.assistant_prefix is a int; expected a str"),
        (Reattach(cast("Any", Unprintable())), "Reattach.cursor is a Unprintable; expected a str"),
        (WholeRestart(cast("Any", (None,))), r"WholeRestart.cancelled[0] is a NoneType; expected a InFlightTool"),
        (WholeRestart(cast("Any", (Unprintable(),))), "cancelled[0] is a Unprintable; expected a InFlightTool"),
        (SynthesizeToolUse(cast("Any", (None,))), "completed[0] is a NoneType; expected a ToolCall"),
        (SynthesizeToolUse(cast("Any", 5)), "SynthesizeToolUse.completed is a int; expected a tuple"),
    ],
)
def test_a_plan_that_holds_a_value_of_another_type_is_told_and_judged(plan: RecoveryPlan, said: str) -> None:
    outcome = simulate(RESET, planner=lambda _snapshot, _capabilities: plan)
    assert said in outcome.broken[0].message
    assert f"planned   {type(plan).__name__}" in tell_story(outcome)


def test_a_story_tells_which_faults_never_happened_and_what_the_policy_says() -> None:
    policy = Policy(retry=RetryPolicy(attempts_max=1))
    story = tell_story(simulate(Scenario(faults=(Fault(FaultKind.RESET, 3),) * 3, policy=policy)))
    assert "2 of the 3 faults never happened" in story
    assert "policy: retry.attempts_max 1\n" in story
    assert "never happened" not in tell_story(simulate(RESET))


def test_no_line_of_a_story_loses_an_event() -> None:
    outcome = simulate(
        Scenario(answer=(Item("text", 60),), faults=(Fault(FaultKind.NONE, burst=1000),), has_store=False)
    )
    story = tell_story(outcome)
    assert max(map(len, story.splitlines())) <= 13 + 110
    assert "Finished(end_turn)" in story
    words = " ".join(repr(piece.text) for piece in version_of(outcome.scenario.answer).pieces)
    assert story.replace("\n" + " " * 23, " ").count(words) == 2


def test_a_plan_is_judged_by_itself_before_anything_comes_of_it() -> None:
    def forgets_the_calls(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        plan = plan_recovery(snapshot, capabilities)
        return TruncateBeforeTool(plan.assistant_prefix, ()) if isinstance(plan, TruncateBeforeTool) else plan

    scenario = Scenario(answer=(Item("text", 2), Item("calls", 1)), faults=(Fault(FaultKind.RESET, 8),))
    assert not simulate(scenario).broken
    [broken] = simulate(scenario, planner=forgets_the_calls).broken
    assert (broken.law, "cancels the calls none; under way were c1.0@0" in broken.message) == ("whole calls", True)


# -- error responses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["events", "bytes"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_before_and_inside_a_stream_keeps_the_laws(status: int, level: str) -> None:
    for kind, hint in product((FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR), (None, 0.0, 7.0, 1000.0)):
        fault = Fault(kind, 5, status=status, retry_after_s=hint)
        for seed in (1, 2):  # of each wire format
            outcome = simulate(Scenario(seed=seed, level=level, provider="quote", faults=(fault,)))
            assert not outcome.broken, tell_story(outcome)


@pytest.mark.parametrize("level", ["events", "bytes"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("most", [1, 3])
def test_the_budget_after_a_limit_goes_by_what_the_provider_said(most: int, status: int, level: str) -> None:
    policy = Policy(retry=RetryPolicy(attempts_max=2, rate_limit_attempts_max=most))
    for kind, seed in product((FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR), (1, 2)):
        faults = (Fault(kind, 5, status=status),) * 5
        outcome = simulate(Scenario(seed=seed, level=level, provider="quote", faults=faults, policy=policy))
        assert not outcome.broken, tell_story(outcome)


# -- JSON ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.sampled_from(["events", "bytes"]))
def test_a_scenario_survives_json(seed: int, level: str) -> None:
    scenario = scenario_of(seed, level)
    assert Scenario.from_json(scenario.to_json()) == scenario


def test_a_scenario_names_only_what_matters() -> None:
    assert Scenario().to_json() == '{\n  "schema": 1\n}\n'


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 2}', '{"schema": 1, "faults": [{"kind": "?"}]}'])
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        Scenario.from_json(text)


@pytest.mark.parametrize("wrong", [{"planner": "nobody"}, {"planner": "json:nothing"}, {"level": "quarks"}])
def test_an_unknown_planner_or_level_is_the_callers_mistake(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        simulate(evolve(RESET, **wrong))


@pytest.mark.parametrize("planner", ["plans:x", 3, Policy()], ids=lambda one: type(one).__name__)
def test_a_planner_that_can_not_be_asked_is_refused_at_the_call(planner: Any) -> None:
    says = r"simulate\(planner=\) is .*; expected a function of \(snapshot, capabilities\), or None"
    with pytest.raises(UsageError, match=says):
        simulate(Scenario(), planner=planner)
    with pytest.raises(UsageError, match=says):
        simulate_many([], planner=planner)


def test_a_planner_whose_module_needs_another_is_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plans_broken.py").write_text("import nothere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match="plans_broken could not be imported, because nothere_at_all is missing; install it"
    ):
        planner_of("plans_broken:plan")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody", "expected default, or module:function$"),
        ("nobody_at_all.here:plan", "there is no module nobody_at_all; expected default, or module:function$"),
        ("json:nothing", "nothing is not there; expected a function in json"),
        ("json:__name__", "__name__ is of type str; expected a function in json"),
        (".relative:plan", "can not be imported: TypeError"),
    ],
)
def test_a_planner_that_can_not_be_found_is_refused_with_the_reason(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        planner_of(name)


# -- scenarios that can not be ------------------------------------------------------------------------------------

ANY_SCENARIO, ANY_CONSUMER, ANY_SIMULATE = cast("Any", Scenario), cast("Any", Consumer), cast("Any", simulate)

REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: Item("zz"), "Item.kind is 'zz'; expected one of text, reasoning, calls"),
    (lambda: Item("text", -3), "Item.size is -3; expected a whole number of at least 1"),
    (lambda: Item("text", True), "Item.size is True; expected a whole number"),
    (lambda: Fault("zz"), "is 'zz'; expected one of none, reset"),
    (lambda: Fault(FaultKind.RESET, -5), "Fault.at is -5; expected a whole number of at least 0"),
    (lambda: Fault(FaultKind.RESET, count=-1), "Fault.count is -1"),
    (lambda: Fault(FaultKind.RESET, burst=0), "Fault.burst is 0; expected a whole number of at least 1"),
    (lambda: Fault(FaultKind.DRIP, seconds=nan), "Fault.seconds is nan; expected a number of at least 0"),
    (
        lambda: Fault(FaultKind.HTTP_ERROR, retry_after_s=-1.0),
        "Fault.retry_after_s is -1.0; expected None, or a number",
    ),
    (lambda: Fault(FaultKind.HTTP_ERROR, status=399), "Fault.status is 399; expected a whole number of at least 400"),
    (lambda: Scenario(faults=(Fault(status=418),)), r"Scenario.faults\[0\].status is 418; expected one of 500"),
    (lambda: Fault(manner="reset"), "Fault.manner is 'reset'; expected one of none, echo"),
    (lambda: StoreFault("zz"), "StoreFault.kind is 'zz'; expected one of fails"),
    (lambda: StoreFault("fails", count=0), "StoreFault.count is 0; expected a whole number of at least 1"),
    (lambda: Consumer("zz"), "Consumer.act is 'zz'; expected one of none, cancel"),
    (lambda: Consumer(mailbox_max=0), "Consumer.mailbox_max is 0; expected a whole number of at least 1"),
    (lambda: Consumer(slow_s=-1.0), "Consumer.slow_s is -1.0; expected a number of at least 0"),
    (lambda: Consumer(act_on="TextDelt"), "Consumer.act_on is 'TextDelt'; expected None, or one of TextDelta, "),
    (lambda: ANY_CONSUMER(act_on=[]), r"Consumer.act_on is \[\]; expected None, or one of"),
    (
        lambda: Scenario(has_store=False, store=(StoreFault("fails"),)),
        "Scenario.has_store is False; expected True: store holds 1 faults",
    ),
    (lambda: Scenario(provider="zz"), "Scenario.provider is 'zz'; expected one of prefill"),
    (lambda: Scenario(answer=()), r"Scenario.answer is \(\); expected text or whole calls"),
    (lambda: Scenario(answer=(Item("reasoning", 9),)), "expected text or whole calls"),
    (lambda: Scenario(answer=(Item("calls", broken=True),)), "expected text or whole calls"),
    (lambda: ANY_SCENARIO(faults=[]), r"Scenario.faults is \[\]; expected a tuple"),
    (
        lambda: ANY_SCENARIO(faults=(StoreFault("fails"),)),
        r"Scenario.faults\[0\] is StoreFault.*; expected a Fault",
    ),
    (lambda: ANY_SCENARIO(consumer=None), "Scenario.consumer is None; expected a Consumer"),
    (lambda: ANY_SCENARIO(policy=3), "Scenario.policy is 3; expected a Policy"),
    (lambda: ANY_SCENARIO(seed="1"), "Scenario.seed is '1'; expected a whole number"),
    (lambda: ANY_SIMULATE("reset"), r"simulate\(\) was given a str; expected a Scenario"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_a_scenario_that_can_not_be_is_refused_as_it_is_made(make: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        make()
    assert len(str(caught.value)) < 500


def test_a_refused_value_is_quoted_by_its_beginning_only() -> None:
    with pytest.raises(UsageError) as caught:
        Item("z" * 1000)
    assert str(caught.value).count("z") == 78


def test_each_status_of_a_scenario_has_an_error_that_tells_it() -> None:
    assert [error_of(Fault(FaultKind.HTTP_ERROR, status=status)).status for status in STATUSES] == list(STATUSES)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('"fautls": []', "'fautls'"),
        ('"faults": [{"kind": "stall"}, {"kind": "reset", "att": 3}]', r"'faults\[1\].att'"),
        ('"policy": {"retry": {"attempts": 3}}', "'policy.retry.attempts'"),
        ('"faults": [{"kind": "?"}]', r"expected FaultKind, at faults\[0\].kind"),
        ('"faults": [{"kind": "reset", "at": -5}]', r"Fault.at is -5; expected .*, at faults\[0\]"),
    ],
)
def test_a_scenario_file_that_is_misspelt_is_refused_by_field(body: str, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        Scenario.from_json(f'{{"schema": 1, {body}}}')


async def test_a_simulation_inside_a_trio_run_is_the_callers_mistake() -> None:
    for call in (lambda: simulate(RESET), lambda: sweep(10, jobs=1)):
        with pytest.raises(UsageError, match="was called inside a trio run"):
            call()


# -- what a run comes to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [Act.CANCEL, Act.PAUSE, Act.SCOPE, Act.LEAVE])
def test_a_run_that_is_left_can_be_opened_again(act: Act) -> None:
    outcome = simulate(Scenario(consumer=Consumer(act, 5, reopens=True, keeps_text=True)))
    assert not outcome.broken
    assert outcome.log[-1][1:3] == ("ended", "finished")


CALLING = Scenario(
    provider="reads_on",
    answer=(Item("text", 2), Item("calls", 2), Item("text", 1)),
    faults=(Fault(FaultKind.RESET, 8, burst=1), Fault(burst=1), Fault(burst=1)),
    policy=Policy(checkpoint=CheckpointPolicy(lag_bytes=1)),
)
"""Cut inside two calls, and read on event by event."""


def begun(outcome: Outcome) -> int:
    """How many generations were begun; none may have broken a law."""
    assert not outcome.broken, tell_story(outcome)
    return [attempt.form for attempt in outcome.attempts].count(None)


def test_a_generation_is_begun_once_and_read_on_wherever_it_is_cut() -> None:
    patient = evolve(CALLING, policy=Policy(retry=RetryPolicy(attempts_max=5)))
    cuts = product(range(1, 19), range(1, 6))
    faults = [
        (Fault(FaultKind.RESET, cut), Fault(FaultKind.STALL, again), Fault(FaultKind.PREMATURE_END))
        for cut, again in cuts
    ]
    outcomes = simulate_many(evolve(patient, faults=one) for one in faults)
    assert {begun(outcome) for outcome in outcomes} == {1}


@pytest.mark.parametrize("act", [Act.CANCEL, Act.PAUSE, Act.SCOPE, Act.LEAVE])
def test_a_run_that_reads_on_can_be_ended_at_every_event_and_is_paid_once(act: Act) -> None:
    consumers = [Consumer(act, event, reopens=True) for event in range(1, 24)]
    outcomes = simulate_many(evolve(CALLING, consumer=consumer) for consumer in consumers)
    assert {begun(outcome) for outcome in outcomes} == {1}


@pytest.mark.parametrize("kind", [StoreKind.CRASH_BEFORE_WRITE, StoreKind.CRASH_AFTER_WRITE])
def test_a_run_that_reads_on_can_be_killed_at_every_write_and_is_paid_once(kind: StoreKind) -> None:
    """From the first cursor on that is stored."""
    places = product(range(3, 16), range(0, 8, 3))
    kills = [(StoreFault(kind, first), StoreFault(kind, second, process=1)) for first, second in places]
    outcomes = simulate_many(evolve(CALLING, store=one) for one in kills)
    assert {begun(outcome) for outcome in outcomes} == {1}


def test_a_story_tells_where_a_generation_is_read_on() -> None:
    story = tell_story(simulate(CALLING))
    assert "planned   Reattach (read on at '0:8')" in story
    assert "request 2, by cursor" in story


def test_a_killed_process_writes_no_more() -> None:
    outcome = simulate(Scenario(store=(StoreFault(StoreKind.CRASH_AFTER_WRITE, 0),)))
    number = next(n for n, entry in enumerate(outcome.log) if entry[1] == "crashed")
    assert outcome.log[number + 1][1] == "opened"
    assert not outcome.broken
