"""What each provider would send for a whole answer: from a provider's name to its wire format, and to bytes."""

from __future__ import annotations

import random

from attrs import evolve

from ....providers.by_name import provider_classes
from ....providers.openai_chat.model import ChatModel
from ...core.usage_error import UsageError
from ..script.answers import MODEL, Answer, split_pieces
from .formats import Reply, Wire, events_of, whole_of


def wire_of(provider_name: str) -> Wire:
    """Return the wire format that a provider speaks. Raises UsageError for one that nobody here can write."""
    made = provider_classes().get(provider_name)
    if made is not None and issubclass(made, ChatModel):
        return Wire.OPENAI
    known = {wire.value.replace("_", "-"): wire for wire in Wire}
    for name in (provider_name, provider_name.removeprefix("openai-")):
        if name in known:
            return known[name]
    listed = ", ".join(known)
    raise UsageError(
        f"no wire format is known for provider {provider_name!r}; expected a chat preset, or one of {listed}"
    )


def answer_events(provider_name: str, answer: Answer, *, seed: int = 0, is_cut: bool = False) -> list[bytes]:
    """Encode an answer as the events of a whole stream, the terminal event last.

    Args:
        provider_name: who speaks.
        answer: what is said.
        seed: how the text is cut into deltas.
        is_cut: the output ceiling ended it.
    """
    return events_of(wire_of(provider_name), evolve(_reply(answer, seed), is_cut=is_cut))


def whole_answer(provider_name: str, answer: Answer) -> bytes:
    """Encode an answer in one piece, as it is sent where no stream is asked for."""
    return whole_of(wire_of(provider_name), _reply(answer, 0))


def _reply(answer: Answer, seed: int) -> Reply:
    dice = random.Random(seed)  # noqa: S311 - how a text is cut into pieces is no secret
    text, thoughts = split_pieces(answer.text, dice), split_pieces(answer.reasoning, dice)
    return Reply(1 + seed, MODEL, text, thoughts, answer.calls, input_tokens=7)


def answer_tokens(answer: Answer, *, seed: int = 0) -> tuple[int, int]:
    """Return the tokens that such a body reports: of the prompt, and of the answer."""
    reply = _reply(answer, seed)
    return reply.input_tokens, reply.output_tokens


def answer_bytes(provider_name: str, answer: Answer, *, seed: int = 0) -> bytes:
    """Encode an answer as the whole body of a response."""
    return b"".join(answer_events(provider_name, answer, seed=seed))
