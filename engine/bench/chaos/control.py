"""The control endpoint: faults are listed, added, replaced and removed while the proxy runs. JSON in, JSON out.

GET    /_chaos/faults      the faults that stand, in the order in which they are drawn
POST   /_chaos/faults      add one or several: {"fault": "reset@3kb%25"} or {"faults": […]}
PUT    /_chaos/faults      have these stand and no others
DELETE /_chaos/faults      remove all; /_chaos/faults/0 removes the first
GET    /_chaos/requests    the latest requests, oldest first, and counts over all
POST   /_chaos/reset       begin anew: the faults and the dice of the start, an empty table
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from attrs import frozen

from ...core.json_value import JSONObject, JSONValue
from ...core.usage_error import UsageError
from .draws import Draws, Standing
from .rows import Rows

PREFIX = "/_chaos/"
"""Where it is: no provider's path begins so."""

BODY_BYTES_MAX = 64 * 1024
"""The largest body that is read."""

_SHAPE = 'expected {"fault": "stall@120tok:30s"} or {"faults": ["reset@3kb%25", "429:5s#1"]}'


@frozen
class ControlAnswer:
    """A status and what is said, as JSON. `allow` lists methods for those that are not allowed."""

    status: int
    said: JSONValue
    allow: str = ""

    @property
    def body(self) -> bytes:
        """Write it."""
        return json.dumps(self.said, ensure_ascii=False, indent=1).encode() + b"\n"


@frozen
class Control:
    """Answers what is asked of the endpoint."""

    draws: Draws
    rows: Rows

    def answer(self, method: str, path: str, body: bytes) -> ControlAnswer:
        """Answer one request; `path` begins with `PREFIX`."""
        name, _, item = path.removeprefix(PREFIX).partition("/")
        try:
            match name, method:
                case "faults", "GET" | "POST" | "PUT" | "DELETE":
                    return self._faults(method, item, body)
                case "requests", "GET" if not item:
                    return ControlAnswer(200, self._requests())
                case "reset", "POST" if not item:
                    self.draws.restart()
                    self.rows.clear()
                    return ControlAnswer(200, self._listed())
                case (("faults" | "requests" | "reset"), _) if name == "faults" or not item:
                    return _not_allowed(name)
                case _:
                    return error_answer(
                        404, "nothing is here; expected /_chaos/faults, /_chaos/requests or /_chaos/reset"
                    )
        except UsageError as error:
            return error_answer(400, str(error))

    def _faults(self, method: str, item: str, body: bytes) -> ControlAnswer:
        if item and method != "DELETE":
            return _not_allowed("faults", "DELETE")
        if method == "POST":
            self.draws.add(_spelled(body))
        elif method == "PUT":
            self.draws.replace(_spelled(body))
        elif method == "DELETE" and item:
            self.draws.remove(int(item) if item.isdecimal() and len(item) < 6 else -1)
        elif method == "DELETE":
            self.draws.replace([])
        return ControlAnswer(201 if method == "POST" else 200, self._listed())

    def _listed(self) -> JSONValue:
        return {"faults": [_told(each) for each in self.draws.standing]}

    def _requests(self) -> JSONValue:
        rows: list[JSONValue] = [row.as_json() for row in self.rows.rows]
        return {**self.rows.summary(), "rows": rows}


def error_answer(status: int, words: str) -> ControlAnswer:
    """Say what is wrong."""
    return ControlAnswer(status, {"error": words})


def _not_allowed(name: str, allow: str = "") -> ControlAnswer:
    allow = allow or {"faults": "GET, POST, PUT, DELETE", "requests": "GET", "reset": "POST"}[name]
    return ControlAnswer(405, {"error": f"this takes {allow}"}, allow)


def _told(standing: Standing) -> JSONObject:
    rule = standing.rule
    return {
        "fault": rule.spelled,
        "kind": rule.word,
        "place": None if rule.place is None else rule.place.spelled,
        "seconds": rule.seconds,
        "status": rule.fault.status if rule.has_status else None,
        "odds": rule.odds,
        "times": rule.times,
        "drawn": standing.drawn,
    }


def _spelled(body: bytes) -> Sequence[str]:
    """Read the faults of a request. Raises UsageError."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError(f"the body is no JSON; {_SHAPE}") from None
    listed = _listed_in(cast("JSONValue", told))
    spelled = [each for each in listed or () if isinstance(each, str)]
    if listed is None or len(spelled) < len(listed):
        raise UsageError(f"the body names no faults; {_SHAPE}")
    return spelled


def _listed_in(told: JSONValue) -> Sequence[JSONValue] | None:
    """Return what stands where faults may; None where nothing does."""
    if not isinstance(told, Mapping):
        return None
    if set(told) == {"fault"}:
        return [told["fault"]]
    faults = told.get("faults") if set(told) == {"faults"} else None
    return cast("Sequence[JSONValue]", faults) if isinstance(faults, list) else None
