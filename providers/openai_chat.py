"""OpenAI's Chat Completions API, and whatever speaks it: `OpenAIChat("gpt-…")`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from ..engine.core.capabilities import Capabilities, ContinuationForm
from ..engine.core.failures import Failure
from ..engine.core.policy import Limits
from ..engine.core.provider import WireRefusal, WireRequest
from ..engine.core.request import InferenceRequest
from ..engine.core.usage_error import UsageError
from .endpoint import check_model, open_endpoint
from .models import openai_reasons
from .openai_chat_encode import write_chat_body
from .openai_chat_stream import OpenAIChatDecoder
from .refusals import failure_in_stream, failure_of_refusal
from .request_body import write_body
from .whole_only import whole_only_reason

_PATH = "/chat/completions"


class OpenAIChat:
    """One model at OpenAI, or at an endpoint that speaks Chat Completions.

    Args:
        model: the provider's name of the model.
        api_key: the key; otherwise read from the environment variable `api_key_env`. Not needed on this machine.
        base_url: with `/v1`; otherwise `OPENAI_BASE_URL`, otherwise https://api.openai.com/v1.
        organization: the `openai-organization` header.
        project: the `openai-project` header.
        stream_usage: ask for usage in the stream; False for servers that refuse `stream_options`.
        headers: more headers; an `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where "a user turn that quotes" is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        organization: str | None = None,
        project: str | None = None,
        stream_usage: bool = True,
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
            base_url_default="https://api.openai.com/v1",
            api_key=api_key,
            api_key_env=api_key_env,
            key_header="authorization",
            headers={**{key: value for key, value in named.items() if value is not None}, **(headers or {})},
            allow_insecure=allow_insecure,
        )
        self._stream_usage = stream_usage
        self._capabilities = capabilities
        self._reasons = openai_reasons(model)

    def __repr__(self) -> str:
        return f"OpenAIChat({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """What an opaque block of this model would be marked with, "openai/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """A user turn that quotes: a trailing assistant message is taken as finished here (wire-formats §2.4)."""
        is_asked = bool(request.reasoning_budget_tokens) or request.reasoning_effort not in (None, "none")
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.QUOTE,), reasons=self._reasons or is_asked
        )
        return evolve(declared, whole_only=declared.whole_only or whole_only_reason(request))

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is ContinuationForm.NATIVE or form is ContinuationForm.CURSOR:
            raise UsageError(f"openai has no {form.value} continuation; expected quote, prefill or restart")
        body = write_chat_body(
            request, model=self.model, ceiling_field=self._ceiling_field, has_usage=self._stream_usage
        )
        return WireRequest(
            self.base_url + _PATH,
            {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers},
            write_body(body, request.extra),
        )

    @property
    def _ceiling_field(self) -> str:
        host = self._endpoint.host
        is_own = host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
        return "max_completion_tokens" if is_own or self._reasons else "max_tokens"

    def decoder(self, limits: Limits) -> OpenAIChatDecoder:
        """Make a decoder for one response."""
        return OpenAIChatDecoder(limits, read_error=lambda error: failure_in_stream(error, self._endpoint, _PATH))

    def classify(self, refusal: WireRefusal, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_refusal(refusal, self._endpoint, _PATH, now_unix_s=now_unix_s)
