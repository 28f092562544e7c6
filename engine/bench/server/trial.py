"""One trial at the fault server: the answer that is its truth, what is said to each request, and what was asked.

No sockets: a request comes in as a value, and goes out as steps. The same trial is played on sockets by `server` and on
paper by `ScriptedNetwork`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from email.utils import formatdate

from attrs import define, evolve, field

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from ...core.usage import estimate_tokens
from ...testing.network.script import Silence, Step
from ...testing.network.served import (
    NEVER_SAID,
    NO_PREFILL,
    NO_TRAILING_SPACE,
    ends_in_space,
    error_steps,
    steps_of,
    whole_steps,
)
from ...testing.script.answers import Answer, retelling, split_pieces
from ...testing.script.faults import Fault, FaultKind
from ...testing.wire.format import Reply
from ...testing.wire.formats import Wire, error_body, whole_of
from ..faults.answers import CLOSING, answer_of, pieces_of
from ..faults.catalog import Drawn
from ..faults.places import lay
from ..faults.play import Play, Refusal
from .asked import Asked, Way
from .trial_log import Entry, Now

_TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9631 tokens."
_FILTERED = "Your request was rejected as a result of our safety system."
_SEARCHED_CHARS, _TOLD_APART_CHARS = 24, 72
"""How much has to be said before an echo of it, or another beginning, can be told from a continuation."""


@define(eq=False)
class Trial:
    """One trial: its requests come one by one.

    Args:
        drawn: the fault, and the seed of the answer and of where it is cut.
        scale: what silences are multiplied with.
        now: reads the clocks.

    Attributes:
        answer: what a whole answer is; in other words once a model has started over.
        entries: what was asked, and what was done.
    """

    drawn: Drawn
    scale: float = 1.0
    now: Now = field(factory=Now)
    answer: Answer = field(init=False)
    entries: list[Entry] = field(factory=list[Entry], init=False)
    _count: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.answer = answer_of(self.drawn.seed, self.drawn.fault.shape)

    def take(self, asked: Asked) -> tuple[Iterable[Step], Entry]:
        """Answer a request: what is to be written, and the entry that notes how that goes."""
        number = self._count
        self._count += 1
        entry = Entry(number + 1, asked, self.now)
        self.entries.append(entry)
        del self.entries[:-ENTRIES_MAX]
        play = self.drawn.fault.play(number)
        return self._answer(asked, entry, play, number), entry

    def told(self) -> JSONObject:
        """Tell the trial as JSON."""
        return {
            "fault": self.drawn.fault.name,
            "seed": self.drawn.seed,
            "text": self.answer.text,
            "reasoning": self.answer.reasoning,
            "calls": [_call_told(call) for call in self.answer.calls],
            "closing": CLOSING if self.answer.calls else "",
            "requests": [entry.told() for entry in self.entries],
        }

    # -- one request ----------------------------------------------------------------------------------------------

    def _answer(self, asked: Asked, entry: Entry, play: Play, number: int) -> Iterable[Step]:
        if refused := self._refused(asked, play):
            entry.refuse(refused)
            return error_steps(error_body(asked.wire, 400, refused), 400)
        dice = random.Random(self.drawn.seed * 1009 + number)  # noqa: S311 - the cuts have to repeat
        begins = self._begins(asked, play)
        reply = self._reply(asked, number, begins)
        fault = evolve(play.fault, manner=FaultKind.NONE, seconds=play.fault.seconds * self.scale)
        if fault.kind is FaultKind.HTTP_ERROR:
            entry.play(str(fault), 0)
            return self._error(asked.wire, play)
        if not asked.streams:
            return self._in_one_piece(asked, entry, fault, reply)
        if fault.kind is FaultKind.EMPTY:
            reply = evolve(reply, text=(), reasoning=(), calls=())
        laid = lay(evolve(play, fault=fault), asked.wire, reply, dice)
        entry.play(_named(laid.fault, begins), reply.output_tokens, len(laid.events))
        return steps_of(laid.fault, asked.wire, laid.events)

    def _in_one_piece(self, asked: Asked, entry: Entry, fault: Fault, reply: Reply) -> Iterable[Step]:
        """Answer whole: a fault that is about a stream has no place in it, one of connections and statuses has."""
        body = whole_of(asked.wire, reply)
        if fault.kind in _WITHOUT_STREAM:
            entry.play(str(fault), reply.output_tokens)
            steps = steps_of(fault, asked.wire, [body])
            return steps if fault.kind is not FaultKind.SLOW_HEADERS else [Silence(fault.seconds), *whole_steps(body)]
        entry.play("", reply.output_tokens)
        return whole_steps(body)

    def _refused(self, asked: Asked, play: Play) -> str:
        """Return why a request is answered 400, or ""."""
        said = asked.continuation.text
        if play.refuses_prefill and asked.way is Way.PREFIX:
            return NO_PREFILL
        if ends_in_space(asked.wire, asked.continuation):
            return NO_TRAILING_SPACE
        return "" if asked.called or self._telling(said) is not None else NEVER_SAID

    def _telling(self, said: str) -> str | None:
        texts = (self.answer.text, answer_of(self.drawn.seed, self.drawn.fault.shape).text)
        return next((text for text in texts if text.startswith(said)), None)

    def _error(self, wire: Wire, play: Play) -> Iterable[Step]:
        status, hint_s = play.fault.status, play.fault.retry_after_s
        hint = None if hint_s is None else max(1, round(hint_s * self.scale))
        if play.hint_is_date:
            date = formatdate(self.now.wall_s() + (hint or 0), usegmt=True)
            return whole_steps(error_body(wire, status, "overloaded"), status=status, more={"retry-after": date})
        return error_steps(refusal_body(wire, status, play.refusal), status, hint)

    # -- what is said ---------------------------------------------------------------------------------------------

    def _begins(self, asked: Asked, play: Play) -> FaultKind:
        """Return how the reply begins; honest where no client could tell, as after a prefix."""
        manner, said = play.fault.manner, len(asked.continuation.text)
        least = _TOLD_APART_CHARS if manner is FaultKind.STARTS_OVER else _SEARCHED_CHARS
        return manner if asked.way is Way.QUOTE and said >= least else FaultKind.NONE

    def _reply(self, asked: Asked, number: int, begins: FaultKind) -> Reply:
        said = asked.continuation.text
        if begins is FaultKind.STARTS_OVER:
            self.answer = evolve(self.answer, text=retelling(self.answer.text))
        elif (telling := self._telling(said)) is not None and said:
            self.answer = evolve(self.answer, text=telling)
        thinks = bool(self.answer.reasoning) and not said and not asked.called
        calls = [call for call in self.answer.calls if call.name not in asked.called]
        dice = random.Random(self.drawn.seed * 1013 + number)  # noqa: S311 - the cuts have to repeat
        options = asked.body.get("stream_options")
        return Reply(
            number=number + 1,
            model=asked.model,
            text=self._pieces(asked, self._rest(said, begins), calls),
            reasoning=split_pieces(self.answer.reasoning, dice) if thinks else (),
            calls=tuple(_named_anew(call, number) for call in calls),
            input_tokens=estimate_tokens(json.dumps(asked.body)),
            with_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            signature="c2lnbmVkLWJ5LXRoZS1iZW5jaA==",
        )

    def _rest(self, said: str, begins: FaultKind) -> str:
        match begins:
            case FaultKind.ECHO | FaultKind.STARTS_OVER:
                return self.answer.text
            case FaultKind.OVERLAP:
                return self.answer.text[max(len(said) - 40, 0) :]
            case _:
                return self.answer.text[len(said) :]

    def _pieces(self, asked: Asked, rest: str, calls: Sequence[ToolCall]) -> Sequence[str]:
        if asked.called:
            return () if calls else pieces_of(CLOSING, self.drawn.seed)
        whole = pieces_of(self.answer.text, self.drawn.seed)
        return _last_chars(whole, len(rest)) if self.answer.text.endswith(rest) else [rest]


ENTRIES_MAX = 64
"""The most requests of a trial that are kept: a client that asks for ever is told by their number."""

_WITHOUT_STREAM = (
    FaultKind.CONNECT_ERROR,
    FaultKind.SLOW_HEADERS,
    FaultKind.HTML,
    FaultKind.HTML_ERROR,
    FaultKind.ERROR_UNDER_200,
)


def refusal_body(wire: Wire, status: int, refusal: Refusal) -> bytes:
    """Write an error in the words of a provider that refuses for a reason."""
    if refusal is Refusal.PLAIN:
        return error_body(wire, status, f"the server answers {status} on schedule")
    message, code = (_TOO_LONG, "context_length_exceeded"), (_FILTERED, "content_policy_violation")
    said, named = message if refusal is Refusal.CONTEXT else code
    if wire in (Wire.OPENAI, Wire.RESPONSES):
        error: JSONValue = {"message": said, "type": "invalid_request_error", "param": "messages", "code": named}
        return json.dumps({"error": error}).encode()
    return error_body(wire, status, said)


def _named(fault: Fault, begins: FaultKind) -> str:
    parts = ([] if fault.kind is FaultKind.NONE else [str(fault)]) + (
        [] if begins is FaultKind.NONE else [begins.value]
    )
    return ", ".join(parts)


def _named_anew(call: ToolCall, number: int) -> ToolCall:
    """Give a call that is said again another id, as models do."""
    return evolve(call, id=f"{call.id}_{number}") if number else call


def _last_chars(pieces: Sequence[str], chars: int) -> list[str]:
    """Return the end of a text that is cut into pieces, cut at the same places."""
    kept: list[str] = []
    for piece in reversed(pieces):
        if chars <= 0:
            break
        kept.append(piece[-chars:])
        chars -= len(piece)
    return kept[::-1]


def _call_told(call: ToolCall) -> JSONValue:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}
