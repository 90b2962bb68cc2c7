"""The HTTP client of the Dagy API."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DagyClient:
    """Where the Dagy API is, and who is asking. This version has no calls yet.

    Attributes:
        base_url: address of the API, as `https://api.example.com`.
        token: access token or API key; never shown.

    Examples:
        >>> DagyClient(base_url="https://api.example.com", token="secret")
        DagyClient(base_url='https://api.example.com')
    """

    base_url: str
    token: str = field(repr=False)
