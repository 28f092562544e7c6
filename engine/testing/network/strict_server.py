"""A provider that thinks, signs what it thought, and refuses what it did not sign under the prefix it stands in.

    server = StrictServer(Wire.ANTHROPIC, [WEATHER, RIVERS], breaks=[20, 25])
    client = ScriptedNetwork(server.answer).client()

It is honest otherwise: it goes on exactly after what the request says was said. The n-th answer of the conversation is
given to the request that holds n turns of tool results or of the user's after the first.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import cast

from attrs import define, evolve, field

from ...core.json_value import JSONObject
from ..script.answers import Answer, split_pieces
from ..wire.format import Continuation, Reply
from ..wire.formats import Wire, error_body, events_of, read_continuation
from .script import Reset, SentRequest, Step, response
from .strict_seals import Seals


@define(eq=False)
class StrictServer:
    """Answers the requests of one conversation; give `answer` to a `ScriptedNetwork`.

    Args:
        wire: the format that is spoken.
        answers: what is said, turn by turn.
        breaks: after how many pieces of text the n-th request's answer is reset; None, or none left: not at all.
        hides: thoughts are sealed, and not shown.
        has_details: thoughts are told as OpenRouter does.
        thinks_from: the first request whose answer has thoughts: a model that thinks where it sees fit.

    Attributes:
        refused: why requests were answered 400.
        taken: how many requests came.
    """

    wire: Wire
    answers: Sequence[Answer]
    breaks: list[int | None] = field(factory=list[int | None])
    hides: bool = False
    has_details: bool = False
    thinks_from: int = 1
    refused: list[str] = field(factory=list[str], init=False)
    taken: int = field(default=0, init=False)
    seals: Seals = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.seals = Seals(self.wire, always=self.thinks_from <= 1)

    def answer(self, request: SentRequest) -> list[Step]:
        """Answer a request, or refuse it with the provider's own 400."""
        body = cast("JSONObject", json.loads(request.body))
        self.taken += 1
        why = self.seals.judge(body)
        if why is not None:
            self.refused.append(why)
            body_of_error = error_body(self.wire, 400, why)
            return response([body_of_error], status=400, headers={"content-type": "application/json"})
        broken_after = self.breaks.pop(0) if self.breaks else None
        reply = self._reply(body, broken_after)
        events = events_of(self.wire, reply)
        if broken_after is not None:  # what is the same in an answer that is shorter was said before the break
            shorter = events_of(self.wire, evolve(reply, text=reply.text[:broken_after], calls=()))
            same = takewhile(lambda pair: pair[0] == pair[1], zip(events, shorter, strict=False))
            return response([*(event for event, _ in same), Reset()])
        return response(events)

    def _reply(self, body: JSONObject, broken_after: int | None) -> Reply:
        continuation = read_continuation(self.wire, body, continues=True)
        answer = self.answers[self._turn(body, continuation)]
        dice = random.Random(self.taken)  # noqa: S311 - the cuts have to repeat
        text = split_pieces(answer.text[len(continuation.text) :], dice)
        thoughts = f"{answer.reasoning} ({self.taken})"  # other words each time
        ahead = "".join(text) if self.wire is Wire.GEMINI and broken_after is None else ""  # there a seal comes last
        reply = Reply(self.taken, "strict", text, calls=answer.calls, has_details=self.has_details)
        if self.taken < self.thinks_from:
            return reply
        shown = () if self.hides else split_pieces(thoughts, dice)
        return evolve(reply, reasoning=shown, signature=self.seals.seal(body, ahead), hides=self.hides)

    def _turn(self, body: JSONObject, continuation: Continuation) -> int:
        """Count the turns of the user's after the first, the one that quotes left out."""
        pieces = self.seals.read(body)
        begun = sum(before.is_model and not piece.is_model for before, piece in pairwise(pieces))
        return begun - continuation.is_quote
