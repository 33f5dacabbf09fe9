"""Logging: words on a terminal, JSON lines otherwise, and no secret in either.

A line worth searching for names its event: ``log.warning("source lost", extra={"event": "source.lost", …})``.
Every other value in ``extra`` becomes a field.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from math import isfinite
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, quote_plus

CUT = "•••"
CRASHED = "bot.crashed"
ERRORS_SIZE = 1_000_000
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "fault"}
_CHATTY = ("apscheduler", "aiohttp.access", "asyncio", "discord", "httpcore", "httpx", "telegram")
_TWICE = "telegram.request"
"""Logs a trace of each answer that is no JSON, as a 502 is, and raises it as well: whoever asked tells it."""
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9}


class Redact(logging.Filter):
    """Cuts secrets out of a record before anything formats it: message, arguments, fields and exceptions.

    A secret is also found in the forms it takes in addresses, JSON and ``repr``.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)  # the longer first: one may hold another

    def cut(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, CUT)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a wrong number of arguments must not cost the line
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self.cut(message), None
        if record.exc_info and record.exc_info[1]:
            fault = record.exc_info[1]
            record.fault = self.cut("".join(traceback.format_exception_only(fault)).strip())
            record.exc_text = "".join(traceback.format_exception(fault))
        record.exc_info = None
        record.exc_text = self.cut(record.exc_text) if record.exc_text else None
        record.stack_info = self.cut(record.stack_info) if record.stack_info else None
        for key, value in _fields(record).items():
            if not isinstance(value, int | None) and not (isinstance(value, float) and isfinite(value)):
                setattr(record, key, self.cut(str(value)))
        return True


class Words(logging.Formatter):
    """One line for a person. The trace of an exception is left out unless ``traces``."""

    def __init__(self, *, traces: bool) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        parts = [f"{_at(record):%H:%M:%S} {record.levelname.lower():<7} {record.getMessage()}"]
        if fault := getattr(record, "fault", ""):
            parts.append(f"({fault})")
        fields = [f"{key}={value}" for key, value in _fields(record).items() if key != "event"]
        if fields:
            parts.append(f"[{' '.join(fields)}]")
        # What a venue sent may be quoted here: it must not move the cursor or forge a line.
        line = " ".join(parts).translate(_CONTROL)
        return f"{line}\n{record.exc_text}" if self._traces and record.exc_text else line


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, event, message, logger, then fields, fault and trace."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _at(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": "log",
            "message": record.getMessage(),
            "logger": record.name,
        } | _fields(record)
        if fault := getattr(record, "fault", ""):
            line |= {"fault": fault, "trace": record.exc_text}
        return json.dumps(line, ensure_ascii=False)


class _ErrorsFile(RotatingFileHandler):
    """Traces for later, where the terminal shows only words. Its folder is made with the first of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=ERRORS_SIZE, backupCount=1, encoding="utf-8", delay=True)
        self.setLevel(logging.ERROR)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        sys.stderr.write(f"A trace could not be kept in {self.baseFilename}: {sys.exc_info()[1]}\n")


def set_up(
    stream: TextIO, *, level: str, style: str, errors: Path, debug: bool = False, secrets: Iterable[str] = ()
) -> None:
    """Sends all logging to ``stream``, with the values in ``secrets`` cut out of every line.

    ``style`` is ``text``, ``json`` or ``auto`` (text on a terminal). JSON carries traces itself; with text
    they go to the file ``errors``, and with ``debug`` also to ``stream``.
    """
    as_json = style == "json" or (style == "auto" and not stream.isatty())
    redact = Redact(secrets)
    shown = logging.StreamHandler(stream)
    shown.setFormatter(JsonLines() if as_json else Words(traces=debug))
    handlers: list[logging.Handler] = [shown]
    if not as_json and not debug:
        shown.addFilter(lambda record: getattr(record, "event", "") != CRASHED)  # told in a sentence instead
    if not as_json:
        kept = _ErrorsFile(errors)
        kept.setFormatter(JsonLines())
        handlers.append(kept)
    for handler in handlers:
        handler.addFilter(redact)
    logging.basicConfig(level="DEBUG" if debug else level.upper(), handlers=handlers, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a reader that went away is no reason to print the library's traces
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if debug else logging.WARNING)
    logging.getLogger(_TWICE).setLevel(logging.NOTSET if debug else logging.CRITICAL)


def traces_file() -> Path | None:
    """The file that keeps traces; ``None`` where the log's own lines carry them."""
    kept = (handler for handler in logging.getLogger().handlers if isinstance(handler, _ErrorsFile))
    return next((Path(handler.baseFilename) for handler in kept), None)


def _forms(secret: str) -> set[str]:
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
    }


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
