"""Rows of a CSV, CSV.gz or Parquet file; whatever is wrong with the file is one sentence."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from bot.errors import UsageError


def table(path: Path) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """The head and the rows of a file. Raises ``UsageError``, the rows too where the file breaks off."""
    try:
        if path.suffix == ".parquet":
            return _parquet(path)
        opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")  # noqa: SIM115
        stream = cast(io.TextIOBase, opened)
        lines = _Lines(stream)
        reader = csv.reader(lines)
        head = next(reader, None)
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as fault:
        raise UsageError(f"{path}: cannot be read ({_words(fault)})") from fault
    if not head:
        raise UsageError(f"{path}: is empty; a head line with column names is needed")
    return head, _guarded(path, stream, lines, reader)


class _Lines(Iterator[str]):
    """Lines of a file, counted; so that a quotation mark left open is noticed before it swallows the rest."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._lines = iter(stream)
        self.read = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.read += 1
        return line


def _guarded(
    path: Path, stream: io.TextIOBase, lines: _Lines, reader: Iterator[list[str]]
) -> Iterator[list[str]]:
    line = lines.read
    with closing(stream):
        try:
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


def _parquet(path: Path) -> tuple[list[str], Iterator[Sequence[Any]]]:
    try:
        import pyarrow.parquet as parquet  # heavy, and only for this
    except ImportError:
        raise UsageError(f"{path}: reading Parquet needs pyarrow: pip install washout[parquet]") from None
    import pyarrow

    try:
        file = parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as fault:
        raise UsageError(f"{path}: cannot be read as Parquet ({fault})") from fault
    head = list(file.schema_arrow.names)

    def rows() -> Iterator[Sequence[Any]]:
        try:
            for batch in file.iter_batches(batch_size=16_384):
                columns = [column.to_pylist() for column in batch.columns]
                yield from zip(*columns, strict=True)
        except (OSError, pyarrow.ArrowException) as fault:
            raise UsageError(f"{path}: breaks off ({fault}); fetch the file again") from fault

    return head, rows()
