"""riverrun against PyPI's `llmock`: every fault it has, in each format, judged by its own strict verdict.

The verdict tells attempts of one call by their equal bodies, so it can judge a client that asks again (restart mode);
where an answer is continued, the next body differs, and what is checked is the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import riverrun as rr
from tests.servers.formats import (
    AT_ONCE,
    FORMATS,
    POLICY,
    QUESTION,
    RESTARTS_ONLY,
    TEXT,
    Format,
    ask,
    check_error,
    every_format,
    said_in,
)
from tests.servers.llmock import LLMock, open_llmock
from tests.sockets.peers import SeenHere, check_whole

pytestmark = pytest.mark.servers

Behaviors = tuple[dict[str, Any], ...]


def stream_fault(kind: str, after_chunks: int, **more: Any) -> dict[str, Any]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after_chunks, **more}


def fail(status: int, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, **more}


NO_HINT: dict[str, Any] = {"retry_after": 0}
STREAM_FAULTS: dict[str, Behaviors] = {
    "disconnect": (stream_fault("disconnect", 9),),
    "disconnect at once": (stream_fault("disconnect", 0),),
    "disconnect, three times": (stream_fault("disconnect", 7, times=3),),
    "truncate": (stream_fault("truncate", 9),),
    "truncate at once": (stream_fault("truncate", 0),),
    "truncate, three times": (stream_fault("truncate", 12, times=3),),
    "malformed": (stream_fault("malformed", 9),),
    "malformed at once": (stream_fault("malformed", 0),),
    "malformed, three times": (stream_fault("malformed", 11, times=3),),
    "stall": (stream_fault("stall", 9),),
    "stall at once": (stream_fault("stall", 0),),
    "one after the other": (stream_fault("truncate", 8), stream_fault("malformed", 14), stream_fault("disconnect", 20)),
}
ANSWER_FAULTS: dict[str, Behaviors] = {
    "slow first token": ({"type": "slow_first_token", "seconds": 30},),
    "429 with a hint": (fail(429, retry_after=0.8),),
    "rate limits and their hints": (fail(429, retry_after=0.3, times=2),),
    **{str(status): (fail(status, **NO_HINT),) for status in (408, 409, 429, 500, 502, 503, 504, 529)},
    "500, three times": (fail(500, times=3, **NO_HINT),),
    "503 and a broken stream": (fail(503, **NO_HINT), stream_fault("disconnect", 9)),
}
WAITS: dict[str, Behaviors] = {
    "a slow first token": ({"type": "slow_first_token", "seconds": 0.1},),
    "a delay": ({"type": "delay", "seconds": 0.1},),
    "a pause": (stream_fault("stall", 9, stall_seconds=0.1),),
}
REFUSED: dict[int, type[rr.InferenceError]] = {
    400: rr.errors.InvalidRequest,
    401: rr.errors.Unauthorized,
    402: rr.errors.QuotaExhausted,
    403: rr.errors.Unauthorized,
    404: rr.errors.ModelNotFound,
    413: rr.errors.InvalidRequest,
    422: rr.errors.InvalidRequest,
}


def by_name(faults: dict[str, Behaviors]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("faults", faults.values(), ids=faults)


def attempts_of(faults: Behaviors) -> int:
    return 1 + sum(int(fault.get("times", 1)) for fault in faults)


async def restarted(llmock: LLMock, spec: Format, policy: rr.Policy = POLICY, **options: Any) -> SeenHere:
    return await ask(spec, llmock.base_url(spec), policy=policy, capabilities=RESTARTS_ONLY, **options)


async def continued(llmock: LLMock, spec: Format, text: str = TEXT, **options: Any) -> SeenHere:
    """A run against a model that goes on honestly: before each request it is told what is left to say."""

    def prompt(said: str) -> None:
        assert text.startswith(said)
        llmock.say(text[len(said) :], times=1)

    return await ask(spec, llmock.base_url(spec), prompt=prompt, **options)


# -- restart mode: its strict verdict -----------------------------------------------------------------------------


@every_format
async def test_an_answer_without_a_fault_takes_one_attempt(llmock: LLMock, spec: Format) -> None:
    llmock.say(TEXT)
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts=1)


@every_format
@by_name(STREAM_FAULTS | ANSWER_FAULTS)
async def test_a_client_that_asks_again_passes_the_strict_verdict(
    llmock: LLMock, spec: Format, faults: Behaviors
) -> None:
    llmock.say(TEXT)
    llmock.queue(*faults)
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts_of(faults))


@every_format
async def test_an_answer_that_does_not_begin_is_asked_for_again(llmock: LLMock, spec: Format) -> None:
    llmock.say(TEXT)
    llmock.queue({"type": "delay", "seconds": 1.0})
    check_whole(await restarted(llmock, spec), TEXT)
    assert llmock.verdict()["findings"] == []  # the server does not notice that we left: it counts two calls


HINTED = [
    (spec, status) for spec in FORMATS for status in ((408, 409, 500, 502, 504) if spec.name == "chat" else (500,))
]
"""Each waits a second, for the header has no fractions: every status in one format, and one in all."""


@every_format
@pytest.mark.parametrize("status", [429, 503, 529])
async def test_the_hint_of_a_limit_is_waited_out(llmock: LLMock, spec: Format, status: int) -> None:
    llmock.say(TEXT)
    llmock.queue(fail(status, retry_after=0.5))
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts=2)


@pytest.mark.parametrize(("spec", "status"), HINTED, ids=str)
async def test_a_hint_is_waited_out_whatever_the_status(llmock: LLMock, spec: Format, status: int) -> None:
    llmock.say(TEXT)
    llmock.queue(fail(status, retry_after=0.5))
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts=2)


@every_format
async def test_stalls_are_backed_off_from(llmock: LLMock, spec: Format) -> None:
    llmock.say(TEXT)
    llmock.queue(stream_fault("stall", 9, times=3))
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts=4)


@every_format
@by_name(WAITS)
async def test_a_wait_within_the_clocks_is_no_fault(llmock: LLMock, spec: Format, faults: Behaviors) -> None:
    llmock.say(TEXT)
    llmock.queue(*faults)
    check_whole(await restarted(llmock, spec), TEXT)
    llmock.check_strict(attempts=1)


@every_format
@pytest.mark.parametrize(("status", "kind"), REFUSED.items(), ids=str)
async def test_an_error_response_is_an_error_and_never_asked_again(
    llmock: LLMock, spec: Format, status: int, kind: type[rr.InferenceError]
) -> None:
    llmock.queue(fail(status, times=None))
    check_error(await restarted(llmock, spec), kind)
    llmock.check_strict(attempts=1)


@every_format
async def test_an_outage_is_one_error_after_every_attempt(llmock: LLMock, spec: Format) -> None:
    llmock.queue(fail(503, times=None, retry_after=0))
    check_error(await restarted(llmock, spec), rr.errors.Overloaded)
    llmock.check_strict(attempts=POLICY.retry.attempts_max)


@every_format
async def test_a_provider_that_always_breaks_off_is_an_error_with_what_was_said(llmock: LLMock, spec: Format) -> None:
    llmock.say(TEXT)
    llmock.queue(stream_fault("disconnect", 12, times=None))
    seen = await restarted(llmock, spec)
    check_error(seen, rr.StreamInterrupted)
    assert seen.text
    assert TEXT.startswith(seen.text)
    llmock.check_strict(attempts=POLICY.retry.attempts_max)


@every_format
async def test_a_prompt_that_is_too_long_is_told_apart(llmock: LLMock, spec: Format) -> None:
    words = "This model's maximum context length was exceeded."
    llmock.queue(fail(400, times=None, code="context_length_exceeded", message=words))
    check_error(await restarted(llmock, spec), rr.errors.ContextOverflow)
    llmock.check_strict(attempts=1)


# -- continue mode: the whole text --------------------------------------------------------------------------------


@every_format
@by_name(STREAM_FAULTS)
async def test_a_broken_stream_is_continued_to_the_whole_text(llmock: LLMock, spec: Format, faults: Behaviors) -> None:
    llmock.queue(*faults)
    seen = await continued(llmock, spec)
    check_whole(seen, TEXT)
    assert not any(isinstance(event, rr.StreamReset) for event in seen.events)


@every_format
@pytest.mark.parametrize("after_chunks", range(4, 40, 5))
async def test_the_next_request_says_what_was_shown(llmock: LLMock, spec: Format, after_chunks: int) -> None:
    llmock.queue(stream_fault("disconnect", after_chunks))
    seen = await continued(llmock, spec)
    check_whole(seen, TEXT)
    (shown,) = seen.shown_at_retry
    told = said_in(llmock.requests()[1]["body"])
    assert (told, told.rstrip()) in ((shown, shown.rstrip()), (shown.rstrip(), shown.rstrip()))


# -- calls --------------------------------------------------------------------------------------------------------

GAUGE = rr.Tool("read_gauge", "The water level.", {"type": "object", "properties": {"station": {"type": "string"}}})
ASKS_A_TOOL = evolve(QUESTION, tools=(GAUGE,))
CALLS = {"type": "reply", "times": None, "tool_calls": [{"name": "read_gauge", "arguments": {"station": "Köln 🌊"}}]}


def check_one_call(seen: SeenHere) -> None:
    assert seen.error is None
    assert seen.result is not None
    assert [(call.name, call.arguments) for call in seen.ready] == [("read_gauge", {"station": "Köln 🌊"})]
    assert list(seen.result.tool_calls) == seen.ready
    assert sorted([*(call.id for call in seen.ready), *seen.cancelled]) == sorted(seen.started)


@every_format
@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
@pytest.mark.parametrize("after_chunks", range(7))
async def test_a_call_is_released_whole_and_once_wherever_its_stream_breaks(
    llmock: LLMock, spec: Format, kind: str, after_chunks: int
) -> None:
    llmock.queue(CALLS, stream_fault(kind, after_chunks))
    check_one_call(await ask(spec, llmock.base_url(spec), request=ASKS_A_TOOL))


@every_format
async def test_a_call_whose_arguments_are_no_json_is_never_released(llmock: LLMock, spec: Format) -> None:
    if spec.name == "gemini":
        pytest.skip("Gemini sends arguments as an object: this server can not break it")
    llmock.queue(CALLS, {"type": "tool_fault", "kind": "malformed_arguments"})
    seen = await ask(spec, llmock.base_url(spec), request=ASKS_A_TOOL)
    assert seen.ready == []
    assert len(seen.started) == len(seen.cancelled) == 1


@every_format
async def test_a_call_of_a_tool_that_was_never_offered_is_handed_on_as_it_came(llmock: LLMock, spec: Format) -> None:
    llmock.queue(CALLS, {"type": "tool_fault", "kind": "unknown_tool"})
    seen = await ask(spec, llmock.base_url(spec), request=ASKS_A_TOOL)
    assert seen.error is None
    assert [call.name for call in seen.ready] == ["llmock_unknown_tool"]


# -- a server that is unreliable by itself ------------------------------------------------------------------------


@every_format
async def test_a_quota_is_waited_out(logs: Path, spec: Format) -> None:
    with open_llmock(logs, "--rpm", "30") as server:
        server.say(TEXT)
        seen = await restarted(server, spec)
        for _ in range(45):  # thirty at once, and then one in two seconds
            check_whole(seen, TEXT)
            if any(isinstance(event, rr.RetryScheduled) for event in seen.events):
                break
            seen = await restarted(server, spec)
        verdict = server.verdict()
    assert any(isinstance(event, rr.RetryScheduled) for event in seen.events)
    assert verdict["findings"] == []


@every_format
async def test_twenty_answers_are_whole_whatever_breaks_at_random(logs: Path, spec: Format) -> None:
    flags = [f"--stream-fault={kind}=0.15" for kind in ("disconnect", "truncate", "malformed")]
    patient = evolve(POLICY, retry=evolve(POLICY.retry, attempts_max=60, **AT_ONCE))
    with open_llmock(logs, *flags, "--error-rate=500=0.2") as server:
        for number in range(20):
            text = f"{number}. {TEXT}"
            server.reset()
            check_whole(await continued(server, spec, text, policy=patient), text)
