"""Azure OpenAI: `AzureOpenAI("my-deployment", azure_endpoint="https://my-resource.openai.azure.com")`.

Two addresses are in use. Without an API version it is the `/openai/v1` one, which takes the deployment as the model of
the body; with one it is the older `/openai/deployments/{deployment}` with `?api-version=`.

Source: learn.microsoft.com, "Azure OpenAI API version lifecycle"; openai 3.52 `lib/azure.py` (2026-11).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Unpack
from urllib.parse import quote

from ...engine.core.capabilities import ContinuationForm
from ...engine.core.usage_error import UsageError
from ..endpoint import check_base_url, check_model
from .dialect import ChatDialect
from .model import ChatModel, ChatOptions, given_headers

_VERSION = re.compile(r"[A-Za-z0-9.\-]{1,32}")


class AzureOpenAI(ChatModel):
    """One deployment at Azure OpenAI.

    Args:
        model: the name of the deployment.
        azure_endpoint: the resource's address; otherwise AZURE_OPENAI_ENDPOINT.
        base_url: the whole address up to `/chat/completions`, instead of `azure_endpoint`.
        api_version: "2024-10-21", say; otherwise OPENAI_API_VERSION; otherwise the `/openai/v1` address is used.
        azure_ad_token: a Microsoft Entra token, instead of a key; otherwise, without a key, AZURE_OPENAI_AD_TOKEN.
        headers: more headers; an `api-key` or `authorization` stands for the key.
        options: as `ChatModel` takes them.

    Raises:
        UsageError: no endpoint (the message names the variable), or as `ChatModel`.
    """

    name = "azure"
    title = "Chat Completions, Azure's"
    reasoning = "never shown"
    api_key_envs = ("AZURE_OPENAI_API_KEY",)
    key_header = "api-key"
    base_url_default = ""
    dialect = ChatDialect(ceiling_field="max_completion_tokens")

    def __init__(
        self,
        model: str,
        *,
        azure_endpoint: str | None = None,
        api_version: str | None = None,
        azure_ad_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Unpack[ChatOptions],
    ) -> None:
        self._api_version = _check_version(api_version or os.environ.get("OPENAI_API_VERSION"))
        if options.get("base_url") is None:
            is_allowed = options.get("allow_insecure", False)
            options["base_url"] = _base_url(check_model(model), azure_endpoint, self._api_version, is_allowed)
        token = azure_ad_token or (None if self._has_key(options) else os.environ.get("AZURE_OPENAI_AD_TOKEN"))
        bearer = {"authorization": None if token is None else f"Bearer {token}"}
        super().__init__(model, headers=given_headers(bearer, headers), **options)

    def _has_key(self, options: ChatOptions) -> bool:
        names = (options.get("api_key_env") or self.api_key_envs[0],)
        return options.get("api_key") is not None or any(os.environ.get(name) for name in names)

    def _url(self, form: ContinuationForm | None) -> str:
        url = super()._url(form)
        return url if self._api_version is None else f"{url}?api-version={self._api_version}"


def _check_version(version: str | None) -> str | None:
    if version and not _VERSION.fullmatch(version):
        raise UsageError(f"api_version is {version!r}; expected letters, digits, dots and hyphens: '2024-10-21', say")
    return version or None


def _base_url(model: str, azure_endpoint: str | None, api_version: str | None, is_insecure_allowed: bool) -> str:
    given = azure_endpoint or os.environ.get("AZURE_OPENAI_ENDPOINT")
    if not given:
        raise UsageError(
            "azure has no endpoint: set AZURE_OPENAI_ENDPOINT in the environment",
            argument="azure_endpoint",
            advised="azure_endpoint",
            advice=", or give azure_endpoint=",
        )
    name = "azure_endpoint" if azure_endpoint else "AZURE_OPENAI_ENDPOINT"
    origin = check_base_url(given, allow_insecure=is_insecure_allowed, name=name).geturl().removesuffix("/openai/v1")
    return f"{origin}/openai/v1" if api_version is None else f"{origin}/openai/deployments/{quote(model, safe='')}"
