"""What comes without its type: told by the keys in it, where they leave one meaning."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.json_value import JSONObject

NO_KIND = frozenset({"", "message"})
"""What a frame is called that names no event."""


def keys_said(holder: JSONObject) -> list[str]:
    """Return the keys at which anything is said: a 0 and a false are characters, too."""
    return [key for key, value in holder.items() if key != "type" and value is not None and value not in ("", [], {})]


def kind_by_key(holder: JSONObject, kinds: Mapping[str, str]) -> str | None:
    """Return the kind of the one key at which something is said; "" where nothing is, None where it is not sure."""
    said = keys_said(holder)
    return (kinds.get(said[0]) if len(said) == 1 else None) if said else ""
