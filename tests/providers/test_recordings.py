"""Every recorded stream of both formats decodes to what is written beside it, however its bytes were cut."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from riverrun.engine.core.policy import Limits
from riverrun.providers import Anthropic, OpenAIChat
from tests.conftest import require_shared, shared_path
from tests.providers.fold import Answer, decode, fold

pytestmark = pytest.mark.recordings

API_WIRES = ("anthropic", "openai-chat")
BYTEWISE_BYTES = 8192  # beyond this, byte by byte shows nothing new and takes minutes


def recordings() -> list[Any]:
    root = shared_path()
    if root is None:
        return [pytest.param(None, id="absent")]
    return [
        pytest.param(meta, id=f"{api}/{meta.stem}")
        for api in API_WIRES
        for meta in sorted((root / "recordings" / api).glob("*.json"))
    ]


every_recording = pytest.mark.parametrize("meta", recordings())


def load(meta: Path | None) -> tuple[dict[str, Any], bytes]:
    if meta is None:
        require_shared()
    assert meta is not None
    described = json.loads(meta.read_text("utf-8"))
    return described, (meta.parent / described["file"]).read_bytes()


def new_decoder(described: dict[str, Any], **options: Any) -> Any:
    provider = (Anthropic if described["wire"] == "anthropic" else OpenAIChat)("some-model", api_key="sk-test-key")
    return provider.decoder(Limits(**options))


def check(answer: Answer, decoder: Any, expected: dict[str, Any]) -> None:
    assert decoder.defect is None
    assert answer.failure is None
    assert answer.text == expected["text"] + expected["refusal"]
    assert answer.reasoning == expected["reasoning"]
    assert (answer.stop and answer.stop.word) == expected["finish_reason"]
    assert answer.response_id == expected["response_id"]
    assert decoder.is_complete == (expected["terminal_marker"] is not None)


def check_calls(answer: Answer, expected: dict[str, Any]) -> None:
    seen = [(call.id, call.name, call.arguments, call.end) for call in answer.calls.values()]
    told = [
        (call["id"], call["name"], call["args"], "closed" if call.get("args_complete", True) else "cut")
        for call in expected["tool_calls"]
    ]
    assert seen == told


def check_usage(answer: Answer, usage: dict[str, Any] | None) -> None:
    usage = usage or {}
    if "prompt_tokens" in usage:
        assert (answer.usage.input, answer.usage.output) == (usage["prompt_tokens"], usage["completion_tokens"])
        details = usage.get("completion_tokens_details") or {}
        assert answer.usage.reasoning == (details.get("reasoning_tokens") or 0)
        assert answer.usage.cached_input == ((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    elif usage:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        assert answer.usage.input == sum(usage.get(name) or 0 for name in names)
        assert answer.usage.output == usage["output_tokens"]
        details = usage.get("output_tokens_details") or {}
        assert answer.usage.reasoning == (details.get("thinking_tokens") or 0)


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


def cut(data: bytes, how: str) -> list[bytes]:
    if how == "lines":
        return data.splitlines(keepends=True)
    if how == "bytes":
        head = [data[at : at + 1] for at in range(min(len(data), BYTEWISE_BYTES))]
        return [*head, data[BYTEWISE_BYTES:]]
    dice, chunks, at = random.Random(how), [], 0
    while at < len(data):
        size = dice.choice((1, 2, 3, 7, 40, 400, 4000))
        chunks.append(data[at : at + size])
        at += size
    return chunks


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
    last = max(data.rfind(b'"message_stop"'), data.find(b'"finish_reason":"'))
    decoder = new_decoder(described)
    decode(decoder, [data[: max(last, 0)]])
    assert not decoder.is_complete
