"""How far an answer has come: what tells an attempt that brought something from one that said the same again.

Half an answer a minute is an answer; the same half ten times is none. So attempts are counted in a row without progress
(`Spending`), and progress is what goes beyond all attempts before, whether they were continued or started over.

*Source*: AWS SDKs' standard retry mode and gRPC's retry throttling (A6) count what fails and forget it with what
succeeds; a resumable download (curl `--retry`, RFC 9110 §14) is counted anew once bytes have come.
"""

from __future__ import annotations

from attrs import frozen

PROGRESS_BYTES = 1024
"""How many useful bytes beyond all earlier attempts are progress: some 250 tokens. One word more in each attempt would
go on for ever, paid each time with the whole prompt."""


@frozen
class Reach:
    """How much an answer holds: bytes, and blocks that are closed."""

    held_bytes: int = 0
    closed_blocks: int = 0

    def is_beyond(self, furthest: Reach) -> bool:
        """Whether this is progress, where nothing went further than that."""
        if self.closed_blocks > furthest.closed_blocks:
            return True
        return self.held_bytes >= furthest.held_bytes + PROGRESS_BYTES

    def or_further(self, other: Reach) -> Reach:
        """Return the most of both."""
        return Reach(max(self.held_bytes, other.held_bytes), max(self.closed_blocks, other.closed_blocks))
