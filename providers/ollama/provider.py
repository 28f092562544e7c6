"""Ollama's own API: `Ollama("llama3.2")`."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import check_model
from ..error_table.classify import failure_in_stream, failure_of_response
from ..models import ModelFacts, check_talks
from ..openai_chat.model import asks_to_think
from ..openai_chat.preset_models import thinks_openly
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from ..wire.think_tags import ThinkTagSplitter
from .decode import OllamaDecoder
from .encode import write_ollama_body
from .host import open_ollama

_PATH = "/api/chat"


class Ollama:
    """One model at an Ollama: on this machine, on another, or at ollama.com.

    Args:
        model: the name, with its tag.
        api_key: for ollama.com, or a proxy that wants one; ollama.com's is otherwise read from `api_key_env`.
        base_url: the origin, without `/api`; otherwise `OLLAMA_HOST`, which may be `host`, `host:port` or a URL;
            otherwise http://localhost:11434.
        api_key_env: another variable for the key.
        think_tags: take `<think>…</think>` at the start of the text for reasoning. Off: a server since 0.9 separates
            whatever it is told to think, and newer ones all that thinks. On is for older ones.
        opens_thinking: the model's template writes the opening tag itself, so the text begins inside the thought.
        headers: more headers; an `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where the rule is wrong about the model's template.
        facts: what the model is for and whether it thinks, where the tables are wrong about it.

    Raises:
        UsageError: the model, the key, the address or a header can not be used; the message says which and why.
    """

    name = "ollama"
    title = "Ollama chat (NDJSON)"
    api_key_envs = ("OLLAMA_API_KEY",)
    base_url_env = "OLLAMA_HOST"
    base_url_default = "http://localhost:11434"
    reasoning = "text, replayed where there are calls"
    usage = "at the end"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str = "OLLAMA_API_KEY",
        think_tags: bool = False,
        opens_thinking: bool = False,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
        facts: ModelFacts | None = None,
    ) -> None:
        self.model = check_model(model)
        self.client = client
        check_talks(model, facts)
        self._reasons = thinks_openly(model) if facts is None else facts.reasons
        self._endpoint = open_ollama(
            self.name,
            base_url=base_url,
            base_url_env=self.base_url_env,
            base_url_default=self.base_url_default,
            api_key=api_key,
            api_key_env=api_key_env,
            headers=headers,
            allow_insecure=allow_insecure,
        )
        self._has_tags = think_tags or opens_thinking
        self._opens_thinking = opens_thinking
        self._capabilities = capabilities

    def __repr__(self) -> str:
        return f"Ollama({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Whose reasoning this model's is, "ollama/<model>"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Prefill, which most templates and all built-in renderers continue, but not where the model thinks.

        There a template may open another thought after the prefix, so the turn is quoted. With thinking switched off
        (`reasoning_effort="none"`) it is prefilled again.
        """
        asked = asks_to_think(request)
        thinks = self._reasons if asked is None else asked
        declared = self._capabilities or Capabilities(
            forms=(ContinuationForm.QUOTE,) if thinks else (ContinuationForm.PREFILL, ContinuationForm.QUOTE),
            reasons=thinks or self._reasons,
            waiting_message="ollama may be loading the model",
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
        return WireRequest(
            self.base_url + _PATH,
            {"content-type": "application/json", "accept": "application/x-ndjson", **self._endpoint.headers},
            write_body(body, others),
        )

    def decoder(self, limits: Limits) -> OllamaDecoder:
        """Make a decoder for one response."""
        return OllamaDecoder(
            limits,
            read_error=lambda error: failure_in_stream(error, self._endpoint, _PATH),
            tags=ThinkTagSplitter(is_open=self._opens_thinking) if self._has_tags else None,
        )

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, _PATH, now_unix_s=now_unix_s)


def _format_reason(request: InferenceRequest) -> str | None:
    return (
        "the answer is one JSON document: its second half can not be asked for" if request.extra.get("format") else None
    )
