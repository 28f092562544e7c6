"""Anthropic's Messages API: `Anthropic("claude-…")`."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import check_model, open_endpoint
from ..error_table.classify import failure_in_stream, failure_of_response
from ..models import ClaudeFacts, claude_facts
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from .decode import AnthropicDecoder
from .encode import thinks, write_messages_body

_PATH = "/v1/messages"


class Anthropic:
    """One Claude model at Anthropic's endpoint, or at one that speaks its format.

    Args:
        model: the provider's name of the model.
        api_key: the key; otherwise read from the environment variable `api_key_env`. Not needed on this machine.
        base_url: the origin, without `/v1`; otherwise `ANTHROPIC_BASE_URL`, otherwise https://api.anthropic.com.
        version: the `anthropic-version` header.
        headers: more headers (`anthropic-beta`, say); an `x-api-key` or `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where the table of models is wrong about it.
        facts: what the model can do, where the table of models is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "anthropic"
    title = "Anthropic Messages"
    api_key_envs = ("ANTHROPIC_API_KEY",)
    base_url_env = "ANTHROPIC_BASE_URL"
    base_url_default = "https://api.anthropic.com"
    reasoning = "text, signed"
    usage = "at the start and the end"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str = "ANTHROPIC_API_KEY",
        version: str = "2023-06-01",
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
        facts: ClaudeFacts | None = None,
    ) -> None:
        self.model = check_model(model)
        self.client = client
        has_token = any(name.lower() == "authorization" for name in headers or {})
        self._endpoint = open_endpoint(
            self.name,
            base_url=base_url,
            base_url_env=self.base_url_env,
            base_url_default=self.base_url_default,
            api_key=api_key,
            api_key_env=api_key_env,
            key_header="authorization" if has_token else "x-api-key",
            headers={"anthropic-version": version, **(headers or {})},
            allow_insecure=allow_insecure,
        )
        if self._endpoint.base_url.endswith("/v1"):
            raise UsageError(
                f"base_url is {self._endpoint.base_url!r}; expected it without /v1, which is added here",
                argument="base_url",
            )
        self._capabilities = capabilities
        self._facts = facts or claude_facts(model)

    def __repr__(self) -> str:
        return f"Anthropic({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Who signs the reasoning of this model, "anthropic/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill up to Claude 4.5 and without thinking; otherwise a user turn that quotes (wire-formats §1.5)."""
        is_thinking = thinks(request, self._facts)
        can_prefill = self._facts.prefill and not is_thinking
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE) if can_prefill else (ContinuationForm.QUOTE,),
            prefix_trailing_space=False,
            reasons=is_thinking or self._facts.reasons,
        )
        return declared.with_reason(whole_only_reason(request))

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is ContinuationForm.NATIVE or form is ContinuationForm.CURSOR:
            raise UsageError(f"anthropic has no {form.value} continuation; expected prefill, quote or restart")
        body = write_messages_body(request, form, model=self.model, origin=self.origin, facts=self._facts)
        return WireRequest(
            self.base_url + _PATH,
            {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers},
            write_body(body, request.extra),
        )

    def decoder(self, limits: Limits) -> AnthropicDecoder:
        """Make a decoder for one response."""
        return AnthropicDecoder(
            self.origin, limits, read_error=lambda error: failure_in_stream(error, self._endpoint, _PATH)
        )

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, _PATH, now_unix_s=now_unix_s)
