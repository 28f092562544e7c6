"""The judge of seals: what it lets through, and what it refuses with each provider's own words."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun.engine.testing.network.strict_seals import NEEDS_NONE, Seals
from riverrun.engine.testing.wire.formats import Wire

SEALING = [Wire.ANTHROPIC, Wire.OPENAI, Wire.RESPONSES, Wire.GEMINI, Wire.INTERACTIONS]


def turns(wire: Wire, asked: str, *model: dict[str, Any]) -> Any:
    """A request: a question, and a turn of the model's."""
    match wire:
        case Wire.ANTHROPIC:
            asks = {"role": "user", "content": [{"type": "text", "text": asked}]}
            return {"messages": [asks, *([{"role": "assistant", "content": list(model)}] if model else [])]}
        case Wire.GEMINI:
            asks = {"role": "user", "parts": [{"text": asked}]}
            return {"contents": [asks, *([{"role": "model", "parts": list(model)}] if model else [])]}
        case Wire.OPENAI:
            answers = {"role": "assistant", "content": "so", "reasoning_details": list(model)}
            return {"messages": [{"role": "user", "content": asked}, *([answers] if model else [])]}
        case Wire.RESPONSES:
            after = [{"type": "message", "role": "assistant", "content": "so"}] if model else []
            return {"input": [{"type": "message", "role": "user", "content": asked}, *model, *after]}
        case _:
            return {"input": [{"type": "user_input", "content": [{"type": "text", "text": asked}]}, *model]}


def sealed(wire: Wire, mark: str) -> dict[str, Any]:
    """A thought with this seal."""
    return {
        Wire.ANTHROPIC: {"type": "thinking", "thinking": "hm", "signature": mark},
        Wire.OPENAI: {"type": "reasoning.text", "text": "hm", "signature": mark},
        Wire.RESPONSES: {"type": "reasoning", "id": "rs_1", "encrypted_content": mark},
        Wire.GEMINI: {"text": "hm", "thought": True, "thoughtSignature": mark},
    }.get(wire, {"type": "thought", "signature": mark})


@pytest.mark.parametrize("wire", SEALING)
def test_a_seal_is_taken_back_under_its_own_prefix_and_under_no_other(wire: Wire) -> None:
    seals = Seals(wire)
    mark = seals.seal(turns(wire, "Why?"))
    assert seals.judge(turns(wire, "Why?", sealed(wire, mark))) is None
    assert seals.judge(turns(wire, "Why not?", sealed(wire, mark)))


@pytest.mark.parametrize("wire", SEALING)
def test_a_seal_that_was_never_made_is_refused(wire: Wire) -> None:
    seals = Seals(wire)
    seals.seal(turns(wire, "Why?"))
    assert seals.judge(turns(wire, "Why?", sealed(wire, "bm9uZQ==")))


@pytest.mark.parametrize("wire", SEALING)
def test_a_second_seal_stands_behind_the_first_or_is_refused(wire: Wire) -> None:
    seals = Seals(wire)
    first = sealed(wire, seals.seal(turns(wire, "Why?")))
    second = sealed(wire, seals.seal(turns(wire, "Why?", first)))
    assert seals.judge(turns(wire, "Why?", second))


def test_a_turn_with_calls_begins_with_thoughts_where_the_model_always_thinks() -> None:
    asked = turns(Wire.ANTHROPIC, "Why?", {"type": "tool_use", "id": "1", "name": "look", "input": {}})
    assert "Expected `thinking`" in (Seals(Wire.ANTHROPIC).judge(asked) or "")
    assert Seals(Wire.ANTHROPIC, always=False).judge(asked) is None


def test_a_reasoning_item_alone_and_a_call_without_a_seal_are_refused() -> None:
    seals = Seals(Wire.RESPONSES)
    alone = sealed(Wire.RESPONSES, seals.seal(turns(Wire.RESPONSES, "Why?")))
    orphan = {"input": [*turns(Wire.RESPONSES, "Why?")["input"], alone]}
    assert "without its required following item" in (seals.judge(orphan) or "")
    call = {"functionCall": {"name": "look", "args": {}}}
    assert "missing a thought_signature" in (Seals(Wire.GEMINI).judge(turns(Wire.GEMINI, "Why?", call)) or "")
    assert Seals(Wire.GEMINI).judge(turns(Wire.GEMINI, "Why?", call | {"thoughtSignature": NEEDS_NONE})) is None
