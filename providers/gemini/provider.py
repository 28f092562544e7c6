"""Google's Gemini API: `Gemini("gemini-…")`."""

from __future__ import annotations

import re
from typing import ClassVar, Unpack
from urllib.parse import quote

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..site import Declared, Site, SiteOptions, open_site
from ..wire.body import write_body
from .decode import GeminiDecoder
from .encode import write_generate_body
from .extra import generate_whole_only
from .fields import FIELDS
from .models import GeminiFacts, gemini_facts
from .thinking import asks_for_reasoning

API_KEY_ENVS = ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_AI_API_KEY")
"""Where the key is looked for. Of the first two google-genai prefers the first (3.4.0): whoever has both set is billed
where they were. The third is the source documents' own (seeds, row 002)."""

BASE_URL_ENV = "GOOGLE_GEMINI_BASE_URL"
"""What google-genai reads (3.4.0)."""

KEY_HEADER = "x-goog-api-key"
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
        api_version: the first part of every path.
        facts: what the model can do, where the table of models is wrong about it.
        options: as `SiteOptions` says. The key is otherwise read from `GOOGLE_API_KEY`, else `GEMINI_API_KEY`; its
            header is `x-goog-api-key`, or `authorization` if you give one. `base_url` is the origin, without `/v1beta`;
            otherwise `GOOGLE_GEMINI_BASE_URL`, otherwise Google's.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str = "gemini"
    title: ClassVar[str] = "Gemini streamGenerateContent"
    api_key_envs: ClassVar[tuple[str, ...]] = API_KEY_ENVS
    key_header: ClassVar[str] = KEY_HEADER
    base_url_env: ClassVar[str] = BASE_URL_ENV
    base_url_default: ClassVar[str] = BASE_URL
    reasoning: ClassVar[str] = "summaries; signatures replayed"
    usage: ClassVar[str] = "in every chunk"
    wire_fields: ClassVar[WireFields] = FIELDS

    def __init__(
        self,
        model: str,
        *,
        api_version: str = API_VERSION,
        facts: GeminiFacts | None = None,
        **options: Unpack[SiteOptions],
    ) -> None:
        self._site = open_gemini(self, model, options, api_version, f"/{resource_of(model)}:streamGenerateContent")
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
        """Who signs the reasoning of this model, "gemini/<model>"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill up to 3.5 Flash, thinking or not; otherwise a user turn that quotes (wire-formats §5.4)."""
        can_prefill = self._facts.prefill
        declared = self._site.declare(
            Capabilities(
                forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE) if can_prefill else (ContinuationForm.QUOTE,),
                reasons=self._facts.reasons or asks_for_reasoning(request),
            )
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
        url = f"{self.base_url}{self._site.path}?alt=sse"
        return self._site.post(write_body(body, {}), url=url)

    def decoder(self, limits: Limits) -> GeminiDecoder:
        """Make a decoder for one response."""
        return GeminiDecoder(self.origin, limits, read_error=self._site.failure_in_stream)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)


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


def open_gemini(provider: Declared, model: str, options: SiteOptions, api_version: str, below: str) -> Site:
    """Open the site of either of the two APIs, at a path below the version's.

    Raises:
        UsageError: as `open_site`; no version; a base URL that already ends with one.
    """
    site = open_site(provider, model, options, path=version_path(api_version) + below)
    if _VERSION.fullmatch(site.base_url.rpartition("/")[2]):
        seen = f"base_url is {site.base_url!r}"
        raise UsageError(f"{seen}; expected it without a version, which is added here", argument="base_url")
    return site
