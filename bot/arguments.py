"""How single arguments of the command line are read. Nothing of ours is imported here."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

FASTEST = 600.0
LONGEST_LISTEN_S = 600
ROLES = ("collect", "judge", "deliver", "talk", "page")
LASTING = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def role(text: str) -> str:
    if text not in ROLES:
        raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(ROLES)}")
    return text


def speed(text: str) -> float:
    try:
        speed = float(text.lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {FASTEST:g}")
    return speed


def shards(text: str) -> tuple[int, int, int]:
    """``0-3/16``: from the first to the last of so many."""
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?/(\d{1,4})", text)
    first, last, of = (int(found[1]), int(found[2] or found[1]), int(found[3])) if found else (1, 0, 0)
    if not first <= last < of:
        raise argparse.ArgumentTypeError(f"{text} is not a range of shards such as 0-3/16")
    return first, last, of


def lasting(text: str) -> timedelta:
    number, unit = text[:-1], LASTING.get(text[-1:].lower())
    if unit is None or not number.isdecimal() or not 0 < int(number) < 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 90s, 10m, 2h or 1d")
    return int(number) * unit


def seconds(text: str) -> float:
    if not text.isdecimal() or int(text) > LONGEST_LISTEN_S:
        raise argparse.ArgumentTypeError(
            f"{text} is not a whole number from 0 to {LONGEST_LISTEN_S} (seconds)"
        )
    return float(text)


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 (any free port) to 65535")
    return int(text)
