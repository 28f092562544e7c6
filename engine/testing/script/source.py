"""A scripted provider at the level of events: goes where a provider goes, says an answer of yours, and fails as told.

    source = ScriptedSource(RIVERS, [Fault("reset", at=40), Fault("http_error", status=529)])
    result = trio.run(rr.Engine(source).complete, request, clock=MockClock(autojump_threshold=0))
    assert result.text == RIVERS.text

Rules:
- What a request says was said is all that is known of its run: runs one after the other, at once, or opened again in
  another process do not meet in here, but for the script (the n-th request gets the n-th fault) and the ids of calls.
- It is honest unless its fault says otherwise, and is never dishonest where no engine could tell: see `ScriptedSource`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import cast

import trio
from attrs import evolve, frozen

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.continuation import QUOTE_CHARS_MAX
from ...core.errors import InvalidRequest
from ...core.messages import Message, Role, TextBlock, ToolCall
from ...core.request import InferenceRequest
from ...core.stop import StopReason
from ...core.stream_events import BlockStop, ReasoningDelta, ResponseStarted, StreamEvent, ToolCallDelta, ToolCallStart
from ...core.usage import UsageReport, estimate_tokens
from ...core.usage_error import UsageError
from ...core.validators import items_of, require_instance, seen
from .answers import MODEL, OPENING_CHARS, Answer, retelling, split_pieces
from .faults import HONEST, MANNERS, Fault, FaultKind, require_scripted
from .playback import PlayedAnswer
from .speech import Attempt, make_reply
from .text import Aside, Reply, Version

_TOLD_APART_CHARS = OPENING_CHARS + 8
"""From how many characters on it is seen which of the two tellings an answer is."""

PINGS_APART_S_MIN = 0.001
"""How far pings are apart at least: 1e-300 more is the same second, and a virtual clock stands."""

_WHITE_SPACE = " \t\n"
"""What `FaultKind.WHITE_SPACE` puts before the rest."""

_BURST_MAX = 16
_DEFAULT = Capabilities()


@frozen
class AskedRequest:
    """One request that came to a `ScriptedSource`; `form` is None where it continues nothing."""

    request: InferenceRequest
    form: ContinuationForm | None

    @property
    def said(self) -> str:
        """What it says was said. Raises InvalidRequest for a request that is none by its form."""
        if self.form is None:
            return ""
        is_quote = self.form is ContinuationForm.QUOTE
        said = self._last_text(self.request.messages[-2:-1] if is_quote else self.request.messages[-1:])
        quoted = f"<tail>{said[-QUOTE_CHARS_MAX:]}</tail>"
        if is_quote and quoted not in (quote := self.request.messages[-1].text):
            message = f"the quote {quote[:80]!r} does not hold {said[-40:]!r}, the end of what was said"
            raise InvalidRequest(message, status=400)
        return said

    def _last_text(self, turn: Sequence[Message]) -> str:
        """Read the turn's last block: those before it are the caller's own beginning of it."""
        last = turn[0].content[-1] if turn and turn[0].role is Role.ASSISTANT else None
        if isinstance(last, TextBlock):
            return last.text
        roles = ", ".join(message.role for message in self.request.messages[-2:])
        and_then = " and the turn that quotes it" if self.form is ContinuationForm.QUOTE else ""
        expected = f"an assistant's turn that ends with text{and_then}"
        raise InvalidRequest(f"a request by {self.form} ends with: {roles}; expected {expected}", status=400)


class ScriptedSource:
    """An event source that says one answer, whatever is asked, and plays one fault a request.

    It goes on exactly after what a request says was said. Thoughts come only with the answer's beginning. Calls that
    were said before come again with other ids (`call_1@2` in the third request). A request that claims words that were
    never said is refused with `InvalidRequest`.

    A manner needs room: `PREFILL_REFUSED` and `WHITE_SPACE` a continuation, `EMPTY` a request that is none, and
    `ECHO`, `OVERLAP` and `STARTS_OVER` one whose reply is searched (by QUOTE, or declared to echo) after at least 24
    characters (72 for `STARTS_OVER`). Without room the reply is honest: the lie would be one that no engine can see.
    One that starts over says `retelling(answer.text)`; started over once more, the answer again.

    An answer that repeats itself loses a repetition where replies are searched: there nobody can tell an honest
    continuation that begins like the end of what was said (16 characters) from a model that says it again. Make such
    an answer of words that differ, or declare `Capabilities(forms=(ContinuationForm.PREFILL,))`.

    One source may serve any number of engines and trio runs. After a cancel nothing of the attempt is left; its fault
    has had its turn.

    Args:
        answer: what it says; text, reasoning or calls, at least one of them. Thoughts alone are no answer to the
            engine, which asks again for as long as the policy lets it.
        faults: the n-th request gets the n-th fault, later ones none; `Fault()` is none. `at` counts events
            from the reply's first, of which two come before any word; `seconds` are those of the run's clock.
        capabilities: how it says that its answers can be continued; by a quote, unless told.
        seed: how the text is cut into pieces, and how many of them an honest read brings (a fault's `burst` says its).
        model: the model's name.

    Attributes:
        requests: what was asked, in the order in which it came.
        faults_happened: what of the script was played so far, without what there was no room for.
        open_answers: how many answers are open now.

    Raises:
        UsageError: a value of another type, an answer with nothing in it, two calls of one id, arguments that are no
            JSON, or pings less than a millisecond apart, which may stop a virtual clock for ever.

    """

    name = "scripted"

    def __init__(
        self,
        answer: Answer,
        faults: Sequence[Fault] = (),
        *,
        capabilities: Capabilities = _DEFAULT,
        seed: int = 0,
        model: str = MODEL,
    ) -> None:
        require_instance("capabilities", capabilities, Capabilities, "a Capabilities")
        require_instance("model", model, str, "the name of a model")
        if isinstance(seed, bool) or not isinstance(cast("object", seed), int):
            raise UsageError(f"seed is {seen(seed)}; expected a whole number")
        self.model = model
        self.requests: list[AskedRequest] = []
        self.faults_happened: list[Fault] = []
        self.open_answers = 0
        self._answer = _answer(answer)
        self._faults = _faults(faults)
        self._capabilities = capabilities
        self._seed = seed
        self._tellings = self._tell()
        self._respells = any(fault.begins is FaultKind.WHITE_SPACE for fault in self._faults)
        self._attempts: list[Attempt] = []

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what was declared, whatever is asked."""
        return self._capabilities

    def open_events(self, request: InferenceRequest, form: ContinuationForm | None) -> PlayedAnswer:
        """Take a request, and begin its answer. Raises InvalidRequest for one that claims what was never said."""
        number = len(self.requests)
        asked = AskedRequest(request, form)
        self.requests.append(asked)
        if form is not None and form not in self._capabilities.forms:
            declared = ", ".join(self._capabilities.forms) or "none"
            raise InvalidRequest(f"a request by {form}; expected one of the forms declared: {declared}", status=400)
        dice = random.Random(self._seed * 1009 + number)  # noqa: S311 - the reads have to repeat
        attempt = self._attempt(number, asked, dice)
        return PlayedAnswer(self, attempt, dice.random, _NoListener())

    def _attempt(self, number: int, asked: AskedRequest, dice: random.Random) -> Attempt:
        said, form = asked.said, asked.form
        version = self._continued(said)
        honest = evolve(HONEST, burst=dice.randint(1, _BURST_MAX))
        fault = self._faults[number] if number < len(self._faults) else honest
        attempt = Attempt(number, 0, form, fault, trio.current_time(), len(said), Reply(version))
        attempt.searches = form is ContinuationForm.QUOTE or (form is not None and self._capabilities.echoes)
        opening = (ResponseStarted(f"r{number}", self.model), UsageReport(input=_tokens(asked.request)))
        make_reply(attempt, opening, said, said, self._suffix(number), self._begun_anew)
        self._attempts.append(attempt)
        self.faults_happened += _played(attempt, said)
        return attempt

    # -- the answer -----------------------------------------------------------------------------------------------

    def _tell(self) -> tuple[Version, ...]:
        """Return the answer, and what a model that starts over says instead, if one is in the script."""
        version = _version_of(self._answer, random.Random(self._seed))  # noqa: S311 - the cuts have to repeat
        starts_over = any(fault.begins is FaultKind.STARTS_OVER for fault in self._faults)
        if not starts_over or len(version.text) < OPENING_CHARS:
            return (version,)
        retold = retelling(version.text)[OPENING_CHARS:]
        return version, version.respelled(OPENING_CHARS - 1, version.text[:OPENING_CHARS], retold)

    def _begun_anew(self, version: Version, offset: int) -> Version | None:
        """Return the telling that a model which starts over gives, where it is seen to be another."""
        if offset < _TOLD_APART_CHARS or version.text[:OPENING_CHARS] != self._tellings[0].text[:OPENING_CHARS]:
            return None
        begins = version.text[:_TOLD_APART_CHARS]
        return next((told for told in self._tellings if not told.text.startswith(begins)), None)

    def _continued(self, said: str) -> Version:
        """Find the answer that begins with what was said. Raises InvalidRequest if there is none."""
        for version in self._tellings:
            if version.text.startswith(said):
                return version
        if self._respells:
            for version in self._tellings:
                if (at := _respelled_chars(version.text, said)) is not None:
                    return version.respelled(0, said, version.text[at:])  # thoughts stay at 0, calls at the end
        raise InvalidRequest(self._never_said(said), status=400)

    def _never_said(self, said: str) -> str:
        at, text = max((_common_chars(told.text, said), told.text) for told in self._tellings)
        there = slice(max(at - 20, 0), at + 20)
        return (
            f"the assistant's turn ({len(said)} characters) says {said[there]!r} where it parts from the answer "
            f"{self._answer.name[:40]!r} ({len(text)} characters), at character {at}; expected {text[there]!r}: "
            "its words were never said"
        )

    def _suffix(self, number: int) -> str:
        """Return what is put after the ids of calls: nothing, until they were said."""
        if not self._answer.calls:
            return ""
        called = any(isinstance(event, ToolCallStart) for attempt in self._attempts for event in attempt.events)
        return f"@{number}" if called else ""


class _NoListener:
    """The listener where nothing is noted."""

    def on_request(self, attempt: Attempt) -> None:
        """Note nothing."""

    def now(self) -> float:
        """Return the second of the run's clock."""
        return trio.current_time()

    def log(self, *entry: object) -> None:
        """Note nothing."""


def _played(attempt: Attempt, said: str) -> list[Fault]:
    """Return what of an attempt's fault there is room for, if anything."""
    fault = attempt.fault
    if fault.kind in MANNERS:
        return [fault] if attempt.begins is fault.kind else []
    continues = attempt.form is not None
    no_room = (fault.kind is FaultKind.EMPTY and said) or (fault.kind is FaultKind.PREFILL_REFUSED and not continues)
    played = evolve(fault, kind=FaultKind.NONE if no_room else fault.kind, manner=attempt.begins)
    return [] if played.kind is played.manner is FaultKind.NONE else [played]


def _common_chars(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _respelled_chars(text: str, said: str) -> int | None:
    """Return how much of `text` was said, with white space put into it; None if it is not all that was put in."""
    at = 0
    for char in said:
        if text[at : at + 1] == char:
            at += 1
        elif char not in _WHITE_SPACE:
            return None
    return at


def _tokens(request: InferenceRequest) -> int:
    """Estimate what the prompt costs."""
    texts = [block.text for block in request.system] + [message.text for message in request.messages]
    return sum(map(estimate_tokens, texts))


def _version_of(answer: Answer, dice: random.Random) -> Version:
    """Cut an answer into pieces: its thoughts at the beginning, its calls at the end, one after the other."""
    edges = tuple(accumulate(len(piece) for piece in split_pieces(answer.text, dice)))
    marks: list[tuple[int, Aside]] = []
    if answer.reasoning:
        marks.append((0, partial(_thought_events, split_pieces(answer.reasoning, dice))))
    for call in answer.calls:
        marks.append((len(answer.text), partial(_call_events, call, split_pieces(_dumped(call), dice))))
    stop = StopReason.TOOL_USE if answer.calls else StopReason.END_TURN
    return Version.of(answer.text, edges, tuple(marks), stop)


def _thought_events(pieces: list[str], _suffix: str) -> list[StreamEvent]:
    return [*map(ReasoningDelta, pieces), BlockStop()]


def _call_events(call: ToolCall, pieces: list[str], suffix: str) -> list[StreamEvent]:
    call_id = call.id + suffix
    return [ToolCallStart(call_id, call.name), *(ToolCallDelta(call_id, piece) for piece in pieces), BlockStop(call_id)]


# -- what is given ----------------------------------------------------------------------------------------------------


def _dumped(call: ToolCall) -> str:
    try:
        return json.dumps(call.arguments, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the arguments of call {call.id[:40]!r} are no JSON: {str(error)[:80]}") from None


def _answer(answer: object) -> Answer:
    require_instance("answer", answer, Answer, "an Answer, as RIVERS is, or Answer('mine', 'its text')")
    given = cast("Answer", answer)
    require_instance("answer.name", given.name, str, "a name, for messages")
    require_instance("answer.text", given.text, str, "text")
    require_instance("answer.reasoning", given.reasoning, str, "text")
    calls = cast("tuple[ToolCall, ...]", tuple(items_of("answer.calls", given.calls, (), "ToolCalls")))
    for at, call in enumerate(calls):
        require_instance(f"answer.calls[{at}]", call, ToolCall, "a ToolCall")
    _require_ids(calls)
    if not (given.text or given.reasoning or calls):
        name = repr(given.name)[:60]
        raise UsageError(f"answer {name} is empty; expected text, reasoning or calls: Fault('empty') says nothing")
    return evolve(given, calls=calls)  # an iterator of calls is empty now


def _require_ids(calls: Sequence[ToolCall]) -> None:
    """Refuse two calls of one id: the engine gives only the first."""
    ids = [call.id for call in calls]
    for at, call_id in enumerate(ids):
        if call_id in ids[:at]:
            raise UsageError(f"answer.calls[{at}].id is {call_id[:40]!r}, as that of a call before; expected another")


def _faults(given: object) -> tuple[Fault, ...]:
    faults = cast("tuple[Fault, ...]", tuple(items_of("faults", given, (), "a list of Faults")))
    for at, fault in enumerate(faults):
        require_instance(f"faults[{at}]", fault, Fault, "a Fault, as Fault('reset', at=5) is")
        require_scripted(f"faults[{at}]", fault)
        _require_time(at, fault)
    return faults


def _require_time(at: int, fault: Fault) -> None:
    if fault.kind is FaultKind.PINGS_ONLY and fault.seconds < PINGS_APART_S_MIN:
        expected = f"expected {PINGS_APART_S_MIN:g} or more between pings, or no time passes"
        raise UsageError(f"faults[{at}].seconds is {fault.seconds:g}; {expected}")
