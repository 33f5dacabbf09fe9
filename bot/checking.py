"""What ``washout check`` says of settings that hold no fault."""

from __future__ import annotations

from collections.abc import Mapping

from bot.config import Settings
from storage.places import named


def lines(settings: Settings, played: str) -> Mapping[str, str]:
    """By name; ``played`` is said of the venues where a scenario would be played instead."""
    return {
        "settings": str(settings.source or "defaults"),
        "venues": ", ".join(venue.venue for venue in settings.venues) + played,
        "coins": ", ".join(sorted(settings.assets)) if settings.assets else "every coin listed",
        "polls": f"every {settings.poll_every.total_seconds():g} s",
        "alerts": f"from W {settings.alert_threshold.value:.1f} unless a chat chose otherwise",
        "coverage": f"nothing new is declared below {settings.coverage_floor:.0%}",
        "storage": named(settings.database.url) if settings.database else str(settings.storage_path),
        "page": _page(settings),
        "log": f"{settings.log_level}, {settings.log_format}",
    }


def _page(settings: Settings) -> str:
    """Where the page is, and who may see it."""
    page = settings.page
    host = f"[{page.host}]" if ":" in page.host else page.host
    at = page.public_url or f"http://{host}:{page.port}"
    token = ", the token is found" if page.token.read() else ""
    return f"{at}{', public to read' if page.public else ''}{token}"
