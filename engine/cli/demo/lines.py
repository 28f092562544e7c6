"""The demo as lines of text, for logs, pipes and plain terminals; and the view that shows nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import trio

from ..streams import write_line
from .show import Scene
from .story import Pane, counted, faults_words


class LineView:
    """Prints one line for each thing that happens."""

    @contextmanager
    def open(self, scene: Scene, plain: Pane, ours: Pane) -> Generator[None, None, None]:
        """Print what is about to happen."""
        write_line(
            f"{scene.wire.value} wire, {scene.model}; the answer has {counted(len(scene.answer.text), 'character')}"
        )
        write_line(f"  faults: {faults_words(scene.faults)}")
        yield

    async def run(self) -> None:
        """Do nothing: lines are printed as things happen."""
        await trio.sleep_forever()

    def tell(self, side: str, at_s: float, words: str) -> None:
        """Print a line."""
        write_line(f"  {at_s:6.2f} s  {side:<12}  {words}")


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
