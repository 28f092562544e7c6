"""The environments of the clients that are judged: one each, made by venv and pip in a cache folder, and used again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import trio
from attrs import frozen

from .peers import Peer

SAID_CHARS_MAX = 300
DONE = "riverrun-bench-ready"
"""The file that says that an environment is whole: what is cut in the middle is made again."""


@frozen
class Prepared:
    """Where a client runs; `missing` says why it can not, or is ""."""

    peer: Peer
    python: str = sys.executable
    missing: str = ""


def default_folder() -> Path:
    """Return the user's cache folder for environments."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "riverrun" / "bench"


def folder_of(peer: Peer, folder: Path) -> Path:
    """Return a peer's environment: another interpreter or other pins are another environment."""
    pins = b"" if peer.pins is None else peer.pins.read_bytes()
    key = hashlib.sha256(pins + sys.version.encode()).hexdigest()[:12]
    return folder / f"{peer.name}-{key}"


def needs_making(peers: Iterable[Peer], folder: Path) -> list[Peer]:
    """Return the peers whose environment is not there yet."""
    return [peer for peer in peers if peer.pins is not None and not (folder_of(peer, folder) / DONE).is_file()]


async def prepare(peer: Peer, folder: Path) -> Prepared:
    """Return where a client runs, and make its environment if it is not there. What fails is told, never raised.

    If cancelled: pip is killed, and what it left is made again the next time.
    """
    if peer.pins is None:
        return Prepared(peer)
    home = folder_of(peer, folder)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (home / DONE).is_file():
        try:
            await trio.to_thread.run_sync(_clear, home)
            await _run(sys.executable, "-m", "venv", str(home))
            pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input")
            await _run(*pip, "--requirement", str(peer.pins))
            (home / DONE).touch()
        except (OSError, subprocess.CalledProcessError) as error:
            return Prepared(peer, str(python), _words(error))
    return Prepared(peer, str(python))


def _clear(home: Path) -> None:
    if home.exists():
        shutil.rmtree(home)
    home.parent.mkdir(parents=True, exist_ok=True)


async def _run(*command: str) -> None:
    await trio.run_process(command, capture_stdout=True, capture_stderr=True, stdin=subprocess.DEVNULL)


def _words(error: OSError | subprocess.CalledProcessError) -> str:
    """Return the last line that says something: that is where pip says what was wrong."""
    if isinstance(error, OSError):
        return str(error)[:SAID_CHARS_MAX]
    lines = [line for line in (error.stderr or b"").decode("utf-8", "replace").splitlines() if line.strip()]
    return (lines[-1] if lines else str(error))[:SAID_CHARS_MAX]
