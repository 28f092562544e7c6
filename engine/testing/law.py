"""A refuted law: which, and the smallest story in which it breaks."""

from __future__ import annotations

from typing import Final

from attrs import frozen

ONE_STREAM: Final = "one stream"
ONE_END: Final = "exactly one end"
WHOLE_CALLS: Final = "whole calls"
CUT_ANYWHERE: Final = "cut anywhere"
PURE: Final = "planning is pure"
TIME: Final = "time belongs to the provider"
CANCEL: Final = "cancellation wins"
BUDGETS: Final = "budgets"
LEDGER: Final = "the ledger adds up"
NO_LEAKS: Final = "nothing leaks"
ANY_ORDER: Final = "any task order"
LIVENESS: Final = "liveness"

LAWS: Final = (
    ONE_STREAM,
    ONE_END,
    WHOLE_CALLS,
    CUT_ANYWHERE,
    PURE,
    TIME,
    CANCEL,
    BUDGETS,
    LEDGER,
    NO_LEAKS,
    ANY_ORDER,
)
"""The eleven laws by their short names, in the order of the README. The simulator knows three more names, for parts of
them: "liveness" and "order of events" (of law 2), "determinism" (of law 11)."""


class LawBroken(AssertionError):
    """A law that does not hold. `str` is the law and the story; a test that lets it through fails with both.

    Attributes:
        law: its short name, one of `LAWS` or of the simulator's.
        story: the smallest counter-example that was found, told line by line.
    """

    def __init__(self, law: str, story: str) -> None:
        super().__init__(law, story)
        self.law = law
        self.story = story

    def __str__(self) -> str:
        return f"law broken: {self.law}\n\n{self.story}"


@frozen
class Held:
    """What a check found to hold: which laws, over how many runs and how many single values."""

    laws: tuple[str, ...]
    runs: int
    values: int = 0

    def __str__(self) -> str:
        return f"{len(self.laws)} laws held over {self.runs} runs and {self.values} values: {', '.join(self.laws)}"
