"""OpenAI's Chat Completions API, and whatever speaks it: `OpenAIChat("gpt-…")`. Presets for others: `compatible`."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.core.capabilities import Capabilities
from ..models import ModelFacts
from .model import ChatModel, given_headers


class OpenAIChat(ChatModel):
    """One model at OpenAI, or at an endpoint that speaks Chat Completions.

    A trailing assistant message is taken as finished at OpenAI (wire-formats §2.4), so an answer is continued by a user
    turn that quotes; `capabilities` says so where another server is better.

    Args:
        model: the provider's name of the model.
        api_key: the key; otherwise read from the environment variable `api_key_env`. Not needed on this machine.
        base_url: with `/v1`; otherwise `OPENAI_BASE_URL`, otherwise https://api.openai.com/v1.
        api_key_env: another variable for the key.
        organization: the `openai-organization` header.
        project: the `openai-project` header.
        stream_usage: ask for usage in the stream; False for servers that refuse `stream_options`.
        think_tags: take `<think>…</think>` at the start of the text for reasoning.
        opens_thinking: as `ChatModel` says.
        headers: more headers; an `authorization` among them stands for the key.
        allow_insecure: allow http to another machine.
        client: the HTTP client to use for this provider; carried, never touched here.
        capabilities: how answers can be continued, where "a user turn that quotes" is wrong about it.
        facts: what the model is for and whether it thinks, where the table of models is wrong about it.

    Raises:
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """

    name = "openai"
    title = "OpenAI Chat Completions"
    reasoning = "never shown"
    api_key_envs = ("OPENAI_API_KEY",)
    base_url_env = "OPENAI_BASE_URL"
    base_url_default = "https://api.openai.com/v1"

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
        think_tags: bool = False,
        opens_thinking: bool = False,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        client: object | None = None,
        capabilities: Capabilities | None = None,
        facts: ModelFacts | None = None,
    ) -> None:
        super().__init__(
            model,
            api_key=api_key,
            base_url=base_url,
            api_key_env=api_key_env,
            stream_usage=stream_usage,
            think_tags=think_tags,
            opens_thinking=opens_thinking,
            headers=given_headers({"openai-organization": organization, "openai-project": project}, headers),
            allow_insecure=allow_insecure,
            client=client,
            capabilities=capabilities,
            facts=facts,
        )
