"""What a run's decisions ask the shell to do, as values: carried out in order, by whoever runs the loop (`run_state`).

A batch of effects is carried out to its end. Its last is a `Wait`, an `Ask` or an end: what happens then is the next
thing that the state is told.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from .attempt_ledger import OpenAttempt
from .events import Event
from .journal import Entry
from .stop import StopReason


@frozen
class Record:
    """Append this to the journal, if there is one."""

    entry: Entry


@frozen
class FlushJournal:
    """Write the journal now: an interruption is a good moment."""


@frozen
class Deliver:
    """Hand this to the consumer, behind what was handed over before. A `StreamReset` waits for the store."""

    event: Event


@frozen
class Wait:
    """Wait until what waits for the store is handed over, and then `delay_s` longer; then call `waited`."""

    delay_s: float | None


@frozen
class Ask:
    """Open this attempt, and report how it ended. `resumes`: a `Resumed` is due before its first content."""

    attempt: OpenAttempt
    resumes: bool


@frozen
class CancelAttempt:
    """Cancel an attempt that is open; no report of it is expected."""

    number: int
    reason: str


@frozen
class Finish:
    """The run's end: nothing is left to ask. `word` is the provider's own for the reason."""

    reason: StopReason
    word: str | None = None


@frozen
class Fail:
    """The run's end: this is raised."""

    error: Exception


@frozen
class Stopped:
    """The run's end: somebody ended it early. The reason is `CANCELLED` or `PAUSED`."""

    reason: StopReason


End: TypeAlias = Finish | Fail | Stopped
Effect: TypeAlias = Record | FlushJournal | Deliver | Wait | Ask | CancelAttempt | End
