"""The answers of the benchmark, made from a seed: texts with what breaks naive clients, thoughts, and calls.

A text has characters of one to four bytes, marks and joiners, what JSON escapes, digits that a dropped one changes,
and phrases that come again, though never twice in a row: where a model says its last words again, an honest repetition
can not be told from an echo. Nothing in it is a model's output.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

from ...core.json_value import JSONObject
from ...core.messages import ToolCall
from ...testing.script.answers import Answer

TOKENS = 60
"""How many tokens a text has: those of Failover Bench's answer, whose faults lie after 10, 20 and 40."""

CLOSING = "Both results are in: the crossing is open. 🛶"
"""What is said when all calls have their results."""

_OPENING = "Request {seed} — seen, counted, and answered in full. "
_PHRASES = (
    "the water keeps its bed",
    "川の流れは絶えず",
    "naïve e\u0301te\u0301",
    "🚣🏽\u200d♀️ rows on",
    "παντα ῥεῖ",
    'she said "again" twice',
    "C:\\temp\\new",
    "a\ttab",
    "line one\r\nline two",
    "👨\u200d👩\u200d👧 waits",
    "the same words return",
    "{number} litres",
    "at {number:02}:{other:02}",
    "№ {number}{other}",
    "</script><b>",
)
_SEPARATORS = ("\u2028 is no line end", "nor is \u2029", "nor \x85 either")
"""What some clients take for the end of a line, and break JSON there: in answers apart, or it would hide the rest."""


class Shape(StrEnum):
    """What an answer holds."""

    TEXT = "text"
    THOUGHTS = "thoughts"
    """Signed reasoning, then text."""
    CALLS = "calls"
    """Text, then two calls."""
    SEPARATORS = "separators"
    """Text with separators of Unicode that end no line of a stream."""


def answer_of(seed: int, shape: Shape = Shape.TEXT) -> Answer:
    """Make the answer of a seed: same arguments, same answer."""
    dice = random.Random(seed)  # noqa: S311 - an answer has to repeat
    text = _text(dice, seed, _PHRASES + _SEPARATORS if shape is Shape.SEPARATORS else _PHRASES)
    if shape in (Shape.TEXT, Shape.SEPARATORS):
        return Answer(f"bench-{seed}", text)
    if shape is Shape.THOUGHTS:
        return Answer(f"bench-{seed}", text, reasoning=_thought(dice))
    return Answer(f"bench-{seed}", text, calls=_calls(dice))


def _text(dice: random.Random, seed: int, phrases: Sequence[str]) -> str:
    parts = [_OPENING.format(seed=seed)]
    last = ""
    while len(parts) < TOKENS // 2:
        phrase = dice.choice([phrase for phrase in phrases if phrase != last])
        last = phrase
        filled = phrase.format(number=dice.randint(0, 9999), other=dice.randint(0, 59)) if "{" in phrase else phrase
        parts.append(filled + dice.choice((". ", ", ", "; ", ".\n", ".\n\n")))
    return "".join(parts) + f"The end of {seed} ∎"


def _thought(dice: random.Random) -> str:
    return f"They ask for {dice.randint(2, 99)} things. First the level, then the wind: ゆっくり. " * 2


def _calls(dice: random.Random) -> tuple[ToolCall, ...]:
    made = f"{dice.randrange(16**6):06x}"
    gauge: JSONObject = {"station": "Köln", "unit": "m", "depth": dice.randint(1, 9999), "note": 'a "quoted"\\path'}
    wind: JSONObject = {"place": "Köln-Langel", "hours": dice.randint(1, 48), "notes": ["Böen 💨", {"exact": True}]}
    return ToolCall(f"call_{made}a", "read_gauge", gauge), ToolCall(f"call_{made}b", "forecast_wind", wind)


def pieces_of(text: str, seed: int) -> list[str]:
    """Cut a text into `TOKENS` pieces or fewer, of about the same length."""
    dice = random.Random(seed)  # noqa: S311 - the cuts have to repeat
    count = min(TOKENS, len(text))
    if count < 2:
        return [text] if text else []
    edges = [0, *sorted(dice.sample(range(1, len(text)), count - 1)), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]
