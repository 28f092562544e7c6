"""A client of sockets and h11 alone: what really came, byte by byte, how it ended, and how long it was silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import h11
import trio
from attrs import define, field

from riverrun.testing import Wire

QUESTION = "How high is the water?"
SILENT_S = 0.35
"""No words for so long are silence, which the shortest in quick timing is longer than."""
TALKS_S = 0.8
"""A body that goes on for so long after its last word says nothing but that it lives."""


class End(StrEnum):
    WHOLE = "whole"
    """The HTTP body ended as it was announced."""
    CUT = "cut"
    """The server closed its side before that."""
    RESET = "reset"
    SILENT = "silent"
    TALKS = "talks"
    """Bytes come, and no end of them."""


@define
class Seen:
    status: int = 0
    headers: dict[str, str] = field(factory=dict[str, str])
    body: bytes = b""
    end: End = End.WHOLE
    gap_s: float = 0.0
    """The longest wait for bytes."""
    to_headers_s: float = 0.0
    raw: bytes = b""


def asking(
    wire: Wire, model: str, *, streams: bool = True, turns: list[tuple[str, str]] | None = None
) -> tuple[str, bytes]:
    """A request of a format: its path and its body. Turns are roles and texts."""
    said = turns or [("user", QUESTION)]
    body: dict[str, Any]
    match wire:
        case Wire.GEMINI:
            how = "streamGenerateContent?alt=sse" if streams else "generateContent"
            parts = [
                {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]} for role, text in said
            ]
            return f"/v1beta/models/{model}:{how}", json.dumps({"contents": parts}).encode()
        case Wire.RESPONSES:
            body = {"input": [{"role": role, "content": text} for role, text in said]}
        case _:
            body = {"messages": [{"role": role, "content": text} for role, text in said]}
    if wire is Wire.ANTHROPIC:
        body["max_tokens"] = 999
    return wire.path, json.dumps({"model": model, "stream": streams, **body}).encode()


async def seen_from(port: int, path: str, body: bytes, *, silent_s: float = SILENT_S, talks_s: float = TALKS_S) -> Seen:
    """Ask, and read until it ends, or is silent for `silent_s`, or has gone on for `talks_s`."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        await stream.send_all(head.encode() + body)
        return await _read(stream, silent_s, talks_s)


async def _read(stream: trio.SocketStream, silent_s: float, talks_s: float) -> Seen:
    seen, reader, began = Seen(), h11.Connection(h11.CLIENT), trio.current_time()
    for event in (h11.Request(method="POST", target="/", headers=[("host", "x")]), h11.EndOfMessage()):
        reader.send(event)
    while True:
        asked = trio.current_time()
        with trio.move_on_after(silent_s) as scope:
            try:
                data = await stream.receive_some()
            except trio.BrokenResourceError:
                return _ended(seen, End.RESET)
        if scope.cancelled_caught or trio.current_time() - began > talks_s:
            return _ended(seen, End.SILENT if scope.cancelled_caught else End.TALKS)
        seen.gap_s = max(seen.gap_s, trio.current_time() - asked)
        seen.raw += data
        try:
            reader.receive_data(data)
            if _take(reader, seen, trio.current_time() - began):
                return _ended(seen, End.WHOLE)
        except h11.RemoteProtocolError:
            return _ended(seen, End.CUT)


def _take(reader: h11.Connection, seen: Seen, at_s: float) -> bool:
    while True:
        match reader.next_event():
            case h11.Response(status_code=status, headers=headers):
                seen.status, seen.to_headers_s = status, at_s
                seen.headers = {name.decode(): value.decode() for name, value in headers}
            case h11.Data(data=data):
                seen.body += bytes(data)
            case h11.EndOfMessage():
                return True
            case h11.ConnectionClosed():
                raise h11.RemoteProtocolError("closed before a response")
            case _:
                return False


def _ended(seen: Seen, end: End) -> Seen:
    seen.end = end
    return seen


# -- what was said ---------------------------------------------------------------------------------------------------


def events_in(body: bytes) -> Iterator[dict[str, Any]]:
    """The objects of a body that are whole, of server-sent events or of lines."""
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        try:
            value = json.loads(line.removeprefix(b"data:"))
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def text_in(wire: Wire, body: bytes) -> str:
    return "".join(text for event in events_in(body) for text in _texts(wire, event))


def _texts(wire: Wire, event: dict[str, Any]) -> Iterator[str]:
    match wire:
        case Wire.ANTHROPIC:
            yield event.get("delta", {}).get("text", "") if event.get("type") == "content_block_delta" else ""
        case Wire.OPENAI:
            yield from (choice["delta"].get("content") or "" for choice in event.get("choices", ()))
        case Wire.RESPONSES:
            yield event["delta"] if event.get("type") == "response.output_text.delta" else ""
        case Wire.GEMINI:
            parts = [part for one in event.get("candidates", ()) for part in one["content"]["parts"]]
            yield from (part.get("text", "") for part in parts if not part.get("thought"))
        case _:
            yield event.get("message", {}).get("content", "")
