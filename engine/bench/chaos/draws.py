"""Which fault a request gets: the rules in their order, each drawn by its odds with the dice of a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from attrs import define

from ...core.usage_error import UsageError
from .spelling import Rule, parse_rule, require_playable

RULES_MAX = 64
"""The most rules that stand at a time."""


@define(eq=False)
class Standing:
    """A rule and how often it was drawn."""

    rule: Rule
    drawn: int = 0

    @property
    def is_left(self) -> bool:
        """Whether it may be drawn once more."""
        return self.rule.times is None or self.drawn < self.rule.times


class Draws:
    """The rules that stand, and the dice. Same seed, same rules, same order of requests: same faults.

    Each request rolls its own dice, of the seed and its number: a rule that is added later changes nothing for those
    before it. `number` counts the requests that were drawn for.
    """

    def __init__(self, spelled: Iterable[str], *, seed: int, has_upstream: bool) -> None:
        self.number: int = 0
        self._seed = seed
        self._has_upstream = has_upstream
        self._standing = self._read([], spelled)
        self._first = [each.rule for each in self._standing]

    @property
    def standing(self) -> Sequence[Standing]:
        """The rules, in order."""
        return self._standing

    def add(self, spelled: Iterable[str]) -> None:
        """Add rules behind those that stand. Raises UsageError; then nothing changed."""
        self._standing = self._read(self._standing, spelled)

    def replace(self, spelled: Iterable[str]) -> None:
        """Have these rules stand and no others. Raises UsageError; then nothing changed."""
        self._standing = self._read([], spelled)

    def remove(self, at: int) -> None:
        """Take out the rule at a place, from 0. Raises UsageError."""
        if not 0 <= at < len(self._standing):
            raise UsageError(f"there is no fault {at}; expected one of the {len(self._standing)} that stand, from 0")
        self._standing = [*self._standing[:at], *self._standing[at + 1 :]]

    def restart(self) -> None:
        """Begin anew: the rules of the start, none of them drawn, and the dice as they were."""
        self.number = 0
        self._standing = [Standing(rule) for rule in self._first]

    def draw(self, *, is_prefix: bool) -> Rule | None:
        """Draw for the next request: the first rule that its dice hit. `is_prefix`: it ends with an assistant's turn.

        A refusal of prefills holds for every such request, and goes before the others.
        """
        self.number += 1
        dice = random.Random(self._seed * 1_000_003 + self.number)  # noqa: S311 - the faults have to repeat
        hit: Standing | None = None
        for each in self._standing:
            is_hit = dice.random() < each.rule.odds and each.is_left
            if each.rule.stands_alone:
                if is_hit and is_prefix:
                    hit = each
                    break
            elif is_hit and hit is None:
                hit = each
        if hit is None:
            return None
        hit.drawn += 1
        return hit.rule

    def _read(self, before: Sequence[Standing], spelled: Iterable[str]) -> list[Standing]:
        added = [Standing(parse_rule(each)) for each in spelled]
        standing = [*before, *added]
        if len(standing) > RULES_MAX:
            raise UsageError(f"{len(standing)} faults would stand; expected at most {RULES_MAX}", argument="fault")
        require_playable([each.rule for each in standing if each.is_left], has_upstream=self._has_upstream)
        return standing
