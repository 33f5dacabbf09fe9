"""How a place that keeps the state, and a process that shares it, are named."""

from __future__ import annotations

import os
import secrets
import socket
from urllib.parse import parse_qsl, urlsplit


def named(url: str) -> str:
    """Host, port and database of an address: no user and no password."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or dict(parse_qsl(parts.query)).get("host", "localhost")
    return f"PostgreSQL at {hosts}{parts.path or '/'}"


def process_name() -> str:
    """Machine, process and a mark: this one, and no other that ever was."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
