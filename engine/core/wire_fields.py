"""What the fields of a wire format hold, by their names.

A provider declares it as `wire_fields`, and a recording without content shows nothing but what stands here.
"""

from __future__ import annotations

from attrs import field, fields, frozen


def _words(text: str | frozenset[str]) -> frozenset[str]:
    return frozenset(text.split()) if isinstance(text, str) else text


@frozen(kw_only=True)
class WireFields:
    """Names of fields, each group as one text of words. Without any, all that a body holds is content.

    Attributes:
        keys: every name of the provider's own; any other name, and what it holds, is content.
        names: hold names of kinds, reasons, models and ids.
        users: hold what is the user's or the model's, with whatever names inside.
        fragments: hold pieces of JSON text.
        fragments_by_kind: hold them where the event's kind names arguments.
        paths: hold paths of keys.
        streamed: all that stands inside is said piece by piece.
        streamed_paths: what stands just there is said piece by piece.
        whole: hold all of a text at once, inside of what is streamed too.
        places: number what is streamed side by side.
        messages: hold some server's words for an error.
        errors: hold an error.
        usages: of these pairs the second is the provider's, inside of the first, which is the user's.
    """

    keys: frozenset[str] = field(default=frozenset(), converter=_words)
    names: frozenset[str] = field(default=frozenset(), converter=_words)
    users: frozenset[str] = field(default=frozenset(), converter=_words)
    fragments: frozenset[str] = field(default=frozenset(), converter=_words)
    fragments_by_kind: frozenset[str] = field(default=frozenset(), converter=_words)
    paths: frozenset[str] = field(default=frozenset(), converter=_words)
    streamed: frozenset[str] = field(default=frozenset(), converter=_words)
    streamed_paths: frozenset[tuple[str, ...]] = frozenset()
    whole: frozenset[str] = field(default=frozenset(), converter=_words)
    places: frozenset[str] = field(default=frozenset(), converter=_words)
    messages: frozenset[str] = field(default=frozenset(), converter=_words)
    errors: frozenset[str] = field(default=frozenset(), converter=_words)
    usages: frozenset[tuple[str, ...]] = frozenset()

    def __or__(self, other: WireFields) -> WireFields:
        """Return the fields of both: those of a format, and those that all formats have."""
        groups = (each.name for each in fields(WireFields))
        return WireFields(**{name: getattr(self, name) | getattr(other, name) for name in groups})
