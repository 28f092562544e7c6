"""All trials of a fault server: finds or begins the trial that a request belongs to, and answers what is no model's.

A trial is named by the caller in the path, `/t/NAME/…`; without one it is named by the model, seed and all. No sockets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from urllib.parse import unquote

from attrs import define, field

from ...core.json_value import JSONObject, JSONValue
from ...core.usage_error import UsageError
from ...testing.network.script import Step
from ...testing.network.served import error_steps, whole_steps
from ...testing.wire.formats import Wire, error_body, read_body, wire_of_path
from ...testing.wire.gemini import gemini_model
from ..faults.catalog import FAULTS, WELL_BEHAVED, drawn_by
from ..profile import Profile
from .asked import asked_of
from .trial import Trial
from .trial_log import Entry, Now

TRIALS_MAX = 512
"""The most trials that are kept; the oldest are dropped."""


@define
class Answered:
    """What is written for a request, and where it is noted; `entry` is None for what is no model's."""

    steps: Iterable[Step]
    entry: Entry | None = None


@define(eq=False)
class Stage:
    """All trials of one server.

    Args:
        profile: how long silences are.
        now: reads the clocks.
    """

    profile: Profile
    now: Now = field(factory=Now)
    _trials: dict[str, Trial] = field(factory=dict[str, Trial], init=False)

    def answer(self, method: str, target: str, body: bytes) -> Answered:
        """Answer a request: its method, its path without a query, and its body."""
        name, path = _trial_and_path(target)
        wire = wire_of_path(path) if method == "POST" else None
        if wire is not None:
            return self._ask(name, wire, path, body)
        return Answered(self._about(name, method, path))

    def trial(self, name: str) -> Trial | None:
        """Return a trial by its name; "" is the latest that the model named."""
        if name:
            return self._trials.get(name)
        return next((trial for key, trial in reversed(self._trials.items()) if key.startswith("/")), None)

    # -- models ---------------------------------------------------------------------------------------------------

    def _ask(self, name: str, wire: Wire, path: str, raw: bytes) -> Answered:
        body = read_body(raw)
        if body is None:
            return Answered(error_steps(error_body(wire, 400, "expected a JSON object"), 400))
        model = unquote(gemini_model(path) or "") or str(body.get("model", ""))
        try:
            drawn = drawn_by(model)
        except UsageError as error:
            return Answered(error_steps(error_body(wire, 404, f"model_not_found: {error}"), 404))
        trial = self._trials.get(key := name or f"/{drawn.fault.name}@{drawn.seed}")
        if trial is None or trial.drawn != drawn:
            trial = self._begin(key, Trial(drawn, self.profile.scale, self.now))
        steps, entry = trial.take(asked_of(wire, path, model, body))
        return Answered(steps, entry)

    def _begin(self, key: str, trial: Trial) -> Trial:
        self._trials.pop(key, None)
        self._trials[key] = trial
        while len(self._trials) > TRIALS_MAX:
            del self._trials[next(iter(self._trials))]
        return trial

    # -- the rest -------------------------------------------------------------------------------------------------

    def _about(self, name: str, method: str, path: str) -> Iterable[Step]:
        answer = _ABOUT.get((method, path.removeprefix("/v1")))
        return _json({"error": f"{method} {path} is not served here"}, 404) if answer is None else answer(self, name)

    def log(self, name: str) -> Iterable[Step]:
        """Tell a trial."""
        trial = self.trial(name)
        if trial is None:
            return _json({"error": f"no trial {name!r}"}, 404)
        return _json({"trial": name, "profile": self.profile.name, **trial.told()})

    def forget(self, name: str) -> Iterable[Step]:
        """Forget a trial: its next request is the first. Without a name, all that models named."""
        for key in [key for key in self._trials if key == name or (not name and key.startswith("/"))]:
            del self._trials[key]
        return _json({"ok": True})

    def models(self, _name: str) -> Iterable[Step]:
        """List the models."""
        named: list[JSONValue] = [
            {"id": fault.name, "object": "model", "created": 0, "owned_by": "riverrun"}
            for fault in (WELL_BEHAVED, *FAULTS)
        ]
        return _json({"object": "list", "data": named})


_ABOUT: dict[tuple[str, str], Callable[[Stage, str], Iterable[Step]]] = {
    ("GET", "/log"): Stage.log,
    ("DELETE", "/log"): Stage.forget,
    ("GET", "/models"): Stage.models,
}


def _trial_and_path(target: str) -> tuple[str, str]:
    if not target.startswith("/t/"):
        return "", target
    name, slash, path = target.removeprefix("/t/").partition("/")
    return unquote(name), slash + path


def _json(value: JSONObject, status: int = 200) -> Iterable[Step]:
    return whole_steps(json.dumps(value, ensure_ascii=False).encode(), status=status)
