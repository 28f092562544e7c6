"""The ladder inside a tool loop: results stay typed, and a signature goes back to its own origin only: exact JSON."""

from __future__ import annotations

import json

import pytest

from riverrun.engine.core.messages import Message, ReasoningBlock, TextBlock, ToolCall, ToolResult
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.snapshot import InterruptSnapshot
from tests.providers.ladder_turns import TURNS
from tests.providers.test_ladder import LOOK, SAID, body, expected, provider, step

SIGNATURES = {
    "openai-responses": '{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],'
    '"encrypted_content":"c2ln"}',
    "openrouter": '{"type":"reasoning.text","signature":"c2ln","index":0}',
}
"""What a provider's decoder keeps as the signature, where it is more than the word on the wire."""
CUT = InterruptSnapshot(
    text=SAID,
    reasoning="So",
    blocks=(ReasoningBlock("So", "Y3V0", origin="elsewhere/m"), TextBlock(SAID)),
    output_tokens=100,
)
every_turn = pytest.mark.parametrize(("name", "model"), TURNS)


def asked(name: str, origin: str) -> InferenceRequest:
    thought = ReasoningBlock("Hm.", SIGNATURES.get(name, "c2ln"), origin=origin)
    elsewhere = ReasoningBlock("Else.", "c2lnLWVsc2U=", origin="elsewhere/m")
    calls = ToolCall("call00001", "look", {"at": "Ulm"}), ToolCall("call00002", "look", {})
    results = ToolResult("call00001", "wet"), ToolResult("call00002", "no eyes", is_error=True)
    return InferenceRequest(
        (Message.user("Where?"), Message.assistant(elsewhere, "Let me look.", thought, *calls),
         Message.tool_results(*results)),
        system="Be brief.", tools=(LOOK,), max_tokens=1000,
    )  # fmt: skip


@every_turn
def test_a_tool_loop_goes_on_with_typed_results_and_its_own_signature(name: str, model: str) -> None:
    of = provider(name, model)
    assert body(of, step(of, asked(name, of.origin), CUT)) == expected(TURNS[name, model], model)


@every_turn
def test_no_word_of_another_origins_reasoning_is_sent_and_none_of_the_cut_thought(name: str, model: str) -> None:
    of = provider(name, model)
    sent = json.dumps(body(of, step(of, asked(name, "elsewhere/other"), CUT)))
    assert not [word for word in ("c2ln", "Y3V0", "Else.", "Hm.", '"So"') if word in sent]
    assert SAID in sent
