"""Takes the content out of a provider's bytes and leaves their shape: same sizes, same structure, same repetitions.

What a recording may show without being asked to is decided here, and what is not known is content. Rules:
- Every byte keeps its place: the result is as long as what was given, so reads, chunks and cuts inside a character
  still fall where they fell. White space, punctuation and the kind of each character (small, capital, digit, two bytes
  …) stay.
- Words of the protocol stay: the providers' own keys (`wire_keys`), and the values of those that name kinds, reasons,
  models and ids (`_PROTOCOL`). Counts stay. Numbers in arrays (token ids, vectors) and everything under a key whose
  value is the user's are content.
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

import re
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from .placeholder_chain import PlaceholderChain
from .wire_keys import USERS, WIRE_KEYS

_PROTOCOL_KEYS = (
    "type object role status model modelVersion model_version event event_type blockReason "
    "block_reason id call_id item_id response_id responseId finish_reason finishReason stop_reason "
    "native_finish_reason done_reason provider system_fingerprint service_tier created_at @type reason phase"
)
_PROTOCOL = frozenset(_PROTOCOL_KEYS.split())
_FRAGMENTS = frozenset({"partial_json", "arguments", "partial_arguments"})
_STREAMED = frozenset({"delta", "parts"})
_STREAMED_PATHS = {("message", "content"), ("message", "thinking"), ("response",), ("thinking",)}
_ERRORS = frozenset({"error", "errors", "detail", "message", "msg"})
_ERROR_OBJECTS = frozenset({"error", "errors"})
_USAGES = frozenset({("metadata", "usage"), ("metadata", "total_usage")})
_WHOLE = frozenset({"name", "jsonPath"})
_PLACE = re.compile(r'"(output_index|content_index|summary_index)"\s*:\s*(\d+)')

_ARGUMENTS_KIND = re.compile(r'"type"\s*:\s*"([\w.]*arguments[\w.]*)"')
_NAME = re.compile(r'"[\w.:/+=@ -]{0,200}"')
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # str.splitlines splits at U+2028 too, inside JSON
_FIELD = re.compile(r"(event|id|retry):[ ]?[\w.:+=-]{0,200}\r?\n?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s"{}\[\]:,]+|\s+', re.DOTALL)
_TURNS_MAX = 8

REPEATED_CHARS_MIN = 8
"""What begins like something said before, for this long, is drawn as its repetition; no seam counts a shorter one."""


@frozen
class _Piece:
    """A part of a body. `sid` names the stream that it continues; None: it stands for itself. `how` is the chain's."""

    text: str
    how: str = "keep"
    sid: tuple[object, ...] | None = None


@define
class Placeholders:
    """Replaces the content of the bodies of one run, in their order. `words` are kept in error messages."""

    key: bytes = field(repr=False)
    words: frozenset[str] = frozenset()
    _said: dict[tuple[object, ...], str] = field(factory=dict[tuple[object, ...], str], init=False, repr=False)
    _keys: dict[str, str] = field(factory=dict[str, str], init=False, repr=False)

    def body(self, data: bytes) -> bytes:
        """Replace the content of one whole body, or of what came of it; same length."""
        pieces = list(_pieces(data.decode("utf-8", "surrogateescape")))
        parts: dict[tuple[object, ...], list[str]] = {}
        for piece in pieces:
            if piece.sid is not None:
                parts.setdefault(piece.sid, []).append(piece.text)
        streams = {sid: "".join(texts) for sid, texts in parts.items()}
        starts = {sid: self._start_of(sid, text) for sid, text in streams.items()}
        begun = {text[:REPEATED_CHARS_MIN]: starts[sid] for sid, text in streams.items()}
        chains = {sid: PlaceholderChain(self.key, self.words, start) for sid, start in starts.items()}
        written: list[str] = []
        for piece in pieces:
            if piece.how in ("keep", "key"):
                written.append(piece.text if piece.how == "keep" else self._key(piece.text))
                continue
            start = "" if piece.how == "path" else begun.get(piece.text[:REPEATED_CHARS_MIN], "")
            chain = PlaceholderChain(self.key, self.words, start) if piece.sid is None else chains[piece.sid]
            written.append(chain.write(piece.text, piece.how))
        for sid, text in streams.items():
            self._said[sid] = starts[sid] + text
        return "".join(written).encode("utf-8", "surrogateescape")

    def _key(self, text: str) -> str:
        """Replace a whole key; never by one of the providers'."""
        drawn = self._keys.get(text)
        if drawn is None:
            starts = ("", *(chr(0x100 + turn) for turn in range(_TURNS_MAX)))
            made = (PlaceholderChain(self.key, self.words, start).write(text, "key") for start in starts)
            drawn = self._keys[text] = next((one for one in made if one not in WIRE_KEYS), text)
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


# -- where the content is -----------------------------------------------------------------------------------------


def _pieces(body: str) -> Iterator[_Piece]:
    """Cut a body into what is kept and what is content: SSE, lines of JSON, one JSON value, or anything."""
    if body.lstrip()[:1] in ("{", "["):
        yield from _Tokens().cut(body)
        return
    tokens = _Tokens()
    for line in _LINE.findall(body):
        name, colon, value = line.partition(":")
        stripped = value.lstrip(" ")
        if not line.strip():
            tokens = _Tokens()
            yield _Piece(line)
        elif name == "data" and (stripped[:1] in ("{", "[") or tokens.is_open) and stripped.strip() != "[DONE]":
            yield _Piece(name + colon + value[: len(value) - len(stripped)])
            yield from tokens.cut(stripped)
        elif _FIELD.fullmatch(line) or stripped.strip() == "[DONE]":
            yield _Piece(line)
        elif colon and name in ("", "data"):
            yield _Piece(name + colon)
            yield _Piece(value, "words")
        else:
            yield _Piece(line, "words")


