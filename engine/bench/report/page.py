"""The page around a report: its head, its look, its script, and the policy by which it asks nothing of any network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files

from .markup import Child, Html, el, embedded_json, join

ICONS = {
    "exact": "M2.5 7.5 L5.8 10.8 L11.5 3.8",
    "partial": "M7 2 A5 5 0 0 0 7 12 Z M7 2 A5 5 0 0 1 7 12",
    "clean-error": "M7 2 A5 5 0 1 0 7 12 A5 5 0 1 0 7 2 M4 7 H10",
    "false-success": "M7 1.6 L13 12.2 H1 Z M7 5.4 V8.4 M7 10.2 V10.5",
    "hang": "M3 1.5 H11 M3 12.5 H11 M4 1.5 C4 5.5 10 8.5 10 12.5 M10 1.5 C10 5.5 4 8.5 4 12.5",
    "none": "M4 7 H10",
}
"""An icon for each verdict, in a box of 14: read without colour, beside its word."""

MARKS = {
    "fault": "M-5,-3 L-3,-5 L0,-2 L3,-5 L5,-3 L2,0 L5,3 L3,5 L0,2 L-3,5 L-5,3 L-2,0 Z",
    "resume": "M0,-6 L6,5 L-6,5 Z",
    "request": "M-3,-5 L5,0 L-3,5 Z",
    "end": "M-4,-4 H4 V4 H-4 Z",
    "error": "M0,-6 L6,0 L0,6 L-6,0 Z",
    "hang": "M-5,-5 H-1.5 V5 H-5 Z M1.5,-5 H5 V5 H1.5 Z",
}
"""What stands on a lane, around its moment: read without colour too."""

PATTERNS = {
    "partial": "M-1,5 L5,-1 M3,9 L9,3",
    "clean-error": "M2,2 H3 M6,6 H7",
    "false-success": "M-1,3 L3,-1 M-1,9 L9,-1 M5,9 L9,5 M-1,-1 L9,9 M5,-1 L9,3 M-1,5 L3,9",
    "hang": "M1,0 V8 M5,0 V8",
}
"""What lies over the colour of a bar."""

_STROKE = {
    "fill": "none",
    "stroke": "currentColor",
    "stroke_width": "1.8",
    "stroke_linecap": "round",
    "stroke_linejoin": "round",
}


@cache
def asset(name: str) -> str:
    """Return a file that is shipped beside this module."""
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def icon(name: str) -> Html:
    """Return an icon that is drawn, not written: no font has to have it."""
    return el("svg", el("use", href=f"#i-{name}"), class_="icon", aria_hidden="true")


def section(title: str, lead: Child, *children: Child, id_: str) -> Html:
    """Return a part of the page with its heading."""
    return el("section", el("h2", title, id=f"{id_}-name"), el("p", lead) if lead else None, *children,
              id=id_, aria_labelledby=f"{id_}-name")  # fmt: skip


def box(table: Html, label: str) -> Html:
    """Put what may be wider than a phone into a box of its own that scrolls, also by keyboard."""
    return el("div", table, class_="box", tabindex="0", role="region", aria_label=label)


def facts(told: Mapping[str, str]) -> Html:
    """Return names and values, one below the other."""
    return el("dl", *(join(el("dt", name), el("dd", value)) for name, value in told.items()), class_="run-facts")


def write_page(
    title: str, *, command: str, lead: Child, told: Mapping[str, str], sections: Mapping[str, Html], plain: object
) -> str:
    """Write a whole page; `plain` is its data, as values of JSON."""
    style, script = asset("report.css"), asset("report.js")
    head = join(
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="generator", content="riverrun"),
        el("link", rel="icon", href="data:,"),
        el("title", title),
        Html(f"<style>{style}</style>"),
    )
    main = el("main", *sections.values())
    body = join(
        _art(),
        el("div", _header(title, command, lead, told, sections), main, _footer(), class_="wide"),
        embedded_json(plain),
        Html(f"<script>{script}</script>"),
    )  # fmt: skip
    return f'<!doctype html>\n<html lang="en"><head>{head.text}</head>\n<body>{body.text}</body></html>\n'


def _policy(style: str, script: str) -> str:
    """Only this style and this script, by what they hold; and nothing from anywhere."""
    told = (b64encode(sha256(each.encode()).digest()).decode() for each in (script, style))
    ours = "script-src 'sha256-{}'; style-src 'sha256-{}'".format(*told)
    return f"default-src 'none'; {ours}; img-src data:; base-uri 'none'; form-action 'none'"


def _header(title: str, command: str, lead: Child, told: Mapping[str, str], sections: Iterable[str]) -> Html:
    wave = el("path", d="M1 9 C7 -3 9 15 14 7 S22 -1 27 6", **{**_STROKE, "stroke_width": "2.6"})
    river = el("svg", wave, viewBox="0 0 28 14", aria_hidden="true")
    brand = el("div", river, el("div", "riverrun ", el("span", command)), class_="brand")
    look = el("button", "Look", type="button", id="look", class_="plain-button look", hidden=True)
    jumps = [el("a", name, href=f"#{slug(name)}") for name in sections]
    return el(
        "header",
        el("div", brand, look, class_="top"),
        el("h1", title),
        el("p", lead, class_="lead"),
        el("ul", *(el("li", f"{name} ", el("b", value)) for name, value in told.items()), class_="facts"),
        el("nav", *jumps, class_="jump", aria_label="Parts of this page"),
    )


def slug(name: str) -> str:
    """Return a name as links and classes have it."""
    return name.lower().replace(" ", "-")


def _footer() -> Html:
    save = el("button", "Save the data as JSON", type="button", id="save", class_="plain-button save", hidden=True)
    return el("footer", el("p", save), "One file: its data is inside, and it asks nothing of any network.")


def _art() -> Html:
    """Return what is drawn more than once."""
    icons = [el("symbol", el("path", d=d, **_STROKE), id=f"i-{name}", viewBox="0 0 14 14") for name, d in ICONS.items()]
    half = el("path", d="M7 2 A5 5 0 0 0 7 12 Z", fill="currentColor")
    icons[1] = el("symbol", el("path", d=ICONS["partial"], **_STROKE), half, id="i-partial", viewBox="0 0 14 14")
    marks = [el("path", d=d, id=f"m-{name}") for name, d in MARKS.items()]
    patterns = [
        el("pattern", el("rect", width="8", height="8", fill=f"var(--{name})"),
           el("path", d=d, stroke="#fff", stroke_opacity="0.42", stroke_width="1.5", fill="none"),
           id=f"p-{name}", width="8", height="8", patternUnits="userSpaceOnUse")
        for name, d in PATTERNS.items()
    ]  # fmt: skip
    return el("svg", el("defs", *icons, *marks, *patterns), class_="hidden-art", aria_hidden="true")
