"""The file behind `--journal`: the runs' checkpoints and, beside each, the question that `resume` asks again.

A question is kept under a companion id, "<run>/request", which no run of ours can have. It holds everything but the
key, of which it holds the name of the environment's variable.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from ..core.codec import CodecError, from_json, to_json
from ..core.errors import CheckpointMismatch, StoreError
from ..core.journal import restore
from ..core.policy import Limits
from ..core.printable import printable
from ..core.request import InferenceRequest
from ..core.usage_error import UsageError
from ..stores.sqlite import SQLiteStore
from ..stores.store import OpenedJournal
from .complaint import RunDamaged

_COMPANION = "/request"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


@frozen
class Question:
    """What another process needs to ask the same again, where it was asked. `model` is "provider/model"."""

    model: str
    request: InferenceRequest
    base_url: str | None = None
    api_key_env: str | None = None
    allow_insecure: bool = False
    began_unix_s: float = 0.0


@frozen
class StoredRun:
    """An unfinished run, as far as its file tells. `question` is None for a run that a program of its own started.

    `damage` says why it can not be read; the numbers are of what can.
    """

    run_id: str
    question: Question | None
    model: str
    chars: int
    began_unix_s: float
    damage: str | None = None


def check_run_id(run_id: str) -> str:
    """Return the id of a run if it can be typed in any shell and is no companion's. Raises UsageError."""
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(
            f"the run id is '{printable(run_id)}'; expected 1 to 100 letters, digits and . _ : - (the first of them a "
            "letter or digit)"
        )
    return run_id


class JournalFile:
    """A SQLite store that forgets a run only once its answer was shown: `delete` is put off until `forget_run`.

    The engine deletes a finished run while the last of it may still be on its way to the reader, who may be killed or
    slow; here that last part can be had again, without a request.
    """

    def __init__(self, path: str, *, must_exist: bool = False) -> None:
        if must_exist and not os.path.lexists(path):
            raise UsageError(f"there is no journal at '{printable(path)}'; expected the file given to riverrun chat")
        self.path = path
        self._store = SQLiteStore(path)
        self._finished: dict[str, int] = {}

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Own the run from now on; see `CheckpointStore`."""
        return await self._store.open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry; see `CheckpointStore`."""
        await self._store.append(run_id, fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        """Note that the run may be forgotten. Not a checkpoint."""
        self._finished[run_id] = fence

    async def list_runs(self) -> tuple[str, ...]:
        """Return the ids stored, companions too; see `CheckpointStore`."""
        return await self._store.list_runs()

    async def aclose(self) -> None:
        """Close the file; see `CheckpointStore`."""
        await self._store.aclose()

    # -- questions ------------------------------------------------------------------------------------------------

    async def keep_question(self, run_id: str, question: Question) -> None:
        """Store what a run is about to ask, unless it is there already.

        Raises:
            CheckpointMismatch: the run has asked something else.
            RunDamaged: what is stored of the run can not be read.
            StoreError: it can not be stored.
        If cancelled: the question is stored or not; keep it again.
        """
        await self._refuse_damaged(run_id)
        name = run_id + _COMPANION
        opened = await self._store.open_journal(name)
        stored = _question_in(run_id, opened.entries)
        if stored is not None and stored.request != question.request:
            raise CheckpointMismatch(f"run '{printable(run_id)}' is stored already, with another question")
        await self._store.append(name, opened.fence, len(opened.entries), to_json(question).encode("ascii"))

    async def find_question(self, run_id: str | None) -> tuple[str, Question]:
        """Return the question of a run; without an id, of the only run there is.

        Raises:
            UsageError: no such run, or no only one; the message lists those that exist.
            RunDamaged: what is stored of the run can not be read.
            StoreError: the file can not be read.
        If cancelled: nothing has changed.
        """
        names = await self._store.list_runs()
        known = [name.removesuffix(_COMPANION) for name in names if name.endswith(_COMPANION)]
        if run_id is None and len(known) == 1:
            run_id = known[0]
        if run_id is None or run_id not in known:
            raise UsageError(_not_found(run_id, known))
        check_run_id(run_id)  # an id of the file's stands in the commands that are offered
        await self._refuse_damaged(run_id)
        name = run_id + _COMPANION
        # Only the companion is opened here: opening the run would take it from a process that still runs it.
        question = _question_in(run_id, (await self._store.open_journal(name)).entries)
        if question is None:
            raise StoreError(f"run '{printable(run_id)}' has no question stored; start it anew with riverrun chat")
        return run_id, question

    async def forget_run(self, run_id: str) -> None:
        """Delete a run that has ended, and its question.

        Raises:
            StoreError: it could not be deleted, or another process owns the run now; then both are kept.
        If cancelled: one or both may still be there.
        """
        fence = self._finished.pop(run_id, None)
        if fence is None:
            fence = (await self._store.open_journal(run_id)).fence
        await self._store.delete(run_id, fence)
        name = run_id + _COMPANION
        await self._store.delete(name, (await self._store.open_journal(name)).fence)

    async def list_unfinished(self) -> list[StoredRun]:
        """Read every run without taking it from whoever runs it. Raises StoreError for the file, for no run of it.

        *Cost*: linear in the file.
        """
        await self._store.list_runs()  # refuses what is not ours, and keeps the file open for the reading below
        return _read_runs(Path(self.path))

    async def _refuse_damaged(self, run_id: str) -> None:
        """Raise RunDamaged before the store is asked for a damaged run: it would give up the whole file for it."""
        if not {run_id, run_id + _COMPANION} & set(await self._store.list_runs()):
            return
        damage = _read_runs(Path(self.path), run_id)[0].damage
        if damage is not None:
            raise RunDamaged(f"run '{printable(run_id)}' in {printable(self.path)} is damaged: {printable(damage)}")


def _not_found(run_id: str | None, known: list[str]) -> str:
    listed = f"it holds {', '.join(printable(name) for name in known)}" if known else "it holds no unfinished run"
    if run_id is None:
        return f"no run is named and the journal has no only one: {listed}"
    return f"run '{printable(run_id)}' is not in the journal: {listed}"


def _question_in(run_id: str, entries: Iterable[bytes]) -> Question | None:
    latest = None
    for entry in entries:
        latest = entry
    if latest is None:
        return None
    try:
        return from_json(latest, Question)
    except CodecError as error:
        raise StoreError(
            f"the question of run '{printable(run_id)}' can not be read: {printable(str(error))}"
        ) from error


# -- reading without owning ---------------------------------------------------------------------------------------


@frozen
class _Stored:
    """What stands in the file under one id; `damage` says why it can not be read."""

    entries: tuple[bytes, ...] = ()
    damage: str | None = None


def _read_runs(path: Path, only: str | None = None) -> list[StoredRun]:
    """Read the runs of a file that `SQLiteStore` has found good: its interface has no reading without owning.

    One after the other: of a file of many runs no more is held than the largest.
    """
    try:
        with closing(_connect(path)) as connection:
            connection.execute("BEGIN")  # one state of the file, however many are writing
            rows = connection.execute("SELECT id, CAST(name AS BLOB) FROM runs ORDER BY id")
            found = {_decoded(name): int(run) for run, name in rows}
            names = dict.fromkeys(name.removesuffix(_COMPANION) for name in found) if only is None else (only,)
            return [_stored_run(run_id, _read_both(connection, found, run_id)) for run_id in names]
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {printable(str(error))}") from error


def _decoded(name: object) -> str:
    """Return the id of a run. Raises StoreError where it is none."""
    try:
        if isinstance(name, bytes):
            return name.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        pass
    raise StoreError("the file holds a run whose id is no text; expected what riverrun wrote")


def _read_both(connection: sqlite3.Connection, found: Mapping[str, int], run_id: str) -> dict[str, _Stored]:
    return {name: _read_run(connection, found[name]) for name in (run_id, run_id + _COMPANION) if name in found}


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True, isolation_level=None)


