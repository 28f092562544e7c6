"""What was seen of one answer: when its reader had how many words, and what each request of it was."""

from __future__ import annotations

from attrs import define, field, frozen

from .script import Script


@define(eq=False)
class Asked:
    """One request: what it got, and how far.

    Attributes:
        script: what it was to get.
        asked_s: when it was made, since the answer began.
        said: how many words it had said, those counted that it went on from.
        last_s: when it said the last one.
        left_s: when it was over.
        ended: whether it ended by itself, and was not left by its client.
    """

    script: Script
    asked_s: float
    said: int = field(init=False)
    last_s: float = field(init=False)
    left_s: float = 0.0
    ended: bool = False

    def __attrs_post_init__(self) -> None:
        self.said, self.last_s = self.script.start, self.asked_s

    @property
    def was_healthy(self) -> bool:
        """Whether it was given up although nothing had gone wrong with it."""
        return not self.ended and not self.script.in_trouble(self.said)

    @property
    def was_stalled(self) -> bool:
        """Whether it was given up after it had gone silent or slow."""
        return not self.ended and self.script.in_trouble(self.said)


@frozen
class Shown:
    """A reader had `words` words at `at_s`."""

    at_s: float
    words: int


@define(eq=False)
class AnswerRecord:
    """One answer as its reader met it, and what it cost.

    `whole` says that it arrived, `exact` that it was to the letter what was said; `ended_s` is when it was over, whole
    or given up. `shown` grows by what was read, and falls where what was shown is taken back.
    """

    words: int
    asked: list[Asked] = field(factory=list[Asked])
    shown: list[Shown] = field(factory=list[Shown])
    whole: bool = False
    exact: bool = True
    ended_s: float = 0.0

    def show(self, at_s: float, words: int) -> None:
        """Take that the reader has so many words now."""
        self.shown.append(Shown(at_s, words))

    def news(self) -> list[Shown]:
        """Return when the reader had more than ever before: what is said again is no news."""
        news: list[Shown] = []
        for shown in self.shown:
            if shown.words > (news[-1].words if news else 0):
                news.append(shown)
        return news
