"""What the loopback provider says to a request: the rest of its answer, or something else in a manner of a test's."""

from __future__ import annotations

import json
import random
from enum import StrEnum

from ...core.json_value import JSONObject
from ...core.usage import estimate_tokens
from ..script.answers import Answer, retelling, split_pieces
from ..wire.format import Reply


class Manner(StrEnum):
    """How the provider goes on after what was said; `chars` is `open_loopback`'s."""

    HONEST = "honest"
    """Exactly after it."""
    ECHO = "echo"
    """It says all of it again first."""
    OVERLAP = "overlap"
    """It says the last `chars` characters again first."""
    RESTART = "restart"
    """It starts over in other words (`retelling`), once."""
    SKIP = "skip"
    """It leaves out `chars` characters: a lie that nobody can see at the seam."""


class Replies:
    """The replies of one server, in order: each is cut into events by its number and the seed."""

    def __init__(self, answer: Answer, *, seed: int, manner: Manner, chars: int) -> None:
        self._answer = answer
        self._seed = seed
        self._manner = manner
        self._chars = chars
        self._count = 0

    def next(self, model: str, body: JSONObject, said: str) -> Reply | None:
        """Say what there is to say after what a request says was said; None if that was never said."""
        whole = next((text for text in self._tellings() if text.startswith(said)), None)
        if whole is None:
            return None
        self._count += 1
        dice = random.Random(self._seed * 1009 + self._count)  # noqa: S311 - the cuts have to repeat
        thinks = self._answer.reasoning and not said  # a prefilled turn does not think
        options = body.get("stream_options")
        return Reply(
            number=self._count,
            model=model,
            text=split_pieces(self._rest(whole, said), dice),
            reasoning=split_pieces(self._answer.reasoning, dice) if thinks else (),
            calls=self._answer.calls,
            input_tokens=estimate_tokens(json.dumps(body)),
            with_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        )

    def _tellings(self) -> tuple[str, ...]:
        text = self._answer.text
        return (text, retelling(text)) if self._manner is Manner.RESTART else (text,)

    def _rest(self, whole: str, said: str) -> str:
        if not said:
            return whole
        match self._manner:
            case Manner.HONEST:
                return whole[len(said) :]
            case Manner.ECHO:
                return whole
            case Manner.OVERLAP:
                return whole[max(len(said) - self._chars, 0) :]
            case Manner.SKIP:
                return whole[len(said) + self._chars :]
            case Manner.RESTART:
                return whole[len(said) :] if whole != self._answer.text else retelling(whole)