def _read_run(connection: sqlite3.Connection, run: int) -> _Stored:
    select = "SELECT sequence, crc, CAST(entry AS BLOB) FROM entries WHERE run = ? ORDER BY sequence"
    entries: list[bytes] = []
    try:
        for sequence, crc, entry in connection.execute(select, (run,)):
            if not isinstance(entry, bytes) or sequence != len(entries) or zlib.crc32(entry) != crc:
                return _Stored(damage=f"entry {len(entries)} is missing or not what was written")
            entries.append(entry)
    except sqlite3.Error as error:
        return _Stored(damage=str(error))
    return _Stored(tuple(entries))


def _stored_run(run_id: str, stored: Mapping[str, _Stored]) -> StoredRun:
    question, restored, damage = None, None, None
    try:
        question = _question_in(run_id, _entries(stored, run_id + _COMPANION))
        restored = restore(_entries(stored, run_id), Limits())
    except (CodecError, StoreError) as error:
        damage = str(error)
    header = None if restored is None else restored.header
    stored_model = "?" if header is None else f"{header.provider}/{header.model}"
    stored_began = 0.0 if header is None else header.began_unix_s
    return StoredRun(
        run_id,
        question,
        question.model if question is not None else stored_model,
        0 if restored is None else len(restored.accumulator.text),
        question.began_unix_s if question is not None else stored_began,
        damage,
    )


def _entries(stored: Mapping[str, _Stored], name: str) -> tuple[bytes, ...]:
    found = stored.get(name, _Stored())
    if found.damage is not None:
        raise StoreError(found.damage)
    return found.entries
