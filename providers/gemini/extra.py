"""How a caller's `extra` enters a Gemini body: deep, for most of what can be asked for stands below `generationConfig`.

An object of `extra` is merged into the object of ours at the same place, key by key; anything else replaces what is
there. So `extra={"generationConfig": {"topP": 0.9}}` keeps our ceiling and stop sequences. Names are the API's JSON
names: it also takes `generation_config`, but not both, so a name with an underscore is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..whole_only import whole_only_reason
from ..wire.json import object_at, text_at

_WHOLE_DOCUMENT = "the answer is one JSON document: its second half can not be asked for"
_FORCED_CALL = "a call is forced: a continued text would be followed by another call"


def merge_deep(body: JSONObject, extra: JSONObject) -> dict[str, JSONValue]:
    """Return `body` with `extra` merged into it, objects key by key."""
    merged = dict(body)
    for key, value in extra.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_deep(below, value)
        else:
            merged[key] = value
    return merged


def check_generate_extra(extra: JSONObject) -> None:
    """Refuse what would make the answer several, or the body ambiguous.

    Raises:
        UsageError: `candidateCount` is not 1, or a name is none of the API's JSON names.
    """
    config = object_at(extra, "generationConfig")
    for name in (*extra, *config):
        if "_" in name:
            raise UsageError(f"extra holds {name!r}; expected the API's JSON names, generationConfig and the like")
    if (count := config.get("candidateCount", 1)) != 1:
        raise UsageError(f"extra holds candidateCount={count!r}; expected one answer a request: open several runs")


def generate_whole_only(request: InferenceRequest) -> str | None:
    """Say why the answer to a streamGenerateContent request can only be had whole, or None."""
    config = object_at(request.extra, "generationConfig")
    media_type = text_at(config, "responseMimeType")
    if media_type not in ("", "text/plain") or any(config.get(f"response{name}") for name in ("Schema", "JsonSchema")):
        return _WHOLE_DOCUMENT
    calling = object_at(object_at(request.extra, "toolConfig"), "functionCallingConfig")
    return _FORCED_CALL if calling.get("mode") == "ANY" else whole_only_reason(request)


def interaction_whole_only(request: InferenceRequest) -> str | None:
    """Say why the answer to an interaction can only be had whole, or None."""
    formats = request.extra.get("response_format")
    media_type = text_at(request.extra, "response_mime_type")
    if formats or media_type not in ("", "text/plain"):
        return _WHOLE_DOCUMENT
    choice = object_at(request.extra, "generation_config").get("tool_choice")
    is_forced = choice == "any" or (isinstance(choice, Mapping) and "any" in str(object_at(choice, "allowed_tools")))
    return _FORCED_CALL if is_forced else whole_only_reason(request)
