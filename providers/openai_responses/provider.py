"""OpenAI's Responses API, and whatever speaks it: `OpenAIResponses("gpt-…")`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack
from urllib.parse import quote
from zlib import crc32

from attrs import evolve

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..models import openai_reasons
from ..site import SiteOptions, open_site
from ..whole_only import is_json_mode, whole_only_reason
from ..wire.body import write_body
from .cursor import Cursor, read_cursor
from .decode import OpenAIResponsesDecoder
from .encode import write_responses_body
from .fields import FIELDS


class OpenAIResponses:
    """One model at OpenAI, or at an endpoint that speaks the Responses API.

    With `extra={"background": True}` the provider goes on with an answer while nobody reads it, and a dropped stream is
    read on where it broke (`reattach`).

    Args:
        model: the provider's name of the model.
        organization: the `openai-organization` header.
        project: the `openai-project` header.
        reasoning_summary: the summary that is asked for with a `reasoning_effort`; None where the organisation may not
            have one (400 "must be verified to generate reasoning summaries").
        options: as `SiteOptions` says. `base_url` is with `/v1`; otherwise `OPENAI_BASE_URL`, otherwise
            https://api.openai.com/v1.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str = "openai-responses"
    title: ClassVar[str] = "OpenAI Responses"
    api_key_envs: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    key_header: ClassVar[str] = "authorization"
    base_url_env: ClassVar[str] = "OPENAI_BASE_URL"
    base_url_default: ClassVar[str] = "https://api.openai.com/v1"
    reasoning: ClassVar[str] = "summary, encrypted items replayed"
    usage: ClassVar[str] = "at the end"
    wire_fields: ClassVar[WireFields] = FIELDS

    def __init__(
        self,
        model: str,
        *,
        organization: str | None = None,
        project: str | None = None,
        reasoning_summary: str | None = "auto",
        **options: Unpack[SiteOptions],
    ) -> None:
        named = {"openai-organization": organization, "openai-project": project}
        self._site = open_site(self, model, options, path="/responses", headers=named)
        self.model: str = model
        self.client: object | None = self._site.client
        self._summary = reasoning_summary
        self._reasons = openai_reasons(model)

    def __repr__(self) -> str:
        return self._site.show(self)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._site.base_url

    @property
    def origin(self) -> str:
        """Who encrypts the reasoning of this model, "openai-responses/<model>"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """A user turn that quotes; a background response is read on instead (wire-formats §4.4)."""
        declared = self._site.declare(
            Capabilities(forms=(ContinuationForm.QUOTE,), reasons=self._thinks(request), can_reattach=True)
        )
        if request.extra.get("background") is not True:
            declared = declared.without(ContinuationForm.CURSOR)
        return declared.with_reason(whole_only_reason(_with_format(request)))

    def _thinks(self, request: InferenceRequest) -> bool:
        return self._reasons or request.reasoning_effort not in (None, "none")

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is not None and form not in (ContinuationForm.QUOTE, ContinuationForm.RESTART):
            raise UsageError(f"openai-responses has no {form.value} continuation to write; expected quote or restart")
        body = write_responses_body(
            request, model=self.model, origin=self.origin, summary=self._summary, reasons=self._thinks(request)
        )
        return self._site.post(write_body(body, request.extra))

    def decoder(self, limits: Limits) -> OpenAIResponsesDecoder:
        """Make a decoder for one response."""
        return self._decoder(limits, None)

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, OpenAIResponsesDecoder]:
        """Write the request that reads a background response on after a cursor, and make its decoder.

        Raises:
            UsageError: the cursor is none of this model's at this endpoint.
        """
        place = read_cursor(cursor, at=self._at)
        below = f"/{quote(place.response_id, safe='')}?stream=true&starting_after={place.after}"
        if self._reasons:
            below += "&include%5B%5D=reasoning.encrypted_content"  # as it was asked for at first
        return self._site.get(below), self._decoder(limits, place)

    def _decoder(self, limits: Limits, resumed: Cursor | None) -> OpenAIResponsesDecoder:
        return OpenAIResponsesDecoder(
            self.origin,
            limits,
            read_error=self._site.failure_in_stream,
            at=self._at,
            resumed=resumed,
        )

    @property
    def _at(self) -> str:
        """Where a response of this provider is kept; a checksum, for a checkpoint need not tell of internal hosts."""
        return f"{self.origin}@{crc32(self.base_url.encode()):08x}"

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)


def _with_format(request: InferenceRequest) -> InferenceRequest:
    """Return the request with its `text.format` where the other API has it: both can ask for one JSON document."""
    text = request.extra.get("text")
    asked = text.get("format") if isinstance(text, Mapping) else None
    if not is_json_mode({"response_format": asked}):
        return request
    return evolve(request, extra={**request.extra, "response_format": asked})
