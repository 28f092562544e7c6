"""The scripted source under the real engine: every fault and manner, several runs at once, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.codec import structure
from riverrun.engine.testing.script.faults import SERVED_ALONE
from riverrun.engine.testing.simulator.scenario import PROVIDERS
from riverrun.testing import (
    ANSWERS,
    RIVERS,
    WEATHER,
    Answer,
    AskedRequest,
    Fault,
    FaultKind,
    ForeignError,
    ScriptedSource,
    retelling,
)

REQUEST = rr.InferenceRequest(rr.Message.user("Tell the story of the river."), max_tokens=4000)
PATIENT = rr.Policy(retry=rr.RetryPolicy(attempts_max=8))
CUT = Fault("reset", at=60)
NATIVE, PREFILL, QUOTE = rr.ContinuationForm.NATIVE, rr.ContinuationForm.PREFILL, rr.ContinuationForm.QUOTE
MANNERS = ("echo", "overlap", "starts_over", "white_space")
BY_PREFILL = PROVIDERS["prefill"]


async def complete(
    source: ScriptedSource, request: rr.InferenceRequest = REQUEST, policy: rr.Policy = PATIENT
) -> rr.StreamResult:
    return await rr.Engine(source, policy=policy).complete(request)


def without_space(text: str) -> str:
    return "".join(text.split())


async def read_by_hand(source: ScriptedSource, asked: AskedRequest) -> list[rr.lowlevel.StreamEvent]:
    async with source.open_events(asked.request, asked.form) as channel:
        return [event async for event in channel]


async def reply_to(source: ScriptedSource, asked: AskedRequest) -> str:
    events = await read_by_hand(source, asked)
    return "".join(event.text for event in events if isinstance(event, rr.TextDelta))


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer.name))
async def test_without_a_fault_the_answer_is_said(answer: Answer, autojump_clock: MockClock) -> None:
    source = ScriptedSource(answer)
    result = await complete(source)
    assert (result.text, result.tool_calls) == (answer.text, answer.calls)
    assert "".join(block.text for block in result.blocks if isinstance(block, rr.ReasoningBlock)) == answer.reasoning
    assert result.stop_reason is (rr.StopReason.TOOL_USE if answer.calls else rr.StopReason.END_TURN)
    assert (source.faults_happened, source.open_answers) == ([], 0)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in ("foreign_error", *SERVED_ALONE, *MANNERS)])
async def test_every_fault_of_a_first_request_is_got_over(
    kind: FaultKind, provider: str, autojump_clock: MockClock
) -> None:
    fault = Fault(kind, at=30, count=3, seconds=5.0)
    source = ScriptedSource(WEATHER, [fault, Fault("reset", at=9)], capabilities=PROVIDERS[provider])
    result = await complete(source)
    assert result.text == WEATHER.text
    assert result.tool_calls == WEATHER.calls
    assert (fault in source.faults_happened) == (kind not in ("none", "prefill_refused"))
    assert source.open_answers == 0


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in ("foreign_error", *SERVED_ALONE, *MANNERS)])
async def test_every_fault_of_a_continuation_is_got_over(
    kind: FaultKind, provider: str, autojump_clock: MockClock
) -> None:
    capabilities = PROVIDERS[provider]
    source = ScriptedSource(RIVERS, [CUT, Fault(kind, at=30, count=3, seconds=5.0)], capabilities=capabilities)
    assert (await complete(source)).text == RIVERS.text
    no_room = {"none", "empty"} if capabilities.forms else {"none", "prefill_refused"}
    assert len(source.faults_happened) == (1 if kind in no_room else 2)


async def test_a_foreign_error_is_raised_as_it_is(autojump_clock: MockClock) -> None:
    with pytest.raises(ForeignError):
        await complete(ScriptedSource(RIVERS, [Fault("foreign_error", at=9)]))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, rr.errors.InvalidRequest),
        (401, rr.errors.Unauthorized),
        (402, rr.errors.QuotaExhausted),
        (403, rr.errors.Unauthorized),
        (404, rr.errors.ModelNotFound),
        (408, rr.errors.InferenceTimeout),
        (409, rr.errors.ProviderError),
        (429, rr.errors.RateLimited),
        (500, rr.errors.ProviderError),
        (502, rr.errors.ProviderError),
        (503, rr.errors.Overloaded),
        (504, rr.errors.InferenceTimeout),
        (529, rr.errors.Overloaded),
    ],
)
@pytest.mark.parametrize("kind", ["http_error", "in_band_error"])
async def test_a_status_is_its_error_in_the_end(
    kind: str, status: int, error: type[rr.InferenceError], autojump_clock: MockClock
) -> None:
    once = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    with pytest.raises(error) as raised:
        await complete(ScriptedSource(RIVERS, [Fault(kind, at=0, status=status)]), policy=once)
    assert type(raised.value) is error
    assert raised.value.status == status


async def test_a_hint_is_waited_out(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    await complete(ScriptedSource(RIVERS, [Fault("http_error", status=429, retry_after_s=7.0)]))
    assert 7.0 <= trio.current_time() - began_s < 14.0


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault("reset", at=9), rr.causes.ConnectionReset()),
        (Fault("stall", at=9), rr.causes.IdleStall()),
        (Fault("pings_only", at=9), rr.causes.IdleStall()),
        (Fault("goaway", at=9), rr.causes.GoAway()),
        (Fault("half_close", at=9), rr.causes.PrematureEnd()),
        (Fault("premature_end"), rr.causes.PrematureEnd()),
        (Fault("connect_error"), rr.causes.ConnectionReset()),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
async def test_a_fault_has_its_cause(fault: Fault, cause: rr.InterruptCause, autojump_clock: MockClock) -> None:
    first, last = (await complete(ScriptedSource(RIVERS, [fault]))).attempts
    assert type(first.cause) is type(cause)
    assert last.cause is None


async def test_a_script_is_json(autojump_clock: MockClock) -> None:
    script = json.loads('[{"kind": "reset", "at": 60}, {"kind": "echo"}, {"kind": "stall", "at": 3, "manner": "echo"}]')
    faults = cast("tuple[Fault, ...]", structure(script, tuple[Fault, ...]))
    source = ScriptedSource(RIVERS, faults)
    assert (await complete(source)).text == RIVERS.text
    assert source.faults_happened == list(faults[:2])


# -- manners ----------------------------------------------------------------------------------------------------------

SEARCHED = [name for name, declared in PROVIDERS.items() if declared.echoes or declared.forms == (QUOTE,)]


@pytest.mark.parametrize("provider", SEARCHED)
@pytest.mark.parametrize("kind", ["none", "reset"])
@pytest.mark.parametrize(
    ("manner", "seam", "text"),
    [
        ("echo", rr.SeamVerdict.ECHO, RIVERS.text),
        ("overlap", rr.SeamVerdict.OVERLAP, RIVERS.text),
        ("starts_over", rr.SeamVerdict.RESTART, retelling(RIVERS.text)),
    ],
)
async def test_a_manner_is_seen_at_the_seam(
    manner: str, seam: rr.SeamVerdict, text: str, kind: str, provider: str, autojump_clock: MockClock
) -> None:
    dishonest = Fault(kind, at=120, manner=manner, count=40)
    source = ScriptedSource(RIVERS, [CUT, dishonest], capabilities=PROVIDERS[provider])
    result = await complete(source)
    assert result.text == text
    assert result.attempts[1].seam is seam
    assert source.faults_happened == [CUT, dishonest]


@pytest.mark.parametrize("manner", MANNERS)
async def test_a_manner_as_a_kind_is_the_same_manner(manner: str, autojump_clock: MockClock) -> None:
    texts = [
        (await complete(ScriptedSource(RIVERS, [CUT, fault]))).text
        for fault in (Fault(manner, burst=1), Fault(manner=manner, burst=1))
    ]
    assert texts[0] == texts[1]
    assert (texts[0] == RIVERS.text) == (manner in ("echo", "overlap"))


@pytest.mark.parametrize("provider", [name for name, declared in PROVIDERS.items() if declared.forms])
async def test_other_white_space_is_all_that_is_other(provider: str, autojump_clock: MockClock) -> None:
    faults = [CUT, Fault("reset", manner="white_space", at=40), Fault("white_space"), CUT]
    source = ScriptedSource(RIVERS, faults, capabilities=PROVIDERS[provider])
    text = (await complete(source)).text
    assert text != RIVERS.text
    assert without_space(text) == without_space(RIVERS.text)


@pytest.mark.parametrize("manner", ["echo", "overlap", "starts_over"])
async def test_a_repetition_where_nobody_looks_for_one_is_not_said(manner: str, autojump_clock: MockClock) -> None:
    source = ScriptedSource(RIVERS, [CUT, Fault(manner)], capabilities=BY_PREFILL)
    assert (await complete(source)).text == RIVERS.text
    assert source.faults_happened == [CUT]


async def test_a_fault_without_room_for_its_manner_happens_without_it(autojump_clock: MockClock) -> None:
    source = ScriptedSource(RIVERS, [evolve(CUT, manner=FaultKind.ECHO)])
    await complete(source)
    assert source.faults_happened == [CUT]


async def test_of_an_answer_that_repeats_itself_a_quote_loses_what_nobody_can_tell_and_a_prefill_nothing(
    autojump_clock: MockClock,
) -> None:
    refrain = Answer("refrain", "the river goes around the stone, " * 20)
    assert refrain.text.endswith((await complete(ScriptedSource(refrain, [CUT]))).text)
    assert len((await complete(ScriptedSource(refrain, [CUT]))).text) < len(refrain.text)
    assert (await complete(ScriptedSource(refrain, [CUT], capabilities=BY_PREFILL))).text == refrain.text


async def test_thoughts_alone_that_ended_in_order_are_an_answer_to_the_engine(autojump_clock: MockClock) -> None:
    result = await complete(ScriptedSource(Answer("thoughts", "", reasoning="Hm.")))
    assert (result.text, result.stop_reason, len(result.attempts)) == ("", rr.StopReason.END_TURN, 1)


async def test_a_model_that_starts_over_twice_is_where_it_was(autojump_clock: MockClock) -> None:
    over = Fault("reset", manner="starts_over", at=60)
    source = ScriptedSource(RIVERS, [CUT, over, over])
    result = await complete(source)
    assert [attempt.seam for attempt in result.attempts[1:3]] == [rr.SeamVerdict.RESTART] * 2
    assert result.text == RIVERS.text


# -- what a request says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "form"), [("prefill", PREFILL), ("native", NATIVE), ("quote", QUOTE), ("restart", None)]
)
async def test_a_request_is_kept_with_its_form_and_what_it_says_was_said(
    provider: str, form: rr.ContinuationForm | None, autojump_clock: MockClock
) -> None:
    source = ScriptedSource(RIVERS, [CUT], capabilities=PROVIDERS[provider])
    await complete(source)
    first, second = source.requests
    assert (first, second.form) == (AskedRequest(REQUEST, None), form)
    assert RIVERS.text.startswith(second.said)
    assert bool(second.said) == (form is not None)


@pytest.mark.parametrize("provider", ["prefill", "prefill_trim", "quote"])
async def test_a_turn_of_the_callers_own_is_not_what_was_said(provider: str, autojump_clock: MockClock) -> None:
    asked = evolve(REQUEST, messages=(*REQUEST.messages, rr.Message.assistant("Here it is:\n\n")))
    source = ScriptedSource(RIVERS, [CUT, Fault("reset", at=9)], capabilities=PROVIDERS[provider])
    assert (await complete(source, asked)).text == RIVERS.text
    assert all(RIVERS.text.startswith(request.said) for request in source.requests)


async def test_thoughts_are_not_thought_again(autojump_clock: MockClock) -> None:
    source = ScriptedSource(evolve(WEATHER, calls=()), [Fault("reset", at=40)], capabilities=BY_PREFILL)
    result = await complete(source)
    assert source.requests[1].said
    assert "".join(block.text for block in result.blocks if isinstance(block, rr.ReasoningBlock)) == WEATHER.reasoning


async def test_thoughts_come_first_and_calls_last(autojump_clock: MockClock) -> None:
    kinds = [type(block) for block in (await complete(ScriptedSource(WEATHER))).blocks]
    assert kinds == [rr.ReasoningBlock, rr.TextBlock, rr.ToolCall, rr.ToolCall]


async def test_calls_are_left_to_say_after_all_of_a_text_with_other_white_space(autojump_clock: MockClock) -> None:
    source = ScriptedSource(WEATHER, [Fault(), Fault("white_space")], capabilities=BY_PREFILL)
    asked = claim(WEATHER.text.replace("water level", "water\t level"), PREFILL)
    events = await read_by_hand(source, asked)
    assert [event.id for event in events if isinstance(event, rr.ToolCallStart)] == ["call_gauge_01", "call_wind_02"]


async def test_calls_that_are_said_again_have_other_ids(autojump_clock: MockClock) -> None:
    source = ScriptedSource(WEATHER)
    assert [call.id for call in (await complete(source)).tool_calls] == ["call_gauge_01", "call_wind_02"]
    assert [call.id for call in (await complete(source)).tool_calls] == ["call_gauge_01@1", "call_wind_02@1"]


async def test_calls_that_were_never_heard_keep_their_ids(autojump_clock: MockClock) -> None:
    source = ScriptedSource(WEATHER, [Fault("http_error"), Fault("reset", at=40)])
    assert (await complete(source)).tool_calls == WEATHER.calls


def claim(said: str, form: rr.ContinuationForm) -> AskedRequest:
    quote = () if form is not QUOTE else (rr.Message.user(f"Go on: <tail>{said[-240:]}</tail>"),)
    return AskedRequest(evolve(REQUEST, messages=(*REQUEST.messages, rr.Message.assistant(said), *quote)), form)


@pytest.mark.parametrize("at", [1, 30, 400, len(RIVERS.text) - 1, len(RIVERS.text)])
@pytest.mark.parametrize("form", [PREFILL, QUOTE])
async def test_it_goes_on_exactly_after_what_was_said(
    form: rr.ContinuationForm, at: int, autojump_clock: MockClock
) -> None:
    source = ScriptedSource(RIVERS, capabilities=BY_PREFILL)
    assert await reply_to(source, claim(RIVERS.text[:at], form)) == RIVERS.text[at:]


@pytest.mark.parametrize("form", [PREFILL, QUOTE])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("A river stops", r"says 'A river stops' where .* 'rivers' \(\d+ characters\), at character 8; expected 'A ri"),
        (f"{RIVERS.text}And more", r"at character \d+; expected .*never said"),
        ("A  river", "at character 2"),
        (retelling(RIVERS.text)[:90], "at character 65"),
        ("x" * 9999, r"\(9999 characters\) says 'x{20}' "),
    ],
    ids=["other words", "more", "white space", "a telling that is not in the script", "long"],
)
async def test_words_that_were_never_said_are_refused(
    said: str, message: str, form: rr.ContinuationForm, autojump_clock: MockClock
) -> None:
    source = ScriptedSource(RIVERS, capabilities=BY_PREFILL)
    with pytest.raises(rr.errors.InvalidRequest, match=message) as raised:
        await reply_to(source, claim(said, form))
    assert raised.value.status == 400
    assert source.open_answers == 0


async def test_white_space_that_may_have_been_said_is_no_licence_for_words(autojump_clock: MockClock) -> None:
    source = ScriptedSource(RIVERS, [Fault(), Fault("white_space")], capabilities=BY_PREFILL)
    assert await reply_to(source, claim("A\t river", PREFILL)) == RIVERS.text[len("A river") :]
    with pytest.raises(rr.errors.InvalidRequest, match="at character 1"):
        await reply_to(source, claim("A\tdam", PREFILL))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (AskedRequest(REQUEST, PREFILL), "a request by prefill ends with: user; expected an assistant's turn"),
        (AskedRequest(REQUEST, QUOTE), "a request by quote ends with: user; expected .* and the turn that quotes it"),
        (AskedRequest(REQUEST, NATIVE), "a request by native; expected one of the forms declared: prefill, quote"),
        (
            AskedRequest(
                evolve(claim("A river", QUOTE).request, messages=claim("A dam", QUOTE).request.messages), QUOTE
            ),
            "says 'A dam'",
        ),
        (
            AskedRequest(
                evolve(REQUEST, messages=(*claim("A river", PREFILL).request.messages, rr.Message.user("Go on."))),
                QUOTE,
            ),
            "the quote 'Go on.' does not hold 'A river'",
        ),
    ],
    ids=["no turn", "no quote", "another form", "a quote of other words", "a quote of nothing"],
)
async def test_a_request_that_is_none_by_its_form_is_refused(
    asked: AskedRequest, message: str, autojump_clock: MockClock
) -> None:
    with pytest.raises(rr.errors.InvalidRequest, match=message):
        await reply_to(ScriptedSource(RIVERS, capabilities=BY_PREFILL), asked)


# -- several runs -----------------------------------------------------------------------------------------------------


async def complete_at_once(source: ScriptedSource, runs: int) -> list[rr.StreamResult]:
    results: list[rr.StreamResult] = []

    async def complete_one() -> None:
        results.append(await rr.Engine(source, policy=PATIENT).complete(REQUEST))

    async with trio.open_nursery() as nursery:
        for _ in range(runs):
            nursery.start_soon(complete_one)
    return results


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_runs_at_once_do_not_meet(provider: str, autojump_clock: MockClock) -> None:
    faults = [CUT, Fault("stall", at=9), Fault("reset", at=200), Fault("goaway", at=3)]
    source = ScriptedSource(RIVERS, faults, capabilities=PROVIDERS[provider])
    results = await complete_at_once(source, 3)
    assert [result.text for result in results] == [RIVERS.text] * 3
    assert sum(len(result.attempts) for result in results) == len(source.requests) == 3 + len(faults)


async def test_a_run_after_one_that_started_over_hears_the_answer(autojump_clock: MockClock) -> None:
    source = ScriptedSource(RIVERS, [CUT, Fault("starts_over"), CUT])
    assert [(await complete(source)).text for _ in range(2)] == [retelling(RIVERS.text), RIVERS.text]


async def test_a_run_goes_on_with_a_source_that_has_not_heard_of_it(autojump_clock: MockClock) -> None:
    faults = [CUT, Fault("reset", at=60, manner="starts_over")]
    source, later = (ScriptedSource(RIVERS, script) for script in (faults, [Fault(), Fault("starts_over")]))
    whole = (await complete(source)).text
    assert await reply_to(later, source.requests[2]) == whole[len(source.requests[2].said) :]


async def leave_in_the_middle(source: ScriptedSource) -> None:
    async with rr.Engine(source).open_stream(REQUEST) as run:
        await run.receive()
        assert source.open_answers == 1


async def test_nothing_is_open_after_a_run_that_was_left(autojump_clock: MockClock) -> None:
    source = ScriptedSource(RIVERS, [Fault("stall", at=9)])
    await leave_in_the_middle(source)
    assert source.open_answers == 0
    assert (await complete(source)).text == RIVERS.text


async def read_all(source: ScriptedSource) -> list[list[rr.Event]]:
    reads: list[list[rr.Event]] = []
    async with rr.Engine(source).open_stream(REQUEST) as run:
        while not reads or not isinstance(reads[-1][-1], rr.Finished):
            reads.append(await run.receive_many())
    return reads


async def pieces(seed: int) -> list[str]:
    reads = await read_all(ScriptedSource(RIVERS, seed=seed))
    return [event.text for events in reads for event in events if isinstance(event, rr.TextDelta)]


async def test_the_seed_decides_how_the_text_is_cut(autojump_clock: MockClock) -> None:
    assert await pieces(1) == await pieces(1) != await pieces(2)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("A river", "answer is 'A river'; expected an Answer"),
        (Answer, "answer is the class Answer; expected an Answer"),
        (Answer("nothing", ""), "answer 'nothing' is empty; expected text, reasoning or calls"),
        (Answer("number", cast("str", 7)), "answer.text is 7; expected text"),
        (Answer("thought", "x", reasoning=cast("str", None)), "answer.reasoning is None; expected text"),
        (Answer("call", "x", calls=cast("tuple[rr.ToolCall, ...]", ("f",))), r"answer.calls\[0\] is 'f'; expected a"),
        (Answer(cast("str", None), "x"), "answer.name is None; expected a name"),
        (
            Answer("twins", "x", calls=(rr.ToolCall("c", "f", {}), rr.ToolCall("c", "g", {}))),
            r"answer.calls\[1\].id is 'c', as that of a call before",
        ),
        (Answer("nan", "", calls=(rr.ToolCall("c", "f", {"x": float("nan")}),)), "arguments of call 'c' are no JSON"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(rr.UsageError, match=message):
        ScriptedSource(answer)


async def test_calls_may_be_an_iterator(autojump_clock: MockClock) -> None:
    calls = cast("tuple[rr.ToolCall, ...]", iter(WEATHER.calls))
    assert (await complete(ScriptedSource(evolve(WEATHER, calls=calls)))).tool_calls == WEATHER.calls


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (["reset"], r"faults\[0\] is 'reset'; expected a Fault"),
        ("reset", "faults is 'reset'; expected a list of Faults"),
        (CUT, "faults is a Fault; expected a list of Faults"),
        ([Fault("pings_only", seconds=0.0)], r"faults\[0\].seconds is 0; expected 0.001 or more"),
        ([Fault("pings_only", seconds=1e-300)], r"faults\[0\].seconds is 1e-300; expected 0.001 or more"),
    ],
)
def test_a_script_that_is_none_is_refused(faults: Any, message: str) -> None:
    with pytest.raises(rr.UsageError, match=message):
        ScriptedSource(RIVERS, cast("Sequence[Fault]", faults))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capabilities": "prefill"}, "capabilities is 'prefill'; expected a Capabilities"),
        ({"seed": True}, "seed is True; expected a whole number"),
        ({"seed": "1"}, "seed is '1'; expected a whole number"),
        ({"model": None}, "model is None; expected the name of a model"),
    ],
)
def test_an_argument_of_another_type_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(rr.UsageError, match=message):
        ScriptedSource(RIVERS, **arguments)
