"""Every recorded stream of both formats decodes to what is written beside it, however its bytes were cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from riverrun import Anthropic, OpenAIChat
from riverrun.engine.core.policy import Limits
from tests.providers.fold import decode, fold
from tests.providers.recordings import check, check_calls, check_usage, cut, load, recordings

pytestmark = pytest.mark.recordings

API_WIRES = ("anthropic", "openai-chat")

every_recording = pytest.mark.parametrize("meta", recordings(*API_WIRES))


def new_decoder(described: dict[str, Any], **options: Any) -> Any:
    provider = (Anthropic if described["wire"] == "anthropic" else OpenAIChat)("some-model", api_key="sk-test-key")
    return provider.decoder(Limits(**options))


@every_recording
def test_a_recording_decodes_to_what_is_written_beside_it(meta: Path | None) -> None:
    described, data = load(meta)
    decoder = new_decoder(described)
    answer = fold(decode(decoder, [data]))
    expected = described["expected"]
    check(answer, decoder, expected)
    check_calls(answer, expected)
    check_usage(answer, expected["usage"])
    assert answer.signatures == expected["signatures"]
    assert len(answer.redacted) == expected["redacted_or_encrypted"]
    assert answer.pings == expected["pings"]


@pytest.mark.parametrize("how", ["lines", "bytes", "seed 1", "seed 2"])
@every_recording
def test_a_recording_decodes_the_same_however_it_is_cut(meta: Path | None, how: str) -> None:
    described, data = load(meta)
    whole, cut_up = new_decoder(described), new_decoder(described)
    assert decode(cut_up, cut(data, how)) == decode(whole, [data])
    assert (cut_up.is_complete, cut_up.defect) == (whole.is_complete, whole.defect)


@every_recording
def test_server_tools_of_a_recording_are_announced_and_kept_whole(meta: Path | None) -> None:
    described, data = load(meta)
    answer = fold(decode(new_decoder(described), [data]))
    told = [tool["name"] for tool in described["expected"]["server_tools"] if tool.get("name")]
    assert answer.server_tools == told
    plain = {"text", "thinking", "redacted_thinking", "tool_use"}
    kinds = [kind for kind in described["expected"]["block_types"] if kind not in plain]
    assert [received.block.kind for received in answer.opaque] == kinds


@every_recording
def test_a_recording_without_its_end_is_never_complete(meta: Path | None) -> None:
    described, data = load(meta)
    last = max(data.find(b'"message_delta"'), data.find(b'"finish_reason":"'))  # the stop reason is the last word
    decoder = new_decoder(described)
    decode(decoder, [data[: max(last, 0)]])
    assert not decoder.is_complete
