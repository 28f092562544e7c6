"""What a decoder holds back is one sum, in bytes: many things that are each within their bound are beyond it together.

And holding is all it costs: the work for each byte that comes does not grow with what is held.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from riverrun.engine.core import stream_events as events
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.providers.anthropic.decode import AnthropicDecoder
from riverrun.providers.ollama.decode import OllamaDecoder
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from riverrun.providers.wire.json import NAME_CHARS_MAX
from tests.providers.samples import block_delta, block_start, block_stop, chunk, message_start, sse, tool_start

HELD = "more than 100000 bytes are held back; expected at most that (held_bytes_max)"
LIMITS = Limits(held_bytes_max=100_000, arguments_bytes_max=50_000)
X = "x" * 1000
LISTS: list[Any] = [[]] * 400
"""Few bytes, many values."""


def fail(_error: Any) -> Failure:
    return Failure(FailureKind.PROVIDER, "x")


def anthropic() -> Any:
    return AnthropicDecoder("anthropic/m", LIMITS, read_error=fail)


def chat() -> Any:
    return OpenAIChatDecoder(LIMITS, read_error=fail, has_details=True, is_compatible=True)


def ollama() -> Any:
    return OllamaDecoder(LIMITS, read_error=fail)


def fragment(index: int, arguments: str, **call: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}, **call}]})


def detail(**fields: Any) -> dict[str, Any]:
    return chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "a", **fields}]})


def server_tool(index: int) -> bytes:
    begin = block_start(index, "server_tool_use", id=f"s{index}", name="search", input={})
    return sse(begin, *[block_delta(index, "ab", "input_json_delta") for _ in range(500)])


def a_call(call_id: str) -> bytes:
    call = {"id": call_id, "function": {"name": "f", "arguments": {}}}
    return json.dumps({"message": {"tool_calls": [call]}}).encode() + b"\n"


GROWING: dict[str, tuple[Callable[[], Any], Callable[[int], bytes]]] = {
    "anthropic: open blocks that go back unchanged": (anthropic, lambda n: sse(block_start(n, "x", x=X))),
    "anthropic: open blocks of values": (anthropic, lambda n: sse(block_start(n, "x", x=LISTS))),
    "anthropic: open calls that hold their input": (anthropic, lambda n: sse(tool_start(n, f"c{n}", input={"a": X}))),
    "anthropic: arguments of server tools": (anthropic, server_tool),
    "anthropic: ids of calls": (anthropic, lambda n: sse(tool_start(n, f"{n}{X}"), block_stop(n))),
    "chat: arguments before a name": (chat, lambda n: sse(fragment(n, "{" + X, id=f"c{n}"))),
    "chat: ids of calls": (chat, lambda n: sse(fragment(n, "{}", id=f"{n}{X}"))),
    "chat: details with ever new keys": (chat, lambda n: sse(detail(**{f"k{n}": X}))),
    "chat: details of values": (chat, lambda n: sse(detail(**{f"k{n}": LISTS}))),
    "ollama: ids of calls": (ollama, lambda n: a_call(f"{n}{X}")),
}


def feed_until_it_breaks(make: Callable[[], Any], piece: Callable[[int], bytes]) -> tuple[Any, int]:
    decoder = make()
    decoder.feed(sse(message_start()) if isinstance(decoder, AnthropicDecoder) else b"")
    for number in range(1000):
        decoder.feed(piece(number))
        if decoder.defect is not None:
            return decoder, number
    return decoder, 1000


@pytest.mark.parametrize("name", GROWING)
def test_all_that_a_decoder_holds_back_is_bounded_by_one_sum(name: str) -> None:
    decoder, number = feed_until_it_breaks(*GROWING[name])
    assert decoder.defect == HELD
    assert 1 <= number <= 101


HANDED_OVER: dict[str, tuple[Callable[[], Any], Callable[[int], bytes]]] = {
    "anthropic: blocks that were closed": (anthropic, lambda n: sse(block_start(n, "x", x=X), block_stop(n))),
    "anthropic: open texts whose start nobody reads": (anthropic, lambda n: sse(block_start(n, text="", x=X))),
    "anthropic: text": (anthropic, lambda n: sse(block_start(n), block_delta(n, X), block_stop(n))),
    "chat: details that say the same again": (chat, lambda _: sse(detail(signature=X, format=LISTS[:10]))),
    "chat: details that were closed": (chat, lambda _: sse(detail(signature=X), chunk({"content": "a"}))),
    "chat: arguments that found their name": (
        chat,
        lambda n: sse(fragment(n, "{" + X, id=f"c{n}"), fragment(n, "", function={"name": "f", "arguments": ""})),
    ),
}


@pytest.mark.parametrize("name", HANDED_OVER)
def test_what_was_handed_over_or_is_not_read_is_not_held(name: str) -> None:
    decoder, number = feed_until_it_breaks(*HANDED_OVER[name])
    assert (decoder.defect, number) == (None, 1000)


def test_a_message_that_begins_again_holds_nothing_of_the_first() -> None:
    decoder = anthropic()
    for _ in range(50):
        decoder.feed(sse(message_start(), block_start(0, "x", x=X * 20)))
    assert decoder.defect is None


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (anthropic, sse(message_start(), tool_start(0, "c" * (NAME_CHARS_MAX + 1)))),
        (anthropic, sse(message_start(), tool_start(0, name="f" * (NAME_CHARS_MAX + 1)))),
        (
            chat,
            sse(fragment(0, "{}", function={"name": "f" * (NAME_CHARS_MAX + 1), "arguments": "{}"}), chunk({}, "stop")),
        ),
        (ollama, a_call("c").replace(b'"f"', b'"' + b"f" * (NAME_CHARS_MAX + 1) + b'"')),
    ],
)
def test_a_name_or_an_id_that_is_longer_than_names_are_is_none(make: Callable[[], Any], body: bytes) -> None:
    decoder = make()
    assert not [event for event in decoder.feed(body) if isinstance(event, events.ToolCallStart)]
    assert "name" in decoder.defect


def test_a_made_up_id_takes_the_place_of_one_that_is_too_long() -> None:
    said = chat().feed(sse(fragment(0, "{}", id=X * 5, function={"name": "f", "arguments": ""})))
    assert [event.id for event in said if isinstance(event, events.ToolCallStart)] == ["call_chatcmpl-1_0"]


LONG_IDS: list[tuple[Callable[[], Any], bytes]] = [
    (anthropic, sse(message_start("m" * 5000))),
    (chat, sse({**chunk({"content": "a"}), "id": "m" * 5000})),
    (ollama, json.dumps({"model": "m" * 5000, "created_at": "1" * 5000, "message": {}}).encode() + b"\n"),
]


@pytest.mark.parametrize(("make", "body"), LONG_IDS, ids=["anthropic", "chat", "ollama"])
def test_a_response_whose_id_or_model_is_too_long_has_none(make: Callable[[], Any], body: bytes) -> None:
    (started, *_rest) = make().feed(body)
    assert isinstance(started, events.ResponseStarted)
    assert len(started.response_id) + len(started.model) < 100
