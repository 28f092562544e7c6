"""Claims about answers that are not streamed: their requests say what the others say, and they are the same answers.

Judged where a provider has `encode_whole` and `whole_decoder`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from attrs import evolve

from ....core.capabilities import Capabilities, ContinuationForm
from ....core.failures import Failure
from ....core.messages import ToolCall
from ....core.policy import Limits
from ....core.provider import AnswersWhole, ErrorResponse, Provider, WireDecoder, WireRequest
from ....core.request import InferenceRequest
from ...law import Law, Violation
from ...script.answers import Answer
from ...wire.answers import answer_tokens, whole_answer
from ..decoding import decode, end_of
from .asked import Refusals, asked_faults, told_apart_faults
from .requests import conversation_faults, form_faults


class InOnePiece:
    """A provider whose requests ask for no stream, and whose decoder reads whole answers."""

    def __init__(self, provider: Provider) -> None:
        self.name: str = provider.name
        self.model: str = provider.model
        self._provider = provider
        self._whole = cast("AnswersWhole", provider)

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Declare what the provider does."""
        return self._provider.capabilities(request)

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request for an answer that is not streamed."""
        return self._whole.encode_whole(request, form)

    def decoder(self, limits: Limits) -> WireDecoder:
        """Make a decoder for a whole answer; the stream's, where that reads both."""
        return self._whole.whole_decoder(limits) or self._provider.decoder(limits)

    def classify(self, response: ErrorResponse, /, *, now_unix_s: float) -> Failure:
        """Name an error response as the provider does."""
        return self._provider.classify(response, now_unix_s=now_unix_s)


def answers_whole(provider: Provider) -> bool:
    """Whether a provider gives answers that are not streamed."""
    return callable(getattr(provider, "encode_whole", None)) and callable(getattr(provider, "whole_decoder", None))


def whole_request_faults(provider: Provider) -> Iterator[Violation]:
    """Say what a request for a whole answer loses, or moves. What is refused was noted of the one for a stream."""
    if not answers_whole(provider):
        return
    whole = InOnePiece(provider)
    for faults in (
        conversation_faults(whole), asked_faults(whole, Refusals()), told_apart_faults(whole, Refusals()),
        form_faults(whole),
    ):  # fmt: skip
        for fault in faults:
            yield evolve(fault, message=f"asked for in one piece: {fault.message}")


def whole_answer_faults(provider: Provider, answer: Answer) -> Iterator[Violation]:
    """Say what an answer in one piece is decoded to, if that is another one."""
    if not answers_whole(provider):
        return
    body = whole_answer(provider.name, answer)
    decoded = decode(InOnePiece(provider), [body])
    held = decoded.fold()
    if not decoded.is_complete or decoded.defect:
        yield Violation(Law.ONE_END, f"an answer in one piece is decoded to {end_of(decoded)}; expected it complete")
    if held.text != answer.text:
        yield Violation(Law.ONE_STREAM, f"in one piece, the text {answer.text!r} is decoded to {held.text!r}")
    reasoning = held.snapshot().reasoning
    if answer.reasoning in body.decode("utf-8", "replace") and reasoning != answer.reasoning:
        yield Violation(Law.ONE_STREAM, f"in one piece, the thought {answer.reasoning!r} is decoded to {reasoning!r}")
    if _asked(held.completed_calls) != _asked(answer.calls):
        seen = f"{_asked(answer.calls)} are decoded to {_asked(held.completed_calls)}"
        yield Violation(Law.WHOLE_CALLS, f"in one piece, {seen}")
    counted, said = (held.usage.input, held.usage.output), answer_tokens(answer)
    if counted != said:
        yield Violation(Law.LEDGER, f"in one piece, {said[0]} + {said[1]} tokens are decoded to {counted}")
    by_byte = decode(InOnePiece(provider), [body[at : at + 1] for at in range(len(body))])
    if by_byte != decoded:
        yield Violation(Law.CUT_ANYWHERE, f"in one piece, and in {len(body)}: {end_of(decoded)}, {end_of(by_byte)}")
    cut = decode(InOnePiece(provider), [body[: len(body) // 2]])
    if cut.is_complete or cut.fold().completed_calls:
        yield Violation(Law.ONE_END, f"half an answer in one piece is decoded to {end_of(cut)}; expected no answer")


def _asked(calls: tuple[ToolCall, ...]) -> list[tuple[str, object]]:
    return [(call.name, call.arguments) for call in calls]
