"""Anthropic's Messages API: `Anthropic("claude-…")`."""

from __future__ import annotations

from typing import ClassVar, Unpack

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..models import ClaudeFacts, claude_facts
from ..site import SiteOptions, open_site
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from .decode import AnthropicDecoder
from .encode import thinks, write_messages_body
from .fields import FIELDS


class Anthropic:
    """One Claude model at Anthropic's endpoint, or at one that speaks its format.

    Args:
        model: the provider's name of the model.
        version: the `anthropic-version` header.
        facts: what the model can do, where the table of models is wrong about it.
        options: as `SiteOptions` says. `base_url` is the origin, without `/v1`; otherwise `ANTHROPIC_BASE_URL`,
            otherwise https://api.anthropic.com. The key's header is `x-api-key`, or `authorization` if you give one.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str = "anthropic"
    title: ClassVar[str] = "Anthropic Messages"
    api_key_envs: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_KEY",)
    key_header: ClassVar[str] = "x-api-key"
    base_url_env: ClassVar[str] = "ANTHROPIC_BASE_URL"
    base_url_default: ClassVar[str] = "https://api.anthropic.com"
    reasoning: ClassVar[str] = "text, signed"
    usage: ClassVar[str] = "at the start and the end"
    wire_fields: ClassVar[WireFields] = FIELDS

    def __init__(
        self,
        model: str,
        *,
        version: str = "2023-06-01",
        facts: ClaudeFacts | None = None,
        **options: Unpack[SiteOptions],
    ) -> None:
        self._site = open_site(self, model, options, path="/v1/messages", headers={"anthropic-version": version})
        if self.base_url.endswith("/v1"):
            seen = f"base_url is {self.base_url!r}"
            raise UsageError(f"{seen}; expected it without /v1, which is added here", argument="base_url")
        self.model: str = model
        self.client: object | None = self._site.client
        self._facts = facts or claude_facts(model)

    def __repr__(self) -> str:
        return self._site.show(self)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._site.base_url

    @property
    def origin(self) -> str:
        """Who signs the reasoning of this model, "anthropic/<model>"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill up to Claude 4.5 and without thinking; otherwise a user turn that quotes (wire-formats §1.5)."""
        is_thinking = thinks(request, self._facts)
        can_prefill = self._facts.prefill and not is_thinking
        declared = self._site.declare(
            Capabilities(
                forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE) if can_prefill else (ContinuationForm.QUOTE,),
                prefix_trailing_space=False,
                reasons=is_thinking or self._facts.reasons,
            )
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
        return self._site.post(write_body(body, request.extra))

    def decoder(self, limits: Limits) -> AnthropicDecoder:
        """Make a decoder for one response."""
        return AnthropicDecoder(self.origin, limits, read_error=self._site.failure_in_stream)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)
