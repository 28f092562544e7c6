"""PyPI's `llmock`: speaks the four formats, breaks them on demand, and passes a verdict on the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.servers.formats import Format
from tests.servers.processes import ServerProcess, answers, call, free_port
from tests.servers.tools import require


@frozen
class LLMock:
    """A running server."""

    origin: str

    def base_url(self, spec: Format) -> str:
        return self.origin + spec.llmock

    def reset(self) -> None:
        call("POST", f"{self.origin}/_llmock/reset")

    def queue(self, *behaviors: dict[str, Any]) -> None:
        """Each request takes the first behaviour of each kind that is still queued."""
        if behaviors:
            call("POST", f"{self.origin}/_llmock/scenario", {"behaviors": behaviors})

    def say(self, text: str, *, times: int | None = None) -> None:
        self.queue({"type": "reply", "text": text, "times": times})

    def requests(self) -> list[dict[str, Any]]:
        served: list[dict[str, Any]] = call("GET", f"{self.origin}/_llmock/requests")["requests"]
        return served

    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = call("GET", f"{self.origin}/_llmock/verdict")
        return found

    def check_strict(self, attempts: int | None = None) -> None:
        """Its strict verdict: it saw every attempt, and finds no error and no warning in how we behaved."""
        verdict = self.verdict()
        assert verdict["findings"] == []
        assert verdict["calls"] == 1
        assert attempts is None or verdict["attempts"] == attempts


@contextmanager
def open_llmock(logs: Path, *flags: str) -> Iterator[LLMock]:
    """Start it on a free port, with flags of its own.

    Without a pause between chunks it has sent all before we can leave, and then holds that we read on.
    """
    program, port = require("llmock", "bin", "llmock"), free_port()
    origin = f"http://127.0.0.1:{port}"
    command = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port), *flags]
    with ServerProcess(command, answers(f"{origin}/health"), logs / f"llmock-{port}.log"):
        yield LLMock(origin)
