"""Runs one adapter in the interpreter that has its client: asks come on standard input, what was given goes out.

    python worker.py ADAPTER        a path ending in .py, or a module's name

It imports nothing but the standard library, so that any interpreter of Python 3.10 or later can run it. An adapter is a
file with one function, and the name of the distribution whose version is told:

    DISTRIBUTION = "openai"

    def complete(ask, say):
        # ask; say("text", words) as they come; then
        return {"stop": the finish word or None, "calls": [[name, arguments as JSON, id]]}

`complete` may be `async def`; then it runs on asyncio. What it raises is the error that its caller was told.

`ask` has base_url (the server's origin, and the trial's path), wire, model, prompt, messages (the conversation as the
format writes it), turns (the same without a format: text, and calls with their results), tools (name, description,
parameters), key, patience_s (how long a silence may last), attempts (how often one may ask, the first included) and
delay_s_max (the longest pause between two of them). `say` takes "text", "reasoning", "call" ([name, arguments, id] as
JSON: released, whatever follows), "reset" (drop what was shown) and "event" or "resume" (anything else worth a line).

Lines in: {"id": 1, "ask": {…}}. Lines out: {"kind": "ready", "version": …}, {"kind": "moments", "id": 1, "moments":
[[seconds, kind, words], …]}, {"kind": "given", "id": 1, "text": …, "reasoning": …, "calls": …, "stop": …, "error": …}.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from importlib import metadata
from queue import Empty, Queue
from typing import Any, TextIO

FLUSH_S = 0.02
"""How often the log goes out: a line for each token would cost more than the client."""


class Log:
    """What one ask was given so far; written by the adapter, sent by a thread."""

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[list[str]] = []
        self.waiting: Queue[list[object]] = Queue()

    def say(self, kind: str, words: str = "") -> None:
        """Keep what came, with its time."""
        self.waiting.put([time.monotonic(), kind, words])
        if kind == "text":
            self.text.append(words)
        elif kind == "reasoning":
            self.reasoning.append(words)
        elif kind == "call":
            self.calls.append(json.loads(words))
        elif kind == "reset":
            self.text.clear()
            self.reasoning.clear()

    def taken(self) -> list[list[object]]:
        """Return what was not sent yet."""
        moments: list[list[object]] = []
        while True:
            try:
                moments.append(self.waiting.get_nowait())
            except Empty:
                return moments


class Out:
    """Lines to whoever started us; several threads write them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, line: dict[str, object]) -> None:
        """Write a line."""
        with self._lock:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def send_moments(self, log: Log) -> None:
        """Write what the log has new."""
        if moments := log.taken():
            self.send({"kind": "moments", "id": log.number, "moments": moments})


def main() -> None:
    """Run the adapter that the command line names, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    out = Out(_take_standard_output())
    asks: Queue[dict[str, Any]] = Queue()
    threading.Thread(target=_read_asks, args=(asks,), daemon=True).start()
    try:
        adapter = _load(sys.argv[1])
    except BaseException as error:
        out.send({"kind": "broken", "words": _words(error)})
        return
    out.send({"kind": "ready", "version": _version(getattr(adapter, "DISTRIBUTION", ""))})
    while True:
        _answer(adapter, asks.get(), out)


def _take_standard_output() -> TextIO:
    """Return our own way out; what a library prints goes to standard error instead."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _read_asks(asks: Queue[dict[str, Any]]) -> None:
    """Read asks; when standard input ends, whoever started us is gone, and so are we, whatever hangs."""
    for line in sys.stdin:
        asks.put(json.loads(line))
    os._exit(0)


def _load(name: str) -> Any:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location("adapter", name)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution) if distribution else ""
    except metadata.PackageNotFoundError:
        return ""


def _answer(adapter: Any, line: dict[str, Any], out: Out) -> None:
    log = Log(line["id"])
    done = threading.Event()
    sender = threading.Thread(target=_send_while, args=(log, out, done), daemon=True)
    sender.start()
    error = ""
    told: dict[str, Any] = {}
    try:
        answered = adapter.complete(line["ask"], log.say)
        told = asyncio.run(answered) if inspect.iscoroutine(answered) else answered
    except BaseException as problem:  # whatever the client raises is what its caller was told
        error = _words(problem)
    log.say("error" if error else "end", error or str(told.get("stop")))
    done.set()
    sender.join()
    calls = log.calls + [list(call) for call in told.get("calls", ())]
    out.send({
        "kind": "given", "id": log.number, "text": "".join(log.text), "reasoning": "".join(log.reasoning),
        "calls": calls, "stop": told.get("stop"), "error": error,
    })  # fmt: skip


def _send_while(log: Log, out: Out, done: threading.Event) -> None:
    while not done.wait(FLUSH_S):
        out.send_moments(log)
    out.send_moments(log)


def _words(error: BaseException) -> str:
    traceback.print_exception(error)  # for who runs this by hand: the benchmark does not read it
    return f"{type(error).__name__}: {error}"[:1000]


if __name__ == "__main__":
    main()
