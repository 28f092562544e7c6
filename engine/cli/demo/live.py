"""The demo on a terminal: two panels side by side, live. The only module that needs rich, imported where it is used."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import trio
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .show import Scene
from .story import Pane, counted, faults_words

FRAME_S = 1 / 12
"""Seconds between two frames: smooth enough to read along, and a few percent of one core."""

LINES_MIN, LINES_MAX = 6, 22
"""How high a panel is, in lines of text, as far as the terminal allows."""

LINES_AROUND = 11
"""What else stands on the screen: header, borders, status lines, and a line to spare."""

STYLES = ("", "green", "cyan", "yellow", "magenta")
"""The text of the first attempt, and of those that go on; the last four take turns."""


class LiveView:
    """Redraws both panels several times a second; each attempt in its colour, with a mark at each seam."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._scene: Scene | None = None
        self._panes: tuple[Pane, ...] = ()
        self._mark = "▶" if console.encoding.lower().startswith("utf") else ">"

    @contextmanager
    def open(self, scene: Scene, plain: Pane, ours: Pane) -> Generator[None, None, None]:
        """Draw the panels for as long as the block is open; the last frame stays."""
        self._scene, self._panes = scene, (plain, ours)
        try:
            with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as self._live:
                try:
                    yield
                finally:
                    self._draw()
        finally:
            self._console.show_cursor()  # a Ctrl-C may have come between hiding it and the block

    async def run(self) -> None:
        """Draw until cancelled."""
        while True:
            self._draw()
            await trio.sleep(FRAME_S)

    def tell(self, side: str, at_s: float, words: str) -> None:
        """Nothing to do: the panes hold it."""

    def _draw(self) -> None:
        if self._live is not None and self._scene is not None:
            self._live.update(self._frame(self._scene), refresh=True)

    def _frame(self, scene: Scene) -> RenderableType:
        head = Text(f"{scene.wire.value} wire, {scene.model}", style="bold")
        faults = Text(f"faults: {faults_words(scene.faults)}", style="dim", no_wrap=True, overflow="ellipsis")
        grid = Table.grid(expand=True)
        for _ in self._panes:
            grid.add_column(ratio=1)
        grid.add_row(*(self._panel(scene, pane) for pane in self._panes))
        return Group(head, faults, grid)

    def _panel(self, scene: Scene, pane: Pane) -> RenderableType:
        lines = max(LINES_MIN, min(LINES_MAX, self._console.height - LINES_AROUND))
        width = max(self._console.width // 2 - 4, 10)
        wrapped = self._text(pane).wrap(self._console, width)
        text = Text("\n").join(list(wrapped)[-lines:])
        counter = f"{pane.chars:,} / {counted(len(scene.answer.text), 'character')}"
        body = Panel(text, title=Text(pane.title), subtitle=Text(counter), height=lines + 2, title_align="left")
        status = list(Text(pane.status).wrap(self._console, width + 2))[:3]
        return Group(body, Columns([Text("\n").join(status)]))

    def _text(self, pane: Pane) -> Text:
        text = Text()
        for attempt, parts in pane.sections:
            style = STYLES[0] if attempt == 1 else STYLES[1 + (attempt - 2) % (len(STYLES) - 1)]
            if attempt > 1:
                text.append(f"{self._mark}{attempt}", style="bold reverse")
            text.append("".join(parts), style=style)
        return text
