"""Google's Interactions API: `GeminiInteractions("gemini-…")`, whose streams can be read on after they broke."""

from __future__ import annotations

from typing import ClassVar, Unpack
from urllib.parse import quote

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..gemini.extra import interaction_whole_only
from ..gemini.models import GeminiFacts, gemini_facts
from ..gemini.provider import API_KEY_ENVS, API_VERSION, BASE_URL, BASE_URL_ENV, KEY_HEADER, open_gemini
from ..gemini.thinking import asks_for_reasoning
from ..site import SiteOptions
from ..wire.body import write_body
from .decode import InteractionCursor, InteractionsDecoder
from .encode import write_interaction_body
from .fields import FIELDS


class GeminiInteractions:
    """One model behind the Interactions API, which stores an answer while it is made.

    A stored interaction (the default; `extra={"store": False}` switches it off, `{"background": True}` lets the server
    go on without us) is re-attached where its stream gave ids. `request.extra` is merged deep into the body.

    Args:
        model: the provider's name of the model.
        api_version: the first part of every path.
        facts: what the model can do, where the table of models is wrong about it.
        options: as `Gemini` takes them.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str = "gemini-interactions"
    title: ClassVar[str] = "Gemini Interactions"
    api_key_envs: ClassVar[tuple[str, ...]] = API_KEY_ENVS
    key_header: ClassVar[str] = KEY_HEADER
    base_url_env: ClassVar[str] = BASE_URL_ENV
    base_url_default: ClassVar[str] = BASE_URL
    reasoning: ClassVar[str] = "summaries, signed"
    usage: ClassVar[str] = "in between and at the end"
    wire_fields: ClassVar[WireFields] = FIELDS

    def __init__(
        self,
        model: str,
        *,
        api_version: str = API_VERSION,
        facts: GeminiFacts | None = None,
        **options: Unpack[SiteOptions],
    ) -> None:
        self._site = open_gemini(self, model, options, api_version, "/interactions")
        self.model: str = model
        self.client: object | None = self._site.client
        self._facts = facts or gemini_facts(model)

    def __repr__(self) -> str:
        return self._site.show(self)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._site.base_url

    @property
    def origin(self) -> str:
        """Who signs the reasoning of this model, "gemini-interactions/<model>"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Re-attach while the interaction is stored; otherwise a user turn that quotes (wire-formats §5.5)."""
        declared = self._site.declare(
            Capabilities(
                forms=(ContinuationForm.QUOTE,),
                can_reattach=request.extra.get("store") is not False,
                reasons=self._facts.reasons or asks_for_reasoning(request),
            )
        )
        return declared.with_reason(interaction_whole_only(request))

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request that begins an interaction.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is not None and form not in (ContinuationForm.QUOTE, ContinuationForm.RESTART):
            raise UsageError(f"gemini-interactions has no {form.value} continuation; expected quote or restart")
        body = write_interaction_body(request, model=self.model, origin=self.origin, facts=self._facts)
        return self._site.post(write_body(body, {}))

    def decoder(self, limits: Limits) -> InteractionsDecoder:
        """Make a decoder for one response."""
        return self._decoder(limits, None)

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, InteractionsDecoder]:
        """Write the request that reads on after `cursor`, and make its decoder.

        Raises:
            UsageError: the cursor is none of this provider's.
        """
        place = InteractionCursor.from_text(cursor)
        decoder = self._decoder(limits, place)
        interaction, event = quote(place.interaction, safe=""), quote(place.event, safe="")
        return self._site.get(f"/{interaction}?stream=true&last_event_id={event}"), decoder

    def _decoder(self, limits: Limits, cursor: InteractionCursor | None) -> InteractionsDecoder:
        return InteractionsDecoder(
            self.origin,
            limits,
            read_error=self._site.failure_in_stream,
            cursor=cursor,
        )

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)
