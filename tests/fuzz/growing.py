"""Streams that grow: a part of an answer again and again, with ids, indexes and keys of its own, and never closed.

Whole answers seldom show what a decoder holds back, or does twice: one frame, repeated, does.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import partial

from tests.fuzz.decoding import SEEDS

_NAMED = re.compile(rb'"(\w*(?:index|number|id|path|Path|name|key))"(\s*:\s*)("(?:[^"\\]|\\.)*"|-?\d+)')
_STRING = re.compile(rb'(:\s*")((?:[^"\\]|\\.)+)"')


def frames_of(seed: bytes) -> list[bytes]:
    """Cut an answer at its blank lines, or at its lines where it has none."""
    mark = next((mark for mark in (b"\r\n\r\n", b"\n\n") if mark in seed), b"\n")
    return [frame + mark for frame in seed.split(mark) if frame.strip()]


class Growth:
    """One way to grow an answer: what comes once, what is repeated, and what of it is fresh each time."""

    def __init__(self, dice: random.Random, seed: bytes) -> None:
        frames = frames_of(seed)
        self._at = dice.randrange(len(frames))
        self._before = frames[: self._at] if dice.random() < 0.8 else frames[:1]
        self._repeated = frames[self._at : self._at + dice.choice((1, 1, 1, 2))]
        names = sorted({found[1] for frame in self._repeated for found in _NAMED.finditer(frame)})
        self._fresh = set(dice.sample(names, dice.randint(0, len(names))))
        self._enlarged = dice.choice((1, 1, 20, 100))

    def __repr__(self) -> str:
        fresh = b", ".join(sorted(self._fresh)).decode()
        shown = b"".join(self._repeated)[:300]
        return f"<{shown!r} behind {len(self._before)} frames, {fresh} fresh, strings {self._enlarged} times>"

    @property
    def frame_bytes(self) -> int:
        """How long a frame of what is repeated is, at least."""
        return min(len(self._enlarge(frame)) for frame in self._repeated)

    def stream(self, size: int) -> bytes:
        """Write the answer with its part repeated up to this size."""
        made = b"".join(self._before)
        repeated = [self._enlarge(frame) for frame in self._repeated]
        pieces, number = [made], 0
        while size > 0:
            for frame in repeated:
                fresh = partial(self._freshened, number)
                pieces.append(_NAMED.sub(fresh, frame))
                size -= len(frame)
            number += 1
        return b"".join(pieces)

    def _enlarge(self, frame: bytes) -> bytes:
        return _STRING.sub(lambda found: found[1] + found[2] * self._enlarged + b'"', frame, count=3)

    def _freshened(self, number: int, found: re.Match[bytes]) -> bytes:
        name, between, value = found.groups()
        if name not in self._fresh:
            return found[0]
        fresh = b"%d" % (1000 + number)
        return b'"%s"%s%s' % (name, between, value[:-1] + fresh + b'"' if value.endswith(b'"') else fresh)


def growths(dice: random.Random, seeds: Sequence[bytes] = SEEDS) -> Iterator[Growth]:
    """Grow answers in ever other ways."""
    while True:
        yield Growth(dice, dice.choice(seeds))
