"""Presets for servers that speak Chat Completions in their own way: hosted ones, gateways, and servers of one's own.

Each is a `ChatModel` with its own names, places and `ChatDialect`; nothing is copied. Keys come from the variable that
the provider's own tools read; a server on this machine needs none.

Source: wire-formats §3 and §7; the page named at each class (read 2026-11).
"""

from __future__ import annotations

import os
from typing import ClassVar, Unpack
from urllib.parse import urlsplit

from ...engine.core.capabilities import ContinuationForm
from .dialect import ChatDialect
from .model import PATH, ChatModel, ChatOptions, with_headers
from .preset_dialects import (
    mark_deepseek_prefix,
    mark_final_message,
    mark_final_string,
    mark_prefix,
    nine_characters,
    replay_deepseek_reasoning,
    replay_mistral_thinking,
    write_deepseek_thinking,
    write_groq_reasoning,
    write_template_thinking,
    write_unified_reasoning,
)
from .preset_models import (
    deepseek_continues,
    deepseek_thinks,
    grok_thinks,
    groq_continues,
    openrouter_continues,
    thinks_openly,
)
from .reasoning_details import replay_details


class OpenRouter(ChatModel):
    """A model behind OpenRouter: `OpenRouter("anthropic/claude-…")`. Key: OPENROUTER_API_KEY.

    Reasoning is kept item by item and sent back to the same model as it came. An answer is continued by prefill where
    the upstream family is known to take it, and by a quote elsewhere.

    Args:
        model: the model, with its vendor.
        referer: the address of your application, for OpenRouter's rankings (`HTTP-Referer`).
        title: its name (`X-Title`).
        options: as `ChatModel` takes them.

    *Source*: openrouter.ai/docs (streaming, errors, reasoning tokens, assistant prefill, app attribution).
    """

    name: str = "openrouter"
    title: ClassVar[str] = "Chat Completions, OpenRouter's"
    reasoning: ClassVar[str] = "text and items, signed or sealed, replayed"
    api_key_envs: ClassVar[tuple[str, ...]] = ("OPENROUTER_API_KEY",)
    base_url_default: ClassVar[str] = "https://openrouter.ai/api/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        has_usage=False,
        write_thinking=write_unified_reasoning,
        replay_reasoning=lambda _request, message, origin: replay_details(message, origin),
        form=ContinuationForm.PREFILL,
        continues=openrouter_continues,
        prefix_trailing_space=False,
        thinks=thinks_openly,
        has_details=True,
    )

    def __init__(
        self,
        model: str,
        *,
        referer: str | None = None,
        title: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> None:
        super().__init__(model, **with_headers(options, {"http-referer": referer, "x-title": title}))


class Grok(ChatModel):
    """A Grok at xAI: `Grok("grok-…")`. Key: XAI_API_KEY. No prefill is documented.

    *Source*: docs.x.ai (chat completions, reasoning).
    """

    name: str = "grok"
    title: ClassVar[str] = "Chat Completions, xAI's"
    reasoning: ClassVar[str] = "text, of some models"
    api_key_envs: ClassVar[tuple[str, ...]] = ("XAI_API_KEY",)
    base_url_default: ClassVar[str] = "https://api.x.ai/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(ceiling_field="max_completion_tokens", thinks=grok_thinks)


class DeepSeek(ChatModel):
    """A model at DeepSeek: `DeepSeek("deepseek-…")`. Key: DEEPSEEK_API_KEY.

    An answer is continued on the beta path, with `prefix: true`; as its thoughts are not known any more, without
    thinking. Where tools are in play, thoughts are sent back, for the API refuses to go on without them.

    *Source*: api-docs.deepseek.com (thinking mode, chat prefix completion, error codes).
    """

    name: str = "deepseek"
    title: ClassVar[str] = "Chat Completions, DeepSeek's"
    reasoning: ClassVar[str] = "text, replayed where there are tools"
    api_key_envs: ClassVar[tuple[str, ...]] = ("DEEPSEEK_API_KEY",)
    base_url_default: ClassVar[str] = "https://api.deepseek.com"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        write_thinking=write_deepseek_thinking,
        replay_reasoning=replay_deepseek_reasoning,
        form=ContinuationForm.NATIVE,
        continues=deepseek_continues,
        mark_native=mark_deepseek_prefix,
        stops_thinking=True,
        thinks=deepseek_thinks,
    )

    def _url(self, form: ContinuationForm | None) -> str:
        if form is not ContinuationForm.NATIVE:
            return super()._url(form)
        return self.base_url.removesuffix("/v1").removesuffix("/beta") + "/beta" + PATH


class Mistral(ChatModel):
    """A model at Mistral: `Mistral("mistral-…")`. Key: MISTRAL_API_KEY.

    An answer is continued with `prefix: true`, which is echoed. The API refuses fields that it does not know, so
    usage is not asked for: it comes unasked.

    *Source*: docs.mistral.ai (API, prefix, reasoning); mistralai 3.7.
    """

    name: str = "mistral"
    title: ClassVar[str] = "Chat Completions, Mistral's"
    reasoning: ClassVar[str] = "text, replayed where there are calls"
    api_key_envs: ClassVar[tuple[str, ...]] = ("MISTRAL_API_KEY",)
    base_url_default: ClassVar[str] = "https://api.mistral.ai/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        has_usage=False,
        required_word="any",
        replay_reasoning=replay_mistral_thinking,
        write_call_id=nine_characters,
        form=ContinuationForm.NATIVE,
        mark_native=mark_prefix,
        echoes=True,
    )


