"""OpenAI's Responses API, and whatever speaks it: `OpenAIResponses("gpt-…")`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote
from zlib import crc32

from attrs import evolve

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import check_model, open_endpoint
from ..error_table.classify import failure_in_stream, failure_of_response
from ..models import openai_reasons
from ..whole_only import is_json_mode, whole_only_reason
from ..wire.body import write_body
from .cursor import Cursor, read_cursor
from .decode import OpenAIResponsesDecoder
from .encode import write_responses_body

_PATH = "/responses"


class OpenAIResponses:
    """One model at OpenAI, or at an endpoint that speaks the Responses API.

    With `extra={"background": True}` the provider goes on with an answer while nobody reads it, and a dropped stream is
    read on where it broke (`reattach`).

    Args:
        model: the provider's name of the model.
        api_key: the key; otherwise read from the environment variable `api_key_env`. Not needed on this machine.
        base_url: with `/v1`; otherwise `OPENAI_BASE_URL`, otherwise https://api.openai.com/v1.
        organization: the `openai-organization` header.
        project: the `openai-project` header.
        reasoning_summary: the summary that is asked for with a `reasoning_effort`; None where the organisation may not
            have one (400 "must be verified to generate reasoning summaries").
        headers: more headers; an `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where "a user turn that quotes" is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "openai-responses"
    title = "OpenAI Responses"
    api_key_envs = ("OPENAI_API_KEY",)
    base_url_default = "https://api.openai.com/v1"
    reasoning = "summary, encrypted items replayed"
    usage = "at the end"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        organization: str | None = None,
        project: str | None = None,
        reasoning_summary: str | None = "auto",
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.model = check_model(model)
        self.client = client
        named = {"openai-organization": organization, "openai-project": project}
        self._endpoint = open_endpoint(
            self.name,
            base_url=base_url,
            base_url_env="OPENAI_BASE_URL",
            base_url_default=self.base_url_default,
            api_key=api_key,
            api_key_env=api_key_env,
            key_header="authorization",
            headers={**{key: value for key, value in named.items() if value is not None}, **(headers or {})},
            allow_insecure=allow_insecure,
        )
        self._summary = reasoning_summary
        self._capabilities = capabilities
        self._reasons = openai_reasons(model)

    def __repr__(self) -> str:
        return f"OpenAIResponses({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Who encrypts the reasoning of this model, "openai-responses/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """A user turn that quotes; a background response is read on instead (wire-formats §4.4)."""
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.QUOTE,), reasons=self._thinks(request), can_reattach=True
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
        return WireRequest(
            self.base_url + _PATH,
            {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers},
            write_body(body, request.extra),
        )

    def decoder(self, limits: Limits) -> OpenAIResponsesDecoder:
        """Make a decoder for one response."""
        return self._decoder(limits, None)

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, OpenAIResponsesDecoder]:
        """Write the request that reads a background response on after a cursor, and make its decoder.

        Raises:
            UsageError: the cursor is none of this model's at this endpoint.
        """
        place = read_cursor(cursor, at=self._at)
        url = f"{self.base_url}{_PATH}/{quote(place.response_id, safe='')}?stream=true&starting_after={place.after}"
        if self._reasons:
            url += "&include%5B%5D=reasoning.encrypted_content"  # what was asked for at first; an answer lacks it else
        headers = {"accept": "text/event-stream", **self._endpoint.headers}
        return WireRequest(url, headers, b"", method="GET"), self._decoder(limits, place)

    def _decoder(self, limits: Limits, resumed: Cursor | None) -> OpenAIResponsesDecoder:
        return OpenAIResponsesDecoder(
            self.origin,
            limits,
            read_error=lambda error: failure_in_stream(error, self._endpoint, _PATH),
            at=self._at,
            resumed=resumed,
        )

    @property
    def _at(self) -> str:
        """Where a response of this provider is kept; a checksum, for a checkpoint need not tell of internal hosts."""
        return f"{self.origin}@{crc32(self.base_url.encode()):08x}"

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, _PATH, now_unix_s=now_unix_s)


def _with_format(request: InferenceRequest) -> InferenceRequest:
    """Return the request with its `text.format` where the other API has it: both can ask for one JSON document."""
    text = request.extra.get("text")
    asked = text.get("format") if isinstance(text, Mapping) else None
    if not is_json_mode({"response_format": asked}):
        return request
    return evolve(request, extra={**request.extra, "response_format": asked})
