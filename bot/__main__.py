"""The command line: ``washout`` and ``python -m bot``.

Nothing but the standard library and the error tree is imported before a command needs it, so that ``--help``
answers at once. Exit codes are documented in docs/operating.md.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from bot.arguments import ROLES, lasting, port, role, seconds, shards, speed
from bot.errors import ConfigError, SourceError, StorageError, UsageError, WashoutError

if TYPE_CHECKING:
    from bot.config import Settings

CONFIG_FILE = Path("config.toml")
"""Read where there is one and no other is named."""
DEFAULT_SCENARIO = "october-2025"
DEFAULT_SPEED = 60.0

log = logging.getLogger("bot")


class ExitCode(IntEnum):
    FINE = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIG = 3
    STORAGE = 4
    NO_NETWORK = 5
    UNREADABLE = 6
    INTERRUPTED = 130


CODES: tuple[tuple[type[WashoutError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (ConfigError, ExitCode.CONFIG),
    (StorageError, ExitCode.STORAGE),
    (SourceError, ExitCode.NO_NETWORK),
    (WashoutError, ExitCode.UNEXPECTED),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; raises nothing but ``SystemExit`` for usage and help."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    if arguments is None and command in FILTERS:  # the process is ours
        _end_with_the_reader()
    try:
        _log_to(sys.stderr, None, options)
        return command(options)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as raised:
        fault = _first(raised)
        if isinstance(fault, WashoutError):
            _say(str(fault))
            return next(code for kind, code in CODES if isinstance(fault, kind))
        from bot.logs import CRASHED

        log.exception("an unexpected fault", extra={"event": CRASHED})
        _say(f"an unexpected fault stopped Washout: {_named(fault)}. {_where_the_trace_is()}")
        return ExitCode.UNEXPECTED


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--debug", action="store_true", help="log everything, and show traces of faults")
    configured = argparse.ArgumentParser(add_help=False, parents=[every])
    configured.add_argument(
        "--config", type=Path, metavar="FILE", help="settings (default: config.toml, if it exists)"
    )
    root = argparse.ArgumentParser(
        prog="washout", description="Tells your chats when leverage is washed out of a crypto market."
    )
    root.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, **kind: Any) -> Any:
        command = commands.add_parser(name, help=text, description=text, **kind)
        command.set_defaults(command=run)
        return command

    run = add("run", _run, "Watch the markets, or play a scenario, until Ctrl-C.", parents=[configured])
    run.add_argument(
        "roles",
        nargs="*",
        type=role,
        metavar="ROLE",
        help=f"only these of {', '.join(ROLES)}, beside other processes (docs/scaling.md)",
    )
    run.add_argument(
        "--scenario",
        metavar="NAME",
        help=f"play NAME instead of the live markets (without settings: {DEFAULT_SCENARIO})",
    )
    run.add_argument(
        "--speed", type=speed, metavar="X", help=f"play X times as fast (default {DEFAULT_SPEED:g})"
    )
    run.add_argument("--port", type=port, metavar="N", help="serve the local chat on this port")
    run.add_argument("--shards", type=shards, metavar="A-B/N", help="hear only these of N Discord shards")
    add("check", _check, "Check the settings and show what would be run.", parents=[configured])
    doctor = add("doctor", _doctor, "Ask every venue once and say what each answered.", parents=[configured])
    doctor.add_argument("--asset", default="BTC", metavar="COIN", help="the coin to show (default BTC)")
    doctor.add_argument(
        "--listen", type=seconds, default=10, metavar="S", help="hear feeds for S s (10; 0: none)"
    )
    replay = add("replay", _replay, "Find the waves in recorded history.", parents=[configured])
    replay.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="open interest: .csv, .csv.gz or .parquet; or a folder of record",
    )
    replay.add_argument(
        "--wave", metavar="ID", help="instead, compute a recorded wave again and compare it byte for byte"
    )
    replay.add_argument("--scenario", metavar="NAME", help="with --wave: of this scenario's recording")
    replay.add_argument("--prices", type=Path, metavar="FILE", help="prices, where FILE has none")
    replay.add_argument("--asset", metavar="COIN", help="only this coin (default: every coin in FILE)")
    replay.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object a line")
    record = add("record", _record, "Keep what venues send, as it comes, until Ctrl-C.", parents=[configured])
    record.add_argument("--to", type=Path, required=True, metavar="DIR", help="the folder to keep it in")
    record.add_argument("--venues", metavar="A,B", help="only these (default: those of the settings)")
    record.add_argument(
        "--for", type=lasting, dest="last", metavar="TIME", help="stop after so long: 90s, 10m, 2h or 1d"
    )
    backfill = add(
        "backfill",
        _backfill,
        "Fetch what venues remember of the past, and learn from it.",
        parents=[configured],
    )
    backfill.add_argument("--venues", metavar="A,B", help="only these (default: those of the settings)")
    backfill.add_argument("--coins", metavar="A,B", help="only these (default: those of the settings)")
    backfill.add_argument("--since", metavar="TIME", help="how far back (ISO 8601; default: 30 days)")
    decode = add(
        "decode", _decode, "Say what a venue's raw payload means, a JSON object a line.", parents=[every]
    )
    decode.add_argument("venue", nargs="?", metavar="VENUE", help="the venue, as --list names it")
    decode.add_argument("source", nargs="?", metavar="SOURCE", help="what of the venue, as --list names it")
    decode.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="the payload; - for standard input"
    )
    decode.add_argument("--list", action="store_true", dest="as_list", help="list every venue's sources")
    decode.add_argument(
        "--book",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the venue's own list of contracts (may be given several times)",
    )
    decode.add_argument(
        "--instrument",
        action="append",
        default=[],
        metavar="SYMBOL,ASSET,linear|inverse,SIZE,coin|usd",
        help="one contract (may be given several times; SIZE empty: not known)",
    )
    decode.add_argument("--now", metavar="TIME", help="judge its age as of this time (ISO 8601)")
    copy = add("copy", _copy, "Copy all of the state into an empty store, and compare.", parents=[configured])
    for name in ("FROM", "TO"):
        copy.add_argument(
            name.lower(), metavar=name, help="a SQLite file, or postgresql://user@host/database"
        )
    backup = add(
        "backup", _backup, "Copy the SQLite file while the bot runs, and check it.", parents=[configured]
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy; there must be no such file yet")
    add("scenarios", _scenarios, "List the scenarios that can be played.", parents=[every])
    return root


def _run(options: argparse.Namespace) -> int:
    gc.disable()  # what imports make is there to stay: looking through it for garbage only delays the start
    settings = _settings(options)
    scenario = options.scenario
    if scenario is None and settings.source is None and not settings.secrets():
        scenario = DEFAULT_SCENARIO
    if scenario is None and options.speed is not None:
        raise UsageError("--speed is for a scenario: add --scenario NAME, or leave it out")
    if scenario is not None:
        _known_scenario(scenario)
    _log_to(sys.stdout, settings, options)
    from bot.clusters import chosen_roles

    roles = chosen_roles(options.roles, settings.streams, database=settings.database is not None)
    pace = options.speed or DEFAULT_SPEED
    if settings.streams is None:
        from bot import app

        work = app.run(settings, scenario, pace, options.port, options.shards)
    else:
        app_fleet = _with_nats()
        work = app_fleet.run(settings, scenario, pace, options.port, roles, options.shards)
    gc.freeze()
    gc.enable()
    return _in_loop(work)


def _with_nats() -> ModuleType:
    try:
        from bot import app_fleet
    except ImportError as absent:
        raise ConfigError(
            f"[streams] url needs {absent.name or 'nats-py'}, which is not installed:"
            " run  pip install 'washout[scale]'"
        ) from None
    return app_fleet


def _check(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from bot.checking import lines

    played = "" if settings.source else f" (run would play {DEFAULT_SCENARIO} instead: no config.toml)"
    sys.stdout.writelines(f"{name + ':':<10} {value}\n" for name, value in lines(settings, played).items())
    return ExitCode.FINE


def _doctor(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _log_to(sys.stderr, settings, options, "error")  # how each source fares is what it prints
    from bot.doctor import doctor

    return _in_loop(doctor(settings, options.asset, options.listen))


def _replay(options: argparse.Namespace) -> int:
    if (options.file is None) is (options.wave is None):
        raise UsageError("replay needs a FILE, or --wave ID for a wave that the bot recorded itself")
    if options.wave is not None:
        from bot.recompute import main

        settings = _settings(options)
        played = options.scenario or (None if settings.source else DEFAULT_SCENARIO)
        return _in_loop(main(settings, played, options.wave, options.as_json, sys.stdout, sys.stderr))
    from bot import replay

    return replay.main(options.file, options.prices, options.asset, options.as_json, sys.stdout, sys.stderr)


def _record(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _log_to(sys.stderr, settings, options)
    from bot.record import record

    venues = options.venues.split(",") if options.venues is not None else None
    return _in_loop(record(settings, venues, options.last, options.to))


def _backfill(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _log_to(sys.stderr, settings, options)
    from bot.backfill import backfill

    venues = options.venues.split(",") if options.venues is not None else None
    coins = options.coins.split(",") if options.coins is not None else None
    return _in_loop(backfill(settings, venues, coins, options.since))


def _decode(options: argparse.Namespace) -> int:
    from bot import decode

    if options.as_list:
        return decode.show_list(sys.stdout)
    if options.file is None:
        raise UsageError("decode needs VENUE SOURCE FILE (washout decode --list names venues and sources)")
    return decode.main(
        options.venue,
        options.source,
        options.file,
        options.book,
        options.instrument,
        options.now,
        sys.stdout,
    )


def _copy(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _log_to(sys.stderr, settings, options)
    from bot.keeping import copy

    return _in_loop(copy(settings, vars(options)["from"], options.to))


def _backup(options: argparse.Namespace) -> int:
    from bot.keeping import backup

    return backup(_settings(options), options.file)


def _scenarios(options: argparse.Namespace) -> int:
    from bot.simulator.scenario import named, names

    sys.stdout.writelines(f"{name}  {named(name).script.title}\n" for name in names())
    return ExitCode.FINE


def _settings(options: argparse.Namespace) -> Settings:
    from bot.config import load
    from bot.exchanges import EXCHANGES

    return load(options.config or (CONFIG_FILE if CONFIG_FILE.exists() else None), EXCHANGES.values())


def _known_scenario(name: str) -> None:
    from difflib import get_close_matches

    from bot.simulator.scenario import names

    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no scenario {name}{hint} (washout scenarios lists them)")


def _log_to(
    stream: TextIO, settings: Settings | None, options: argparse.Namespace, level: str = "warning"
) -> None:
    """Only ``run`` logs to standard output: the others print their result there, and log what went wrong."""
    from bot.logs import set_up

    set_up(
        stream,
        level=settings.log_level if settings and stream is sys.stdout else level,
        style=settings.log_format if settings else "text",
        errors=(settings.storage_path.parent if settings else Path("data")) / "errors.log",
        debug=options.debug,
        secrets=settings.secrets() if settings else (),
    )


def _where_the_trace_is() -> str:
    from bot.logs import traces_file

    kept = traces_file()
    return f"The full trace is in {kept}; --debug shows it here." if kept else "The full trace is in the log."


def _first(raised: Exception) -> Exception:
    """What a group of tasks failed with: the first fault, since the others follow from it."""
    while isinstance(raised, ExceptionGroup):
        raised = raised.exceptions[0]
    return raised


def _named(fault: BaseException) -> str:
    words = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {words}" if words else type(fault).__name__


def _in_loop(work: Coroutine[Any, Any, int]) -> int:
    import asyncio

    return asyncio.run(work)


FILTERS = (_check, _replay, _decode, _scenarios)
"""Commands whose result others read: ``washout replay … | head``."""


def _end_with_the_reader() -> None:
    """Lets ``washout replay … | head`` end quietly, as other Unix filters do."""
    import signal

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _say(text: str) -> None:
    sys.stderr.writelines(f"washout: {line}\n" for line in text.splitlines())


class _Version(argparse.Action):
    """Looked up only when asked for: reading package metadata takes longer than the rest of ``--help``."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"washout {version('washout')}\n")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
