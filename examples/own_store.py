"""A checkpoint store in one file: a folder for each run, a file for each entry. `check_store` proves it.

What an entry holds is riverrun's; a store keeps bytes under numbers and lets nobody write but who opened last. Here a
lock on a file makes each step atomic, between processes too, in a thread. It outlives a kill, not a power cut.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import trio

import riverrun as rr
from riverrun.lowlevel import (
    ENTRY_BYTES_MAX,
    OpenedJournal,
    StoreUnreachable,
    require_fence,
    require_next,
    require_run,
    require_same,
    require_size,
)
from riverrun.testing import check_store

P = ParamSpec("P")
T = TypeVar("T")


class FolderStore:
    """A `riverrun.abc.CheckpointStore`. Nothing to inherit: five methods, each a checkpoint that raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_closed = False

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Own the run from now on."""
        return await self._locked(_open, run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry under its number."""
        await self._locked(_append, run_id, fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget the run, and remember the highest fence given out."""
        await self._locked(_delete, run_id, fence)

    async def list_runs(self) -> tuple[str, ...]:
        """Return the runs in the order of their first opening."""
        return await self._locked(_list)

    async def aclose(self) -> None:
        """Close for good."""
        self._is_closed = True
        await trio.lowlevel.checkpoint()

    async def _locked(self, step: Callable[Concatenate[Path, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a step in a thread, where the disk may take its time, and alone among threads and processes."""

        def run() -> T:
            try:
                with (self.folder / "lock").open("w") as lock:  # closing it unlocks it
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    return step(self.folder, *args, **kwargs)
            except OSError as error:
                raise StoreUnreachable(f"the folder can not be used: {error.strerror}") from error

        if self._is_closed:
            await trio.lowlevel.checkpoint()
            raise rr.StoreError("the store is closed; expected an open one")
        return await trio.to_thread.run_sync(run)


def _place(folder: Path, run_id: str) -> Path:
    return folder / f"run-{hashlib.sha256(_encoded(run_id)).hexdigest()}"  # an id is any text, a file's name is not


def _encoded(run_id: str) -> bytes:
    return run_id.encode("utf-8", "surrogatepass")


def _number(file: Path) -> int:
    return int(file.read_text()) if file.exists() else 0


def _write(file: Path, data: bytes) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)  # whole or not at all


def _count(place: Path) -> int:
    return len(list(place.glob("entry-*[0-9]")))


def _open(folder: Path, run_id: str) -> OpenedJournal:
    place = _place(folder, run_id)
    if not (place / "fence").exists():
        place.mkdir(exist_ok=True)
        opened = _number(folder / "opened") + 1
        _write(folder / "opened", b"%d" % opened)
        _write(place / "order", b"%d" % opened)
        _write(place / "id", _encoded(run_id))
    fence = max(_number(place / "fence"), _number(folder / "floor")) + 1
    _write(place / "fence", b"%d" % fence)
    return OpenedJournal(fence, tuple((place / f"entry-{at}").read_bytes() for at in range(_count(place))))


def _append(folder: Path, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
    place = _place(folder, run_id)
    require_size(run_id, entry, ENTRY_BYTES_MAX)
    require_fence(run_id, fence, require_run(run_id, _number(place / "fence") or None))
    file, before = place / f"entry-{sequence}", place / f"entry-{sequence - 1}"
    if file.exists():
        require_same(run_id, sequence, entry, file.read_bytes())
        return
    if sequence != 0 and not before.exists():  # counted only then: an append costs its entry, however many are stored
        require_next(run_id, sequence, _count(place))
    _write(file, entry)


def _delete(folder: Path, run_id: str, fence: int) -> None:
    place = _place(folder, run_id)
    if stored := _number(place / "fence"):
        require_fence(run_id, fence, stored)
        _write(folder / "floor", b"%d" % max(stored, _number(folder / "floor")))
        gone = place.with_name(f"gone-{place.name}")
        shutil.rmtree(gone, ignore_errors=True)  # what a kill has left of an earlier one
        place.rename(gone)
        shutil.rmtree(gone)


def _list(folder: Path) -> tuple[str, ...]:
    runs = sorted((_number(fence.parent / "order"), fence.parent) for fence in folder.glob("run-*/fence"))
    return tuple((place / "id").read_bytes().decode("utf-8", "surrogatepass") for _, place in runs)


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:

        def make_store() -> FolderStore:
            return FolderStore(Path(tempfile.mkdtemp(dir=parent)))

        def reopen(store: rr.abc.CheckpointStore) -> FolderStore:
            assert isinstance(store, FolderStore)
            return FolderStore(store.folder)

        print("FolderStore:", check_store(make_store, reopen=reopen, runs=10))


if __name__ == "__main__":
    main()
