"""What a server says gets into our sentences as one short printable line without the key, wherever it said it."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun import from_name
from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    OpaqueBlockReceived,
    ProviderStatus,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.providers.by_name import provider_classes
from tests.hostile.planting import CANARY, KEY, STREAMS, Frame, bodies, strings_of

OPTIONS: dict[str, dict[str, str]] = {"azure": {"base_url": "https://a.openai.azure.com"}}
POLICY = rr.Policy(retry=rr.RetryPolicy(attempts_max=2, base_delay_s=0.0, rate_limit_base_delay_s=0.0))
CHARS_MAX = 500


def flaws(text: str) -> list[str]:
    """What is wrong with a line of ours."""
    found = [] if text.isprintable() else ["it is not printable"]
    found += ["it holds the key"] if KEY[:8] in text else []
    return found + ([f"it is {len(text)} characters long"] if len(text) >= CHARS_MAX else [])


def check(lines: Iterable[tuple[str, object]]) -> None:
    """No line has a flaw; each can be encoded, for what is printable holds no half of a pair."""
    found = {(place, *wrong, str(text)[:200]) for place, text in lines if (wrong := flaws(str(text)))}
    assert found == set()


def lines_of_error(error: BaseException) -> Iterator[tuple[str, object]]:
    yield from (("str(error)", error), ("repr(error)", repr(error)))
    for name in ("message", "code", "cause"):
        yield f"error.{name}", repr(getattr(error, name, None))
    for line in "".join(traceback.format_exception(error)).splitlines():
        yield "traceback", line


def lines_of_event(event: object) -> Iterator[tuple[str, object]]:
    match event:
        case rr.Status(message):
            yield "status", message
        case rr.ToolCallCancel(reason=reason) | rr.StreamReset(reason):
            yield "reason", reason
        case rr.Interrupted(cause) | rr.RetryScheduled(cause=cause):
            yield from (("cause", cause), ("repr(cause)", repr(cause)))
        case rr.Resumed(model=model):
            yield "model", model
        case _:
            pass


def lines_of_result(result: rr.StreamResult) -> Iterator[tuple[str, object]]:
    for name in ("stop_word", "response_id", "model"):
        yield f"result.{name}", getattr(result, name)
    yield from lines_of_attempts(result.attempts)


def lines_of_attempts(attempts: Iterable[rr.AttemptRecord]) -> Iterator[tuple[str, object]]:
    for record in attempts:
        for name in ("provider", "model", "response_id", "cause"):
            yield f"attempt.{name}", repr(getattr(record, name))


async def told(provider: Any, script: Script) -> list[tuple[str, object]]:
    """Everything that a run says in sentences."""
    lines: list[tuple[str, object]] = []
    engine = rr.Engine(provider, transport=ScriptedTransport(lambda _: script), policy=POLICY)
    request = rr.InferenceRequest(rr.Message.user("Where?"))
    try:
        async with engine.open_stream(request) as run:
            async for event in run:
                lines += lines_of_event(event)
            lines += lines_of_result(run.result)
    except rr.InferenceError as error:
        lines += lines_of_error(error)
    return [*lines, *lines_of_attempts(run.attempts)]


async def run(provider: Any, scripts: Iterable[Script], caplog: pytest.LogCaptureFixture) -> None:
    lines: set[tuple[str, str]] = set()
    with caplog.at_level(logging.DEBUG):
        for script in scripts:
            lines.update((place, str(text)) for place, text in await told(provider, script))
    check([*lines, *(("log", record.getMessage()) for record in caplog.records)])


def provider_of(name: str) -> Any:
    return from_name(f"{name}/m", api_key=KEY, **OPTIONS.get(name, {}))


def streams_of(name: str) -> list[list[Frame]]:
    return STREAMS.get(name, STREAMS["openai"])


def script(provider: Any, body: bytes) -> Script:
    kind = "application/x-ndjson" if provider.name == "ollama" else "text/event-stream"
    return Script([body], headers={"content-type": kind})


@pytest.mark.parametrize("share", [11, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("name", provider_classes())
async def test_whatever_string_of_a_stream_holds_it_no_sentence_does(
    name: str, share: int, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    provider, is_line = provider_of(name), name == "ollama"
    scripts = (
        script(provider, body)
        for frames in streams_of(name)
        for string in sorted(strings_of(frames))[:: share if name in STREAMS else 7 * share]
        for body in bodies(frames, string, is_line=is_line)
    )
    await run(provider, scripts, caplog)


@pytest.mark.parametrize("name", provider_classes())
@pytest.mark.parametrize("status", [200, 307, 400, 401, 429, 500])
async def test_an_error_response_that_holds_it_anywhere_is_a_line(
    name: str, status: int, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    provider = provider_of(name)
    kind = "".join(c for c in CANARY if " " <= c <= "~")
    headers = {"content-type": kind, "content-encoding": kind, "retry-after": kind, "location": kind}
    said = {"message": CANARY, "type": CANARY, "code": CANARY, CANARY: CANARY, "metadata": {"raw": CANARY}}
    told: list[Any] = [CANARY, {"error": CANARY}, {"error": said}, said, {"detail": [{"loc": [CANARY], "msg": CANARY}]}]
    bodies = [CANARY.encode("utf-8", "surrogatepass"), *(json.dumps(one).encode() for one in told)]
    await run(provider, [Script([body], status, headers) for body in bodies], caplog)


async def test_what_is_no_frame_at_all_is_a_line(caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> None:
    raw = CANARY.encode("utf-8", "surrogatepass")
    bodies = [
        raw,
        b"data: " + raw + b"\n\n",
        b"event: " + raw + b"\ndata: {}\n\n",
        b"[" + raw,
        b'{"' + raw,
        b": " + raw,
    ]
    for name in STREAMS:
        provider = provider_of(name)
        await run(provider, [script(provider, body) for body in bodies], caplog)


class Chatty:
    """A source in the same process that says it everywhere."""

    name, model = "chatty", "m"

    def __init__(self, *events: StreamEvent, error: Exception | None = None) -> None:
        self._events, self._error = events, error

    def capabilities(self, _request: rr.InferenceRequest) -> Capabilities:
        return Capabilities()

    @asynccontextmanager
    async def open_events(self, _request: rr.InferenceRequest, _form: object) -> AsyncIterator[Any]:
        if self._error is not None:
            raise self._error
        send, receive = trio.open_memory_channel[StreamEvent](len(self._events))
        with send, receive:
            for event in self._events:
                send.send_nowait(event)
            send.close()
            yield receive


FOREIGN = CANARY.replace(KEY, "")
CHATTY = [
    Chatty(error=rr.errors.ProviderError(FOREIGN, code=FOREIGN)),
    Chatty(error=rr.errors.InvalidRequest(FOREIGN)),
    Chatty(ProviderStatus(FOREIGN), StreamFailed(Failure(FailureKind.PROVIDER, FOREIGN, code=FOREIGN))),
    Chatty(ResponseStarted(FOREIGN, FOREIGN), TextDelta("a"), StopReported(StopReason.OTHER, FOREIGN)),
    Chatty(TextDelta("a"), ServerToolStarted(FOREIGN)),
    Chatty(TextDelta("a"), OpaqueBlockReceived(OpaqueBlock(FOREIGN, {}, "chatty/m"))),
    Chatty(ToolCallDelta(FOREIGN, "{")),
    Chatty(ToolCallStart(FOREIGN, "t"), ToolCallStart(FOREIGN, "t")),
]


@pytest.mark.parametrize("source", CHATTY)
async def test_a_source_in_the_same_process_is_told_in_lines_too(
    source: Chatty, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    await run(source, [Script([])], caplog)
