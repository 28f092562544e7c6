"""llama-cpp-python's server with a model that answers by real decoding: it is killed, started again, and stopped."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from tests.servers.processes import ServerProcess, answers, free_port
from tests.servers.tools import require

MAKER = Path(__file__).with_name("tiny_model.py")
WANTED = {"question": "Tell me of rivers.", "chars_min": 300, "chars_max": 900}
MAKING_S = 120.0


@frozen
class Llama:
    """A running server; `process` is the handle on its life."""

    process: ServerProcess
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def restart(self) -> None:
        """Kill it, and start it again on its port; it takes its time until it answers."""
        self.process.kill()
        self.process.spawn()


def make_model(folder: Path) -> Path:
    """Write the model. Its weights are drawn by a seed, and tried."""
    python, path = require("llama", "bin", "python"), folder / "tiny.gguf"
    command = [str(python), str(MAKER), str(path), json.dumps(WANTED)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=MAKING_S, check=False)
    if made.returncode:
        pytest.fail(f"no model: {made.stdout}{made.stderr[-2000:]}")
    return path


@contextmanager
def open_llama(logs: Path) -> Iterator[Llama]:
    """Start it on a free port, with a model made for the occasion."""
    model, port = make_model(logs), free_port()
    options = {
        "model": model,
        "host": "127.0.0.1",
        "port": port,
        "n_ctx": 4096,
        "n_threads": 1,
        "logits_all": False,
        "verbose": False,
    }
    command = [str(require("llama", "bin", "python")), "-m", "llama_cpp.server"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    ready = answers(f"http://127.0.0.1:{port}/v1/models")
    with ServerProcess(command, ready, logs / f"llama-{port}.log") as process:
        yield Llama(process, port)
