"""How an attempt ended, as a value: all that the decisions of a run are told about it (`run_state`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from .causes import InterruptCause
from .failures import Failure
from .ignored import NOTHING_IGNORED
from .result import SeamVerdict


@frozen
class Ended:
    """The provider's terminal event was seen."""


@frozen
class Unconfirmed:
    """The body ended in order, and no stop reason was said that counts (`unconfirmed`)."""


@frozen
class Broken:
    """The stream broke; `detail` is for a person."""

    cause: InterruptCause
    detail: str = ""


@frozen
class Failed:
    """The provider answered with a failure, before the stream or inside it."""

    failure: Failure


@frozen
class Crashed:
    """Something raised that is neither the network's nor the provider's: it is raised to the caller as it is."""

    error: Exception


Outcome: TypeAlias = Ended | Unconfirmed | Broken | Failed | Crashed


@frozen
class AttemptReport:
    """What an attempt brought, told once, when it is over.

    Attributes:
        outcome: how it ended; None where it was cancelled from outside.
        answer_ended: whether the terminal event was seen, however the attempt ended after it.
        said_anything: whether it brought any progress.
        seam: how it met what had been said before; None where that was never decided.
        bytes_received: the bytes of its body.
        ignored: what was not understood and changed nothing, by kind.
    """

    outcome: Outcome | None
    answer_ended: bool = False
    said_anything: bool = False
    seam: SeamVerdict | None = None
    bytes_received: int = 0
    ignored: Mapping[str, int] = field(default=NOTHING_IGNORED, hash=False)
