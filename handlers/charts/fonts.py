"""How wide a text is in the bundled fonts: what is laid out by it is neither cut off nor on top of another.

Two tables of a font file are read for that (OpenType 1.9: ``cmap`` formats 4 and 12, ``hmtx``); kerning is
left out, it only makes a text narrower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from struct import unpack_from

FOLDER = Path(__file__).parents[1] / "fonts"
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
HAN, HAN_BOLD = "NotoSansSC-subset.otf", "NotoSansSC-Bold-subset.otf"
FILES = [str(FOLDER / name) for name in (REGULAR, BOLD, HAN, HAN_BOLD)]
HAN_FAMILY = "Noto Sans CJK SC"
FAMILY = f"DejaVu Sans, {HAN_FAMILY}, Verdana, sans-serif"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """In the unit of ``size``. A character that no font has counts as wide as the widest."""
    own, han = (_advances(name) for name in ((BOLD, HAN_BOLD) if bold else (REGULAR, HAN)))
    return size * sum(own.get(sign) or han.get(sign) or 1.0 for sign in map(ord, text))


def lacks(text: str) -> set[str]:
    """Characters that none of the fonts has, or none of the bold ones."""
    weights = ((REGULAR, HAN), (BOLD, HAN_BOLD))
    return {s for s in text if not all(any(ord(s) in _advances(name) for name in fonts) for fonts in weights)}


def runs(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, and whether each is in Noto's signs, which DejaVu has not."""
    own, han = _advances(BOLD), _advances(HAN_BOLD)
    for is_han, signs in groupby(text, key=lambda sign: ord(sign) in han and ord(sign) not in own):
        yield is_han, "".join(signs)


@cache
def _advances(name: str) -> Mapping[int, float]:
    """The advance of each character, as a part of the font's size."""
    data = (FOLDER / name).read_bytes()
    tables = {}
    for record in range(12, 12 + 16 * int(unpack_from(">H", data, 4)[0]), 16):
        tag, _, offset, _ = unpack_from(">4sIII", data, record)
        tables[tag] = int(offset)
    units = unpack_from(">H", data, tables[b"head"] + 18)[0]
    long_ones = unpack_from(">H", data, tables[b"hhea"] + 34)[0]
    advances = unpack_from(">" + "Hh" * long_ones, data, tables[b"hmtx"])[::2]
    glyphs = _glyphs(data, tables[b"cmap"])
    return {sign: advances[min(glyph, long_ones - 1)] / units for sign, glyph in glyphs.items() if glyph}


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    """The glyph of each character, from every subtable that is understood."""
    glyphs: dict[int, int] = {}
    for record in range(unpack_from(">H", data, cmap + 2)[0]):
        table = cmap + unpack_from(">I", data, cmap + 4 + 8 * record + 4)[0]
        form = unpack_from(">H", data, table)[0]
        if form == 12:
            for group in range(unpack_from(">I", data, table + 12)[0]):
                first, last, glyph = unpack_from(">III", data, table + 16 + 12 * group)
                glyphs |= {sign: glyph + sign - first for sign in range(first, last + 1)}
        elif form == 4:
            glyphs |= _segments(data, table)
    return glyphs


def _segments(data: bytes, table: int) -> dict[int, int]:
    """Format 4: ends, starts, deltas and offsets of segments, one array after the other."""
    twice = unpack_from(">H", data, table + 6)[0]
    ends, starts, deltas, offsets = (
        table + 14 + extra for extra in (0, twice + 2, 2 * twice + 2, 3 * twice + 2)
    )
    glyphs = {}
    for at in range(0, twice, 2):
        (end,), (start,) = unpack_from(">H", data, ends + at), unpack_from(">H", data, starts + at)
        (delta,), (offset,) = unpack_from(">H", data, deltas + at), unpack_from(">H", data, offsets + at)
        for sign in range(start, min(end, 0xFFFE) + 1):
            glyph = sign
            if offset:
                glyph = unpack_from(">H", data, offsets + at + offset + 2 * (sign - start))[0]
            if glyph:
                glyphs[sign] = (glyph + delta) & 0xFFFF
    return glyphs
