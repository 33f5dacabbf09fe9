"""Objects of Discord as its API writes them: one server, its channels, its people."""

from __future__ import annotations

from typing import Any

APPLICATION, BOT = "1000", "1001"
OWNER, MEMBER = "2001", "2002"
GUILD, SYSTEM, ALERTS, FORUM, POST, SECRET = "3000", "3001", "3002", "3003", "3004", "3005"
DIRECT = "3100"
MANAGERS = "4001"
VIEW, SEND, EMBED, ATTACH, MANAGE_GUILD = 1 << 10, 1 << 11, 1 << 14, 1 << 15, 1 << 5
THREADS = 1 << 38
WRITE = VIEW | SEND | EMBED | ATTACH | THREADS


def user(number: str, *, bot: bool = False) -> dict[str, Any]:
    name = "washout" if bot else f"person_{number}"
    return {
        "id": number,
        "username": name,
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": bot,
    }


def member(number: str, *, permissions: int | None = None, roles: tuple[str, ...] = ()) -> dict[str, Any]:
    made = {
        "user": user(number, bot=number == BOT),
        "roles": list(roles),
        "joined_at": "2025-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }
    return made if permissions is None else {**made, "permissions": str(permissions)}


def channel(number: str, kind: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "name": name,
        "guild_id": GUILD,
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
        "parent_id": None,
        "topic": None,
        "flags": 0,
        "permissions": str(WRITE),
        **more,
    }


def role(number: str, name: str, permissions: int = 0) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "permissions": str(permissions),
        "position": 0 if number == GUILD else 1,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def hidden(number: str, name: str) -> dict[str, Any]:
    deny = [{"id": GUILD, "type": 0, "allow": "0", "deny": str(SEND)}]
    return channel(number, 0, name, permission_overwrites=deny)


def guild(**more: Any) -> dict[str, Any]:
    return {
        "id": GUILD,
        "name": "Traders",
        "owner_id": OWNER,
        "roles": [role(GUILD, "@everyone", WRITE), role(MANAGERS, "managers")],
        "channels": [
            channel(SYSTEM, 0, "general"),
            channel(ALERTS, 0, "alerts"),
            channel(FORUM, 15, "forum", available_tags=[]),
            hidden(SECRET, "read-only"),
        ],
        "threads": [],
        "members": [member(BOT)],
        "emojis": [],
        "stickers": [],
        "features": [],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "member_count": 3,
        "large": False,
        "unavailable": False,
        "system_channel_id": SYSTEM,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "joined_at": "2025-01-01T00:00:00+00:00",
        "icon": None,
        "banner": None,
        "splash": None,
        "description": None,
        "vanity_url_code": None,
        **more,
    }
