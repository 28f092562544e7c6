"""A fault server in a process of its own, as the benchmark runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fault_server(profile: str = "quick") -> Iterator[int]:
    """Run a server while the block is open; gives its port."""
    command = [sys.executable, "-m", "riverrun.engine.bench.server", "--profile", profile]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield int(json.loads(server.stdout.readline())["port"])
        finally:
            server.stdin.close()
            assert server.wait(10) == 0
