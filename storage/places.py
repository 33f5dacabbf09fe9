"""How a place that keeps the state is named to people."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit


def named(url: str) -> str:
    """Host, port and database of an address: no user and no password."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or dict(parse_qsl(parts.query)).get("host", "localhost")
    return f"PostgreSQL at {hosts}{parts.path or '/'}"
