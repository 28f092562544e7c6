"""The field's cases: answers as public bug reports describe them, served raw on a real socket, and what must come out.

The cases are not part of the project: `cases/field/NAME.json` names the provider and what was reported, `NAME.http` (or
`NAME.1.http`, `NAME.2.http` …) hold the answers, one for each request. What must come out is our reading of each
case's `expected`, in the table below; where that leaves a choice, the table says which one was taken.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

import riverrun as rr
from riverrun.engine.core.provider import Provider
from tests.conftest import require_shared
from tests.sockets.peers import CANARY, SLOW
from tests.sockets.raw import CHUNKED, END, Answering, RawServer, chunk, in_turn, saying

pytestmark = pytest.mark.sockets

ALPS = "The Rhine rises in the Alps."
COLOGNE, BONN = {"city": "Köln"}, {"city": "Bonn"}
TOOLS = {
    "look": rr.Tool("look", "Looks at a city.", {"type": "object", "properties": {"city": {"type": "string"}}}),
    "time": rr.Tool("time", "Tells the time.", {"type": "object", "properties": {}}),
}
ORIGINS = {"Anthropic", "Gemini", "GeminiInteractions", "Ollama"}
"""Providers whose base URL has no version in it."""


@frozen(kw_only=True)
class Expected:
    """What must come out of a case; None is not asked.

    Attributes:
        requests: how many requests are paid, at most.
        calls: the arguments of the released calls of `look`, in order; each under an id of its own.
        input_tokens: of all requests.
        sent_back: what the last request's body holds.
        error: what is raised instead of an answer, and words of its message.
    """

    requests: int = 1
    text: str | None = None
    reasoning: str | None = None
    calls: tuple[dict[str, Any], ...] | None = None
    stop: rr.StopReason | None = None
    input_tokens: int | None = None
    sent_back: str | None = None
    error: tuple[type[rr.InferenceError], str] | None = None


TURN, TOOL_USE, FILTER = rr.StopReason.END_TURN, rr.StopReason.TOOL_USE, rr.StopReason.CONTENT_FILTER

CASES = {
    "C01": Expected(text="It costs $0.005 [1].", stop=TURN),
    "C02": Expected(requests=2, text=ALPS, stop=TURN),
    "C03": Expected(requests=2, text=ALPS, stop=TURN),
    "C05": Expected(requests=2, calls=(COLOGNE,), stop=TOOL_USE),
    "C06": Expected(text="The text goes", stop=FILTER),
    "C08": Expected(text="It is 391.", reasoning="17 times 23", stop=TURN),
    "C10": Expected(calls=(COLOGNE,), stop=TOOL_USE),  # its `[DONE]` closes the call
    "C12": Expected(text="", reasoning="9.9 is more.", stop=TURN),
    "C15": Expected(text="Yes.", reasoning="hm", stop=TURN),
    "C20": Expected(requests=2, calls=(COLOGNE,), stop=TOOL_USE),
    "C21": Expected(requests=2, calls=(COLOGNE,), stop=TOOL_USE),  # asked again, for nothing was said
    "C24": Expected(requests=2, calls=(COLOGNE,), stop=TOOL_USE),
    "C26": Expected(calls=(COLOGNE, BONN), stop=TOOL_USE),
    "C36": Expected(requests=2, text="Fine.", sent_back="c2lnbmF0dXJl"),
    "E01": Expected(text=ALPS, stop=TURN),
    "E04": Expected(text=ALPS, stop=TURN),
    "E05": Expected(error=(rr.errors.Unauthorized, "Invalid token")),
    "E07": Expected(error=(rr.errors.Unauthorized, "not authorized")),
    "H01": Expected(text=ALPS, stop=TURN),
    "H03": Expected(text=ALPS, stop=TURN),
    "M02": Expected(calls=(COLOGNE,), reasoning="hm", stop=TOOL_USE),
    "M03": Expected(text="48 million.", stop=TURN),
    "M05": Expected(calls=(COLOGNE, BONN), stop=TOOL_USE),
    "M13": Expected(text=ALPS, stop=TURN, input_tokens=2500),
    "M14": Expected(text=ALPS, stop=TURN),
    "R03": Expected(text=ALPS, reasoning="hm", stop=TURN),
}


@frozen
class Case:
    """One case as it stands in its folder."""

    name: str
    provider: str
    model: str
    tools: tuple[str, ...]
    answers: tuple[bytes, ...] = field(repr=False)
    two_turns: bool = False

    @classmethod
    def read(cls, folder: Path, name: str) -> Case:
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        answers = tuple((folder / answer).read_bytes() for answer in told["answers"])
        tools = tuple(told["request"]["tools"])
        return cls(name, told["provider"], told["model"], tools, answers, told.get("two_turns", False))

    def open_provider(self, port: int) -> Provider:
        below = "" if self.provider in ORIGINS else "/v1"
        made: Provider = getattr(rr, self.provider)(
            self.model, base_url=f"http://127.0.0.1:{port}{below}", api_key=CANARY
        )
        return made

    def ask(self) -> rr.InferenceRequest:
        tools = [TOOLS[name] for name in self.tools]
        return rr.InferenceRequest([rr.Message.user("Where does the Rhine rise?")], tools=tools)


@frozen
class Outcome:
    """What came out of a case: an answer or an error, the calls that were released, and what was asked."""

    requests: tuple[bytes, ...]
    result: rr.StreamResult | None = None
    error: rr.InferenceError | None = None
    released: tuple[rr.ToolCall, ...] = ()


def serving(answers: tuple[bytes, ...]) -> Answering:
    """Answer the n-th request with the n-th answer, and later ones with the last; chunked where it has no length."""
    return in_turn(*(saying(_framed(answer), then="keep") for answer in answers))


def _framed(answer: bytes) -> bytes:
    start, _, body = answer.partition(b"\r\n\r\n")
    if b"content-length:" in start.lower() or b"transfer-encoding:" in start.lower():
        return answer
    return start + b"\r\n" + CHUNKED.encode() + b"\r\n\r\n" + (chunk(body) if body else b"") + END


async def run_case(case: Case) -> Outcome:
    """Ask as the case asks; with two turns, give the calls their results and ask again."""
    released: list[rr.ToolCall] = []
    result: rr.StreamResult | None = None
    async with RawServer(serving(case.answers)) as server:
        try:
            async with rr.Engine(case.open_provider(server.port), policy=SLOW) as engine:
                result = await _answer(engine, case.ask(), released)
                if case.two_turns:
                    result = await _answer(engine, _next_turn(case.ask(), result), released)
        except rr.InferenceError as error:
            return Outcome(tuple(server.requests), error=error, released=tuple(released))
        return Outcome(tuple(server.requests), result, released=tuple(released))


async def _answer(engine: rr.Engine, request: rr.InferenceRequest, released: list[rr.ToolCall]) -> rr.StreamResult:
    async with engine.open_stream(request) as run:
        async for event in run:
            if isinstance(event, rr.ToolCallReady):
                released.append(event.call)
    return run.result


def _next_turn(request: rr.InferenceRequest, result: rr.StreamResult) -> rr.InferenceRequest:
    results = [rr.ToolResult(call.id, "sunny") for call in result.tool_calls]
    messages = [*request.messages, result.to_message(), rr.Message.tool_results(*results)]
    return rr.InferenceRequest(messages, tools=request.tools)


def check(seen: Outcome, expected: Expected) -> None:
    """Hold what came out against what must come out."""
    assert len(seen.requests) <= expected.requests
    if expected.error is not None:
        kind, words = expected.error
        assert isinstance(seen.error, kind)
        assert words in str(seen.error)
        return
    assert seen.error is None
    assert seen.result is not None
    _check_result(seen.result, expected)
    if expected.calls is not None:
        assert tuple(call.arguments for call in seen.released) == expected.calls
        assert tuple(seen.result.tool_calls) == seen.released
        assert len({call.id for call in seen.released}) == len(expected.calls)
    if expected.sent_back is not None:
        assert expected.sent_back.encode() in seen.requests[-1]


def _check_result(result: rr.StreamResult, expected: Expected) -> None:
    reasoning = "".join(block.text for block in result.blocks if isinstance(block, rr.ReasoningBlock))
    seen = Expected(text=result.text, reasoning=reasoning, stop=result.stop_reason, input_tokens=result.usage.input)
    for name in ("text", "reasoning", "stop", "input_tokens"):
        if (wanted := getattr(expected, name)) is not None:
            assert (name, getattr(seen, name)) == (name, wanted)


@pytest.mark.parametrize("name", CASES)
async def test_a_case_of_the_field_comes_out_as_expected(shared: Path, name: str) -> None:
    check(await run_case(Case.read(shared / "cases" / "field", name)), CASES[name])


def test_every_case_of_the_field_is_in_the_table() -> None:
    folder = require_shared() / "cases" / "field"
    assert {path.stem for path in folder.glob("*.json")} == set(CASES)