@define
class _Frame:
    """An object or array that is open, and the key whose value comes next."""

    is_object: bool
    key: str = ""
    at_key: bool = True


@define
class _Tokens:
    """Reads JSON token by token, torn or whole, and says of each string and number whether it is content."""

    _frames: list[_Frame] = field(factory=list[_Frame])
    _indices: dict[str, str] = field(factory=dict[str, str])
    _kind: str = ""
    _is_error: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a value is under way."""
        return bool(self._frames)

    def cut(self, text: str) -> Iterator[_Piece]:
        """Cut JSON into pieces."""
        self._indices.update(_PLACE.findall(text))
        if not self._frames and (kind := _ARGUMENTS_KIND.search(text)) is not None:
            self._kind = kind[1]  # some write it behind the fragment that it says something of
        for match in _TOKEN.finditer(text):
            token = match[0]
            if token[0] == '"':
                yield from self._string(token)
            elif token[0] in "{}[]:,":
                self._step(token)
                yield _Piece(token)
            elif token[0].isspace():
                yield _Piece(token)
            else:
                yield self._other(token)

    def _step(self, mark: str) -> None:
        frames = self._frames
        if mark in "{[":
            frames.append(_Frame(mark == "{"))
        elif mark in "}]":
            if frames:
                frames.pop()
            if not frames:
                self._indices.clear()
                self._kind, self._is_error = "", False
        elif frames:
            frames[-1].at_key = mark == ","

    @property
    def _path(self) -> tuple[str, ...]:
        return tuple(frame.key for frame in self._frames if frame.is_object)

    @property
    def _is_free(self) -> bool:
        """Whether what comes next stands in a value of the user's, or in one that nothing is known of."""
        path = [frame.key for frame in self._frames[:-1] if frame.is_object]
        return any(_is_users(path, at) for at in range(len(path)))

    def _string(self, token: str) -> Iterator[_Piece]:
        frame = self._frames[-1] if self._frames else None
        inside = token[1:-1] if len(token) > 1 and token[-1] == '"' and not _is_torn(token) else token[1:]
        end = token[1 + len(inside) :]
        if frame is not None and frame.is_object and frame.at_key:
            frame.key = inside
            is_known = inside in WIRE_KEYS and (not self._is_free or self._path[-2:] in _USAGES)
            how = "keep" if is_known else "key"
        else:
            how = self._how(token, inside)
        yield _Piece('"')
        yield _Piece(inside, how, self._sid() if how in ("plain", "fragment") and self._is_streamed else None)
        yield _Piece(end)

    def _how(self, token: str, inside: str) -> str:
        """Say what becomes of a string value."""
        path = self._path
        key = path[-1] if path else ""
        if key == "type" and not self._is_free:
            self._kind = inside
        if path in (("type",), ("object",)) and inside == "error":
            self._is_error = True
        if self._is_free or self._is_in_array_of_content:
            return "plain"
        if key == "code":
            return self._how_of_code(path, token)
        if key in _PROTOCOL and _NAME.fullmatch(token):
            return "keep"
        if key in _FRAGMENTS or (key == "delta" and "arguments" in self._kind):
            return "fragment"
        if key == "jsonPath":
            return "path"
        return "words" if key in _ERRORS and "delta" not in path and len(path) <= 3 else "plain"

    def _how_of_code(self, path: tuple[str, ...], token: str) -> str:
        """Say what a `code` is: the name of an error, some server's words for one, or a program."""
        is_error = self._is_error if len(path) == 1 else not _ERROR_OBJECTS.isdisjoint(path)
        if is_error and _NAME.fullmatch(token):
            return "keep"
        return "words" if is_error or (len(path) == 1 and not self._kind) else "plain"

    @property
    def _is_in_array_of_content(self) -> bool:
        return bool(self._frames) and not self._frames[-1].is_object and self._path[-1:] == ("logprobs",)

    @property
    def _is_streamed(self) -> bool:
        path = self._path
        if path[-1:] and path[-1] in _WHOLE:
            return False
        return path in _STREAMED_PATHS or any(key in _STREAMED for key in path)

    def _sid(self) -> tuple[object, ...]:
        return (*self._path, *sorted(self._indices.items()))

    def _other(self, token: str) -> _Piece:
        """A number or a literal; or a part of one, where the body was torn."""
        frame = self._frames[-1] if self._frames else None
        if token in ("true", "false", "null"):
            return _Piece(token)
        if frame is None or not frame.is_object or self._is_free or not _is_number(token):
            return _Piece(token, "plain" if not _is_number(token) else "number")
        if frame.key == "index":
            self._indices[frame.key] = token
        return _Piece(token)


def _is_users(path: Sequence[str], at: int) -> bool:
    """Whether a key's value is the user's. Metadata of an error are a gateway's, and Google's hold an event's usage."""
    if path[at] == "metadata" and (path[max(at - 1, 0)] in _ERROR_OBJECTS or tuple(path[at : at + 2]) in _USAGES):
        return False
    return path[at] in USERS or path[at] not in WIRE_KEYS


def _is_torn(token: str) -> bool:
    """Whether the quote at a token's end is escaped, so that the string goes on."""
    return (len(token) - 1 - len(token[:-1].rstrip("\\"))) % 2 == 1


def _is_number(token: str) -> bool:
    return token[0] in "-0123456789"
