"""A target of a run: one model that may be asked, and what it was seen to do. Shared by the runs of an engine."""

from __future__ import annotations

from typing import Protocol

from attrs import evolve

from .capabilities import Capabilities, ContinuationForm
from .request import InferenceRequest


class Model(Protocol):
    """What a provider and an event source have in common: names, and what they declare."""

    @property
    def name(self) -> str:
        """The provider's short name."""
        ...

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Say how an answer to this request can be continued."""
        ...


class Target:
    """One model, what it was seen to refuse, and whether it was seen to say why its answers end."""

    __slots__ = ("_ends_unconfirmed", "_has_said_stop", "_refused_forms", "source")

    def __init__(self, source: Model) -> None:
        self.source: Model = source
        self._refused_forms: dict[Capabilities, set[ContinuationForm]] = {}
        """What was refused, by what had been declared: learned for the life of the engine."""
        self._has_said_stop = self._ends_unconfirmed = False

    def __repr__(self) -> str:
        return f"Target({self.origin!r})"

    @property
    def origin(self) -> str:
        """Who answers, as "provider/model"."""
        return f"{self.source.name}/{self.source.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the source declares, less what it was seen to refuse, and as it was seen to end."""
        declared = known = self.source.capabilities(request)
        if not hasattr(self.source, "reattach"):
            known = known.without(ContinuationForm.CURSOR)
        for form in self._refused_forms.get(declared, ()):
            known = known.without(form)
        return evolve(known, ends_without_finish=True) if self._ends_unconfirmed else known

    def learn_stop(self) -> None:
        """Remember that a stop reason was told: where one is missing from here on, something is."""
        self._has_said_stop, self._ends_unconfirmed = True, False

    def learn_unconfirmed_end(self) -> None:
        """Remember that an answer was whole, as far as asking tells, and had no stop reason; not if one ever came."""
        self._ends_unconfirmed = not self._has_said_stop

    def learn_refusal(self, request: InferenceRequest, form: ContinuationForm) -> None:
        """Remember that a form was refused to a request; others of the same capabilities are not asked that way."""
        self._refused_forms.setdefault(self.source.capabilities(request), set()).add(form)