class Groq(ChatModel):
    """A model at Groq: `Groq("llama-…")`. Key: GROQ_API_KEY.

    `base_url`, and GROQ_BASE_URL, may be the origin alone, as the official library takes it, or end with `/openai/v1`.
    Text models that do not think are continued by prefill.

    *Source*: console.groq.com/docs (prefilling, reasoning, errors).
    """

    name: str = "groq"
    title: ClassVar[str] = "Chat Completions, Groq's"
    reasoning: ClassVar[str] = "text"
    api_key_envs: ClassVar[tuple[str, ...]] = ("GROQ_API_KEY",)
    base_url_env: ClassVar[str] = "GROQ_BASE_URL"
    base_url_default: ClassVar[str] = "https://api.groq.com/openai/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_completion_tokens",
        write_thinking=write_groq_reasoning,
        form=ContinuationForm.PREFILL,
        continues=groq_continues,
        thinks=thinks_openly,
    )

    def __init__(self, model: str, **options: Unpack[ChatOptions]) -> None:
        given = options.get("base_url") or os.environ.get(self.base_url_env)
        options["base_url"] = _with_path(given, "/openai/v1")
        super().__init__(model, **options)


class VLLM(ChatModel):
    """A model served by vLLM: `VLLM("Qwen/…")`, at http://localhost:8000/v1 unless told otherwise. Key: VLLM_API_KEY.

    *Source*: docs.vllm.ai (OpenAI-compatible server, reasoning outputs); chat_completion/protocol.py.
    """

    name: str = "vllm"
    title: ClassVar[str] = "Chat Completions, vLLM's"
    reasoning: ClassVar[str] = "text, or tags in the text"
    api_key_envs: ClassVar[tuple[str, ...]] = ("VLLM_API_KEY",)
    base_url_default: ClassVar[str] = "http://localhost:8000/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        write_thinking=write_template_thinking,
        form=ContinuationForm.NATIVE,
        mark_native=mark_final_message,
        echo_field="echo",
        thinks=thinks_openly,
        grammar_fields=("structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"),
        think_tags=True,
    )


class SGLang(ChatModel):
    """A model served by SGLang: `SGLang("Qwen/…")`, at http://localhost:30000/v1 by default. Key: SGLANG_API_KEY.

    *Source*: docs.sglang.ai (OpenAI-compatible APIs, separate reasoning); serving_chat.py.
    """

    name: str = "sglang"
    title: ClassVar[str] = "Chat Completions, SGLang's"
    reasoning: ClassVar[str] = "text, or tags in the text"
    api_key_envs: ClassVar[tuple[str, ...]] = ("SGLANG_API_KEY",)
    base_url_default: ClassVar[str] = "http://localhost:30000/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        write_thinking=write_template_thinking,
        form=ContinuationForm.NATIVE,
        mark_native=mark_final_string,
        thinks=thinks_openly,
        grammar_fields=("json_schema", "regex", "ebnf", "structural_tag"),
        think_tags=True,
    )


class LlamaCpp(ChatModel):
    """A model served by llama.cpp: `LlamaCpp("any")`, at http://localhost:8080/v1 by default. Key: LLAMA_API_KEY.

    A trailing assistant message is continued unless the server was started with `--no-prefill-assistant`, and never
    while the model thinks (400 "prefill is incompatible with enable_thinking").

    *Source*: ggml-org/llama.cpp tools/server/README.md.
    """

    name: str = "llamacpp"
    title: ClassVar[str] = "Chat Completions, llama.cpp's"
    reasoning: ClassVar[str] = "text, or tags in the text"
    api_key_envs: ClassVar[tuple[str, ...]] = ("LLAMA_API_KEY",)
    base_url_default: ClassVar[str] = "http://localhost:8080/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        write_thinking=write_template_thinking,
        form=ContinuationForm.PREFILL,
        thinks=thinks_openly,
        grammar_fields=("grammar", "json_schema"),
        think_tags=True,
    )


class LMStudio(ChatModel):
    """A model in LM Studio, or a server like it on this machine: http://localhost:1234/v1. Key: LM_API_TOKEN.

    What becomes of a trailing assistant message is not documented, so an answer is continued by a quote.

    *Source*: lmstudio.ai/docs (OpenAI compatibility, authentication).
    """

    name: str = "lmstudio"
    title: ClassVar[str] = "Chat Completions, LM Studio's"
    reasoning: ClassVar[str] = "text, or tags in the text"
    api_key_envs: ClassVar[tuple[str, ...]] = ("LM_API_TOKEN",)
    base_url_default: ClassVar[str] = "http://localhost:1234/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        ceiling_field="max_tokens",
        write_thinking=write_template_thinking,
        thinks=thinks_openly,
        waiting_message="LM Studio may be loading the model",
        think_tags=True,
    )


def _with_path(base_url: str | None, path: str) -> str | None:
    """Add the path to a base URL that is an origin alone."""
    if not base_url or "://" not in base_url or urlsplit(base_url).path.strip("/"):
        return base_url
    return base_url.rstrip("/") + path
