"""Takes the content out of a provider's bytes and leaves their shape: same sizes, same structure, same repetitions.

What a recording may show without being asked to is decided here, and what is not known is content. Rules:
- Every byte keeps its place: the result is as long as what was given, so reads, chunks and cuts inside a character
  still fall where they fell. White space, punctuation and the kind of each character (small, capital, digit, two bytes
  …) stay.
- Words of the protocol stay, as the provider declares them (`WireFields`): its own keys, and the values of those that
  name kinds, reasons, models and ids. Counts stay. Numbers in arrays (token ids, vectors) and everything under a key
  whose value is the user's are content.
- Any other key is content too. Its placeholder is the same wherever it stands in the run, and another one than that of
  any other key that is made of letters and digits: no object gets a key twice by it.
- Fragments of a call's arguments are still fragments of JSON: their quotes, braces and literals stay.
- A character's placeholder is drawn from a key that is thrown away and from *all that was said before it*. So what
  says the same thing again (an echo, an overlap at a seam, the whole text after its deltas) does so still, and nothing
  else can be read from equal placeholders: no alphabet to guess, no frequencies to count.
- `code` is an error's, whole, or a program's: content.
- Of an error's message the words stay that riverrun's own table of errors knows: it is classified as it was.

Pure, but for the key. Cost: about 2 µs a character.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from ..core.wire_fields import WireFields
from .pieces import Piece, cut_body
from .placeholder_chain import Mode, PlaceholderChain

_TURNS_MAX = 8

REPEATED_CHARS_MIN = 8
"""What begins like something said before, for this long, is drawn as its repetition; no seam counts a shorter one."""


@define
class Placeholders:
    """Replaces the content of the bodies of one run, in their order.

    `words` are kept in error messages; `fields` are the provider's, and without them all is content.
    """

    key: bytes = field(repr=False)
    words: frozenset[str] = frozenset()
    fields: WireFields = field(factory=WireFields, repr=False)
    _said: dict[tuple[object, ...], str] = field(factory=dict[tuple[object, ...], str], init=False, repr=False)
    _keys: dict[str, str] = field(factory=dict[str, str], init=False, repr=False)

    def body(self, data: bytes) -> bytes:
        """Replace the content of one whole body, or of what came of it; same length."""
        pieces = list(cut_body(data.decode("utf-8", "surrogateescape"), self.fields))
        parts: dict[tuple[object, ...], list[str]] = {}
        for piece in pieces:
            if piece.sid is not None:
                parts.setdefault(piece.sid, []).append(piece.text)
        streams = {sid: "".join(texts) for sid, texts in parts.items()}
        starts = {sid: self._start_of(sid, text) for sid, text in streams.items()}
        begun = {text[:REPEATED_CHARS_MIN]: starts[sid] for sid, text in streams.items()}
        chains = {sid: PlaceholderChain(self.key, self.words, start) for sid, start in starts.items()}
        written = [self._write(piece, begun, chains) for piece in pieces]
        for sid, text in streams.items():
            self._said[sid] = starts[sid] + text
        return "".join(written).encode("utf-8", "surrogateescape")

    def _write(
        self, piece: Piece, begun: Mapping[str, str], chains: Mapping[tuple[object, ...], PlaceholderChain]
    ) -> str:
        if piece.mode is Mode.KEEP:
            return piece.text
        if piece.mode is Mode.KEY:
            return self._key(piece.text)
        if piece.sid is not None:
            return chains[piece.sid].write(piece.text, piece.mode)
        start = "" if piece.mode is Mode.PATH else begun.get(piece.text[:REPEATED_CHARS_MIN], "")
        return PlaceholderChain(self.key, self.words, start).write(piece.text, piece.mode)

    def _key(self, text: str) -> str:
        """Replace a whole key; never by one of the providers'."""
        drawn = self._keys.get(text)
        if drawn is None:
            starts = ("", *(chr(0x100 + turn) for turn in range(_TURNS_MAX)))
            made = (PlaceholderChain(self.key, self.words, start).write(text, Mode.KEY) for start in starts)
            drawn = self._keys[text] = next((one for one in made if one not in self.fields.keys), text)
        return drawn

    def _start_of(self, sid: tuple[object, ...], text: str) -> str:
        """What counts as said before a stream: nothing if it begins anew, else what the run said up to its start."""
        said = self._said.get(sid, "")
        if not said or text[:REPEATED_CHARS_MIN] == said[:REPEATED_CHARS_MIN]:
            return ""
        at = said.find(text[:REPEATED_CHARS_MIN]) if len(text) >= REPEATED_CHARS_MIN else -1
        while at >= 0:
            if said.startswith(text[: len(said) - at], at):
                return said[:at]
            at = said.find(text[:REPEATED_CHARS_MIN], at + 1)
        return said
