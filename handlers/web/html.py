"""HTML written as Python: whatever is not ``Html`` already is escaped, so forgetting to is impossible."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "path", "rect", "circle"}
"""Elements without content; SVG's shapes are closed at once."""
SHAPES = {"path", "rect", "circle"}


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


Child: TypeAlias = "str | Html | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | bool | None"


def el(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """``el("p", "1 < 2", cls="line")`` is ``<p class="line">1 &lt; 2</p>``.

    ``cls`` is ``class`` and ``for_`` is ``for``; other underscores are hyphens. ``True`` writes the name
    alone, ``False`` and ``None`` leave the attribute out.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{written}{'/' if tag in SHAPES else ''}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """One after the other; ``None`` is nothing."""
    return Html(between.join(_child(child) for child in children if child is not None))


def _child(child: Child) -> str:
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(child)
    return join(child) if child is not None else ""


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = "class" if name == "cls" else name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
