"""What a provider and model declare about continuing an answer. The core reads this and never a name."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import evolve, field, frozen

from .usage_error import UsageError
from .validators import items_of, seen


class ContinuationForm(StrEnum):
    """How the next request says what was said. The ladder tries them in the order a provider declares."""

    CURSOR = "cursor"
    """Re-attach to the same generation: nothing is paid twice."""
    NATIVE = "native"
    """The provider's own flag (`continue_final_message`, `prefix: true`) on a trailing assistant message."""
    PREFILL = "prefill"
    """A trailing assistant message; the reply holds the continuation only."""
    QUOTE = "quote"
    """A finished assistant message, then a user turn that quotes its tail and asks to go on."""
    RESTART = "restart"
    """The original request again; what was shown is taken back."""


def _forms(value: Iterable[ContinuationForm]) -> tuple[ContinuationForm, ...]:
    items = items_of("forms", value, ContinuationForm, "ContinuationForms, best first")
    return tuple(_form(position, item) for position, item in enumerate(items))


def _form(position: int, item: object) -> ContinuationForm:
    if isinstance(item, str) and item in tuple(ContinuationForm):
        return ContinuationForm(item)
    raise UsageError(f"forms[{position}] is {seen(item)}; expected a ContinuationForm: {', '.join(ContinuationForm)}")


@frozen
class Capabilities:
    """How answers of one provider and model can be continued, for one request.

    `forms` is the ladder below `CURSOR` and above `RESTART`, best first. `echoes` says that a reply to `NATIVE` or
    `PREFILL` begins with what it was given (older Mistral guides strip it): the seam then expects it, from the first
    character and whatever its length, and otherwise trusts that the reply is the continuation and nothing else.
    `prefix_trailing_space` says that a prefix may end with white space (Anthropic answers 400). `whole_only` gives the
    reason why this request's answer can only be had whole.
    """

    forms: tuple[ContinuationForm, ...] = field(default=(ContinuationForm.QUOTE,), converter=_forms)
    can_reattach: bool = False
    echoes: bool = False
    prefix_trailing_space: bool = True
    whole_only: str | None = None
    reasons: bool = False
    """Whether the model thinks before it speaks: its idle clock is doubled (awaken does so)."""
    ends_without_finish: bool = False
    """Whether its answers end without a stop reason: one whose body ends in order is then whole, as `OTHER`."""
    waiting_message: str | None = None
    """What a `Status` says every half minute while nothing has come (a model may be loading); None: nothing."""

    def with_reason(self, whole_only: str | None) -> Capabilities:
        """Return the same for a request whose answer can only be had whole, if there is a reason; an own one stays."""
        if self.whole_only or not whole_only:
            return self
        return evolve(self, whole_only=whole_only)

    def without(self, form: ContinuationForm) -> Capabilities:
        """Return the same, once a provider has refused a form."""
        if form not in self.forms and not (form is ContinuationForm.CURSOR and self.can_reattach):
            return self
        can_reattach = self.can_reattach and form is not ContinuationForm.CURSOR
        return evolve(self, forms=tuple(f for f in self.forms if f is not form), can_reattach=can_reattach)
