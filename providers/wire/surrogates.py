"""Half characters: a high surrogate at the end of one JSON string whose low half is in the next.

Providers that count UTF-16 units cut an emoji between two deltas and escape each half. Text with a half in it can not
be encoded, printed or stored, and two halves joined in Python stay two. So a half waits here for its pair; one without
a pair becomes U+FFFD, as a decoder of UTF-16 would make it.
"""

from __future__ import annotations


class SurrogateJoiner:
    """Joins the halves over one sequence of texts. What it gives out always encodes to UTF-8."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: str = ""

    def take(self, text: str) -> str:
        """Return `text` with what waited before it, less a half that waits now."""
        if not self.held and (text.isascii() or not _has_surrogate(text)):
            return text
        text = self.held + text
        self.held = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[:-1] if self.held else text
        return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def flush(self) -> str:
        """Return what stands for a half whose pair never came: U+FFFD, or nothing."""
        half, self.held = self.held, ""
        return "\ufffd" if half else ""


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
