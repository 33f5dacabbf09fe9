"""Rows of a CSV, CSV.gz or Parquet file; whatever is wrong with the file is one sentence (``UsageError``)."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.errors import UsageError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


def head(path: Path) -> list[str]:
    """The names of the columns."""
    if path.suffix == ".parquet":
        with _parquet(path) as file:
            return list(file.schema_arrow.names)
    try:
        with _open(path) as stream:
            names = next(csv.reader(stream), None)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as fault:
        raise UsageError(f"{path}: cannot be read ({_words(fault)})") from fault
    if not names:
        raise UsageError(f"{path}: is empty; a head line with column names is needed")
    return names


def rows(path: Path) -> Iterator[Sequence[Any]]:
    """Every row below the head: texts, or for Parquet values."""
    return _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)


def _open(path: Path) -> io.TextIOBase:
    opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")  # noqa: SIM115
    return cast(io.TextIOBase, opened)


class _Lines(Iterator[str]):
    """Lines of a file, counted; so that a quotation mark left open is noticed before it swallows the rest."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._lines = iter(stream)
        self.read = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.read += 1
        return line


def _csv_rows(path: Path) -> Iterator[list[str]]:
    line = 1
    try:
        with _open(path) as stream:
            lines = _Lines(stream)
            reader = csv.reader(lines)
            next(reader, None)
            for record in reader:
                if lines.read != line + 1:
                    break
                line += 1
                yield record
            else:
                return
    except csv.Error:
        pass
    except (OSError, EOFError, UnicodeDecodeError) as fault:
        raise UsageError(f"{path}: breaks off ({_words(fault)}); fetch the file again") from fault
    raise UsageError(f"{path}: line {line + 1} is no row: a quotation mark is left open, or it is too long")


def _words(fault: Exception) -> str:
    if isinstance(fault, UnicodeDecodeError):
        return f"it is not text: byte {fault.start} is no UTF-8"
    return str(getattr(fault, "strerror", None) or fault)


def _parquet(path: Path) -> ParquetFile:
    try:
        import pyarrow  # heavy, and only for this
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"{path}: reading Parquet needs pyarrow: pip install washout[parquet]") from None
    try:
        with path.open("rb"):
            return parquet.ParquetFile(path)
    except OSError as fault:
        raise UsageError(f"{path}: cannot be read as Parquet ({_words(fault)})") from fault
    except pyarrow.ArrowException as fault:
        raise UsageError(f"{path}: cannot be read as Parquet ({fault})") from fault


def _parquet_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    with _parquet(path) as file:
        import pyarrow

        try:
            for batch in file.iter_batches(batch_size=16_384):
                columns = [column.to_pylist() for column in batch.columns]
                yield from zip(*columns, strict=True)
        except (OSError, pyarrow.ArrowException) as fault:
            raise UsageError(f"{path}: breaks off ({fault}); fetch the file again") from fault
