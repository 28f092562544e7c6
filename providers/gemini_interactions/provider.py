"""Google's Interactions API: `GeminiInteractions("gemini-…")`, whose streams can be read on after they broke."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import check_model
from ..error_table.classify import failure_in_stream, failure_of_response
from ..gemini.extra import interaction_whole_only
from ..gemini.models import GeminiFacts, gemini_facts
from ..gemini.provider import API_KEY_ENVS, API_VERSION, BASE_URL, BASE_URL_ENV, open_gemini_endpoint, version_path
from ..gemini.thinking import asks_for_reasoning
from ..wire.body import write_body
from .decode import InteractionCursor, InteractionsDecoder
from .encode import write_interaction_body


class GeminiInteractions:
    """One model behind the Interactions API, which stores an answer while it is made.

    A stored interaction (the default; `extra={"store": False}` switches it off, `{"background": True}` lets the server
    go on without us) is re-attached where its stream gave ids. `request.extra` is merged deep into the body.

    Args:
        model: the provider's name of the model.
        api_key: the key; otherwise read from `GOOGLE_API_KEY`, else `GEMINI_API_KEY`, or from `api_key_env`. Not needed
            on this machine.
        base_url: the origin, without `/v1beta`; otherwise `GOOGLE_GEMINI_BASE_URL`, otherwise Google's.
        api_key_env: another variable that holds the key, the only one then.
        api_version: the first part of every path.
        headers: more headers; an `x-goog-api-key` or `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where "re-attach, else quote" is wrong about it.
        facts: what the model can do, where the table of models is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "gemini-interactions"
    title = "Gemini Interactions"
    api_key_envs = API_KEY_ENVS
    base_url_env = BASE_URL_ENV
    base_url_default = BASE_URL
    reasoning = "summaries, signed"
    usage = "in between and at the end"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str | None = None,
        api_version: str = API_VERSION,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
        facts: GeminiFacts | None = None,
    ) -> None:
        self.model = check_model(model)
        self.client = client
        self._endpoint = open_gemini_endpoint(self.name, api_key, base_url, api_key_env, headers, allow_insecure)
        self._path = f"{version_path(api_version)}/interactions"
        self._capabilities = capabilities
        self._facts = facts or gemini_facts(model)

    def __repr__(self) -> str:
        return f"GeminiInteractions({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Who signs the reasoning of this model, "gemini-interactions/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Re-attach while the interaction is stored; otherwise a user turn that quotes (wire-formats §5.5)."""
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.QUOTE,),
            can_reattach=request.extra.get("store") is not False,
            reasons=self._facts.reasons or asks_for_reasoning(request),
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
        headers = {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers}
        return WireRequest(self.base_url + self._path, headers, write_body(body, {}))

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
        url = f"{self.base_url}{self._path}/{interaction}?stream=true&last_event_id={event}"
        return WireRequest(url, {"accept": "text/event-stream", **self._endpoint.headers}, b"", "GET"), decoder

    def _decoder(self, limits: Limits, cursor: InteractionCursor | None) -> InteractionsDecoder:
        return InteractionsDecoder(
            self.origin,
            limits,
            read_error=lambda error: failure_in_stream(error, self._endpoint, self._path),
            cursor=cursor,
        )

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, self._path, now_unix_s=now_unix_s)
