"""Placeholders of text, drawn from a key and from all that was said before: see `redaction`. Pure."""

from __future__ import annotations

import re
from enum import Enum
from functools import partial
from hashlib import blake2b
from string import ascii_lowercase, ascii_uppercase, digits

_ELEMENT = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+|.", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]+|.", re.DOTALL)
_ALPHABETS = (ascii_lowercase, ascii_uppercase, digits)


class Mode(Enum):
    """What becomes of a text."""

    KEEP = "it stays"
    PLAIN = "letters and digits are replaced"
    NUMBER = "digits are replaced"
    WORDS = "all but known words is replaced"
    KEY = "it is replaced so that different keys stay different"
    PATH = "each key in it is replaced as a key is"
    FRAGMENT = "it is JSON text, whose structure is kept"


class PlaceholderChain:
    """Draws placeholders, one character after the other; `start` is what was said before them."""

    def __init__(self, key: bytes, words: frozenset[str], start: str) -> None:
        self._secret = key
        self._words = words
        self._state = b""
        self._in_string = self._is_key = self._at_key = False
        self._open: list[bool] = []
        self._outside = b""
        self._is_escape = False
        self._hex_left = 0
        for element in _ELEMENT.findall(start):
            self._draw(element)

    def write(self, text: str, mode: Mode) -> str:
        """Replace a piece; same length in UTF-8."""
        match mode:
            case Mode.KEEP:
                return text
            case Mode.WORDS:
                words = _WORD.findall(text)
                return "".join(word if word.lower() in self._words else self._plain(word) for word in words)
            case Mode.PATH:
                return "".join(self._key(word) if word.isalpha() else word for word in _LETTERS.findall(text))
            case Mode.KEY:
                return self._key(text)
            case Mode.NUMBER:
                return "".join(c if c.isalpha() else self._plain_element(c) for c in _ELEMENT.findall(text))
            case Mode.FRAGMENT:
                return "".join(self._fragment(element) for element in _ELEMENT.findall(text))
            case Mode.PLAIN:
                return "".join(self._plain_element(element) for element in _ELEMENT.findall(text))

    def _key(self, text: str) -> str:
        """Replace a text that stands for itself, beginning from where this chain does."""
        before, drawn = self._state, "".join(self._distinct_element(element) for element in _ELEMENT.findall(text))
        self._state = before
        return drawn

    def _distinct_element(self, element: str) -> str:
        """Replace an element; after the same beginning two letters, or digits, never become one."""
        alphabet = next((letters for letters in _ALPHABETS if element in letters), None)
        if alphabet is None:
            return self._plain_element(element)
        drawn = sorted(alphabet, key=partial(self._hash, self._state))
        self._draw(element)
        return drawn[alphabet.index(element)]

    def _hash(self, before: bytes, element: str) -> bytes:
        return blake2b(before + element.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=8).digest()

    def _plain(self, text: str) -> str:
        return "".join(self._plain_element(element) for element in text)

    def _draw(self, element: str) -> int:
        self._state = self._hash(self._state, element)
        return int.from_bytes(self._state, "big")

    def _plain_element(self, element: str) -> str:
        chance = self._draw(element)
        if len(element) == 6:  # \uXXXX
            return _escaped(int(element[2:], 16), chance)
        return element if len(element) == 2 else _like(element, chance)

    def _fragment(self, element: str) -> str:
        """Replace an element of JSON text inside a string: in its strings, all but escapes; outside, digits."""
        if self._is_key and not self._hex_left and not self._is_escape and len(element) == 1:
            return self._distinct_element(element)
        chance = self._draw(element)
        if self._hex_left:
            self._hex_left -= 1
            return "7" if element.isalnum() else element
        if self._is_escape:
            self._is_escape, self._hex_left = False, 4 if element == "u" else 0
            return element
        if element == '\\"':
            self._quote()
        elif element == "\\\\" and self._in_string:
            self._is_escape = True
        elif len(element) == 6:
            return _escaped(int(element[2:], 16), chance)
        elif self._in_string or element.isdigit():
            return element if len(element) == 2 else _like(element, chance)
        else:
            self._step(element)
        return element

    def _quote(self) -> None:
        """A string of JSON text begins or ends; a key stands for itself, as it does outside."""
        self._in_string = not self._in_string
        if self._in_string and self._at_key:
            self._is_key, self._outside, self._state = True, self._state, b""
        elif self._is_key:
            self._is_key, self._state = False, self._outside

    def _step(self, mark: str) -> None:
        """Follow the structure of JSON text, to tell its keys."""
        if mark in "{[":
            self._open.append(mark == "{")
        elif mark in "}]" and self._open:
            self._open.pop()
        if mark in "{[}],:":
            self._at_key = mark in "{," and bool(self._open) and self._open[-1]


def _like(character: str, chance: int) -> str:
    """Return a character of the same kind and size."""
    code = ord(character)
    if code < 0x80:
        if character.islower():
            return chr(ord("a") + chance % 26)
        if character.isupper():
            return chr(ord("A") + chance % 26)
        return chr(ord("1") + chance % 9) if character.isdigit() else character
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return "?"
    if character.isspace():
        return character
    if code < 0x800:
        return chr(0xE0 + chance % 23)
    return chr(0x4E00 + chance % 0x1000) if code < 0x10000 else chr(0x1F300 + chance % 0x100)


def _escaped(code: int, chance: int) -> str:
    """Return an escape like this one; halves of a pair stay halves."""
    if chr(code).isspace() or code < 0x20:
        return f"\\u{code:04x}"
    if 0xD800 <= code < 0xDC00:
        return "\\ud83c"
    if 0xDC00 <= code < 0xE000:
        return f"\\udf{chance % 256:02x}"
    return f"\\u{0x4E00 + chance % 0x1000:04x}"
