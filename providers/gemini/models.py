"""What is known about families of Gemini models, as data with its sources: continuation, and how thinking is asked for.

A name is read for its family and version only. What is not known gets the cautious answer: no prefill, a level from the
set that every newer model takes.

Sources (2026-11): ai.google.dev/gemini-api/docs/latest-model ("Starting with Gemini 3.6 Flash and Gemini 3.5 Flash-Lite
… prefilling model turns is no longer supported", for these and all future models), /docs/thinking, /docs/gemini-3,
/docs/openai (what an effort is in tokens); the 3.8 Flash developer guide (levels of 3.1 Pro, 3.7 and 3.8); live checks
of prefill in public issue threads: 2.5-flash and 3.5-flash continue a model turn while they think (LibreChat agents
#323, #412), 3.0 and 3.1 do (pipecat #5821). `XHIGH` exists in google-genai 3.4.0 and is taken to be of generation 4.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen


@frozen
class GeminiFacts:
    """How a Gemini generation behaves.

    `prefill`: a trailing model turn is continued, thinking or not (400 from 3.5-flash-lite and 3.6 on). `budgets`: the
    least and the most thinking tokens, where thinking is asked for by budget. `levels`: the words it is asked for by,
    weakest first, where by level; in the Interactions API always. Neither: it takes no `thinkingConfig`. `can_disable`:
    takes a budget of 0. `reasons`: thinks without being asked. `signs_calls`: refuses the first call of a step without
    a thought signature.
    """

    prefill: bool = False
    budgets: tuple[int, int] | None = None
    levels: tuple[str, ...] = ("low", "medium", "high")
    can_disable: bool = False
    reasons: bool = True
    signs_calls: bool = True


_GEMINI = re.compile(
    r"gemini-(?P<major>\d{1,2})(?:\.(?P<minor>\d{1,2}))?(?!\d)(?:-(?P<line>pro|flash-lite|flash)(?![a-z]))?"
)
_FOUR_LEVELS = ("minimal", "low", "medium", "high")

_STRANGER = GeminiFacts()
_PLAIN = GeminiFacts(prefill=True, levels=(), reasons=False, signs_calls=False)
_THINKING_2_0 = GeminiFacts(prefill=True, levels=(), signs_calls=False)
_FLASH_2_5 = GeminiFacts(prefill=True, budgets=(0, 24_576), can_disable=True, signs_calls=False)
_LITE_2_5 = GeminiFacts(prefill=True, budgets=(512, 24_576), can_disable=True, reasons=False, signs_calls=False)
_PRO_2_5 = GeminiFacts(prefill=True, budgets=(128, 32_768), signs_calls=False)
_PRO_3 = GeminiFacts(prefill=True, levels=("low", "high"))
_PRO_3_1 = GeminiFacts(prefill=True)
_FLASH_3 = GeminiFacts(prefill=True, levels=_FOUR_LEVELS)
_FOUR = GeminiFacts(levels=("low", "medium", "high", "xhigh"))
_GEMMA_3 = GeminiFacts(levels=(), reasons=False, signs_calls=False)
_GEMMA_4 = GeminiFacts(levels=("minimal", "high"), signs_calls=False)


def gemini_facts(model: str) -> GeminiFacts:
    """Look up a model by its name, also as "models/…"; an alias that moves ("gemini-flash-latest") is a stranger."""
    name = model.lower()
    match = _GEMINI.search(name)
    if match is None:
        return _gemma_facts(name)
    version, line = (int(match["major"]), int(match["minor"] or 0)), match["line"]
    if version < (2, 5):
        return _THINKING_2_0 if "thinking" in name else _PLAIN
    if version == (2, 5):
        return {"pro": _PRO_2_5, "flash-lite": _LITE_2_5}.get(line or "", _FLASH_2_5)
    return _FOUR if version >= (4, 0) else _facts_3(version, line)


def _facts_3(version: tuple[int, int], line: str | None) -> GeminiFacts:
    if version == (3, 0):
        return _PRO_3 if line == "pro" else _FLASH_3
    if version == (3, 1):
        return _PRO_3_1 if line == "pro" else _FLASH_3
    if version == (3, 5) and line is not None:
        return evolve(_FLASH_3, prefill=line == "flash")
    return _STRANGER


def _gemma_facts(name: str) -> GeminiFacts:
    if "gemma-" not in name:
        return _STRANGER
    return _GEMMA_4 if "gemma-4" in name else _GEMMA_3
