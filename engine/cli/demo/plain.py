"""What a plain client sees: a dozen lines of httpx that read events and show what arrives, as in many programs.

It is not a straw man: it raises for statuses, reads lines, parses JSON, and stops at an error event. What it does not
do is ask again, or tell an answer that ended from a connection that did.
"""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx
import trio

from ...core.printable import printable
from ...testing.wire.formats import Wire
from .story import Pane, PlainOutcome


def open_client() -> httpx.AsyncClient:
    """Make a client for this machine only: no proxies, no certificates to trust, which also takes 25 ms less.

    It has no read timeout: as good as the ten minutes of the official clients.
    """
    return httpx.AsyncClient(timeout=None, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # noqa: S113


class PlainClient:
    """One request, without recovery. `run` returns when the stream ends, breaks, or says that it failed.

    Attributes:
        ended: set when it returned.
        heard_at_s: when text came last, on trio's clock.
    """

    def __init__(self, wire: Wire, model: str, pane: Pane) -> None:
        self.heard_at_s: float = trio.current_time()
        self._wire = wire
        self._model = model
        self._pane = pane
        self._error: str | None = None
        self.ended: trio.Event = trio.Event()

    async def run(self, url: str, prompt: str) -> None:
        """Ask and show. If cancelled: what came is shown, and the connection is closed."""
        body = {"model": self._model, "max_tokens": 4096, "stream": True}
        body |= {"messages": [{"role": "user", "content": prompt}]}
        async with open_client() as client:
            try:
                async with client.stream("POST", url, json=body) as response:
                    response.raise_for_status()
                    self._pane.status = "streaming"
                    async for line in response.aiter_lines():  # never left early: httpx would leak its iterators
                        self._take(line)
            except httpx.HTTPError as error:
                self._fail(f"{type(error).__name__} {printable(str(error).partition(chr(10))[0], 80)}".strip())
        self.ended.set()
        self._pane.status = self.last_words

    @property
    def last_words(self) -> str:
        """How the stream ended for this client: its error, or what it takes for the end."""
        return self._error or "the stream ended without an error"

    def _take(self, line: str) -> None:
        if self._error is not None or not line.startswith("data:") or line == "data: [DONE]":
            return
        try:
            event = json.loads(line[5:])
        except ValueError as error:
            self._fail(f"{type(error).__name__}: {printable(str(error), 60)}")
            return
        if event.get("error"):
            self._fail(f"error in the stream: {_error_name(event['error'])}")
            return
        text = self._text_of(event)
        if text:
            self.heard_at_s = trio.current_time()
            self._pane.add(text)

    def _text_of(self, event: dict[str, Any]) -> str:
        if self._wire is Wire.ANTHROPIC:
            return str(event.get("delta", {}).get("text", ""))
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])

    def _fail(self, words: str) -> None:
        self._error = self._error or words

    def outcome(self, whole: str) -> PlainOutcome:
        """Say how it ended, measured against the provider's whole answer."""
        shown = self._pane.text
        if shown == whole:
            return PlainOutcome(len(shown), True, True, "whole")
        if not self.ended.is_set():
            silent_s = trio.current_time() - self.heard_at_s
            return PlainOutcome(len(shown), False, False, f"still waiting, {silent_s:.1f} s after its last word")
        if self._error is not None:
            return PlainOutcome(len(shown), False, True, self._error)
        return PlainOutcome(
            len(shown), False, False, "the stream ended without any error, and it took that for the end"
        )


def _error_name(error: dict[str, Any]) -> str:
    return printable(str(error.get("code") or error.get("type")), 60)
