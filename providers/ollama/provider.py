"""Ollama's own API: `Ollama("llama3.2")`."""

from __future__ import annotations

from typing import ClassVar, Unpack

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..models import ModelFacts, check_talks
from ..openai_chat.model import asks_to_think
from ..openai_chat.preset_models import thinks_openly
from ..site import SiteOptions, open_site
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from ..wire.think_tags import ThinkTagSplitter
from .decode import OllamaDecoder
from .encode import write_ollama_body
from .fields import FIELDS
from .host import API_KEY_ENV, open_ollama


class Ollama:
    """One model at an Ollama: on this machine, on another, or at ollama.com.

    Args:
        model: the name, with its tag.
        think_tags: take `<think>…</think>` at the start of the text for reasoning. Off: a server since 0.9 separates
            whatever it is told to think, and newer ones all that thinks. On is for older ones.
        opens_thinking: the model's template writes the opening tag itself, so the text begins inside the thought.
        facts: what the model is for and whether it thinks, where the tables are wrong about it.
        options: as `SiteOptions` says. The key is for ollama.com, or a proxy that wants one; ollama.com's is otherwise
            read from `OLLAMA_API_KEY`. `base_url` is the origin, without `/api`; otherwise `OLLAMA_HOST`, which may be
            `host`, `host:port` or a URL; otherwise http://localhost:11434.

    Raises:
        UsageError: the model, the key, the address or a header can not be used; the message says which and why.
    """

    name: str = "ollama"
    title: ClassVar[str] = "Ollama chat (NDJSON)"
    api_key_envs: ClassVar[tuple[str, ...]] = (API_KEY_ENV,)
    key_header: ClassVar[str] = "authorization"
    base_url_env: ClassVar[str] = "OLLAMA_HOST"
    base_url_default: ClassVar[str] = "http://localhost:11434"
    reasoning: ClassVar[str] = "text, replayed where there are calls"
    usage: ClassVar[str] = "at the end"
    wire_fields: ClassVar[WireFields] = FIELDS

    def __init__(
        self,
        model: str,
        *,
        think_tags: bool = False,
        opens_thinking: bool = False,
        facts: ModelFacts | None = None,
        **options: Unpack[SiteOptions],
    ) -> None:
        self._site = open_site(self, model, options, path="/api/chat", open_at=open_ollama)
        check_talks(model, facts)
        self.model: str = model
        self.client: object | None = self._site.client
        self._reasons = thinks_openly(model) if facts is None else facts.reasons
        self._has_tags = think_tags or opens_thinking
        self._opens_thinking = opens_thinking

    def __repr__(self) -> str:
        return self._site.show(self)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._site.base_url

    @property
    def origin(self) -> str:
        """Whose reasoning this model's is, "ollama/<model>"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill, which most templates and all built-in renderers continue, but not where the model thinks.

        There a template may open another thought after the prefix, so the turn is quoted. With thinking switched off
        (`reasoning_effort="none"`) it is prefilled again.
        """
        asked = asks_to_think(request)
        thinks = self._reasons if asked is None else asked
        declared = self._site.declare(
            Capabilities(
                forms=(ContinuationForm.QUOTE,) if thinks else (ContinuationForm.PREFILL, ContinuationForm.QUOTE),
                reasons=thinks or self._reasons,
                waiting_message="ollama may be loading the model",
            )
        )
        return declared.with_reason(whole_only_reason(request) or _format_reason(request))

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        if form is ContinuationForm.NATIVE or form is ContinuationForm.CURSOR:
            raise UsageError(f"ollama has no {form.value} continuation; expected prefill, quote or restart")
        body = write_ollama_body(request, model=self.model, origin=self.origin)
        others = {key: value for key, value in request.extra.items() if key != "options"}
        return self._site.post(write_body(body, others), accept="application/x-ndjson")

    def decoder(self, limits: Limits) -> OllamaDecoder:
        """Make a decoder for one response."""
        return OllamaDecoder(
            limits,
            read_error=self._site.failure_in_stream,
            tags=ThinkTagSplitter(is_open=self._opens_thinking) if self._has_tags else None,
        )

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)


def _format_reason(request: InferenceRequest) -> str | None:
    return (
        "the answer is one JSON document: its second half can not be asked for" if request.extra.get("format") else None
    )
