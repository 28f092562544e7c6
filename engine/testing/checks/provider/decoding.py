"""The claims about a provider: each method of the judge takes what was drawn, and yields how a claim is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from attrs import evolve

from ....core.accumulator import Accumulator
from ....core.capabilities import Capabilities, ContinuationForm
from ....core.continuation import NextRequest
from ....core.failures import Failure
from ....core.messages import Message, Role, TextBlock, ToolCall
from ....core.policy import Limits
from ....core.provider import ErrorResponse, Provider, WireRequest
from ....core.request import InferenceRequest
from ....core.secret import Secret
from ....core.stop import StopReason
from ....core.stream_events import StreamEvent
from ....core.usage import UsageReport
from ....core.usage_error import UsageError
from ...law import Law, Violation
from ...script.answers import Answer
from ...simulator.state import REQUEST
from ...wire.answers import answer_events, answer_tokens
from ...wire.format import SIGNATURE
from ...wire.formats import Wire, ping, stream_error
from ..decoding import Decoded, decode, difference_of, end_of
from .asked import Refusals, asked_faults, drawn_faults
from .in_one_piece import whole_answer_faults
from .requests import keys_in_sight, secrets_of, steps_of
from .runs import CutRun, told_strings
from .streams import (
    PLAIN,
    SPOKEN,
    ceiling_faults,
    empty_deltas,
    error_faults,
    ping_faults,
    shape_faults,
    spelling_faults,
)

Write: TypeAlias = Callable[[Answer], bytes]

MESSAGE_CHARS_MAX = 400
THOUGHT_BYTES = 8
"""So much longer at least is a body with a thought than one without, beyond the thought: what frames it."""

_ENDED_BY_ITSELF_NOT = (StopReason.MAX_TOKENS, StopReason.REFUSAL, StopReason.CONTENT_FILTER)


def _named(calls: Sequence[ToolCall]) -> list[tuple[str, Any]]:
    """What a call is apart from its id, which some wire formats do not have."""
    return [(call.name, call.arguments) for call in calls]


class Judge:
    """Judges one provider; each method is a claim that yields how it is broken.

    Args:
        provider: who is judged.
        write: writes a whole answer as its server would.
        wire: the format in which `write` does it, if that is one that the kit knows.
        key: the provider's key, if it is known.
    """

    def __init__(self, provider: Provider, write: Write, wire: Wire | None, key: str | None) -> None:
        self.provider = provider
        self.write = write
        self._wire = wire
        self._knows_key = key is not None
        self.secrets: list[str] = secrets_of(provider, key)
        self.refusals: Refusals = Refusals()

    # -- claims about what is fixed -------------------------------------------------------------------------------

    def typed(self) -> Iterator[Violation]:
        """What it answers is of the types that the engine takes; whatever it raises is told by who asks."""
        repr(self.provider)
        wire: Any = self.provider.encode(REQUEST)
        declared: Any = self.provider.capabilities(REQUEST)
        if not isinstance(declared, Capabilities):
            yield Violation(Law.ONE_END, f"capabilities gave a {type(declared).__name__}; expected Capabilities")
        if not isinstance(wire, WireRequest):
            yield Violation(Law.ONE_END, f"encode gave a {type(wire).__name__}; expected a WireRequest")
        else:
            yield from (Violation(Law.ONE_END, f"encode gave {fault}") for fault in _type_faults(cast("Any", wire)))

    def streams(self) -> Iterator[Violation]:
        """Other spellings, signs of life and errors inside change nothing that was said."""
        for answer in (PLAIN, SPOKEN):
            body = self.write(answer)
            yield from spelling_faults(self.provider, body)
            yield from ping_faults(self.provider, body, ping(self._wire) if self._wire is not None else None)
            if self._wire is not None:
                events = answer_events(self.provider.name, answer)
                yield from error_faults(self.provider, events, stream_error(self._wire, 529))

    def asked(self) -> Iterator[Violation]:
        """All that is asked for is in the request, or is refused."""
        yield from asked_faults(self.provider, self.refusals)

    def ceiling(self) -> Iterator[Violation]:
        """An answer that its ceiling cut is told as one; how a foreign server says so is not known."""
        if self._wire is not None:
            yield from ceiling_faults(self.provider, answer_events(self.provider.name, PLAIN, is_cut=True))

    def in_one_piece(self, answer: Answer) -> Iterator[Violation]:
        """An answer that is not streamed is the same answer; how a foreign server writes one is not known."""
        if self._wire is not None:
            yield from whole_answer_faults(self.provider, answer)

    def shapes(self) -> Iterator[Violation]:
        """No value of another shape makes a decoder raise."""
        yield from shape_faults(self.provider, self.write(SPOKEN))

    # -- decoding -------------------------------------------------------------------------------------------------

    def whole_answer(self, answer: Answer) -> Iterator[Violation]:
        """What is decoded of a whole answer is the answer, and what follows it changes nothing."""
        body = self.write(answer)
        decoded = decode(self.provider, [body])
        held = decoded.fold()
        if decoded.raised or not decoded.is_complete or decoded.defect:
            yield Violation(Law.ONE_END, f"a whole answer is decoded to {end_of(decoded)}; expected it complete")
        if held.text != answer.text:
            yield Violation(Law.ONE_STREAM, f"the text {answer.text!r} is decoded to {held.text!r}")
        yield from self._thought(answer, body, held)
        if _named(held.completed_calls) != _named(answer.calls):
            yield Violation(Law.WHOLE_CALLS, f"{_named(answer.calls)} are decoded to {_named(held.completed_calls)}")
        tailed = decode(self.provider, [body, b"\x00\xff}\n\n"])
        if decoded.is_complete and tailed != decoded:
            seen = f"{difference_of(decoded.events, tailed.events)}, {end_of(decoded)} and {end_of(tailed)}"
            yield Violation(
                Law.ONE_END, f"without and with bytes after the terminal event: {seen}; they can not matter"
            )
        yield from empty_deltas(decoded.events)
        yield from self._ending(answer, decoded, held)

    def _thought(self, answer: Answer, body: bytes, held: Accumulator) -> Iterator[Violation]:
        """A thought that the body holds is decoded, and so is its signature; a body without it is not judged."""
        silent = self.write(evolve(answer, reasoning=""))
        is_written = len(body) - len(silent) >= len(answer.reasoning.encode()) + THOUGHT_BYTES
        if held.snapshot().reasoning not in (answer.reasoning, *(() if is_written else ("",))):
            yield Violation(
                Law.ONE_STREAM, f"the thought {answer.reasoning!r} is decoded to {held.snapshot().reasoning!r}"
            )
        is_signed = self._wire is not None and SIGNATURE.encode() in body
        if is_signed and not any(SIGNATURE in repr(block) for block in held.snapshot().blocks):
            yield Violation(Law.ONE_STREAM, f"the signature {SIGNATURE!r} is in the body, and in no block")

    def _ending(self, answer: Answer, decoded: Decoded, held: Accumulator) -> Iterator[Violation]:
        """A whole answer ended by itself, and costs what its body says; what a foreign body says is not known."""
        if held.stop is None or held.stop.reason in _ENDED_BY_ITSELF_NOT:
            yield Violation(Law.ONE_END, f"a whole answer has the stop {held.stop}; expected that it ended by itself")
        elif answer.calls and held.stop.reason is not StopReason.TOOL_USE:
            yield Violation(Law.ONE_END, f"an answer with calls has the stop {held.stop}; expected TOOL_USE")
        reports = [event for event in decoded.events if isinstance(event, UsageReport)]
        if any((count or 0) < 0 for report in reports for count in (report.input, report.output)):
            yield Violation(Law.LEDGER, f"a negative count is reported: {reports}"[:300])
        counted, said = (held.usage.input, held.usage.output), answer_tokens(answer)
        if self._wire is not None and counted != said:
            yield Violation(
                Law.LEDGER, f"the body says {said[0]} + {said[1]} tokens; decoded are {counted[0]} + {counted[1]}"
            )

    def any_bytes(self, body: bytes) -> Iterator[Violation]:
        """No bytes make a decoder raise."""
        decoded = decode(self.provider, [body])
        if decoded.raised:
            yield Violation(Law.ONE_END, f"the decoder raised {decoded.raised}; expected a StreamFailed or a defect")

    def any_cut(self, reads: list[bytes]) -> Iterator[Violation]:
        """However bytes are cut, they are the same events."""
        whole, cut = decode(self.provider, [b"".join(reads)]), decode(self.provider, reads)
        if whole != cut:
            seen = difference_of(whole.events, cut.events)
            yield Violation(
                Law.CUT_ANYWHERE, f"in one read and in {len(reads)}: {seen}, {end_of(whole)} and {end_of(cut)}"
            )

    def cut_short(self, drawn: tuple[Answer, int]) -> Iterator[Violation]:
        """What is decoded of a body that ends early is a beginning, and complete only if all of it is there."""
        answer, place = drawn
        body = self.write(answer)
        whole, cut = decode(self.provider, [body]).fold(), decode(self.provider, [body[: place % len(body)]])
        held = cut.fold()
        at = f"cut after {place % len(body)} of {len(body)} bytes"
        if not whole.text.startswith(held.text):
            yield Violation(Law.ONE_STREAM, f"{at} the text is {held.text!r}, no beginning of {whole.text!r}")
        calls, released = _named(whole.completed_calls), _named(held.completed_calls)
        if released != calls[: len(released)]:
            yield Violation(Law.WHOLE_CALLS, f"{at} {released} are released; the whole answer has {calls}")
        if cut.is_complete and (held.text, released, held.stop) != (whole.text, calls, whole.stop):
            seen = f"{held.text!r} of {whole.text!r}, stop {held.stop}"
            yield Violation(Law.ONE_END, f"{at} it counts as complete, with {seen}")

    def two_at_once(self, bodies: tuple[bytes, bytes]) -> Iterator[Violation]:
        """Two decoders that are fed by turns give what each would give alone."""
        pair = [self.provider.decoder(Limits()), self.provider.decoder(Limits())]
        events: list[list[StreamEvent]] = [[], []]
        for at in range(0, max(map(len, bodies)), 40):
            for number in (0, 1):
                events[number] += pair[number].feed(bodies[number][at : at + 40])
        for number, decoder in enumerate(pair):
            alone = decode(self.provider, [bodies[number]])
            if (*events[number], *decoder.close()) != alone.events:
                yield Violation(Law.ANY_ORDER, f"decoder {number + 1} of two gives other events than alone")

    # -- requests and error responses -----------------------------------------------------------------------------

    def request(self, request: InferenceRequest) -> Iterator[Violation]:
        """A request is pure, JSON, and says the conversation; an API that lacks a field says so by UsageError."""
        try:
            wire, again = self.provider.encode(request), self.provider.encode(request)
        except UsageError as error:
            self.refusals.note_drawn(request, error)
            return
        if (wire.url, wire.body) != (again.url, again.body):
            yield Violation(Law.PURE, "the same request was written in two ways")
        if self.provider.capabilities(request) != self.provider.capabilities(request):
            yield Violation(Law.PURE, "the same request has two capabilities")
        yield from self._said(wire, [message.text for message in request.messages])
        if told_strings(wire.body) is not None:
            yield from drawn_faults(wire.body, request)
        shown = wire.body.decode("utf-8", "replace")
        yield from self._hidden("a request", f"{wire.url} {wire!r} {shown}")
        yield from self.shown()

    def _said(self, wire: WireRequest, texts: Sequence[str]) -> Iterator[Violation]:
        strings = told_strings(wire.body)
        if strings is None:
            yield Violation(Law.ONE_STREAM, f"the body is no JSON: {wire.body[:60]!r}…")
            return
        for text in texts:  # nothing but white space may be left out: some APIs refuse it
            if text.strip() and not any(text in one for one in strings):
                yield Violation(
                    Law.ONE_STREAM, f"{text!r} was said, and the request does not say so: {wire.body[-200:]!r}"
                )

    def continued(self, drawn: tuple[InferenceRequest, str]) -> Iterator[Violation]:
        """In each form that it declares, the next request says all that was said, and what was asked."""
        request, text = drawn
        try:
            plain = self.provider.encode(request)
        except UsageError:
            return
        for step in steps_of(self.provider, request, text):
            try:
                wire = self.provider.encode(step.request, step.form)
            except UsageError as error:
                yield Violation(Law.ONE_STREAM, f"it declares {step.form.value}, and refuses to write it: {error}")
                continue
            yield from self._said(wire, [step.said, *_texts(step.request.messages)])
            if step.form is not ContinuationForm.QUOTE:
                yield from self._exactly(wire, plain, step)

    def _exactly(self, wire: WireRequest, plain: WireRequest, step: NextRequest) -> Iterator[Violation]:
        """The model goes on from the last character of its turn: that is what was said, once, and nothing more."""
        told = Counter(told_strings(wire.body) or []) - Counter(told_strings(plain.body) or [])
        turns = _trailing_turns(step.request.messages)
        count = sum(times for one, times in told.items() if one.endswith(step.said) and turns.endswith(one))
        if count != 1:
            seen = f"in the form {step.form.value} the request says {step.said!r} {count} times as the last words"
            yield Violation(Law.ONE_STREAM, f"{seen}; expected once, and nothing after it: {wire.body[-200:]!r}")

    def error_response(self, response: ErrorResponse) -> Iterator[Violation]:
        """Any error response becomes a failure, of one short printable line, and no key of ours."""
        failure = cast("Any", self.provider).classify(response, now_unix_s=1.7e9)
        if not isinstance(failure, Failure):
            yield Violation(Law.ONE_END, f"classify gave a {type(failure).__name__}; expected a Failure")
            return
        if len(failure.message) > MESSAGE_CHARS_MAX or not failure.message.isprintable():
            yield Violation(Law.NO_LEAKS, f"the message is no short printable line: {failure.message[:80]!r}")
        if failure.retry_after_s is not None and not failure.retry_after_s >= 0:
            yield Violation(Law.BUDGETS, f"the hint is {failure.retry_after_s!r} s; expected none, or 0 and more")
        yield from self._hidden("an error", f"{failure!r} {failure.to_error()!r}")

    def shown(self) -> Iterator[Violation]:
        """What a provider shows of itself, in a log or a traceback, is not its key."""
        yield from self._hidden("repr(provider)", repr(self.provider))
        yield from keys_in_sight(self.provider.encode(REQUEST), self.secrets, is_known=self._knows_key)

    def _hidden(self, where: str, shown: str) -> Iterator[Violation]:
        if any(secret in shown for secret in self.secrets):
            yield Violation(Law.NO_LEAKS, f"the key is shown in {where}")

    def whole_run(self, drawn: tuple[int, int, list[int]]) -> Iterator[Violation]:
        """A run that is cut anywhere, again and again, comes to the whole answer."""
        tokens, calls, cuts = drawn
        yield from CutRun(self.provider, self.write, tokens, calls, cuts).judge()


def _type_faults(wire: Any) -> Iterator[str]:
    for name, kind in (("url", str), ("headers", Mapping), ("body", bytes), ("method", str)):
        if not isinstance(value := getattr(wire, name), kind):
            yield f"a request whose {name} is a {type(value).__name__}; expected {kind.__name__}"
            return
    for name, value in wire.headers.items():
        if not isinstance(name, str) or not isinstance(value, str | Secret):
            yield f"the header {name!r} with a {type(value).__name__}; expected a str with a str or Secret"


def _texts(messages: Sequence[Message]) -> list[str]:
    return [block.text for message in messages for block in message.content if isinstance(block, TextBlock)]


def _trailing_turns(messages: Sequence[Message]) -> str:
    """The assistant's own turns at the end, as one text: some APIs take neighbours of one role joined."""
    last = next((at for at in range(len(messages), 0, -1) if messages[at - 1].role is not Role.ASSISTANT), 0)
    return "".join(_texts(messages[last:]))


