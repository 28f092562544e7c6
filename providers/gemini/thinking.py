"""How a request's wish for reasoning is put to a Gemini model: a budget in tokens, or a level, by its generation.

Decisions:
- A budget for a model that takes levels becomes the level that means about as much; an effort for one that takes
  budgets becomes the tokens that Google's own compatible endpoint takes it for. Both in one request are a 400, so only
  one is sent: the one the model takes as it is.
- A word the model does not have becomes the next weaker one that it has, else its weakest; "none" is a budget of 0
  where thinking can be switched off. A word nobody knows is sent as it is.
- A model that takes no `thinkingConfig` (2.0 and older) is sent none.
- Whoever asks for reasoning gets to see it: summaries of the thoughts are asked for too.

Source: ai.google.dev/gemini-api/docs/thinking and /docs/openai (2026-11).
"""

from __future__ import annotations

from ...engine.core.request import InferenceRequest
from .models import GeminiFacts

_ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_EFFORT_TOKENS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
_LEVEL_TOKENS = (("minimal", 1024), ("low", 4096), ("medium", 16_384))
"""Up to how many tokens a budget means a level; above the last it means "high"."""


def asks_for_reasoning(request: InferenceRequest) -> bool:
    """Whether a request asks the model to think."""
    return bool(request.reasoning_budget_tokens) or request.reasoning_effort not in (None, "none")


def thinking_budget(request: InferenceRequest, facts: GeminiFacts) -> int | None:
    """Return the budget to send to a model that takes budgets; None for none."""
    if facts.budgets is None:
        return None
    least, most = facts.budgets
    if request.reasoning_budget_tokens is not None:
        wished = request.reasoning_budget_tokens
    elif request.reasoning_effort == "none":
        wished = 0
    elif request.reasoning_effort is not None:
        wished = _EFFORT_TOKENS.get(request.reasoning_effort, most)
    else:
        return None
    if wished < 0 or (wished == 0 and facts.can_disable):
        return max(wished, -1)  # -1 leaves it to the model
    return min(max(wished, least), most)


def thinking_level(request: InferenceRequest, levels: tuple[str, ...]) -> str | None:
    """Return the level to send to a model that takes these; None for none."""
    word = request.reasoning_effort
    if word is None and request.reasoning_budget_tokens is not None and request.reasoning_budget_tokens >= 0:
        budget = request.reasoning_budget_tokens
        word = next((level for level, tokens in _LEVEL_TOKENS if budget <= tokens), "high")
    if word is None or not levels:
        return None
    if word not in _ORDER:
        return word
    return next((level for level in reversed(levels) if _ORDER.index(level) <= _ORDER.index(word)), levels[0])
