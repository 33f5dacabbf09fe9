"""What Discord refuses of a message, as documented: the checks of the local server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TOO_LONG = "BASE_TYPE_MAX_LENGTH"


def faults(message: Mapping[str, Any]) -> dict[str, Any]:
    """The ``errors`` of an Invalid Form Body; empty where the message is fine."""
    found: dict[str, Any] = {}
    for path, text in _broken(message):
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place["_errors"] = [{"code": TOO_LONG, "message": text}]
    return found


def is_empty(message: Mapping[str, Any]) -> bool:
    said = (message.get("content") or "").strip()
    return not said and not any(embed_size(embed) for embed in message.get("embeds") or ())


def embed_size(embed: Mapping[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text")]
    texts.append((embed.get("author") or {}).get("name"))
    for field in embed.get("fields") or ():
        texts += [field["name"], field["value"]]
    return sum(len(text.strip()) for text in texts if text)


def _broken(message: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(message.get("content") or "") > 2000:
        yield ("content",), "Must be 2000 or fewer in length."
    embeds: Sequence[Mapping[str, Any]] = message.get("embeds") or ()
    if len(embeds) > 10:
        yield ("embeds",), "Must be 10 or fewer in length."
    if sum(map(embed_size, embeds)) > 6000:
        yield ("embeds",), "Embed size exceeds maximum size of 6000"
    for n, embed in enumerate(embeds):
        yield from _broken_embed(str(n), embed)
    yield from _broken_components(message.get("components") or ())
    yield from _broken_files(message)
    mentions = message.get("allowed_mentions") or {}
    if "roles" in mentions.get("parse", ()) and mentions.get("roles"):
        yield ("allowed_mentions",), "parse and roles are mutually exclusive"
    if len(str(message.get("nonce") or "")) > 25:
        yield ("nonce",), "Must be 25 or fewer in length."


def _broken_files(message: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """A picture of an embed is an address, or a file that comes along."""
    attached = {entry["filename"] for entry in message.get("attachments") or ()}
    for n, embed in enumerate(message.get("embeds") or ()):
        url = (embed.get("image") or {}).get("url", "https://")
        if not url.startswith(("https://", "http://")) and url.removeprefix("attachment://") not in attached:
            yield ("embeds", str(n), "image", "url"), "Not a well formed URL, nor an attachment."
    for n, entry in enumerate(message.get("attachments") or ()):
        if len(entry.get("description") or "") > 1024:
            yield ("attachments", str(n), "description"), "Must be 1024 or fewer in length."


def faults_of_modal(modal: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a form."""
    inputs = [component for row in modal["components"] for component in row["components"]]
    fine = (
        1 <= len(modal["title"]) <= 45
        and 1 <= len(modal["custom_id"]) <= 100
        and 1 <= len(inputs) == len(modal["components"]) <= 5
        and all(1 <= len(one["label"]) <= 45 and len(one.get("placeholder") or "") <= 100 for one in inputs)
    )
    return {} if fine else {"_errors": [{"code": TOO_LONG, "message": "A form over its limits."}]}


def _broken_embed(n: str, embed: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, most in (("title", 256), ("description", 4096)):
        if len(embed.get(name) or "") > most:
            yield ("embeds", n, name), f"Must be {most} or fewer in length."
    for name, part, most in (("footer", "text", 2048), ("author", "name", 256)):
        if name in embed and not 0 < len(embed[name][part].strip()) <= most:
            yield ("embeds", n, name, part), f"Must be between 1 and {most} in length."
    for k, field in enumerate(embed.get("fields") or ()):
        for part, most in (("name", 256), ("value", 1024)):
            if not 0 < len(field[part]) <= most:
                yield ("embeds", n, "fields", str(k), part), f"Must be {most} or fewer in length."


def _broken_components(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(rows) > 5:
        yield ("components",), "Must be 5 or fewer in length."
    seen: set[str] = set()
    for n, row in enumerate(rows):
        inner = row["components"]
        selects = [c for c in inner if c["type"] != 2]
        if len(inner) > 5 or not inner or (selects and len(inner) > 1):
            yield ("components", str(n)), "Invalid number of components in a row."
        for k, component in enumerate(inner):
            where = ("components", str(n), "components", str(k))
            custom_id = component["custom_id"]
            if not 1 <= len(custom_id) <= 100 or custom_id in seen:
                yield (*where, "custom_id"), "Must be unique and between 1 and 100 in length."
            seen.add(custom_id)
            if component["type"] == 2 and not 1 <= len(component.get("label") or "") <= 80:
                yield (*where, "label"), "Must be between 1 and 80 in length."
            if component["type"] == 3:
                yield from _broken_options(where, component["options"])


def _broken_options(
    where: tuple[str, ...], options: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[tuple[str, ...], str]]:
    values = [option["value"] for option in options]
    if not 1 <= len(options) <= 25 or len(set(values)) < len(values):
        yield (*where, "options"), "Must be between 1 and 25 in length, each value once."
    if sum(bool(option.get("default")) for option in options) > 1:
        yield (*where, "options"), "Only one may be the default."
    for option in options:
        if not (1 <= len(option["label"]) <= 100 and 1 <= len(option["value"]) <= 100):
            yield (*where, "options"), "Must be between 1 and 100 in length."
