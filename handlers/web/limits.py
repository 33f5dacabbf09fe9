"""How often one client may ask: a bucket of tries for each, filled again by time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

MOST_CLIENTS = 4096
"""Buckets kept; the one that was not touched longest is forgotten first."""


@dataclass(slots=True)
class Limit:
    """``burst`` tries at once, then one every ``every_s``; ``seconds`` is a clock that only advances."""

    burst: int
    every_s: float
    seconds: Callable[[], float]
    _full_at: OrderedDict[str, float] = field(default_factory=OrderedDict, init=False)
    """For each client, when its bucket will be full again."""

    def wait_s(self, client: str, *, take: bool = True) -> int:
        """Takes one try (or only looks): 0 where there was one, else in how many whole seconds there is."""
        now = self.seconds()
        full_at = max(now, self._full_at.get(client, now)) + self.every_s
        over = full_at - now - self.burst * self.every_s
        if over > 1e-9:
            return ceil(over)
        if not take:
            return 0
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > MOST_CLIENTS:
            self._full_at.popitem(last=False)
        return 0


def network(address: str) -> str:
    """Who one is: an IPv4 address, or the /64 of an IPv6 one (a household has all of it)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
