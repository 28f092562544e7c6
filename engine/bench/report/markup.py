"""HTML and SVG as text: every text and every attribute that goes into a page is escaped here, and nowhere else."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TypeAlias

from attrs import frozen

_VOID = {"meta", "link", "br", "hr", "input"}
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What HTML has no way to say (HTML, 13.2.3.5), and what UTF-8 has none for."""


@frozen
class Html:
    """A piece of a page that is markup already."""

    text: str


Child: TypeAlias = "Html | str | int | None"


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """Make an element; a child that is no `Html` is text. `class_` is class, `data_x` is data-x; None is left out."""
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    inner = "".join(_child(child) for child in children)
    return Html(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{inner}</{name}>")


def join(*children: Child) -> Html:
    """Put pieces one after the other."""
    return Html("".join(_child(child) for child in children))


def text(said: str) -> str:
    """Return a text as HTML has to have it."""
    return escape(_UNFIT.sub("\ufffd", said))


def embedded_json(plain: object) -> Html:
    """Return values of JSON for a script element: no `<` stands in it, so nothing in it ends or hides the element."""
    told = json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c")
    return Html(f'<script type="application/json" id="data">{told}</script>')


def _child(child: Child) -> str:
    if isinstance(child, Html):
        return child.text
    return "" if child is None else text(str(child))


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return f" {name}" if value is True else f' {name}="{text(told)}"'
