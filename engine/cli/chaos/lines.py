"""The proxy as lines, of text or of JSON: where it listens, what happens to each request, and a summary.

Lines are written by a thread: a reader that is slow delays nobody's answer. Where it falls behind, the oldest lines are
dropped, and a line says how many.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping

import trio

from ...bench.chaos.proxy import Chaos
from ...bench.chaos.rows import Row, clock
from ...core.json_value import JSONValue
from ..streams import write_out

LINES_MAX = 1_000
"""How many lines wait for a slow reader."""


class _Lines(ABC):
    """Writes what it is told, in the order in which it was."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=LINES_MAX)
        self._dropped = 0
        self._came = trio.Event()

    def tell(self, what: str, row: Row) -> None:
        """Take note of what happens to a request."""
        self._dropped += len(self._waiting) == LINES_MAX
        self._waiting.append(self._line(what, row))
        self._came.set()

    async def run(self, chaos: Chaos) -> None:
        """Write until cancelled. Raises OutputFailed."""
        await trio.to_thread.run_sync(write_out, f"{self._head(chaos)}\n", abandon_on_cancel=True)
        while True:
            await self._came.wait()
            self._came = trio.Event()
            await trio.to_thread.run_sync(self._write, abandon_on_cancel=True)

    def _write(self) -> None:
        """Write what waits, in a thread: one that was never begun leaves the lines for the summary."""
        write_out(self._taken())

    def sum_up(self, chaos: Chaos) -> None:
        """Write what waits, and the summary."""
        write_out(f"{self._taken()}{self._sum(chaos)}\n")

    def _taken(self) -> str:
        dropped, self._dropped = self._dropped, 0
        lines = [self._gap(dropped)] if dropped else []
        while self._waiting:  # others append meanwhile
            lines.append(self._waiting.popleft())
        return "".join(f"{line}\n" for line in lines)

    @abstractmethod
    def _line(self, what: str, row: Row) -> str: ...

    @abstractmethod
    def _head(self, chaos: Chaos) -> str: ...

    @abstractmethod
    def _gap(self, dropped: int) -> str: ...

    @abstractmethod
    def _sum(self, chaos: Chaos) -> str: ...


class LineView(_Lines):
    """Lines of text."""

    def _line(self, what: str, row: Row) -> str:
        said = f"{clock(row.at_unix_s)[11:19]}  {row.number:>4} {row_words(row)}"
        match what:
            case "asked":
                return f"{said}: asked{f'; {row.fault} is drawn' if row.fault else ''}"
            case "struck":
                return f"{said}: {row.fault} strikes, after {so_far(row)}"
            case _:
                status = "" if row.status is None else f"{row.status}, "
                note = f" ({row.note})" if row.note else ""
                took = f" in {row.took_s:.2f} s" if row.took_s is not None else ""
                return f"{said}: {status}{so_far(row)}{took}: {row.ended or ''}{note}"

    def _head(self, chaos: Chaos) -> str:
        return head_words(chaos)

    def _gap(self, dropped: int) -> str:
        return f"… {dropped} lines were dropped: nobody read them in time"

    def _sum(self, chaos: Chaos) -> str:
        return sum_words(chaos)


class JSONView(_Lines):
    """Lines of JSON: `event` is "listening", "asked", "struck", "ended", "dropped" or "summary"."""

    def _line(self, what: str, row: Row) -> str:
        return _json(what, row.as_json())

    def _head(self, chaos: Chaos) -> str:
        faults: list[JSONValue] = [str(each.rule) for each in chaos.draws.standing]
        return _json("listening", {"url": chaos.url, "upstream": chaos.upstream_url, "faults": faults})

    def _gap(self, dropped: int) -> str:
        return _json("dropped", {"lines": dropped})

    def _sum(self, chaos: Chaos) -> str:
        return _json("summary", chaos.rows.summary())


def _json(event: str, said: Mapping[str, JSONValue]) -> str:
    return json.dumps({"event": event, **said}, separators=(",", ":"))


# -- words that the live table says too -------------------------------------------------------------------------------


def row_words(row: Row) -> str:
    """Say whose request it is."""
    return f"{row.wire} {row.what}" if row.wire else row.what


def so_far(row: Row) -> str:
    """Say how much was passed."""
    events = "" if row.events is None else f"{row.events:,} events, "
    return f"{events}{row.bytes:,} bytes"


def head_words(chaos: Chaos) -> str:
    """Say where it listens, in front of whom, and which faults stand."""
    behind = "alone" if chaos.upstream_url is None else f"in front of {chaos.upstream_url}"
    faults = ", ".join(str(each.rule) for each in chaos.draws.standing) or "none"
    return f"chaos listens on {chaos.url}, {behind}; faults: {faults}"


def sum_words(chaos: Chaos) -> str:
    """Sum up."""
    rows = chaos.rows
    endings = ", ".join(f"{count} {ended}" for ended, count in sorted(rows.endings.items())) or "none ended"
    struck = ", ".join(f"{count} x {fault}" for fault, count in sorted(rows.struck.items())) or "none"
    count = f"{rows.count} request{'' if rows.count == 1 else 's'}"
    return f"{count}: {endings}; faults that struck: {struck}"
