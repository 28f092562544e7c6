"""The counts of an interaction: cumulative in every report."""

from __future__ import annotations

from ...engine.core.json_value import JSONObject
from ...engine.core.usage import UsageReport
from ..wire.json import count_at, text_at


def read_usage(usage: JSONObject) -> UsageReport | None:
    """Return the usage of an interaction as a report; None where it holds no counts."""
    inputs = count_at(usage, "total_input_tokens")
    outputs = count_at(usage, "total_output_tokens")
    if inputs is None and outputs is None:
        return None
    thoughts = count_at(usage, "total_thought_tokens") or 0
    return UsageReport(
        input=None if inputs is None else inputs + (count_at(usage, "total_tool_use_tokens") or 0),
        output=(outputs or 0) + thoughts,
        cached_input=count_at(usage, "total_cached_tokens") or 0,
        reasoning=thoughts,
        total=count_at(usage, "total_tokens"),
        service_tier=text_at(usage, "service_tier") or None,
    )
