"""Streams recorded by others, read in place: which there are, what each is expected to say, and every way to cut."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require_shared, shared_path
from tests.providers.fold import Answer

BYTEWISE_BYTES = 8192  # beyond this, byte by byte shows nothing new and takes minutes


def recordings(*folders: str) -> list[Any]:
    root = shared_path()
    if root is None:
        return [pytest.param(None, id="absent")]
    return [
        pytest.param(meta, id=f"{folder}/{meta.stem}")
        for folder in folders
        for meta in sorted((root / "recordings" / folder).glob("*.json"))
    ]


def load(meta: Path | None) -> tuple[dict[str, Any], bytes]:
    if meta is None:
        require_shared()
    assert meta is not None
    described = json.loads(meta.read_text("utf-8"))
    return described, (meta.parent / described["file"]).read_bytes()


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
        said = usage["output_tokens"]  # a later 0 does not replace the 1 of message_start
        assert answer.usage.output == said or (said, answer.usage.output) == (0, 1)
        details = usage.get("output_tokens_details") or {}
        assert answer.usage.reasoning == (details.get("thinking_tokens") or 0)


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
