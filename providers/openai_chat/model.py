"""One model behind Chat Completions, whoever serves it: what `OpenAIChat` and the presets of `compatible` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypedDict

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.json_value import JSONObject
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ..endpoint import check_model, open_endpoint
from ..error_table.classify import failure_in_stream, failure_of_response
from ..models import ModelFacts, check_chat_model
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from ..wire.json import object_at, text_at
from ..wire.think_tags import ThinkTagSplitter
from .decode import OpenAIChatDecoder
from .dialect import ChatDialect
from .encode import write_chat_body

PATH = "/chat/completions"


class ChatOptions(TypedDict, total=False):
    """What every `ChatModel` takes by keyword, but for headers; see there."""

    api_key: str | None
    base_url: str | None
    api_key_env: str | None
    stream_usage: bool | None
    think_tags: bool | None
    opens_thinking: bool
    allow_insecure: bool
    client: object | None
    capabilities: Capabilities | None
    facts: ModelFacts | None


class ChatModel:
    """One model at an endpoint that speaks Chat Completions.

    Args:
        model: the server's name of the model.
        api_key: the key; otherwise read from the environment variable `api_key_env`. Not needed on this machine.
        base_url: up to `/chat/completions`, with `/v1` where the server has it.
        api_key_env: another variable than the preset's own.
        stream_usage: ask for usage in the stream, or do not; None does as the preset knows.
        think_tags: take `<think>…</think>` at the start of the text for reasoning; None does as the preset knows.
        opens_thinking: the model's chat template writes the opening tag itself, so the text begins inside the thought;
            wrong about it, the whole answer becomes reasoning.
        headers: more headers; one that holds a key stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where the preset is wrong about it.
        facts: what the model is for and whether it thinks, where the tables are wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str
    title: ClassVar[str]
    reasoning: ClassVar[str] = "text"
    usage: ClassVar[str] = "at the end"
    dialect: ClassVar[ChatDialect] = ChatDialect()
    api_key_envs: ClassVar[tuple[str, ...]]
    """The variables that the key is read from: the first that is set."""
    key_header: ClassVar[str] = "authorization"
    base_url_env: ClassVar[str] = ""
    base_url_default: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_key_env: str | None = None,
        stream_usage: bool | None = None,
        think_tags: bool | None = None,
        opens_thinking: bool = False,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
        facts: ModelFacts | None = None,
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
            api_key_env=api_key_env or self.api_key_envs,
            key_header="authorization" if has_token else self.key_header,
            headers=headers,
            allow_insecure=allow_insecure,
        )
        self._stream_usage = self.dialect.has_usage if stream_usage is None else stream_usage
        self._has_tags = opens_thinking or (self.dialect.think_tags if think_tags is None else think_tags)
        self._opens_thinking = opens_thinking
        self._capabilities = capabilities
        check_chat_model(model, facts, is_openai=self._is_openai)
        self._reasons = self.dialect.thinks(model) if facts is None else facts.reasons

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._endpoint.base_url

    @property
    def origin(self) -> str:
        """Whose reasoning this model's is, "provider/model"."""
        return f"{self.name}/{self.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """The dialect's form where the model takes it and does not think; then a user turn that quotes."""
        dialect, thinks = self.dialect, self._thinks(request)
        can_continue = dialect.continues(self.model) and (dialect.stops_thinking or not thinks)
        above = (dialect.form,) if dialect.form is not None and can_continue else ()
        declared = self._capabilities or Capabilities(
            forms=(*above, ContinuationForm.QUOTE),
            echoes=dialect.echoes or request.extra.get(dialect.echo_field) is True,
            prefix_trailing_space=dialect.prefix_trailing_space,
            reasons=thinks or self._reasons,
            waiting_message=dialect.waiting_message,
        )
        return declared.with_reason(whole_only_reason(request) or self._grammar_reason(request))

    def _thinks(self, request: InferenceRequest) -> bool:
        asked = asks_to_think(request)
        return self._reasons if asked is None else asked

    def _grammar_reason(self, request: InferenceRequest) -> str | None:
        bound = next((field for field in self.dialect.grammar_fields if request.extra.get(field)), None)
        return bound and f"the answer is bound by {bound}: its second half can not be asked for"

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request.

        Raises:
            UsageError: a form or a field that this API does not have.
        """
        mark = self.dialect.mark_native
        if form is ContinuationForm.CURSOR or (form is ContinuationForm.NATIVE and mark is None):
            raise UsageError(f"{self.name} has no {form.value} continuation; expected quote, prefill or restart")
        body = write_chat_body(
            request,
            model=self.model,
            origin=self.origin,
            ceiling_field=self._ceiling_field,
            has_usage=self._stream_usage,
            dialect=self.dialect,
        )
        if form is ContinuationForm.NATIVE and mark is not None:
            body = mark(request, body, self._thinks(request))
        return WireRequest(
            self._url(form),
            {"content-type": "application/json", "accept": "text/event-stream", **self._endpoint.headers},
            write_body(body, request.extra),
        )

    def _url(self, _form: ContinuationForm | None) -> str:
        return self.base_url + PATH

    @property
    def _is_openai(self) -> bool:
        host = self._endpoint.host
        return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))

    @property
    def _ceiling_field(self) -> str:
        if self.dialect.ceiling_field is not None:
            return self.dialect.ceiling_field
        return "max_completion_tokens" if self._is_openai or self._reasons else "max_tokens"

    def decoder(self, limits: Limits) -> OpenAIChatDecoder:
        """Make a decoder for one response."""
        return OpenAIChatDecoder(
            limits,
            read_error=lambda error: failure_in_stream(error, self._endpoint, PATH),
            is_compatible=not self._is_openai,
            has_details=self.dialect.has_details,
            tags=ThinkTagSplitter(is_open=self._opens_thinking) if self._has_tags else None,
        )

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(refusal, self._endpoint, PATH, now_unix_s=now_unix_s)


def given_headers(named: Mapping[str, str | None], others: Mapping[str, str] | None) -> dict[str, str]:
    """Join headers that have a name of their own among the options, where they are given, with the others."""
    return {**{name: value for name, value in named.items() if value is not None}, **(others or {})}


def asks_to_think(request: InferenceRequest) -> bool | None:
    """Whether a request asks for thinking or forbids it; None leaves it to the model.

    `extra` is read for the fields that the servers have: it comes last in the body, so it is what they see.
    """
    extra = request.extra
    template = object_at(extra, "chat_template_kwargs")
    for said in (template.get("enable_thinking"), template.get("thinking"), extra.get("think")):
        if isinstance(said, bool):
            return said
    if kind := text_at(object_at(extra, "thinking"), "type"):
        return kind != "disabled"
    if (effort := _effort(extra) or request.reasoning_effort) is not None:
        return effort != "none"
    return True if request.reasoning_budget_tokens else None


def _effort(extra: JSONObject) -> str | None:
    return text_at(extra, "reasoning_effort") or text_at(object_at(extra, "reasoning"), "effort") or None
