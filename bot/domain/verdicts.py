"""Why a figure is believed, or not."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Why an observation was believed or not."""

    ACCEPT = "accept"
    STALE = "stale"
    FROZEN = "frozen"
    ZERO = "zero"
    JUMPED = "jumped"
    RESIZED = "resized"
    RECOUNTED = "recounted"
    EXPIRED = "expired"
    FUTURE = "future"
    REPEATED = "repeated"
    BACKWARDS = "backwards"
    IMPOSSIBLE = "impossible"
    UNPRICED = "unpriced"
    UNREADABLE = "unreadable"


VERDICT_MEANS = {
    Verdict.ACCEPT: "believed",
    Verdict.STALE: "too old when it arrived",
    Verdict.FROZEN: "the same number for longer than this market ever stands still",
    Verdict.ZERO: "zero where there was open interest",
    Verdict.JUMPED: "a jump, held back until the next readings agree",
    Verdict.RESIZED: "the venue changed how it counts; a new beginning, not a fall",
    Verdict.RECOUNTED: "liquidations held back: its open interest seems to be told in other units",
    Verdict.EXPIRED: "the contract expired",
    Verdict.FUTURE: "stamped in the future",
    Verdict.REPEATED: "told twice",
    Verdict.BACKWARDS: "older than what was already known",
    Verdict.IMPOSSIBLE: "not a possible amount",
    Verdict.UNPRICED: "no fresh price to count its coins with",
    Verdict.UNREADABLE: "the payload is not what this venue is known to send",
}
