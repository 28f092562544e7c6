"""Where the content of a body is: it is cut into pieces, each with what becomes of it. Any bytes are a body.

What a field holds is what its provider declared (`WireFields`). What is not known is content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from ..core.wire_fields import WireFields
from .placeholder_chain import Mode

_ARGUMENTS_KIND = re.compile(r'"type"\s*:\s*"([\w.]*arguments[\w.]*)"')
_NAME = re.compile(r'"[\w.:/+=@ -]{0,200}"')
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # str.splitlines splits at U+2028 too, inside JSON
_FIELD = re.compile(r"(event|id|retry):[ ]?[\w.:+=-]{0,200}\r?\n?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s"{}\[\]:,]+|\s+', re.DOTALL)

_ERROR_DEPTH_MAX = 3
"""How deep an error's message stands; deeper ones are somebody's text."""


@frozen
class Piece:
    """A part of a body. `sid` names the stream that it continues; None: it stands for itself."""

    text: str
    mode: Mode = Mode.KEEP
    sid: tuple[object, ...] | None = None


def cut_body(body: str, fields: WireFields) -> Iterator[Piece]:
    """Cut a body into what is kept and what is content: SSE, lines of JSON, one JSON value, or anything."""
    if body.lstrip()[:1] in ("{", "["):
        yield from _Tokens(fields).cut(body)
        return
    tokens = _Tokens(fields)
    for line in _LINE.findall(body):
        name, colon, value = line.partition(":")
        stripped = value.lstrip(" ")
        if not line.strip():
            tokens = _Tokens(fields)
            yield Piece(line)
        elif name == "data" and (stripped[:1] in ("{", "[") or tokens.is_open) and stripped.strip() != "[DONE]":
            yield Piece(name + colon + value[: len(value) - len(stripped)])
            yield from tokens.cut(stripped)
        elif _FIELD.fullmatch(line) or stripped.strip() == "[DONE]":
            yield Piece(line)
        elif colon and name in ("", "data"):
            yield Piece(name + colon)
            yield Piece(value, Mode.WORDS)
        else:
            yield Piece(line, Mode.WORDS)


@define
class _Frame:
    """An object or array that is open, and the key whose value comes next."""

    is_object: bool
    key: str = ""
    at_key: bool = True


@define
class _Tokens:
    """Reads JSON token by token, torn or whole, and says of each string and number whether it is content."""

    _fields: WireFields
    _frames: list[_Frame] = field(factory=list[_Frame])
    _indices: dict[str, str] = field(factory=dict[str, str])
    _kind: str = ""
    _is_error: bool = False

    @property
    def _places(self) -> re.Pattern[str]:
        return re.compile(rf'"({"|".join(sorted(self._fields.places)) or "(?!)"})"\s*:\s*(\d+)')  # re remembers it

    @property
    def is_open(self) -> bool:
        """Whether a value is under way."""
        return bool(self._frames)

    def cut(self, text: str) -> Iterator[Piece]:
        """Cut JSON into pieces."""
        self._indices.update(self._places.findall(text))
        if not self._frames and (kind := _ARGUMENTS_KIND.search(text)) is not None:
            self._kind = kind[1]  # some write it behind the fragment that it says something of
        for match in _TOKEN.finditer(text):
            token = match[0]
            if token[0] == '"':
                yield from self._string(token)
            elif token[0] in "{}[]:,":
                self._step(token)
                yield Piece(token)
            elif token[0].isspace():
                yield Piece(token)
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
        return any(self._is_users(path, at) for at in range(len(path)))

    def _string(self, token: str) -> Iterator[Piece]:
        frame = self._frames[-1] if self._frames else None
        inside = token[1:-1] if len(token) > 1 and token[-1] == '"' and not _is_torn(token) else token[1:]
        end = token[1 + len(inside) :]
        if frame is not None and frame.is_object and frame.at_key:
            frame.key = inside
            is_known = inside in self._fields.keys and (not self._is_free or self._path[-2:] in self._fields.usages)
            mode = Mode.KEEP if is_known else Mode.KEY
        else:
            self._note(inside)
            mode = self._mode(token)
        yield Piece('"')
        is_streamed = mode in (Mode.PLAIN, Mode.FRAGMENT) and self._is_streamed
        yield Piece(inside, mode, self._sid() if is_streamed else None)
        yield Piece(end)

    def _note(self, value: str) -> None:
        """Take the kind of an event or item, and whether the body is an error."""
        path = self._path
        if path[-1:] == ("type",) and not self._is_free:
            self._kind = value
        if path in (("type",), ("object",)) and value == "error":
            self._is_error = True

    def _mode(self, token: str) -> Mode:
        """Say what becomes of a string value."""
        if self._is_free:
            return Mode.PLAIN
        path, known = self._path, self._fields
        key = path[-1] if path else ""
        if key == "code":
            return self._mode_of_code(path, token)
        if key in known.names and _NAME.fullmatch(token):
            return Mode.KEEP
        if key in known.fragments or (key in known.fragments_by_kind and "arguments" in self._kind):
            return Mode.FRAGMENT
        if key in known.paths:
            return Mode.PATH
        is_message = key in known.messages and known.streamed.isdisjoint(path) and len(path) <= _ERROR_DEPTH_MAX
        return Mode.WORDS if is_message else Mode.PLAIN

    def _mode_of_code(self, path: tuple[str, ...], token: str) -> Mode:
        """Say what a `code` is: the name of an error, some server's words for one, or a program."""
        is_error = self._is_error if len(path) == 1 else not self._fields.errors.isdisjoint(path)
        if is_error and _NAME.fullmatch(token):
            return Mode.KEEP
        return Mode.WORDS if is_error or (len(path) == 1 and not self._kind) else Mode.PLAIN

    def _is_users(self, path: Sequence[str], at: int) -> bool:
        """Whether a key's value is the user's. Metadata of an error are a gateway's; some hold an event's usage."""
        known = self._fields
        is_of_error = path[at] == "metadata" and path[max(at - 1, 0)] in known.errors
        if is_of_error or tuple(path[at : at + 2]) in known.usages:
            return False
        return path[at] in known.users or path[at] not in known.keys

    @property
    def _is_streamed(self) -> bool:
        path = self._path
        if path[-1:] and path[-1] in self._fields.whole:
            return False
        return path in self._fields.streamed_paths or not self._fields.streamed.isdisjoint(path)

    def _sid(self) -> tuple[object, ...]:
        return (*self._path, *sorted(self._indices.items()))

    def _other(self, token: str) -> Piece:
        """A number or a literal; or a part of one, where the body was torn."""
        frame = self._frames[-1] if self._frames else None
        if token in ("true", "false", "null"):
            return Piece(token)
        if frame is None or not frame.is_object or self._is_free or not _is_number(token):
            return Piece(token, Mode.NUMBER if _is_number(token) else Mode.PLAIN)
        if frame.key == "index":
            self._indices[frame.key] = token
        return Piece(token)


def _is_torn(token: str) -> bool:
    """Whether the quote at a token's end is escaped, so that the string goes on."""
    return (len(token) - 1 - len(token[:-1].rstrip("\\"))) % 2 == 1


def _is_number(token: str) -> bool:
    return token[0] in "-0123456789"
