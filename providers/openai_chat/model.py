"""One model behind Chat Completions, whoever serves it: what `OpenAIChat` and the presets of `compatible` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack

from ...engine.core.capabilities import Capabilities, ContinuationForm
from ...engine.core.failures import Failure
from ...engine.core.json_value import JSONObject
from ...engine.core.policy import Limits
from ...engine.core.provider import ErrorResponse, WireRequest
from ...engine.core.request import InferenceRequest
from ...engine.core.usage_error import UsageError
from ...engine.core.wire_fields import WireFields
from ..models import ModelFacts, check_chat_model
from ..site import SiteOptions, given_headers, open_site
from ..whole_only import whole_only_reason
from ..wire.body import write_body
from ..wire.json import object_at, text_at
from ..wire.think_tags import ThinkTagSplitter
from .decode import OpenAIChatDecoder
from .dialect import ChatDialect
from .encode import write_chat_body
from .fields import FIELDS

PATH = "/chat/completions"


class ChatOptions(SiteOptions, total=False):
    """What every `ChatModel` takes by keyword."""

    stream_usage: bool | None
    """Ask for usage in the stream, or do not (some servers refuse `stream_options`); None does as the preset knows."""
    think_tags: bool | None
    """Take `<think>…</think>` at the start of the text for reasoning; None does as the preset knows."""
    opens_thinking: bool
    """The model's chat template writes the opening tag itself, so the text begins inside the thought; wrong about it,
    the whole answer becomes reasoning."""
    facts: ModelFacts | None
    """What the model is for and whether it thinks, where the tables are wrong about it."""


class ChatModel:
    """One model at an endpoint that speaks Chat Completions.

    Args:
        model: the server's name of the model.
        stream_usage, think_tags, opens_thinking, facts: as `ChatOptions` says.
        options: as `SiteOptions` says. `base_url` is what stands before `/chat/completions`, with `/v1` where the
            server has it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str
    title: ClassVar[str]
    reasoning: ClassVar[str] = "text"
    usage: ClassVar[str] = "at the end"
    wire_fields: ClassVar[WireFields] = FIELDS
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
        stream_usage: bool | None = None,
        think_tags: bool | None = None,
        opens_thinking: bool = False,
        facts: ModelFacts | None = None,
        **options: Unpack[SiteOptions],
    ) -> None:
        self._site = open_site(self, model, options, path=PATH)
        self.model: str = model
        self.client: object | None = self._site.client
        self._stream_usage = self.dialect.has_usage if stream_usage is None else stream_usage
        self._has_tags = opens_thinking or (self.dialect.think_tags if think_tags is None else think_tags)
        self._opens_thinking = opens_thinking
        check_chat_model(model, facts, is_openai=self._is_openai)
        self._reasons = self.dialect.thinks(model) if facts is None else facts.reasons

    def __repr__(self) -> str:
        return self._site.show(self)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._site.base_url

    @property
    def origin(self) -> str:
        """Whose reasoning this model's is, "provider/model"."""
        return self._site.origin

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """The dialect's form where the model takes it and does not think; then a user turn that quotes."""
        dialect, thinks = self.dialect, self._thinks(request)
        can_continue = dialect.continues(self.model) and (dialect.stops_thinking or not thinks)
        above = (dialect.form,) if dialect.form is not None and can_continue else ()
        declared = self._site.declare(
            Capabilities(
                forms=(*above, ContinuationForm.QUOTE),
                echoes=dialect.echoes or request.extra.get(dialect.echo_field) is True,
                prefix_trailing_space=dialect.prefix_trailing_space,
                reasons=thinks or self._reasons,
                waiting_message=dialect.waiting_message,
            )
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
        return self._site.post(write_body(body, request.extra), url=self._url(form))

    def _url(self, _form: ContinuationForm | None) -> str:
        return self.base_url + PATH

    @property
    def _is_openai(self) -> bool:
        host = self._site.endpoint.host
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
            read_error=self._site.failure_in_stream,
            is_compatible=not self._is_openai,
            has_details=self.dialect.has_details,
            tags=ThinkTagSplitter(is_open=self._opens_thinking) if self._has_tags else None,
        )

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return self._site.failure(response, now_unix_s=now_unix_s)


def with_headers(options: ChatOptions, named: Mapping[str, str | None]) -> ChatOptions:
    """Return the options with headers that have a name of their own; the caller's come after them."""
    return {**options, "headers": given_headers(named, options.get("headers"))}


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
