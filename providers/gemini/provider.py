"""Google's Gemini API: `Gemini("gemini-…")`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import Endpoint, check_model, open_endpoint
from ..error_table.classify import failure_in_stream, failure_of_response
from ..wire.body import write_body
from .decode import GeminiDecoder
from .encode import write_generate_body
from .extra import generate_whole_only
from .models import GeminiFacts, gemini_facts
from .thinking import asks_for_reasoning

API_KEY_ENVS = ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_AI_API_KEY")
"""Where the key is looked for. Of the first two google-genai prefers the first (3.4.0): whoever has both set is billed
where they were. The third is the source documents' own (seeds, row 002)."""

BASE_URL_ENV = "GOOGLE_GEMINI_BASE_URL"
"""What google-genai reads (3.4.0)."""

BASE_URL = "https://generativelanguage.googleapis.com"
API_VERSION = "v1beta"
"""What the documentation writes and every feature is in; google-genai 3.4.0 asks v1 unless told otherwise."""

_VERSION = re.compile(r"v\d{1,2}[a-z0-9]{0,16}")
_COLLECTIONS = ("models/", "tunedModels/")


class Gemini:
    """One model at the Gemini API, or at a proxy that speaks streamGenerateContent.

    `request.extra` is merged deep into the body: `extra={"generationConfig": {"topP": 0.9}}` keeps our ceiling.

    Args:
        model: the provider's name of the model; also as "models/…" or "tunedModels/…".
        api_key: the key; otherwise read from `GOOGLE_API_KEY`, else `GEMINI_API_KEY`, or from `api_key_env`. Not needed
            on this machine.
        base_url: the origin, without `/v1beta`; otherwise `GOOGLE_GEMINI_BASE_URL`, otherwise Google's.
        api_key_env: another variable that holds the key, the only one then.
        api_version: the first part of every path.
        headers: more headers; an `x-goog-api-key` or `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where the table of models is wrong about it.
        facts: what the model can do, where the table of models is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "gemini"
    title = "Gemini streamGenerateContent"
    api_key_envs = API_KEY_ENVS
    base_url_env = BASE_URL_ENV
    base_url_default = BASE_URL
    reasoning = "summaries; signatures replayed"
    usage = "in every chunk"

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
        self._path = f"{version_path(api_version)}/{resource_of(model)}:streamGenerateContent"
        self._capabilities = capabilities
        self._facts = facts or gemini_facts(model)

    def __repr__(self) -> str:
        return f"Gemini({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Who signs the reasoning of this model, "gemini/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill up to 3.5 Flash, thinking or not; otherwise a user turn that quotes (wire-formats §5.4)."""
        can_prefill = self._facts.prefill
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE) if can_prefill else (ContinuationForm.QUOTE,),
            reasons=self._facts.reasons or asks_for_reasoning(request),
        )
        return declared.with_reason(generate_whole_only(request))

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is ContinuationForm.NATIVE or form is ContinuationForm.CURSOR:
            raise UsageError(f"gemini has no {form.value} continuation; expected prefill, quote or restart")
        body = write_generate_body(request, origin=self.origin, facts=self._facts)
        return WireRequest(
            f"{self.base_url}{self._path}?alt=sse",
            {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers},
            write_body(body, {}),
        )

    def decoder(self, limits: Limits) -> GeminiDecoder:
        """Make a decoder for one response."""
        return GeminiDecoder(
            self.origin, limits, read_error=lambda error: failure_in_stream(error, self._endpoint, self._path)
        )

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, self._path, now_unix_s=now_unix_s)


def version_path(api_version: str) -> str:
    """Return the beginning of every path.

    Raises:
        UsageError: it is no version.
    """
    if not _VERSION.fullmatch(api_version):
        raise UsageError(f"api_version is {api_version!r}; expected v1, v1beta and the like")
    return f"/{api_version}"


def resource_of(model: str) -> str:
    """Return a model's resource name as a part of a path, with nothing in it that could be another part."""
    collection = next((prefix for prefix in _COLLECTIONS if model.startswith(prefix)), "")
    return (collection or _COLLECTIONS[0]) + quote(model.removeprefix(collection), safe="")


def open_gemini_endpoint(
    name: str,
    api_key: str | None,
    base_url: str | None,
    api_key_env: str | None,
    headers: Mapping[str, str] | None,
    allow_insecure: bool,
) -> Endpoint:
    """Make the endpoint of either of the two APIs.

    Raises:
        UsageError: as `open_endpoint`; a base URL that already ends with an API version.
    """
    has_token = any(header.lower() == "authorization" for header in headers or {})
    endpoint = open_endpoint(
        name,
        base_url=base_url,
        base_url_env=BASE_URL_ENV,
        base_url_default=BASE_URL,
        api_key=api_key,
        api_key_env=API_KEY_ENVS if api_key_env is None else api_key_env,
        key_header="authorization" if has_token else "x-goog-api-key",
        headers=headers,
        allow_insecure=allow_insecure,
    )
    if _VERSION.fullmatch(endpoint.base_url.rpartition("/")[2]):
        raise UsageError(
            f"base_url is {endpoint.base_url!r}; expected it without a version, which is added here",
            argument="base_url",
        )
    return endpoint
