"""What time and tasks look like to the parts of this face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Sleep = Callable[[float], Awaitable[None]]
Start = Callable[[Coroutine[Any, Any, None]], None]
"""Begins something that outlasts the update."""
