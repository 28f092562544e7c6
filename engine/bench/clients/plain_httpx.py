"""Bare httpx, as in many programs: a read timeout, a check of the status, lines parsed as they come, no second try.

It raises for statuses and for errors in the stream. What it does not do is tell an answer that ended from a connection
that did, or ask again. Also what reads an endpoint that is judged.
"""

# pyright: basic

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx

DISTRIBUTION = "httpx"

PATHS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "gemini": "/v1beta/models/{model}:streamGenerateContent?alt=sse",
    "ollama": "/api/chat",
}


def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask once, and read what comes."""
    wire = ask["wire"]
    url = ask["base_url"] + PATHS[wire].format(model=ask["model"])
    headers = {"authorization": f"Bearer {ask['key']}", "x-api-key": ask["key"], "x-goog-api-key": ask["key"]}
    answer = Answer(say)
    context = ssl.create_default_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = httpx.Client(timeout=ask["patience_s"], headers=headers, trust_env=False, verify=context)
    with client, client.stream("POST", url, json=_body(ask)) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            data = line if wire == "ollama" else line[5:] if line.startswith("data:") else ""
            if data.strip() and data.strip() != "[DONE]":
                READERS[wire](answer, json.loads(data))
    return {"stop": answer.stop, "calls": list(answer.calls.values())}


class Answer:
    """What was read so far."""

    def __init__(self, say: Callable[..., None]) -> None:
        self.say: Callable[..., None] = say
        self.calls: dict[Any, list[str]] = {}
        self.stop: str | None = None

    def call(self, key: Any, name: str, arguments: str, id: str = "") -> None:
        """Take a part of a call."""
        call = self.calls.setdefault(key, ["", "", ""])
        for at, part in enumerate((name, arguments, id)):
            call[at] += part


def _body(ask: dict[str, Any]) -> dict[str, Any]:
    messages, tools = ask["messages"], ask["tools"]
    body: dict[str, Any] = {"model": ask["model"], "stream": True}
    if ask["wire"] == "anthropic":
        own = [{"name": t["name"], "description": t["description"], "input_schema": t["parameters"]} for t in tools]
        return {**body, "max_tokens": 8192, "messages": messages, "tools": own}
    if ask["wire"] == "gemini":
        return {"contents": messages, "tools": [{"functionDeclarations": tools}]}
    if ask["wire"] == "openai-responses":
        return {**body, "input": messages, "tools": [{"type": "function", **tool} for tool in tools]}
    functions = [{"type": "function", "function": tool} for tool in tools]
    usage = {"stream_options": {"include_usage": True}} if ask["wire"] == "openai" else {}
    return {**body, "messages": messages, "tools": functions, **usage}


def _read_anthropic(answer: Answer, event: dict[str, Any]) -> None:
    if event["type"] == "error":
        raise RuntimeError(event["error"].get("message") or event["error"])
    delta = event.get("delta") or {}
    block = event.get("content_block") or {}
    if delta.get("text"):
        answer.say("text", delta["text"])
    if delta.get("thinking"):
        answer.say("reasoning", delta["thinking"])
    if block.get("type") == "tool_use":
        answer.call(event["index"], block["name"], "", block["id"])
    if delta.get("partial_json"):
        answer.call(event["index"], "", delta["partial_json"])
    answer.stop = delta.get("stop_reason") or answer.stop


def _read_openai(answer: Answer, event: dict[str, Any]) -> None:
    if event.get("error"):
        raise RuntimeError(event["error"])
    for choice in event["choices"]:
        delta = choice["delta"]
        if delta.get("content"):
            answer.say("text", delta["content"])
        if delta.get("reasoning_content"):
            answer.say("reasoning", delta["reasoning_content"])
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            answer.call(
                call["index"], function.get("name") or "", function.get("arguments") or "", call.get("id") or ""
            )
        answer.stop = choice.get("finish_reason") or answer.stop


def _read_responses(answer: Answer, event: dict[str, Any]) -> None:
    kind = event["type"]
    if kind in ("error", "response.failed"):
        raise RuntimeError(event)
    if kind == "response.output_text.delta":
        answer.say("text", event["delta"])
    elif kind.startswith("response.reasoning") and kind.endswith(".delta"):
        answer.say("reasoning", event["delta"])
    elif kind == "response.output_item.done" and event["item"]["type"] == "function_call":
        item = event["item"]
        answer.call(event["output_index"], item["name"], item["arguments"], item["call_id"])
    elif kind in ("response.completed", "response.incomplete"):
        answer.stop = event["response"]["status"]


def _read_gemini(answer: Answer, event: dict[str, Any]) -> None:
    if event.get("error"):
        raise RuntimeError(event["error"])
    for candidate in event.get("candidates") or ():
        for part in (candidate.get("content") or {}).get("parts") or ():
            if part.get("functionCall"):
                call = part["functionCall"]
                answer.call(len(answer.calls), call["name"], json.dumps(call.get("args") or {}), call.get("id") or "")
            elif part.get("text"):
                answer.say("reasoning" if part.get("thought") else "text", part["text"])
        answer.stop = candidate.get("finishReason") or answer.stop


def _read_ollama(answer: Answer, event: dict[str, Any]) -> None:
    if event.get("error"):
        raise RuntimeError(event["error"])
    message = event.get("message") or {}
    if message.get("content"):
        answer.say("text", message["content"])
    if message.get("thinking"):
        answer.say("reasoning", message["thinking"])
    for call in message.get("tool_calls") or ():
        answer.call(len(answer.calls), call["function"]["name"], json.dumps(call["function"]["arguments"]))
    if event.get("done"):
        answer.stop = event.get("done_reason") or "stop"


READERS: dict[str, Callable[[Answer, dict[str, Any]], None]] = {
    "anthropic": _read_anthropic,
    "openai": _read_openai,
    "openai-responses": _read_responses,
    "gemini": _read_gemini,
    "ollama": _read_ollama,
}
