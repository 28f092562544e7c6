"""What is known about families of models, as data with its sources. Providers read it; the core never sees a name.

A name is read for its family and version only; what is not known gets the cautious answer: no prefill, the newest
way to think, the usual ceiling.

Sources: wire-formats notes of 2026-11 (platform.claude.com: migration guides, extended and adaptive thinking, streaming
"Error recovery", models overview; platform.openai.com: reasoning guide).
"""

from __future__ import annotations

import re

from attrs import frozen


@frozen
class ClaudeFacts:
    """How a Claude generation behaves.

    `prefill`: a trailing assistant message is continued (400 from 4.6 on). `budget`: takes thinking budgets. `effort`:
    takes `output_config.effort`. `adaptive`: takes `thinking: {type: adaptive}`. `reasons`: thinks without being asked.
    `output_tokens`: the ceiling we ask for where the caller names none; the API wants one.
    """

    prefill: bool = False
    budget: bool = False
    effort: bool = True
    adaptive: bool = True
    reasons: bool = True
    can_disable: bool = True
    output_tokens: int = 32_000


_CLAUDE = re.compile(
    r"claude[-.](?:(?P<line>opus|sonnet|haiku|instant|fable|mythos)[-.])?(?:v?(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?)?(?!\d)"
    r"(?:-(?P<old_line>opus|sonnet|haiku))?"
)

_NEWEST = ClaudeFacts()
_CLAUDE_UP_TO: tuple[tuple[tuple[int, int], ClaudeFacts], ...] = (
    # The newest version of the row, and its facts. Ceilings are those of the smallest model in the row.
    ((3, 4), ClaudeFacts(prefill=True, effort=False, adaptive=False, reasons=False, output_tokens=4096)),
    ((3, 6), ClaudeFacts(prefill=True, effort=False, adaptive=False, reasons=False, output_tokens=8192)),
    ((4, 5), ClaudeFacts(prefill=True, budget=True, effort=False, adaptive=False, reasons=False)),
    ((4, 6), ClaudeFacts(budget=True, reasons=False)),
    ((4, 99), ClaudeFacts(reasons=False)),
)
_OPUS_4_5 = ClaudeFacts(prefill=True, budget=True, effort=True, adaptive=False, reasons=False)
_OPUS_5_5 = ClaudeFacts(can_disable=False)
_STRANGER = ClaudeFacts(output_tokens=8192)


def claude_facts(model: str) -> ClaudeFacts:
    """Look up a model by its name, in any spelling of the clouds ("anthropic.claude-…-v1:0", "claude-…@date")."""
    match = _CLAUDE.search(model)
    if match is None:
        return _STRANGER
    line = match["line"] or match["old_line"]
    if line == "instant":
        return _CLAUDE_UP_TO[0][1]
    if line in ("fable", "mythos") or match["major"] is None:
        return _NEWEST
    version = (int(match["major"]), int(match["minor"] or 0))
    if line == "opus" and version == (4, 5):
        return _OPUS_4_5
    if line == "opus" and version >= (5, 5):
        return _OPUS_5_5
    return next((facts for up_to, facts in _CLAUDE_UP_TO if version <= up_to), _NEWEST)


_OPENAI_REASONING = re.compile(
    r"(?:^|/)(?:o[134]|gpt-5)(?!\d)(?!-chat)|(?<!non-)(?:thinking|reasoning|reasoner)|gpt-oss|\br1\b|qwq|magistral"
)


def openai_reasons(model: str) -> bool:
    """Whether the model thinks before it speaks, by its name (seeds, row 003; wire-formats §2.1 and §3)."""
    return _OPENAI_REASONING.search(model.lower()) is not None
