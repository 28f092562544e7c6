"""What is known of a simulated run, meanwhile and after: the log, the processes, what the model gave, what broke."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import trio
from attrs import define, frozen

from ...core.journal import RestoredRun
from ...core.messages import Message
from ...core.request import InferenceRequest
from ...core.result import AttemptRecord
from ...core.usage_error import UsageError
from ...run.run import Run
from ...stores.memory import MemoryStore
from ..law import Law, Violation
from ..script.speech import Attempt
from .clock import JumpingClock
from .generation import ReadingModel
from .model import Model
from .observer import Observer
from .scenario import PROVIDERS, Act, Scenario
from .store import StoreHandle

REQUEST = InferenceRequest((Message.user("Tell me of the river."),), max_tokens=100_000)
RUN_ID = "run"

Entry: TypeAlias = tuple[Any, ...]


@define(eq=False)
class Process:
    """One process of a run. `end`: finished, partial, left, cancelled, crashed or error.

    Attributes:
        restored: what it found in the store.
        acted_s: when its consumer interfered.
        settled_s: when its consumer knew that the run had ended.
        kept: how many characters of text its consumer already had.
        requests: how many requests had been made before it began.
    """

    number: int
    observer: Observer
    handle: StoreHandle | None
    scope: trio.CancelScope
    kept: int
    requests: int
    began_s: float
    run: Run | None = None
    restored: RestoredRun | None = None
    end: str = ""
    error: BaseException | None = None
    act: Act = Act.NONE
    acted_s: float = 0.0
    settled_s: float | None = None
    ended_s: float = 0.0

    @property
    def opened_run(self) -> Run:
        """The run; only of a process that came as far as to open it."""
        if self.run is None:
            raise UsageError(f"process {self.number} has opened no run")
        return self.run

    @property
    def is_drained(self) -> bool:
        """Whether its consumer took everything there was, to the end."""
        return self.end in ("finished", "partial", "error")

    def let_go(self) -> None:
        """Forget what points back here, once nothing is asked of it any more."""
        if self.error is not None:
            self.error.__traceback__ = None  # its frames hold all there was
        self.run = self.error = None
        self.observer.let_go()
        if self.handle is not None:
            self.handle.let_go()


class Book:
    """The state of one scenario under way.

    Attributes:
        stored: the entries in the store. Kept by who writes them: to read them there would raise the fence.
    """

    def __init__(self, scenario: Scenario, clock: JumpingClock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.entries: list[Entry] = []
        self.reached: set[str] = set()
        dice = random.Random(scenario.seed)  # noqa: S311 - a simulation's dice have to repeat
        self.dice: Callable[[], float] = dice.random
        make = ReadingModel if PROVIDERS[scenario.provider].can_reattach else Model
        self.model: Model = make(scenario, clock.current_time, self.log)
        self.store: MemoryStore = MemoryStore()
        self.stored: list[bytes] = []
        self.processes: list[Process] = []

    def log(self, what: str, *detail: object) -> None:
        """Note what happened."""
        self.entries.append((self.clock.now, what, *detail))

    def tell(self, law: Law, message: str) -> None:
        """Note a broken law."""
        self.model.broken.append(Violation(law, message))


@frozen(eq=False)
class Ended:
    """A process that has ended, with its own lines of the ledger and what the model gave it."""

    book: Book
    process: Process
    records: Sequence[AttemptRecord]
    attempts: Sequence[Attempt]
