"""Pictures: what a ``Chart`` shows, as SVG for the page and as PNG for chats, in one visual language.

``svg`` is pure. The panel is dark and opaque, so it reads alike on light and dark backgrounds. Nothing is
told by colour alone: long liquidations hang down, institutional venues are hatched or dashed, lines carry
their names. See docs/pictures.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import assert_never

from bot.domain.charts import AfterChart, BarsChart, Chart, LinesChart, MarketChart, ResetsChart, VenuesChart
from handlers.charts.after import draw_after
from handlers.charts.bars import draw_bars
from handlers.charts.fonts import FILES
from handlers.charts.lines import draw_lines
from handlers.charts.market import draw_market
from handlers.charts.resets import draw_resets
from handlers.charts.sheet import FAINT, HEIGHT, SIZE, WIDTH, Label, Sheet, finished, fitted, framed
from handlers.charts.venues import draw_venues
from handlers.phrases import sentences
from handlers.speech import _, speaking

ZOOM = 1.25
"""1000 × 750 pixels, what a phone shows across its width; larger ones cost time (docs/pictures.md)."""
KEPT = 64

__all__ = ["HEIGHT", "WIDTH", "ZOOM", "drawn_once", "png", "rendered", "svg"]


def svg(chart: Chart) -> str:
    """The picture as SVG, 800 × 600, in the chart's own language. Text from outside is escaped."""
    with speaking(chart.language):
        sheet = framed(chart.title, chart.note)
        if not _draw(sheet, chart):
            words = Label(WIDTH / 2, (sheet.top + sheet.bottom) / 2, "", FAINT, SIZE, "middle")
            sheet.write(fitted(words._replace(text=_("Nothing was recorded in this time")), WIDTH - 40))
        return finished(sheet, sentences(chart.title, chart.note))


@lru_cache(maxsize=KEPT)
def drawn_once(chart: Chart) -> str:
    """As ``svg``; what shows the same is drawn once."""
    return svg(chart)


def png(chart: Chart) -> bytes:
    """The picture as PNG, 1000 × 750. resvg holds the interpreter lock meanwhile: see ``handlers.studio``."""
    return rendered(svg(chart))


def rendered(picture: str) -> bytes:
    """One of our SVGs as PNG, in the bundled fonts."""
    import resvg_py  # only who draws for a chat pays for it

    return resvg_py.svg_to_bytes(svg_string=picture, zoom=ZOOM, skip_system_fonts=True, font_files=FILES)


def _draw(sheet: Sheet, chart: Chart) -> bool:
    """False where there is nothing to draw."""
    match chart:
        case MarketChart():
            return draw_market(sheet, chart)
        case VenuesChart():
            return draw_venues(sheet, chart)
        case LinesChart():
            return draw_lines(sheet, chart)
        case BarsChart():
            return draw_bars(sheet, chart)
        case ResetsChart():
            return draw_resets(sheet, chart)
        case AfterChart():
            return draw_after(sheet, chart)
    assert_never(chart)
