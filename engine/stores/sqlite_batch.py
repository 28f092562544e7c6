"""Calls that are carried out together: a few statements for all of a kind, however many runs they are of.

Rules:
- A statement is for up to `ROWS_MAX` runs and gives one row at most, for every row that SQLite gives costs the thread
  the interpreter's lock. What has entries is read run by run.
- A call that is refused changes nothing, and none of the others: what can be refused is found before it is written.
- The numbers that SQLite is handed fit into its integers; what does not is refused without it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias, TypeVar, TypeVarTuple, cast

from ..core.errors import StoreError
from ..core.printable import printable
from .sqlite_calls import Append, Call, Delete, FirstEntry, ListRuns, OpenJournal
from .sqlite_errors import REMEDIES
from .store import OpenedJournal, require_fence, require_next, require_run, require_same

ROWS_MAX = 128
"""Rows of one statement: six values each stay below 999, the most that any SQLite takes."""

_INTEGERS = range(2**63)

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
Rows: TypeAlias = Sequence[tuple[Any, ...]]


def read_together(connection: sqlite3.Connection, calls: Sequence[Call[Any]]) -> None:
    """Carry out the calls that only read. Blocking. Raises StoreError and what SQLite raises."""
    firsts: list[FirstEntry] = _of(FirstEntry, calls)
    for begin in range(0, len(firsts), ROWS_MAX):
        asked = firsts[begin : begin + ROWS_MAX]
        for at, (run, _) in _find_runs(connection, asked).items():
            asked[at].answer = _find_entry(connection, run, 0)
    listings: list[ListRuns] = _of(ListRuns, calls)
    names = _run_names(connection) if listings else ()
    for listing in listings:
        listing.answer = names


def write_together(connection: sqlite3.Connection, calls: Sequence[Call[Any]]) -> None:
    """Carry out the calls that write, inside of one transaction. Blocking. Raises what SQLite raises.

    What a call is refused with becomes its error.
    """
    for opens in _groups(_of(OpenJournal, calls)):
        _open(connection, opens)
    for appends in _groups(_of(Append, calls)):
        _append(connection, appends)
    for deletes in _groups(_of(Delete, calls)):
        _delete(connection, deletes)


def _of(kind: type[Any], calls: Sequence[Call[Any]]) -> list[Any]:
    return [call for call in calls if type(call) is kind]


def _groups(calls: list[Any]) -> Iterator[list[Any]]:
    """Split calls into groups, each of one call a run at most."""
    while calls:
        group: dict[str, Any] = {}
        later: list[Any] = []
        for call in calls:
            if call.run_id in group or len(group) == ROWS_MAX:
                later.append(call)
            else:
                group[call.run_id] = call
        yield list(group.values())
        calls = later


# -- opening ----------------------------------------------------------------------------------------------------------


def _open(connection: sqlite3.Connection, calls: list[OpenJournal]) -> None:
    entries: dict[int, tuple[bytes, ...]] = {}
    for at, (run, _) in _find_runs(connection, calls).items():
        entries[at] = _refusing(calls[at], _all_entries, connection, calls[at], run) or ()
    sound = [call for call in calls if call.error is None]
    names = [(call.name,) for call in sound]
    floor = "(SELECT coalesce(max(fence), 0) FROM fence_floor)"
    new = f"INSERT OR IGNORE INTO runs (name, fence) SELECT name, {floor} FROM given"  # noqa: S608 - a constant
    _execute(connection, f"{new} WHERE name IS NOT NULL ORDER BY at", "name", names)
    _execute(connection, "UPDATE runs SET fence = fence + 1 WHERE name IN (SELECT name FROM given)", "name", names)
    held = {sound.index(calls[at]): kept for at, kept in entries.items() if calls[at].error is None}
    for at, (_, fence) in _find_runs(connection, sound).items():
        sound[at].answer = OpenedJournal(fence, held.get(at, ()))
    for call in sound:
        if call.answer is None:
            raise StoreError(f"run '{printable(call.run_id)}' could not be opened; {REMEDIES[sqlite3.SQLITE_CORRUPT]}")


def _all_entries(connection: sqlite3.Connection, call: OpenJournal, run: int) -> tuple[bytes, ...]:
    select = "SELECT sequence, crc, CAST(entry AS BLOB) FROM entries WHERE run = ? ORDER BY sequence"
    entries: list[bytes] = []
    for sequence, crc, entry in cast("Iterator[tuple[int, int, object]]", connection.execute(select, (run,))):
        require_next(call.run_id, sequence, len(entries))
        # SQLite checks its structure, not its content: a cut file reads as zeros.
        if not isinstance(entry, bytes) or zlib.crc32(entry) != crc:
            seen = f"run '{printable(call.run_id)}': entry {sequence} is not what was written (checksum)"
            raise StoreError(f"{seen}; {REMEDIES[sqlite3.SQLITE_CORRUPT]}")
        entries.append(entry)
    return tuple(entries)


# -- appending --------------------------------------------------------------------------------------------------------

_TAKE = """
SELECT r.id, g.sequence, g.crc, g.entry FROM given g CROSS JOIN runs r ON r.name = g.name
WHERE CAST(r.fence AS INTEGER) = g.fence
AND g.sequence = (SELECT coalesce(max(e.sequence) + 1, 0) FROM entries e WHERE e.run = r.id)
"""

_FIND_TAKEN = """
SELECT group_concat(g.at) FROM given g CROSS JOIN runs r ON r.name = g.name
CROSS JOIN entries e ON e.run = r.id AND e.sequence = g.sequence
WHERE CAST(r.fence AS INTEGER) = g.fence AND CAST(e.entry AS BLOB) = g.entry
"""


def _append(connection: sqlite3.Connection, calls: list[Append]) -> None:
    """Store what fits; what does not is there already, or is refused with the reason."""
    fitting = [call for call in calls if call.sequence in _INTEGERS and call.fence in _INTEGERS]
    rows = [(call.name, call.fence, call.sequence, zlib.crc32(call.entry), call.entry) for call in fitting]
    taken = _execute(connection, _TAKE, "name, fence, sequence, crc, entry", rows, into="INSERT INTO entries ").rowcount
    stored = set(range(len(rows)))
    if taken != len(rows):
        cursor = _execute(connection, _FIND_TAKEN, "name, fence, sequence, crc, entry", rows)
        stored = {numbers[0] for numbers in _numbers(cursor)}
    done = {id(call) for at, call in enumerate(fitting) if at in stored}
    for call in calls:
        if id(call) not in done:
            _refusing(call, _refuse, connection, call)


def _refuse(connection: sqlite3.Connection, call: Append) -> None:
    """Raise why an entry was not taken."""
    run, fence = require_run(call.run_id, _find_run(connection, call.name))
    require_fence(call.run_id, call.fence, fence)
    stored = _find_entry(connection, run, call.sequence) if call.sequence in _INTEGERS else None
    if stored is not None:
        require_same(call.run_id, call.sequence, call.entry, stored)
    require_next(call.run_id, call.sequence, _entry_count(connection, run))
    raise StoreError(f"run '{printable(call.run_id)}' did not take its entry; {REMEDIES[sqlite3.SQLITE_CORRUPT]}")


# -- deleting ---------------------------------------------------------------------------------------------------------


def _delete(connection: sqlite3.Connection, calls: list[Delete]) -> None:
    found = _find_runs(connection, calls)
    for at, (_, fence) in found.items():
        _refusing(calls[at], require_fence, calls[at].run_id, calls[at].fence, fence)
    gone = [row for at, row in found.items() if calls[at].error is None]
    if gone:
        floor = max(fence for _, fence in gone)
        connection.execute("UPDATE fence_floor SET fence = max(fence, ?)", (floor,))
        runs = [(run,) for run, _ in gone]
        _execute(connection, "DELETE FROM entries WHERE run IN (SELECT run FROM given)", "run", runs)
        _execute(connection, "DELETE FROM runs WHERE id IN (SELECT run FROM given)", "run", runs)


# -- reading ----------------------------------------------------------------------------------------------------------


def _find_runs(connection: sqlite3.Connection, calls: Sequence[Call[Any]]) -> dict[int, tuple[int, int]]:
    """Return (id, fence) of those that are there, by their place."""
    select = """
    SELECT group_concat(g.at || ' ' || r.id || ' ' || coalesce(CAST(r.fence AS INTEGER), 0))
    FROM given g CROSS JOIN runs r ON r.name = g.name
    """
    cursor = _execute(connection, select, "name", [(call.name,) for call in calls])
    return {at: (run, fence) for at, run, fence in _numbers(cursor)}


def _numbers(cursor: sqlite3.Cursor) -> Iterator[tuple[int, ...]]:
    """Read the one row of a statement: numbers with spaces between, and commas between those of each row given."""
    said: str | None = cursor.fetchone()[0]
    return (tuple(map(int, row.split(" "))) for row in (said.split(",") if said else ()))


def _find_run(connection: sqlite3.Connection, name: bytes) -> tuple[int, int] | None:
    found: tuple[int, int] | None = connection.execute(
        "SELECT id, coalesce(CAST(fence AS INTEGER), 0) FROM runs WHERE name = ?", (name,)
    ).fetchone()
    return found


def _find_entry(connection: sqlite3.Connection, run: int, sequence: int) -> bytes | None:
    select = "SELECT CAST(entry AS BLOB) FROM entries WHERE run = ? AND sequence = ?"
    found: tuple[bytes] | None = connection.execute(select, (run, sequence)).fetchone()
    return None if found is None else found[0]


def _entry_count(connection: sqlite3.Connection, run: int) -> int:
    # By the index: counting rows would make a long journal cost the square of its length.
    select = "SELECT coalesce(max(sequence) + 1, 0) FROM entries WHERE run = ?"
    count: int = connection.execute(select, (run,)).fetchone()[0]
    return count


def _run_names(connection: sqlite3.Connection) -> tuple[str, ...]:
    name = "CASE typeof(name) WHEN 'blob' THEN 'x' || hex(name) END"
    select = f"SELECT count(*), group_concat({name}) FROM (SELECT name FROM runs ORDER BY id)"  # noqa: S608 - a constant
    count, said = connection.execute(select).fetchone()
    names = () if said is None else said.split(",")
    if len(names) != count:
        raise StoreError(f"{count - len(names)} runs have a name that is none; {REMEDIES[sqlite3.SQLITE_CORRUPT]}")
    return tuple(bytes.fromhex(name[1:]).decode("utf-8", "surrogatepass") for name in names)


# -- statements -------------------------------------------------------------------------------------------------------


def _execute(
    connection: sqlite3.Connection, statement: str, columns: str, rows: Rows, *, into: str = ""
) -> sqlite3.Cursor:
    """Execute a statement over the table `given`: the rows, with their place before them as `at`.

    Where rows are counted the insert has to come first, `into`: sqlite3 goes by a statement's first word.
    """
    width = 1 + len(columns.split(","))
    count = 1 << max(len(rows) - 1, 0).bit_length()  # few lengths, so that SQLite knows the statement already
    padding = (None,) * width
    values = [value for at, row in enumerate(rows) for value in (at, *row)]
    values += padding * (count - len(rows))
    return connection.execute(into + _given(columns, width, count) + statement, values)


@cache
def _given(columns: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"WITH given(at, {columns}) AS (VALUES {', '.join([row] * count)}) "


def _refusing(call: Call[Any], work: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result | None:
    """Do something for a call; let a refusal be the call's, and nobody else's."""
    try:
        return work(*arguments)
    except StoreError as error:
        call.error = error
        return None
