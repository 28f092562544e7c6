"""OpenAI's Chat Completions API, and whatever speaks it: `OpenAIChat("gpt-…")`. Presets for others: `presets`."""

from __future__ import annotations

from typing import ClassVar, Unpack

from .dialect import ChatDialect
from .model import ChatModel, ChatOptions, with_headers
from .reasoning_details import replay_as_it_came


class OpenAIChat(ChatModel):
    """One model at OpenAI, or at an endpoint that speaks Chat Completions.

    A trailing assistant message is taken as finished at OpenAI (wire-formats §2.4), so an answer is continued by a user
    turn that quotes; `capabilities` says so where another server is better. What another server wants back (Gemini's
    signatures beside calls, `reasoning_details`, Kimi's `reasoning_content`) goes back to it as it came.

    Args:
        model: the provider's name of the model.
        organization: the `openai-organization` header.
        project: the `openai-project` header.
        options: as `ChatOptions` and `SiteOptions` say. `base_url` is with `/v1`; otherwise `OPENAI_BASE_URL`,
            otherwise https://api.openai.com/v1.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name: str = "openai"
    title: ClassVar[str] = "OpenAI Chat Completions"
    reasoning: ClassVar[str] = "never shown"
    api_key_envs: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    base_url_env: ClassVar[str] = "OPENAI_BASE_URL"
    base_url_default: ClassVar[str] = "https://api.openai.com/v1"
    dialect: ClassVar[ChatDialect] = ChatDialect(
        has_details=True, detail_format="MiniMax", keeps_thoughts=True, replay_reasoning=replay_as_it_came
    )

    def __init__(
        self,
        model: str,
        *,
        organization: str | None = None,
        project: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> None:
        named = {"openai-organization": organization, "openai-project": project}
        super().__init__(model, **with_headers(options, named))
