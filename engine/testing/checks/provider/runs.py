"""Whole runs of the real engine on a scripted transport that cuts the provider's answers at any byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

import trio

from ....core.capabilities import Capabilities, ContinuationForm
from ....core.failures import Failure
from ....core.messages import ToolCall
from ....core.policy import Jitter, Limits, Policy, RetryPolicy
from ....core.provider import ErrorResponse, Provider, WireDecoder, WireRequest
from ....core.request import InferenceRequest
from ....core.result import StreamResult
from ....core.usage import TokenUsage
from ....engine import Engine
from ...law import Law, Violation
from ...network.script import Reset, Step
from ...network.transport import Script, ScriptedTransport
from ...script.answers import Answer
from ...script.text import token
from ...simulator.state import REQUEST

AT_ONCE = Policy(
    retry=RetryPolicy(
        attempts_max=9,
        base_delay_s=0.0,
        rate_limit_base_delay_s=0.0,
        empty_base_delay_s=0.0,
        stall_delay_s=0.0,
        jitter=Jitter.NONE,
    )
)
"""Without delays nothing waits, and no clock is needed."""

KNOWN_CHARS_MIN = 8
"""So much of the answer's beginning inside another string is no accident."""


def told_strings(body: bytes) -> list[str] | None:
    """All strings in a JSON body; None if it is no JSON."""
    try:
        return list(_strings(json.loads(body)))
    except (ValueError, RecursionError):
        return None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(_strings, cast("dict[str, object]", value).values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_strings, cast("list[object]", value)))


class WithoutCursor:
    """The same provider, which can not re-attach: the kit does not know how its server reads on."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.name: str = provider.name
        self.model: str = provider.model

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Say how an answer can be continued, but for re-attaching."""
        return self._provider.capabilities(request).without(ContinuationForm.CURSOR)

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request."""
        return self._provider.encode(request, form)

    def decoder(self, limits: Limits) -> WireDecoder:
        """Make a decoder."""
        return self._provider.decoder(limits)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Say what an error response means."""
        return self._provider.classify(response, now_unix_s=now_unix_s)


class CutRun:
    """One run whose first attempts break: attempt `n` after byte `cuts[n]`, modulo what it would say."""

    def __init__(
        self, provider: Provider, write: Callable[[Answer], bytes], tokens: int, calls: int, cuts: Sequence[int]
    ) -> None:
        made = tuple(ToolCall(f"call_{n}", "look", {"n": n}) for n in range(calls))
        self._answer = Answer("run", "".join(map(token, range(tokens))), calls=made)
        self._provider = WithoutCursor(provider)
        self._write = write
        self._cuts = list(cuts)
        self._transport = ScriptedTransport(self._script_for)
        self._engine = Engine(self._provider, policy=AT_ONCE, transport=self._transport, chance=lambda: 0.5)

    def _script_for(self, wire: WireRequest) -> Script:
        rest = self._answer.text[len(self._told(wire)) :]
        body = self._write(Answer("rest", rest, calls=self._answer.calls))
        steps: list[Step] = [body]
        if self._cuts:
            steps = [body[: self._cuts.pop(0) % len(body)], Reset()]
        return Script([step for step in steps if step])

    def _told(self, wire: WireRequest) -> str:
        """What the request says was said: the longest beginning of the answer that one of its strings is, or holds."""
        text, strings = self._answer.text, told_strings(wire.body) or []
        for size in range(len(text), 0, -1):
            said = text[:size]
            if any(one == said or (size >= KNOWN_CHARS_MIN and said in one) for one in strings):
                return said
        return ""

    def judge(self) -> Iterator[Violation]:
        """Run it, and say what is wrong with what came of it."""
        try:
            result: StreamResult = trio.run(self._engine.complete, REQUEST)
        except Exception as error:  # that the run fails is the finding
            yield Violation(Law.ONE_END, f"the run raised {type(error).__name__}: {error}"[:300] + self._asked())
            return
        if result.text != self._answer.text:
            yield Violation(
                Law.ONE_STREAM, f"the answer is {result.text!r}; expected {self._answer.text!r}" + self._asked()
            )
        expected = [(call.name, call.arguments) for call in self._answer.calls]
        got = [(call.name, call.arguments) for call in result.tool_calls]
        if got != expected[: len(got)] or (expected and not got):
            yield Violation(Law.WHOLE_CALLS, f"the calls are {got}; expected {expected}" + self._asked())
        if sum((record.usage for record in result.attempts), TokenUsage()) != result.usage:
            yield Violation(Law.LEDGER, f"the attempts do not sum to {result.usage}")
        if self._transport.open_bodies:
            yield Violation(Law.NO_LEAKS, f"{self._transport.open_bodies} answers are still open")

    def _asked(self) -> str:
        bodies: list[Any] = [request.body[-160:] for request in self._transport.requests]
        return "".join(f"\n  request {number}: …{body!r}" for number, body in enumerate(bodies, 1))
