"""What a strict provider signed, and under which prefix: it refuses a request that sends back anything else.

A signature is bound to everything that stood before it when it was made (system text, turns, the blocks of its own
answer). The judge reads a request as a sequence of pieces and looks, for each sealed one, whether it stands under that
same prefix. What a format asks for besides (a first block, a following item, a signed call) is judged too.

Source: wire-formats §1.5 "Thinking replay", §3.1, §4.4, §5.4 (2026-11); for `Wants`, the sources of
`providers/openai_chat/beside_calls` and `reasoning_details`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise

from attrs import define, evolve, field, frozen

from ...core.json_value import JSONObject, JSONValue
from ..wire.format import objects, text_of
from ..wire.formats import Wire

NEEDS_NONE = "skip_thought_signature_validator"
"""Gemini's word for a call that can not be signed: it is let through, and the model thinks the less of it."""


@frozen
class Piece:
    """One thing that a request holds: whose it is, what it is, and the seal on it; "" for none."""

    is_model: bool
    item: JSONObject
    seal: str = ""

    @property
    def kind(self) -> str:
        """The item's type, "" where the format has none."""
        return str(self.item.get("type", ""))

    @property
    def is_result(self) -> bool:
        """Whether it answers a call."""
        return "functionResponse" in self.item or self.kind in _RESULTS or self.item.get("role") == "tool"


_RESULTS = frozenset({"tool_result", "function_call_output", "function_result"})


class Wants(StrEnum):
    """What a server of Chat Completions wants back on each turn with calls, and answers 400 without."""

    SIGNED_CALLS = "signed calls"
    REASONING_CONTENT = "reasoning_content"
    REASONING_DETAILS = "reasoning_details"


_LACKING = {
    Wants.SIGNED_CALLS: "Function call is missing a thought_signature in functionCall parts",
    Wants.REASONING_CONTENT: "thinking is enabled but reasoning_content is missing in assistant tool call message",
    Wants.REASONING_DETAILS: "reasoning_details are missing in assistant tool call message",
}


def _signature_of(turn: JSONObject) -> str:
    extra = objects(turn.get("tool_calls"))[0].get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    return str(google.get("thought_signature")) if isinstance(google, Mapping) else ""


_WANTED: dict[Wants, Callable[[JSONObject], str]] = {
    Wants.SIGNED_CALLS: _signature_of,
    Wants.REASONING_CONTENT: lambda turn: str(turn.get("reasoning_content")),
    Wants.REASONING_DETAILS: lambda turn: text_of(turn.get("reasoning_details")),
}


@define(eq=False)
class Seals:
    """The seals of one provider: `seal` makes one, `judge` says what is wrong with a request.

    Attributes:
        wire: the format that is spoken.
        always: the model always thinks, so a turn with calls begins with thoughts.
        wants: what a server of Chat Completions wants back on a turn with calls.
        made: the prefix under which each seal was made.
        thought: the thoughts that were told.
    """

    wire: Wire
    always: bool = True
    wants: Wants | None = None
    made: dict[str, str] = field(factory=dict[str, str])
    thought: list[str] = field(factory=list[str])

    def seal(self, body: JSONObject, said: str = "") -> str:
        """Sign what is thought in answer to a request; `said` is the text that the answer says before the seal."""
        mark = f"c2VhbA{len(self.made):04}=="
        own = [Piece(is_model=True, item={"text": said})] if said else []
        self.made[mark] = _prefix([*self.read(body), *own])
        return mark

    def read(self, body: JSONObject) -> list[Piece]:
        """Read a request as its pieces, in order."""
        return list(_READERS[self.wire](body))

    def judge(self, body: JSONObject) -> str | None:
        """Say why the provider answers 400, in its words; None where nothing is wrong."""
        pieces = self.read(body)
        for place, piece in enumerate(pieces):
            if piece.seal and piece.seal != NEEDS_NONE and self.made.get(piece.seal) != _prefix(pieces[:place]):
                return _FOREIGN[self.wire]
        if self.wants is not None:
            return next(self._lacking(body, self.wants), None)
        return _RULES[self.wire](pieces) if self.always else None

    def _lacking(self, body: JSONObject, wants: Wants) -> Iterator[str]:
        """Say of each turn with calls what it should hold, and does not hold as it was told."""
        for place, turn in enumerate(objects(body.get("messages"))):
            calls = objects(turn.get("tool_calls"))
            told = _WANTED[wants](turn) if calls else ""
            known = (*self.made, NEEDS_NONE) if wants is Wants.SIGNED_CALLS else self.thought
            if calls and told not in known:
                yield f"{_LACKING[wants]} at index {place}"


def _prefix(pieces: Sequence[Piece]) -> str:
    """Write what stands before a seal; neighbouring texts are one, for so the model sees them."""
    said: list[Piece] = []
    for piece in pieces:
        last = said[-1] if said else None
        if last is not None and last.is_model is piece.is_model and _is_text(last) and _is_text(piece):
            said[-1] = evolve(last, item={"text": f"{last.item['text']}{piece.item['text']}"})
        elif not (_is_text(piece) and not piece.item["text"]):
            said.append(evolve(piece, item={"text": piece.item["text"]}) if _is_text(piece) else piece)
    return json.dumps([[piece.is_model, piece.item] for piece in said], sort_keys=True)


