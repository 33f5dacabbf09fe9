"""The fonts and colours of pictures: every sign is there, and every eye can tell what is told apart."""

from __future__ import annotations

import unicodedata
from itertools import combinations
from math import hypot
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from benchmarks._gallery import wave
from handlers.charts import ZOOM, fonts, lines, market, png, svg, venues
from handlers.charts.sheet import PANEL
from handlers.speech import ENGLISH, FOLDER, LANGUAGES


def test_the_bundled_fonts_are_used() -> None:
    import resvg_py

    files = [Path(font) for font in fonts.FILES]
    assert all(font.is_file() for font in files)
    assert sum(font.stat().st_size for font in files) < 400_000
    bare = resvg_py.svg_to_bytes(svg_string=svg(wave()), zoom=ZOOM, skip_system_fonts=True, font_files=[])
    assert png(wave()) != bare, "text is drawn with the bundled fonts"


def test_the_fonts_have_every_sign_of_every_catalogue() -> None:
    """Whatever is said may stand on a picture; after new Chinese texts ``make fonts`` cuts the font anew."""
    for language in set(LANGUAGES) - {ENGLISH}:
        with (FOLDER / language / "LC_MESSAGES" / "washout.po").open("rb") as file:
            catalogue = read_po(file, locale=language)
        for message in catalogue:
            said = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
            lacking = fonts.lacks("".join(form or "" for form in said)) if message.id else set()
            assert not {sign for sign in lacking if unicodedata.category(sign)[0] == "L"}, (language, lacking)


def test_widths_are_those_that_the_renderer_draws() -> None:
    import resvg_py

    text = "Пример ▼ 415,000 Çğış"
    wide = fonts.width(text, 40)
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{{}}" height="60"><text y="45" font-size="40" '
        f'font-family="{fonts.FAMILY}">{text}|</text></svg>'
    )
    cut, whole = (
        resvg_py.svg_to_bytes(svg_string=picture.format(w), skip_system_fonts=True, font_files=fonts.FILES)
        for w in (round(wide), round(wide) + 20)
    )
    assert len(cut) < len(whole), "the bar behind the text begins where the text is said to end"


def seen_by(colour: str, matrix: tuple[tuple[float, ...], ...] | None) -> tuple[float, ...]:
    """CIE Lab of a colour as it is seen with the kind of colour vision that ``matrix`` stands for."""
    rgb = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    if matrix is not None:
        linear = [min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in matrix]
    r, g, b = linear
    x, y, z = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    fx, fy, fz = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


MACHADO = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
    "usual": None,
}
"""Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB."""


@pytest.mark.parametrize("vision", MACHADO)
@pytest.mark.parametrize(
    "colours",
    [
        (market.COINS, market.PRICE),
        (market.LONGS, market.SHORTS),
        (venues.NATIVE[0], venues.INSTITUTIONAL[0]),
        venues.NATIVE[:2],
        *combinations(lines.COLOURS[:4], 2),
    ],
)
def test_colours_that_must_be_told_apart_are_by_every_eye(vision: str, colours: tuple[str, str]) -> None:
    """A difference of 2.3 in CIE 1976 is just noticeable; lines and areas need several times that."""
    one, other = (seen_by(colour, MACHADO[vision]) for colour in colours)
    assert hypot(*(a - b for a, b in zip(one, other, strict=True))) > 12


@pytest.mark.parametrize("colour", [*lines.COLOURS, market.PRICE, market.SHORTS, "#aab3bf"])
def test_texts_and_lines_stand_out_from_the_panel(colour: str) -> None:
    """WCAG 2.2 asks for 4.5 : 1."""

    def luminance(lightness: float) -> float:
        return ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / 903.3

    light, dark = (luminance(seen_by(each, None)[0]) + 0.05 for each in (colour, PANEL))
    assert light / dark >= 4.5
