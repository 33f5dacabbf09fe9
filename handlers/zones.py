"""Time zones as people name them, and instants on a chat's own clock."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.domain.cards import plain
from bot.errors import AskError
from handlers.speech import _

T = TypeVar("T")

UTC_ZONE = ZoneInfo("UTC")
AREAS = re.compile("(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/")
"""Of the tz database: what stands behind them is a city or an island."""
CITIES = {
    "aachen cologne frankfurt hamburg munich stuttgart": "Europe/Berlin",
    "barcelona valencia": "Europe/Madrid",
    "geneva bern basel lausanne": "Europe/Zurich",
    "milan naples": "Europe/Rome",
    "lyon marseille": "Europe/Paris",
    "rotterdam": "Europe/Amsterdam",
    "edinburgh manchester": "Europe/London",
    "krakow": "Europe/Warsaw",
    "kyiv odesa": "Europe/Kyiv",
    "st_petersburg": "Europe/Moscow",
    "ankara": "Europe/Istanbul",
    "abu_dhabi": "Asia/Dubai",
    "tel_aviv": "Asia/Jerusalem",
    "mumbai delhi bangalore": "Asia/Kolkata",
    "beijing shenzhen": "Asia/Shanghai",
    "hanoi saigon": "Asia/Ho_Chi_Minh",
    "osaka": "Asia/Tokyo",
    "canberra": "Australia/Sydney",
    "wellington": "Pacific/Auckland",
    "boston miami washington atlanta philadelphia": "America/New_York",
    "austin dallas houston": "America/Chicago",
    "san_francisco seattle las_vegas": "America/Los_Angeles",
    "montreal ottawa": "America/Toronto",
    "rio rio_de_janeiro brasilia": "America/Sao_Paulo",
    "abuja": "Africa/Lagos",
    "cape_town": "Africa/Johannesburg",
    "germany": "Europe/Berlin",
    "france": "Europe/Paris",
    "spain": "Europe/Madrid",
    "italy": "Europe/Rome",
    "netherlands holland": "Europe/Amsterdam",
    "austria": "Europe/Vienna",
    "switzerland": "Europe/Zurich",
    "sweden": "Europe/Stockholm",
    "norway": "Europe/Oslo",
    "denmark": "Europe/Copenhagen",
    "finland": "Europe/Helsinki",
    "uk england": "Europe/London",
    "ireland": "Europe/Dublin",
    "ukraine": "Europe/Kyiv",
    "greece": "Europe/Athens",
    "india": "Asia/Kolkata",
    "china": "Asia/Shanghai",
    "korea south_korea": "Asia/Seoul",
    "thailand": "Asia/Bangkok",
    "vietnam": "Asia/Ho_Chi_Minh",
    "philippines": "Asia/Manila",
    "taiwan": "Asia/Taipei",
    "uae": "Asia/Dubai",
    "nigeria": "Africa/Lagos",
    "kenya": "Africa/Nairobi",
    "gmt z": "UTC",
    "et edt est": "America/New_York",
    "ct cdt": "America/Chicago",
    "pt pdt pst": "America/Los_Angeles",
    "bst": "Europe/London",
    "cet cest": "Europe/Berlin",
    "eet eest": "Europe/Athens",
    "msk": "Europe/Moscow",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "hkt": "Asia/Hong_Kong",
    "sgt": "Asia/Singapore",
}
"""Names that the tz database has not, or not with the summer time people mean by them."""
PART_HOURS = {
    "-9:30": "Pacific/Marquesas",
    "+3:30": "Asia/Tehran",
    "+4:30": "Asia/Kabul",
    "+5:30": "Asia/Kolkata",
    "+5:45": "Asia/Kathmandu",
    "+6:30": "Asia/Yangon",
    "+8:45": "Australia/Eucla",
    "+9:30": "Australia/Darwin",
}
"""Zones without summer time, for offsets that are no whole hours; those have names of their own."""

A_SLIP_IN, A_NAME = 6, 4
"""One slip for so many letters: ``Atlantis`` is not Atlanta. Names shorter than four are like many others."""

_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+\-−])\s*(\d{1,2})(?::?([0-5]\d))?")


def read_zone(text: str, line: str = "/timezone") -> str:
    """The IANA name behind ``Europe/Berlin``, ``berlin``, ``New York``, ``CET`` or ``UTC+2``.

    Raises ``AskError`` with the nearest, behind what else was said (``line``).
    """
    said = " ".join(text.split())
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", said) if not unicodedata.combining(sign))
    name = re.sub(r"[\s_]+", "_", bare).lower()
    if offset := _OFFSET.fullmatch(said.lower()):
        return _fixed(offset, line)
    names = _names()
    if name in names:
        return names[name]
    shown = plain(said[:24])
    slips = max(1, len(name) // A_SLIP_IN)
    near = process.extractOne(name, list(names), scorer=OSA.distance, score_cutoff=slips)
    if near is None or len(name) < A_NAME:
        raise AskError(
            _(
                'I know no time zone "{name}". Name a large city in it, `{line} Berlin`, or say `UTC+2`'
            ).format(name=shown, line=line),
            f"{line} Europe/Berlin",
            f"{line} UTC",
        )
    zone = names[near[0]]
    meant = f"{line} {zone}"
    text = _('I know no time zone "{name}". Did you mean **{zone}**? `{line}`')
    raise AskError(text.format(name=shown, zone=zone, line=meant), meant)


def _fixed(offset: re.Match[str], line: str) -> str:
    east = offset[1] == "+"
    hours, minutes = int(offset[2]), int(offset[3] or 0)
    if not minutes and -12 <= (hours if east else -hours) <= 14:
        # "Etc/GMT-2" is what people call UTC+2: its sign is turned round (tz database, file "etcetera").
        return f"Etc/GMT{'-' if east else '+'}{hours}" if hours else "UTC"
    if zone := PART_HOURS.get(f"{'+' if east else '-'}{hours}:{minutes:02}"):
        return zone
    shown = plain(offset[0].strip()[:24])
    text = _('No country keeps "{offset}" all year. Name a large city: `{line} Adelaide`')
    raise AskError(text.format(offset=shown, line=line))


@cache
def with_cities() -> tuple[str, ...]:
    """The IANA names that end with a city or an island, A to Z."""
    return tuple(sorted(zone for zone in _zones() if AREAS.match(zone)))


@cache
def _zones() -> tuple[str, ...]:
    return tuple(files("tzdata").joinpath("zones").read_text("ascii").split())


@cache
def _names() -> dict[str, str]:
    """Every name in small letters with ``_``: whole ones, cities, and what people say instead."""
    zones = _zones()
    # America/Indianapolis rather than …/Indiana/Indianapolis
    cities = sorted((zone for zone in zones if AREAS.match(zone)), key=lambda zone: -len(zone))
    names = {zone.rpartition("/")[2].lower(): zone for zone in cities}
    names |= {zone.lower(): zone for zone in zones if zone != "Factory"}
    return names | {name: zone for said, zone in CITIES.items() for name in said.split()}


def local(at: datetime, zone: ZoneInfo) -> datetime:
    """The same instant on the zone's clock; its ``%Z`` is the zone's abbreviation then.

    The offset is fixed: between two times of one ``ZoneInfo`` Python counts hours of the clock, which is
    wrong over a change to summer time.
    """
    here = at.astimezone(zone)
    offset = here.utcoffset() or timedelta(0)
    name = here.tzname() or ""
    return here.replace(tzinfo=timezone(offset, name if name.isalpha() else _signed(offset)))


def _signed(offset: timedelta) -> str:
    """``UTC+5:30``: for zones whose abbreviation is only a number."""
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def in_zone(thing: T, zone: ZoneInfo) -> T:
    """``thing`` with every time in it on the zone's clock."""
    return cast("T", _moved(thing, zone))


def _moved(thing: object, zone: ZoneInfo) -> object:
    if isinstance(thing, datetime):
        return local(thing, zone)
    if isinstance(thing, tuple):
        return tuple(_moved(part, zone) for part in thing)
    if isinstance(thing, msgspec.Struct):
        parts = {name: _moved(getattr(thing, name), zone) for name in thing.__struct_fields__}
        return msgspec.structs.replace(thing, **parts)
    return thing


def zone_typed(zone: str) -> str:
    """As a person would type it, so that it is read back as the same: ``UTC+2``, ``Europe/Berlin``."""
    if offset := re.fullmatch(r"Etc/GMT([+-])(\d+)", zone):
        return f"UTC{'-' if offset[1] == '+' else '+'}{offset[2]}"
    return zone


def zone_words(zone: str, at: datetime) -> str:
    """``Berlin (CEST)``, ``UTC+2``, ``UTC``."""
    short = f"{local(at, ZoneInfo(zone)):%Z}"
    if zone.startswith("Etc/") or "/" not in zone:
        return short
    return f"{zone.rpartition('/')[2].replace('_', ' ')} ({short})"
