"""When an answer can only be had whole: half of it, continued, would not be what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.core.json_value import JSONObject
from ..engine.core.request import InferenceRequest
from .wire.json import text_at


def whole_only_reason(request: InferenceRequest) -> str | None:
    """Say why the answer to a request can only be had whole, or None."""
    if is_json_mode(request.extra):
        return "the answer is one JSON document: its second half can not be asked for"
    if request.tool_choice is not None and request.tool_choice.is_forced:
        return "a call is forced: a continued text would be followed by another call"
    return None


def is_json_mode(extra: JSONObject) -> bool:
    """Whether the fields ask for an answer that is one JSON document (`response_format`, `output_config.format`)."""
    response_format = extra.get("response_format")
    if isinstance(response_format, Mapping) and text_at(response_format, "type").startswith("json"):
        return True
    output_config = extra.get("output_config")
    return isinstance(output_config, Mapping) and bool(output_config.get("format"))