def _is_text(piece: Piece) -> bool:
    return isinstance(piece.item.get("text"), str) and not piece.seal and set(piece.item) <= {"type", "text"}


# -- how each format is read ------------------------------------------------------------------------------------------


def _system(value: JSONValue) -> Iterator[Piece]:
    if value:
        yield Piece(is_model=False, item={"system": value})


def _read_anthropic(body: JSONObject) -> Iterator[Piece]:
    yield from _system(body.get("system"))
    for turn in objects(body.get("messages")):
        for block in objects(turn.get("content")):
            sealed = block.get("signature") if block.get("type") == "thinking" else block.get("data")
            is_sealed = block.get("type") in ("thinking", "redacted_thinking")
            yield Piece(turn.get("role") == "assistant", block, str(sealed) if is_sealed else "")


def _read_chat(body: JSONObject) -> Iterator[Piece]:
    for turn in objects(body.get("messages")):
        is_model = turn.get("role") == "assistant"
        for detail in objects(turn.get("reasoning_details")):
            yield Piece(is_model, detail, str(detail.get("signature") or detail.get("data") or ""))
        yield Piece(is_model, {key: value for key, value in turn.items() if key != "reasoning_details"})


def _read_responses(body: JSONObject) -> Iterator[Piece]:
    yield from _system(body.get("instructions"))
    for item in objects(body.get("input")):
        is_model = item.get("role") == "assistant" or item.get("type") in ("reasoning", "function_call")
        yield Piece(is_model, item, str(item.get("encrypted_content") or ""))


def _read_gemini(body: JSONObject) -> Iterator[Piece]:
    yield from _system(body.get("systemInstruction"))
    for content in objects(body.get("contents")):
        for part in objects(content.get("parts")):
            yield Piece(content.get("role") == "model", part, str(part.get("thoughtSignature") or ""))


def _read_interactions(body: JSONObject) -> Iterator[Piece]:
    yield from _system(body.get("system_instruction"))
    for step in objects(body.get("input")):
        is_model = step.get("type") not in ("user_input", "function_result")
        yield Piece(is_model, step, str(step.get("signature") or ""))


def _read_nothing(_body: JSONObject) -> Iterator[Piece]:
    yield from ()


_READERS: dict[Wire, Callable[[JSONObject], Iterator[Piece]]] = {
    Wire.ANTHROPIC: _read_anthropic,
    Wire.OPENAI: _read_chat,
    Wire.RESPONSES: _read_responses,
    Wire.GEMINI: _read_gemini,
    Wire.INTERACTIONS: _read_interactions,
    Wire.OLLAMA: _read_nothing,
}


# -- what each format asks for besides --------------------------------------------------------------------------------


def _needs_first_thought(pieces: Sequence[Piece]) -> str | None:
    """In a tool loop the turn with the calls begins with its thoughts."""
    for before, piece in pairwise(pieces):
        first = piece.is_model and not before.is_model
        calls = _run_of_model(pieces, piece) if first else []
        if any(call.kind == "tool_use" for call in calls) and not calls[0].seal:
            found = f"Expected `thinking` or `redacted_thinking`, but found `{calls[0].kind}`"
            return f"messages: {found}. When `thinking` is enabled, a final `assistant` message must start with one."
    return None


def _run_of_model(pieces: Sequence[Piece], first: Piece) -> list[Piece]:
    start = next(place for place, piece in enumerate(pieces) if piece is first)
    end = next((place for place in range(start, len(pieces)) if not pieces[place].is_model), len(pieces))
    return list(pieces[start:end])


def _needs_following_item(pieces: Sequence[Piece]) -> str | None:
    """A reasoning item stands right before an item of the model's."""
    for piece, after in pairwise((*pieces, Piece(is_model=False, item={}))):
        if piece.kind == "reasoning" and not after.is_model:
            named = piece.item.get("id")
            return f"Item '{named}' of type 'reasoning' was provided without its required following item."
    return None


def _needs_signed_call(pieces: Sequence[Piece]) -> str | None:
    """The first call of each step of the model's is signed."""
    for before, piece in pairwise(pieces):
        is_first = "functionCall" in piece.item and "functionCall" not in before.item
        if is_first and not piece.seal:
            return "Function call is missing a thought_signature in functionCall parts."
    return None


def _needs_nothing(_pieces: Sequence[Piece]) -> str | None:
    return None


_RULES: dict[Wire, Callable[[Sequence[Piece]], str | None]] = {
    **dict.fromkeys(Wire, _needs_nothing),
    Wire.ANTHROPIC: _needs_first_thought,
    Wire.RESPONSES: _needs_following_item,
    Wire.GEMINI: _needs_signed_call,
}

_FOREIGN: dict[Wire, str] = {
    Wire.ANTHROPIC: "messages.1.content.0: Invalid `signature` in `thinking` block",
    Wire.OPENAI: "Provider returned error: Invalid `signature` in `thinking` block",
    Wire.RESPONSES: "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted.",
    Wire.GEMINI: "Corrupted thought signature.",
    Wire.INTERACTIONS: "Corrupted thought signature.",
    Wire.OLLAMA: "",
}
"""What each provider answers to a seal that it did not make, or not under this prefix."""
