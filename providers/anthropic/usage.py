"""The counts of a Messages stream: each report is of the whole answer so far, and says only what it has.

A later 0 does not replace a count: some gateways write their last report so. A first report of 0 is one. No recording
has a count that shrinks; it does in one fixture that Anthropic's SDK wrote by hand (docs/providers.md).
"""

from __future__ import annotations

from ...engine.core.json_value import JSONObject
from ...engine.core.usage import UsageReport
from ..wire.json import count_at, object_at, text_at

_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class Counts:
    """What was counted so far in one answer."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def merge(self, usage: JSONObject) -> UsageReport | None:
        """Merge what is given over what was, where absent or null says nothing; None where no count is given."""
        given = {name: count_at(usage, name) for name in _INPUT_COUNTS}
        given["output_tokens"] = count_at(usage, "output_tokens")
        given["thinking_tokens"] = count_at(object_at(usage, "output_tokens_details"), "thinking_tokens")
        told = {name: count for name, count in given.items() if count is not None}
        if not told:
            return None
        self._known |= {name: count for name, count in told.items() if count or name not in self._known}
        inputs = [self._known[name] for name in _INPUT_COUNTS if name in self._known]
        return UsageReport(
            input=sum(inputs) if inputs else None,
            output=self._known.get("output_tokens"),
            cached_input=self._known.get("cache_read_input_tokens"),
            cache_write=self._known.get("cache_creation_input_tokens"),
            reasoning=self._known.get("thinking_tokens"),
            service_tier=text_at(usage, "service_tier") or None,
        )
