"""How late a task is that only sleeps, and how late a process that does nothing else: what is more is ours.

For work that may also hold up the loop by waiting, for a disk say: the time that a thread worked does not see that.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import trio

TICK_S = 0.005

BARE_TICKER = """
import sys, time
late = 0.0
print("ready", flush=True)
import threading
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
while not done.is_set():
    due = time.perf_counter() + 0.005
    time.sleep(0.005)
    late = max(late, time.perf_counter() - due)
print(late)
"""


async def tick(seen: dict[str, float]) -> None:
    """Note how late a task is that only sleeps: what holds the loop is late for every run of the process."""
    while True:
        due = perf_counter() + TICK_S
        await trio.sleep(TICK_S)
        seen["late_s"] = max(seen["late_s"], perf_counter() - due)


@contextmanager
def bare_ticker() -> Iterator[list[float]]:
    """Tick in a process that does nothing else; the list holds its greatest lateness once the block is over.

    It is asked for inside the block, too: the first element is always there.
    """
    late = _Late()
    with subprocess.Popen(
        [sys.executable, "-c", BARE_TICKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        late.process = process
        try:
            yield late
        finally:
            late.stop()


class _Late(list[float]):
    process: subprocess.Popen[str]

    def stop(self) -> None:
        if not len(self):
            said, _ = self.process.communicate(timeout=10)
            self.append(float(said))

    def __getitem__(self, at: Any) -> Any:
        self.stop()
        return super().__getitem__(at)
