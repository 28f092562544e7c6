"""The demo as lines of text, for logs, pipes and plain terminals; and the view that shows nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

import trio

from .demo_show import Scene
from .demo_story import Pane, counted, faults_words


class LineView:
    """Prints one line for each thing that happens."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    @contextmanager
    def open(self, scene: Scene, plain: Pane, ours: Pane) -> Generator[None, None, None]:
        """Print what is about to happen."""
        self._print(
            f"{scene.wire.value} wire, {scene.model}; the answer has {counted(len(scene.answer.text), 'character')}"
        )
        self._print(f"  faults: {faults_words(scene.faults)}")
        yield

    async def run(self) -> None:
        """Do nothing: lines are printed as things happen."""
        await trio.sleep_forever()

    def tell(self, side: str, at_s: float, words: str) -> None:
        """Print a line."""
        self._print(f"  {at_s:6.2f} s  {side:<12}  {words}")

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class SilentView:
    """Shows nothing: the verdict alone counts."""

    def open(self, scene: Scene, plain: Pane, ours: Pane) -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()

    async def run(self) -> None:
        """Do nothing."""
        await trio.sleep_forever()

    def tell(self, side: str, at_s: float, words: str) -> None:
        """Say nothing."""
