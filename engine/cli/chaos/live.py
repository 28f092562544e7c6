"""The proxy on a terminal: a table that is redrawn, a row a request, the latest at the bottom. It needs rich."""

from __future__ import annotations

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ...bench.chaos.proxy import Chaos
from ...bench.chaos.rows import Ended, Row, clock
from .lines import head_words, sum_words

FRAME_S = 0.1
"""Seconds between two frames: a stream is seen to move, and a frame takes a few milliseconds."""

LINES_AROUND = 9
"""What else stands on the screen: the head, the table's own lines, the sums, and a line to spare."""

_STYLES = {
    Ended.WHOLE: "green",
    Ended.FAULT: "yellow",
    Ended.CLIENT_LEFT: "cyan",
    Ended.STOPPED: "dim",
}


class LiveView:
    """Redraws the table several times a second; the last frame stays."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def tell(self, what: str, row: Row) -> None:
        """Nothing to do: the rows hold it."""

    async def run(self, chaos: Chaos) -> None:
        """Draw until cancelled."""
        try:
            with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
                try:
                    while True:
                        live.update(self._frame(chaos), refresh=True)
                        await trio.sleep(FRAME_S)
                finally:
                    live.update(self._frame(chaos), refresh=True)
        finally:
            self._console.show_cursor()  # a Ctrl-C may have come between hiding it and the block

    def sum_up(self, chaos: Chaos) -> None:
        """Say what there was."""
        self._console.print(Text(sum_words(chaos)))

    def _frame(self, chaos: Chaos) -> RenderableType:
        table = Table(expand=True)
        for name, justify in (("#", "right"), ("time", "left"), ("format", "left"), ("model", "left"),
                              ("status", "right"), ("events", "right"), ("bytes", "right"), ("fault", "left"),
                              ("ended", "left")):  # fmt: skip
            table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True, overflow="ellipsis")
        shown = max(self._console.height - LINES_AROUND, 3)
        for row in list(chaos.rows.rows)[-shown:]:
            table.add_row(*_cells(row))
        return Group(Text(head_words(chaos), style="bold"), table, Text(sum_words(chaos), style="dim"))


def _cells(row: Row) -> list[Text]:
    ended = "…" if row.ended is None else f"{row.ended.value}{f' ({row.note})' if row.note else ''}"
    style = "" if row.ended is None else _STYLES.get(row.ended, "red")
    return [
        Text(str(row.number)),
        Text(clock(row.at_unix_s)[11:19]),
        Text(row.wire or "-"),
        Text(row.what),
        Text("" if row.status is None else str(row.status)),
        Text("" if row.events is None else f"{row.events:,}"),
        Text(f"{row.bytes:,}"),
        Text(row.fault, style="bold yellow" if row.has_struck else ""),
        Text(ended, style=style),
    ]
