"""The laws on a provider: what its decoder makes of any bytes, what its requests say, and what its errors show."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias, cast

from attrs import evolve

from ..core.accumulator import Accumulator
from ..core.continuation import NextRequest, next_request
from ..core.failures import Failure
from ..core.messages import TextBlock, ToolCall
from ..core.planner import ContinueText
from ..core.policy import Limits
from ..core.provider import Provider, WireRefusal, WireRequest
from ..core.request import InferenceRequest
from ..core.secret import Secret
from ..core.snapshot import InterruptSnapshot
from ..core.stop import StopReason
from ..core.stream_events import StreamEvent, StreamFailed
from ..core.usage import UsageReport
from ..core.usage_error import UsageError
from .answer_wire import answer_bytes, answer_tokens, wire_of
from .answers import Answer
from .book import REQUEST
from .decoded import Decoded, decode, difference_of, end_of
from .law_broken import (
    ANY_ORDER,
    BUDGETS,
    CUT_ANYWHERE,
    LEDGER,
    NO_LEAKS,
    ONE_END,
    ONE_STREAM,
    PURE,
    WHOLE_CALLS,
    Held,
    LawBroken,
)
from .model import Violation
from .provider_requests import KEY_HEADERS, conversation_faults, keys_in_sight
from .provider_runs import CutRun, told_strings
from .simulator import require_draws

PROVIDER_LAWS = (ONE_STREAM, ONE_END, WHOLE_CALLS, CUT_ANYWHERE, PURE, BUDGETS, LEDGER, NO_LEAKS, ANY_ORDER)

Write: TypeAlias = Callable[[Answer], bytes]

MESSAGE_CHARS_MAX = 400
SECRET_CHARS_MIN = 8
"""A key shorter than this opens local servers only, and is a part of other words."""


def check_provider(provider: Provider, *, write: Write | None = None, runs: int = 100, seed: int = 0) -> Held:
    """Prove a provider safe on drawn answers, bytes, requests and refusals, or show the smallest that it gets wrong.

    Nine of the eleven laws depend on a provider; "time belongs to the provider" and "cancellation wins" are the
    engine's alone. Its decoder: any cut of the bytes gives the same events, no bytes make it raise, what it gives of a
    whole answer is that answer, a body that is cut short is never complete, nothing after the terminal event matters,
    two decoders at once do not disturb each other, what it holds is bounded. Its requests: pure, valid JSON, with the
    conversation and, in each declared form, what was said. Its errors: typed, short, and without the key. And whole
    runs: the real engine, cut at any byte, continues to the same answer. Re-attaching is not judged.

    Args:
        provider: the provider, made with a made-up key of 8 characters or more.
        write: writes a whole answer as its server would; needed where its `name` is none of riverrun's own.
        runs: how many values are drawn for each claim; a quarter as many whole runs.
        seed: what the draws begin with.

    Raises:
        LawBroken: with the law, and the smallest value as a story.
        UsageError: Hypothesis is not installed, nobody knows how its server writes, an argument that no check can
            begin with, or a call inside a trio run.
    Cost: about 70 ms for each of `runs`.
    """
    require_draws("check_provider", runs, seed)
    _require_provider(provider)
    try:
        from . import strategies
        from .smallest import smallest
    except ImportError as error:
        raise UsageError("Hypothesis is not installed, and is needed here: pip install riverrun[testing]") from error
    judge = _Judge(provider, write if write is not None else _writer_of(provider.name), knows_usage=write is None)
    for violation in judge.shown():  # first: every story below shows more of a provider than this one
        raise LawBroken(violation.law, _story(provider, (), violation))
    for violation in conversation_faults(provider):
        raise LawBroken(violation.law, _story(provider, (), violation))
    claims = _claims(judge, strategies)
    for strategy, claim, share in claims:
        breaks = partial(_breaks, claim)
        found = smallest(strategy, breaks, runs=max(runs // share, 1), seed=seed)
        if found is not None:
            again = "what it does is not the same when it is done again"
            violation = (_judged(claim, found) or [Violation(PURE, again)])[0]
            raise LawBroken(violation.law, _story(provider, found, violation))
    return Held(PROVIDER_LAWS, max(runs // 4, 1), runs * (len(claims) - 1))


_MEMBERS = ("name", "model", "capabilities", "encode", "decoder", "classify")


def _require_provider(provider: object) -> None:
    missing = [name for name in _MEMBERS if not hasattr(provider, name)]
    if missing or isinstance(provider, type):
        said = f", which has no {', '.join(missing)}" if missing else ""
        seen = f"the class {provider.__name__}" if isinstance(provider, type) else f"a {type(provider).__name__}"
        raise UsageError(f"check_provider() was given {seen}{said}; expected a Provider, made with a made-up key")


def _writer_of(name: str) -> Write:
    try:
        wire_of(name)
    except UsageError as error:
        raise UsageError(f"{error}; or give write=, which writes an answer as this provider's server would") from error
    return partial(answer_bytes, name)


def _judged(claim: Callable[[Any], Iterator[Violation]], drawn: object) -> list[Violation]:
    found: list[Violation] = []
    try:
        found.extend(claim(drawn))
    except Exception as error:  # whatever a stranger's provider raises is the finding
        found.append(Violation(ONE_END, f"it raised {type(error).__name__}: {error}"[:300]))
    return found


def _breaks(claim: Callable[[Any], Iterator[Violation]], drawn: object) -> bool:
    return bool(_judged(claim, drawn))


_Claim: TypeAlias = tuple[Any, Callable[[Any], Iterator[Violation]], int]


def _claims(judge: _Judge, strategies: Any) -> list[_Claim]:
    """Pair what is drawn with what must hold of it; the last number divides `runs`."""
    from hypothesis import strategies as st

    bodies = strategies.answers().map(judge.write)
    any_bytes = bodies | strategies.mutated(bodies) | strategies.mutated(st.binary(max_size=200))
    place = st.integers(0, 2**16)
    return [
        (st.just(b"data: ") | st.just(b"") | st.just(b"event: x\n"), judge.bounds, 20),
        (strategies.answers(), judge.whole_answer, 1),
        (any_bytes, judge.any_bytes, 1),
        (strategies.chunked(any_bytes), judge.any_cut, 1),
        (st.tuples(strategies.answers(), place), judge.cut_short, 1),
        (st.tuples(bodies, bodies), judge.two_at_once, 2),
        (strategies.requests(), judge.request, 1),
        (st.tuples(strategies.requests(with_tools=False, with_images=False), strategies.texts()), judge.continued, 1),
        (_refusals(judge, st, strategies), judge.refusal, 1),
        (st.tuples(st.integers(2, 12), st.integers(0, 2), st.lists(place, max_size=3)), judge.whole_run, 4),
    ]


def _error_body(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "code": text}, "message": text}).encode()


def _refusals(judge: _Judge, st: Any, strategies: Any) -> Any:
    echo = judge.secrets[0] if judge.secrets else "nothing"
    said = st.sampled_from((echo, f"bad key {echo}")) | strategies.texts()
    errors = said.map(_error_body)
    hint = st.sampled_from(("1", "-1", "nan", "1e999", "20 seconds", "\u0663", "Wed, 21 Oct 2015 07:28:00 GMT"))
    headers = st.dictionaries(st.sampled_from(("retry-after", "retry-after-ms", "content-type")), hint, max_size=2)
    return st.builds(WireRefusal, st.integers(400, 599) | st.just(200), headers, errors | st.binary(max_size=60))


def _story(provider: Provider, found: object, violation: Violation) -> str:
    parts = cast("tuple[object, ...]", found) if isinstance(found, tuple) else (found,)
    drawn = [f"given     {one!r}"[:1000] for one in parts]
    told = [f"provider  {type(provider).__name__}, {provider.name}/{provider.model}", *drawn]
    return "\n".join([*told, f"BROKEN  {violation.law}: {violation.message}"]) + "\n"


# -- decoding -----------------------------------------------------------------------------------------------------


def _named(calls: Sequence[ToolCall]) -> list[tuple[str, Any]]:
    """What a call is apart from its id, which some wire formats do not have."""
    return [(call.name, call.arguments) for call in calls]


NARROW = Limits(line_bytes_max=4096, event_bytes_max=8192)
FLOOD_BYTES = 1024 * 1024


class _Judge:
    """Judges one provider; each method is a claim that yields how it is broken."""

    def __init__(self, provider: Provider, write: Write, *, knows_usage: bool) -> None:
        self.provider = provider
        self.write = write
        self._knows_usage = knows_usage
        headers = provider.encode(REQUEST).headers
        shown = [value.reveal() for value in headers.values() if isinstance(value, Secret)]
        shown += [value for name, value in headers.items() if isinstance(value, str) and name.lower() in KEY_HEADERS]
        self.secrets = [part for value in shown for part in value.split() if len(part) >= SECRET_CHARS_MIN]

    def whole_answer(self, answer: Answer) -> Iterator[Violation]:
        """What is decoded of a whole answer is the answer, and what follows it changes nothing."""
        body = self.write(answer)
        decoded = decode(self.provider, [body])
        held = decoded.fold()
        if decoded.raised or not decoded.is_complete or decoded.defect:
            yield Violation(ONE_END, f"a whole answer is decoded to {end_of(decoded)}; expected it complete")
        if held.text != answer.text:
            yield Violation(ONE_STREAM, f"the text {answer.text!r} is decoded to {held.text!r}")
        if held.snapshot().reasoning not in ("", answer.reasoning):
            yield Violation(ONE_STREAM, f"the thought {answer.reasoning!r} is decoded to {held.snapshot().reasoning!r}")
        if _named(held.completed_calls) != _named(answer.calls):
            yield Violation(WHOLE_CALLS, f"{_named(answer.calls)} are decoded to {_named(held.completed_calls)}")
        tailed = decode(self.provider, [body, b"\x00\xff}\n\n"])
        if decoded.is_complete and tailed != decoded:
            seen = f"{difference_of(decoded.events, tailed.events)}, {end_of(decoded)} and {end_of(tailed)}"
            yield Violation(ONE_END, f"without and with bytes after the terminal event: {seen}; they can not matter")
        yield from self._ending(answer, decoded, held)

    def _ending(self, answer: Answer, decoded: Decoded, held: Accumulator) -> Iterator[Violation]:
        """A whole answer ended by itself, and costs what its body says; what a foreign body says is not known."""
        if held.stop is None or held.stop.reason is StopReason.MAX_TOKENS:
            yield Violation(ONE_END, f"a whole answer has the stop {held.stop}; expected that it ended by itself")
        reports = [event for event in decoded.events if isinstance(event, UsageReport)]
        if any((count or 0) < 0 for report in reports for count in (report.input, report.output)):
            yield Violation(LEDGER, f"a negative count is reported: {reports}"[:300])
        counted, said = (held.usage.input, held.usage.output), answer_tokens(answer)
        if self._knows_usage and counted != said:
            yield Violation(
                LEDGER, f"the body says {said[0]} + {said[1]} tokens; decoded are {counted[0]} + {counted[1]}"
            )

    def any_bytes(self, body: bytes) -> Iterator[Violation]:
        """No bytes make a decoder raise."""
        decoded = decode(self.provider, [body])
        if decoded.raised:
            yield Violation(ONE_END, f"the decoder raised {decoded.raised}; expected a StreamFailed or a defect")

    def any_cut(self, reads: list[bytes]) -> Iterator[Violation]:
        """However bytes are cut, they are the same events."""
        whole, cut = decode(self.provider, [b"".join(reads)]), decode(self.provider, reads)
        if whole != cut:
            seen = difference_of(whole.events, cut.events)
            yield Violation(CUT_ANYWHERE, f"in one read and in {len(reads)}: {seen}, {end_of(whole)} and {end_of(cut)}")

    def cut_short(self, drawn: tuple[Answer, int]) -> Iterator[Violation]:
        """What is decoded of a body that ends early is a beginning, and complete only if all of it is there."""
        answer, place = drawn
        body = self.write(answer)
        whole, cut = decode(self.provider, [body]).fold(), decode(self.provider, [body[: place % len(body)]])
        held = cut.fold()
        at = f"cut after {place % len(body)} of {len(body)} bytes"
        if not whole.text.startswith(held.text):
            yield Violation(ONE_STREAM, f"{at} the text is {held.text!r}, no beginning of {whole.text!r}")
        calls, released = _named(whole.completed_calls), _named(held.completed_calls)
        if released != calls[: len(released)]:
            yield Violation(WHOLE_CALLS, f"{at} {released} are released; the whole answer has {calls}")
        if cut.is_complete and (held.text, released, held.stop) != (whole.text, calls, whole.stop):
            seen = f"{held.text!r} of {whole.text!r}, stop {held.stop}"
            yield Violation(ONE_END, f"{at} it counts as complete, with {seen}")

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
                yield Violation(ANY_ORDER, f"decoder {number + 1} of two gives other events than alone")

    def bounds(self, opening: bytes) -> Iterator[Violation]:
        """A line, or an event, that never ends is refused and not held."""
        for flood in (b"x" * 16384, b"data: x\n" * 2048):
            decoder = self.provider.decoder(NARROW)
            events = list(decoder.feed(opening))
            tracemalloc.start()
            try:
                for _ in range(FLOOD_BYTES // len(flood)):
                    events += decoder.feed(flood)
                held_bytes, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            ended = decoder.defect is not None or any(isinstance(event, StreamFailed) for event in events)
            if not ended or held_bytes > FLOOD_BYTES // 4:
                seen = f"{FLOOD_BYTES} bytes of {flood[:8]!r}… under a limit of {NARROW.line_bytes_max} bytes a line"
                yield Violation(BUDGETS, f"{seen}: {held_bytes} bytes held, defect {decoder.defect!r}")

    # -- requests and refusals ------------------------------------------------------------------------------------

    def request(self, request: InferenceRequest) -> Iterator[Violation]:
        """A request is pure, JSON, and says the conversation; an API that lacks a field says so by UsageError."""
        try:
            wire, again = self.provider.encode(request), self.provider.encode(request)
        except UsageError:
            return
        if (wire.url, wire.body) != (again.url, again.body):
            yield Violation(PURE, "the same request was written in two ways")
        if self.provider.capabilities(request) != self.provider.capabilities(request):
            yield Violation(PURE, "the same request has two capabilities")
        yield from self._said(wire, [message.text for message in request.messages])
        shown = wire.body.decode("utf-8", "replace")
        yield from self._hidden("a request", f"{wire.url} {wire!r} {shown}")
        yield from self.shown()

    def _said(self, wire: WireRequest, texts: Sequence[str]) -> Iterator[Violation]:
        strings = told_strings(wire.body)
        if strings is None:
            yield Violation(ONE_STREAM, f"the body is no JSON: {wire.body[:60]!r}…")
            return
        for text in texts:  # nothing but white space may be left out: some APIs refuse it
            if text.strip() and not any(text in one for one in strings):
                yield Violation(ONE_STREAM, f"{text!r} was said, and the request does not say so: {wire.body[-200:]!r}")

    def continued(self, drawn: tuple[InferenceRequest, str]) -> Iterator[Violation]:
        """In each form that it declares, the next request says all that was said, and what was asked."""
        request, text = drawn
        try:
            self.provider.encode(request)
        except UsageError:
            return
        declared = self.provider.capabilities(request)
        snapshot = InterruptSnapshot(text=text, blocks=(TextBlock(text),) if text else ())
        for form in declared.forms:
            step = next_request(request, snapshot, ContinueText(text), evolve(declared, forms=(form,)))
            if not isinstance(step, NextRequest) or step.form is not form:
                continue
            try:
                wire = self.provider.encode(step.request, step.form)
            except UsageError as error:
                yield Violation(ONE_STREAM, f"it declares {form.value}, and refuses to write it: {error}")
                continue
            yield from self._said(wire, [step.said, *(message.text for message in request.messages)])

    def refusal(self, refusal: WireRefusal) -> Iterator[Violation]:
        """Any refusal gets a name, one short printable line, and no key of ours."""
        failure = cast("Any", self.provider).classify(refusal, now_unix_s=1.7e9)
        if not isinstance(failure, Failure):
            yield Violation(ONE_END, f"classify gave a {type(failure).__name__}; expected a Failure")
            return
        if len(failure.message) > MESSAGE_CHARS_MAX or not failure.message.isprintable():
            yield Violation(NO_LEAKS, f"the message is no short printable line: {failure.message[:80]!r}")
        if failure.retry_after_s is not None and not failure.retry_after_s >= 0:
            yield Violation(BUDGETS, f"the hint is {failure.retry_after_s!r} s; expected none, or 0 and more")
        yield from self._hidden("an error", f"{failure!r} {failure.to_error()!r}")

    def shown(self) -> Iterator[Violation]:
        """What a provider shows of itself, in a log or a traceback, is not its key."""
        yield from self._hidden("repr(provider)", repr(self.provider))
        yield from keys_in_sight(self.provider.encode(REQUEST))

    def _hidden(self, where: str, shown: str) -> Iterator[Violation]:
        if any(secret in shown for secret in self.secrets):
            yield Violation(NO_LEAKS, f"the key is shown in {where}")

    def whole_run(self, drawn: tuple[int, int, list[int]]) -> Iterator[Violation]:
        """A run that is cut anywhere, again and again, comes to the whole answer."""
        tokens, calls, cuts = drawn
        yield from CutRun(self.provider, self.write, tokens, calls, cuts).judge()
