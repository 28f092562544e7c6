"""A program that has imported the command and forks for each run of it, as `forked.py` asks; it ends with its input."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

IMPORTED = ("httpx", "trio", "anyio._backends._trio", "httpcore", "riverrun.testing")
PACKAGES = ("riverrun.engine.cli", "riverrun.engine.http", "riverrun.engine.stores", "riverrun.engine.recording")
PACKAGES += ("riverrun.providers",)


def import_it_all() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    for package in map(importlib.import_module, PACKAGES):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)


def serve(path: str) -> None:
    """Fork a keeper for each connection."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return keep(connection)
            connection.close()
            reap()
    return None


def reap() -> None:
    """Take note of the keepers that have ended, and of what time their commands took."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def keep(connection: socket.socket) -> None:
    """Fork the command that was asked for; tell its number, and how it ended."""
    given, files = asked(connection)
    number = os.fork()
    if number == 0:
        connection.close()
        return become(given, files)
    for file in files:
        os.close(file)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # a test that failed waits for nothing
        connection.sendall(f"{number}\n".encode())
        _, status = os.waitpid(number, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, files, _, _ = socket.recv_fds(connection, 65536, 3)
    while not data.endswith(b"\n"):
        data += connection.recv(65536)
    return json.loads(data), list(files)


def become(given: dict[str, Any], files: list[int]) -> None:
    """Run the command in this process, as `python -m riverrun` does."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(given["env"])
    os.chdir(given["cwd"])
    sys.path[0] = given["cwd"]
    sys.argv = ["riverrun", *given["arguments"]]
    runpy.run_module("riverrun", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import_it_all()
    gc.freeze()  # nor are its pages copied
    serve(sys.argv[1])
