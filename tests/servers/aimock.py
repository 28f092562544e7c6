"""npm's `@copilotkit/aimock`: speaks the formats, truncates, disconnects, and drops requests by chance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.servers.formats import Format
from tests.servers.processes import ServerProcess, answers, call, free_port
from tests.servers.tools import require, require_program

DRIVER = Path(__file__).with_name("aimock_server.mjs")


@frozen
class AIMock:
    """A running server."""

    origin: str

    def base_url(self, spec: Format) -> str:
        return self.origin + spec.aimock

    def requests(self, test_id: str) -> list[dict[str, Any]]:
        """What it has of the requests of one test: bodies, statuses, and the chaos each got."""
        served: list[dict[str, Any]] = call("GET", f"{self.origin}/__aimock/journal?testId={test_id}")
        return served


@contextmanager
def open_aimock(logs: Path, text: str, faults: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[AIMock]:
    """Start it on a free port, with a text to say and faults by name."""
    node, port = require_program("node"), free_port()
    module = require("aimock", "node_modules", "@copilotkit", "aimock", "dist", "index.js")
    origin = f"http://127.0.0.1:{port}"
    spec = json.dumps({"text": text, "faults": faults})
    command = [node, str(DRIVER), str(module), str(port), spec]
    with ServerProcess(command, answers(f"{origin}/health"), logs / f"aimock-{port}.log"):
        yield AIMock(origin)
