"""The conversation of a trial, as each format's own reader in the kit understands it."""

from __future__ import annotations

import json

import pytest

from riverrun.engine.bench.faults.catalog import WIRES
from riverrun.engine.bench.running.conversation import PROMPT, Called, Turn, ask_of, messages_of
from riverrun.engine.bench.server.asked import asked_of
from riverrun.engine.testing.wire.formats import Wire

TURN = Turn("I will look.", (Called("call_1", "read_gauge", '{"station": "Köln"}'),))
KEYS = {Wire.RESPONSES: "input", Wire.GEMINI: "contents"}


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_begins_with_the_prompt(wire: Wire) -> None:
    messages = messages_of(wire, ())
    assert len(messages) == 1
    assert PROMPT in json.dumps(messages[0])


@pytest.mark.parametrize("wire", WIRES)
def test_calls_and_their_results_are_written_so_that_the_server_reads_them(wire: Wire) -> None:
    body = {KEYS.get(wire, "messages"): messages_of(wire, (TURN,)), "stream": True}
    asked = asked_of(wire, wire.path, "well", body)
    assert asked.called == {"read_gauge"}


def test_an_ask_is_json_and_holds_the_turns_without_a_format_too() -> None:
    ask = ask_of(
        base_url="http://127.0.0.1:1/t/1", wire=Wire.OPENAI, model="reset@7", turns=(TURN,),
        limits={"patience_s": 1.5, "delay_s_max": 0.5}, attempts=4, key="sk",
    )  # fmt: skip
    told = json.loads(json.dumps(ask))
    assert told["turns"][0]["calls"][0]["name"] == "read_gauge"
    assert (told["patience_s"], told["attempts"], told["wire"]) == (1.5, 4, "openai")