# -- error responses ----------------------------------------------------------------------------------------------

FINAL = (400, 401, 403, 404)
PASSING = (429, 500, 503, 529)
HINTED = (429, 503, 529)
_ERROR_BODY = b'{"error":{"message":"x"}}'


def status_faults(provider: Provider) -> Iterator[Violation]:
    """Say which status is taken for another kind, and whether a hint of the server's is lost.

    *Source*: RFC 9110, sections 10.2.3 and 15.5; 529 is Anthropic's word for overloaded.
    """
    for status in (*FINAL, *PASSING):
        failure = provider.classify(ErrorResponse(status, {}, _ERROR_BODY), now_unix_s=1.7e9)
        if failure.is_retryable is not (status in PASSING):
            expected = "that another attempt makes sense" if status in PASSING else "that none does"
            yield Violation(Law.BUDGETS, f"the status {status} is taken for {failure!r}; expected {expected}")
    for status in HINTED:
        failure = provider.classify(ErrorResponse(status, {"retry-after": "7"}, _ERROR_BODY), now_unix_s=1.7e9)
        if failure.retry_after_s != 7:
            seen = f"the hint is {failure.retry_after_s!r} s"
            yield Violation(Law.BUDGETS, f"the status {status} came with `retry-after: 7`, and {seen}; expected 7")
    headers = {"retry-after-ms": "7000"}  # Azure's and OpenAI's; not everybody reads it
    hint = provider.classify(ErrorResponse(429, headers, _ERROR_BODY), now_unix_s=1.7e9).retry_after_s
    if hint not in (None, 7):
        yield Violation(
            Law.BUDGETS, f"`retry-after-ms: 7000` is taken for {hint!r} s; expected 7, or that it is not read"
        )
