"""Files and frames to plain columns with the place of every value, so that every error names its line."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from alvh.errors import DataError, DecodeError, LimitError, SchemaError

__all__ = ["Table", "read_table"]

FloatColumn = npt.NDArray[np.float64]

NEW_YORK = ZoneInfo("America/New_York")
# What a file may unpack to: 35 years of minute bars take about 200 MB.
MAX_BYTES = 2**30

# Canonical name -> spellings, lower case, spaces for underscores. A new vendor is a new entry here, no more.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "date": (
        "date",
        "trade date",
        "quote date",
        "datetime",
        "date time",
        "timestamp",
        "time",
        "day",
        "observation date",
    ),
    "open": ("open", "opening price", "open price", "1. open"),
    "high": ("high", "2. high"),
    "low": ("low", "3. low"),
    "close": ("close", "last", "close/last", "closing price", "close price", "4. close"),
    "value": ("value", "rate", "price"),
    "settle": ("settle", "settlement", "settlement price", "settle price"),
    "contract": ("futures", "contract"),
    "spot": ("spot", "spx", "sp500", "s&p 500"),
    "vix": ("vix",),
    "seconds": ("seconds",),
    **{f"vx{i}": (f"vx{i}", f"vx {i}") for i in range(1, 10)},
}
IGNORED = (
    "adj close",
    "adjusted close",
    "volume",
    "total volume",
    "change",
    "efp",
    "open interest",
    "dividends",
    "stock splits",
    "",
)
_CANONICAL = {spelling: name for name, spellings in SYNONYMS.items() for spelling in spellings}
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", ".", "-", "nat", "#n/a"})

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SLASH = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?")


@dataclass(frozen=True)
class Table:
    """Columns of one source under canonical names.

    Parameters
    ----------
    source : str
        Name in errors: the file's name or the argument's.
    day : numpy.ndarray of datetime64[D], shape (n,)
        Date in New York.
    seconds : numpy.ndarray of int32, shape (n,)
        Seconds after midnight New York.
    columns : dict of str to numpy.ndarray of float64, shape (n,)
        Numbers; NaN where a cell is empty.
    text : dict of str to tuple of str
        Columns that are words (the contract of a futures file).
    lines : numpy.ndarray of int64, shape (n,)
        Line of the file, or row of the frame, of each value.
    unit : str
        ``"line"`` or ``"row"``.
    """

    source: str
    day: npt.NDArray[np.datetime64]
    seconds: npt.NDArray[np.int32]
    columns: dict[str, FloatColumn]
    text: dict[str, tuple[str, ...]]
    lines: npt.NDArray[np.int64]
    unit: str

    def where(self, row: int) -> str:
        """Name the position of a row in errors."""
        return f"{self.unit} {self.lines[row]}"

    def fault(
        self, code: str, row: int, field: str, value: object, expected: str, hint: str = ""
    ) -> DataError:
        """Build an error at a row."""
        return DataError(code, self.source, field, str(value), expected, self.where(row), hint)

    def take(self, rows: npt.NDArray[Any]) -> Table:
        """Select or reorder rows."""
        order = np.arange(self.day.size)[rows]
        return Table(
            self.source,
            self.day[order],
            self.seconds[order],
            {name: column[order] for name, column in self.columns.items()},
            {name: tuple(column[i] for i in order) for name, column in self.text.items()},
            self.lines[order],
            self.unit,
        )


def read_table(data: object, argument: str, *, intraday: bool = False, tz: str | None = None) -> Table:
    """Read a file, frame or series into a :class:`Table`.

    Parameters
    ----------
    data : path, pandas or polars frame or series, or anything with an Arrow C stream
        CSV (plain, ``.gz`` or ``.zip`` with one member), Parquet, or columns in memory.
    argument : str
        Name of the argument, for errors.
    intraday : bool, optional
        Whether rows carry a time of day.
    tz : str, optional
        Time zone of naive intraday times.

    Returns
    -------
    Table
        Rows in the order of the source.

    Raises
    ------
    DataError
        ``HIS001`` no such file, ``TIM001``..``TIM006`` dates, ``ROW001`` numbers.
    SchemaError
        ``COL001`` a column that is missing, ``COL002`` one that is there twice.
    DecodeError
        ``HIS002``: bytes that are not what the file's name says.
    LimitError
        ``HIS003``: a file that unpacks to more than a GiB.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        if path.suffix.lower() in (".parquet", ".pq"):
            return _from_frame(_read_parquet(path), path.name, intraday, tz)
        return _from_text(_read_text(path), path.name, intraday, tz)
    return _from_frame(_to_pandas(data, argument), argument, intraday, tz)


def _read_text(path: Path) -> str:
    name = path.name
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [
                    member for member in archive.namelist() if member.lower().endswith((".csv", ".txt"))
                ]
                if len(members) != 1:
                    raise DecodeError(
                        "HIS002", name, "members", f"{len(members)} CSV files", "one CSV file in the archive"
                    )
                with archive.open(members[0]) as stream:
                    raw = stream.read(MAX_BYTES + 1)
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as stream:
                raw = stream.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError, PermissionError, ValueError) as error:
        got = _UNREADABLE.get(type(error), type(error).__name__)
        raise DataError("HIS001", name or str(path), "path", got, "a file that can be read") from error
    except (zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError, NotImplementedError) as error:
        raise DecodeError("HIS002", name, "bytes", type(error).__name__, f"a {path.suffix} file") from error
    if len(raw) > MAX_BYTES:
        raise LimitError(
            "HIS003", name, "size", f"more than {MAX_BYTES} bytes", f"at most {MAX_BYTES} bytes unpacked"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(
            "HIS002", name, "bytes", f"byte {error.start} is not UTF-8", "CSV text in UTF-8"
        ) from error


_UNREADABLE: dict[type[Exception], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "a folder",
    PermissionError: "a file without permission to read it",
}


def _read_parquet(path: Path) -> Any:
    if not path.is_file():
        raise DataError("HIS001", path.name, "path", "no such file", "a file that can be read")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            "HIS004",
            path.name,
            "pyarrow",
            "not installed",
            "pyarrow to read Parquet",
            hint="pip install 'alvh[parquet]'",
        ) from error
    try:
        return pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DecodeError("HIS002", path.name, "bytes", type(error).__name__, "a Parquet file") from error


def _to_pandas(data: object, argument: str) -> Any:
    import pandas as pd

    if isinstance(data, pd.DataFrame | pd.Series):
        return data
    try:
        if hasattr(data, "to_pandas"):
            return data.to_pandas()
        if hasattr(data, "__arrow_c_stream__"):
            import pyarrow as pa

            return pa.table(data).to_pandas()
    except ImportError as error:
        raise DataError(
            "HIS004",
            argument,
            "pyarrow",
            "not installed",
            "pyarrow to take this frame",
            hint="pip install 'alvh[parquet]'",
        ) from error
    raise SchemaError(
        "COL003", argument, "type", type(data).__name__, "a path, a pandas or polars frame, or a series"
    )


def _canonical(header: Sequence[str], source: str, position: str) -> list[str]:
    """Canonical name of each column, "" for those not used."""
    names: list[str] = []
    for raw in header:
        spelling = " ".join(raw.strip().strip('"').lower().replace("_", " ").split())
        unused = spelling in IGNORED or spelling.startswith("unnamed:")
        names.append("" if unused else _CANONICAL.get(spelling, spelling))
    for name in names:
        if name and names.count(name) > 1:
            raise SchemaError("COL002", source, name, f"{names.count(name)} columns", "one column", position)
    return names


def _from_text(text: str, source: str, intraday: bool, tz: str | None) -> Table:
    try:
        rows = [
            (reader.line_num, row)
            for reader in [csv.reader(io.StringIO(text, newline=""))]
            for row in reader
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise DecodeError("HIS002", source, "text", str(error), "comma-separated values") from error
    start, names, extra = _find_header(rows, source)
    header_line = f"line {rows[start][0]}"
    width = len(rows[start][1])
    body = rows[start + 1 + extra :]
    if not body:
        raise DataError("HIS005", source, "rows", "0 rows", "at least 1", header_line)
    for line, row in body:
        # Some exchange files end their rows with one comma too many.
        if len(row) < width or any(row[width:]):
            raise SchemaError(
                "COL004",
                source,
                "columns",
                f"{len(row)} cells",
                f"{width} cells as in the header",
                f"line {line}",
            )
    lines = np.fromiter((line for line, _ in body), dtype=np.int64, count=len(body))
    cells = {name: [row[i].strip() for _, row in body] for i, name in enumerate(names) if name}
    dates = cells.pop("date")

    def position(row: int) -> str:
        return f"line {lines[row]}"

    day, seconds = _parse_dates(dates, source, position, intraday, tz)
    columns: dict[str, FloatColumn] = {}
    words: dict[str, tuple[str, ...]] = {}
    for name, column in cells.items():
        if name == "contract":
            words[name] = tuple(column)
        elif name in SYNONYMS or not _is_text(column):
            columns[name] = _parse_numbers(column, source, name, position)
    return Table(source, day, seconds, columns, words, lines, "line")


def _find_header(rows: list[tuple[int, list[str]]], source: str) -> tuple[int, list[str], int]:
    """Row of the header, its canonical names, and the further header rows of a two-level yfinance file.

    The header is the first of the first five rows that names a date column; a disclaimer may stand before it.
    """
    for start, (line, row) in enumerate(rows[:5]):
        levels = {rows[i][1][0].strip(): rows[i] for i in (start, start + 1) if i < len(rows)}
        if levels.keys() == {"Price", "Ticker"} and len(rows) > start + 2:
            # yfinance's MultiIndex as CSV, in either order: Price,Close,... / Ticker,^GSPC,... / Date,,,
            tickers = {cell.strip() for cell in levels["Ticker"][1][1:]}
            if len(tickers) != 1:
                raise SchemaError(
                    "COL005", source, "Ticker", f"{len(tickers)} tickers", "one ticker", f"line {line}"
                )
            price_line, prices = levels["Price"]
            return start, _canonical(["Date", *prices[1:]], source, f"line {price_line}"), 2
        spellings = [" ".join(cell.strip().lower().replace("_", " ").split()) for cell in row]
        if any(spelling in SYNONYMS["date"] for spelling in spellings):
            return start, _canonical(row, source, f"line {line}"), 0
    found = ",".join(rows[0][1])[:60] if rows else "an empty file"
    raise SchemaError(
        "COL001",
        source,
        "date",
        repr(found),
        "a header with a date column (" + ", ".join(SYNONYMS["date"][:3]) + ", ...)",
    )


def _is_text(cells: list[str]) -> bool:
    """Whether the first filled cell of a column under an unknown name is no number: a ticker, not a price."""
    first = next((cell for cell in cells if cell.lower() not in _MISSING), "0")
    try:
        float(first.replace(",", ""))
    except ValueError:
        return True
    return False


def _parse_numbers(cells: list[str], source: str, name: str, position: Callable[[int], str]) -> FloatColumn:
    try:
        values = np.array(cells, dtype=np.float64)
        if "_" not in "".join(cells) and not np.isinf(values).any():
            return values
    except ValueError:
        pass
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        if cell.lower() in _MISSING:
            values[row] = np.nan
            continue
        plain = cell.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d*)?", cell) else cell
        try:
            number = float(plain)
        except ValueError:
            number = np.inf
        if not np.isfinite(number) or "_" in plain:
            raise DataError("ROW001", source, name, repr(cell[:40]), "a finite number", position(row))
        values[row] = number
    return values


def _parse_dates(
    cells: list[str], source: str, position: Callable[[int], str], intraday: bool, tz: str | None
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.int32]]:
    """Dates and seconds in New York; one format for the whole column."""
    pattern, order = _date_format(cells, source, position)
    days = np.empty(len(cells), dtype="datetime64[D]")
    seconds = np.zeros(len(cells), dtype=np.int32)
    zone = _zone(tz) if tz is not None else None
    clocks: list[re.Match[str] | None] = []
    for row, cell in enumerate(cells):
        match = pattern.match(cell)
        rest = cell[match.end() :].strip().lstrip("T").strip() if match else ""
        clock = _CLOCK.fullmatch(rest) if rest else None
        if match is None or (rest and clock is None):
            raise DataError(
                "TIM001",
                source,
                "date",
                repr(cell[:40]),
                "a date in the format of the first row",
                position(row),
            )
        year, month, date = (int(match[i]) for i in order)
        try:
            days[row] = np.datetime64(dt.date(year, month, date), "D")
        except ValueError as error:
            raise DataError(
                "TIM001", source, "date", repr(cell[:40]), "a date of the calendar", position(row)
            ) from error
        clocks.append(clock)
    daily = not intraday and all(c is None or int(c[1]) == int(c[2]) == int(c[3] or 0) == 0 for c in clocks)
    if daily:
        return days, seconds
    for row, clock in enumerate(clocks):
        if clock is None:
            raise DataError(
                "TIM002", source, "date", repr(cells[row][:40]), "a time of day on every row", position(row)
            )
        if clock[4] is None and zone is None:
            raise DataError(
                "TIM003",
                source,
                "date",
                repr(cells[row][:40]),
                "a time zone with a time of day",
                position(row),
                'write 2010-05-06T14:45:00-04:00, or pass bars_tz="America/New_York"',
            )
        try:
            time = dt.time(int(clock[1]), int(clock[2]), int(clock[3] or 0), tzinfo=_offset(clock[4]) or zone)
            local = dt.datetime.combine(days[row].item(), time).astimezone(NEW_YORK)
        except (ValueError, OverflowError) as error:
            raise DataError(
                "TIM001", source, "date", repr(cells[row][:40]), "a time of day", position(row)
            ) from error
        days[row] = np.datetime64(local.date(), "D")
        seconds[row] = local.hour * 3600 + local.minute * 60 + local.second
    return days, seconds


def _offset(text: str | None) -> dt.tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return dt.UTC
    sign = -1 if text[0] == "-" else 1
    return dt.timezone(sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError) as error:
        raise DataError("TIM004", "bars_tz", "tz", repr(tz), "a time zone of the IANA database") from error


def _date_format(
    cells: Iterable[str], source: str, position: Callable[[int], str]
) -> tuple[re.Pattern[str], tuple[int, int, int]]:
    """Pattern of the dates and the groups of year, month and day, from the whole column."""
    cells = list(cells)
    first = cells[0]
    if _ISO.match(first):
        return _ISO, (1, 2, 3)
    if _COMPACT.match(first):
        return _COMPACT, (1, 2, 3)
    if not _SLASH.match(first):
        raise DataError(
            "TIM001", source, "date", repr(first[:40]), "2004-03-26, 20040326 or 03/26/2004", position(0)
        )
    parts = [(int(m[1]), int(m[2])) for m in map(_SLASH.match, cells) if m]
    late = [row for row, cell in enumerate(cells) if (m := _SLASH.match(cell)) and int(m[1]) > 12]
    if late or all(day <= 12 for _, day in parts):
        row = late[0] if late else 0
        raise DataError(
            "TIM005",
            source,
            "date",
            repr(cells[row][:40]),
            "month first, shown by at least one day after the 12th",
            position(row),
            "write the dates as 2004-03-26",
        )
    return _SLASH, (3, 1, 2)


def _from_frame(data: Any, source: str, intraday: bool, tz: str | None) -> Table:
    import pandas as pd

    frame = data.to_frame(name="value") if isinstance(data, pd.Series) else data
    if frame.columns.nlevels > 1:
        frame = frame.set_axis(_flatten(frame.columns, source), axis=1)
    names = _canonical([str(name) for name in frame.columns], source, "columns")
    if len(frame) == 0:
        raise DataError("HIS005", source, "rows", "0 rows", "at least 1")
    lines = np.arange(len(frame), dtype=np.int64)

    def position(row: int) -> str:
        return f"row {row}"

    if "date" in names and not isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        stamps = frame.iloc[:, names.index("date")]
    else:
        stamps = frame.index.to_series()
    day, seconds = _frame_dates(stamps, source, position, intraday, tz)
    columns: dict[str, FloatColumn] = {}
    words: dict[str, tuple[str, ...]] = {}
    for i, name in enumerate(names):
        if not name or name == "date":
            continue
        column = frame.iloc[:, i]
        if name == "contract":
            words[name] = tuple(str(value) for value in column)
        elif pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isinf(values).any():
                row = int(np.flatnonzero(np.isinf(values))[0])
                raise DataError("ROW001", source, name, str(values[row]), "a finite number", position(row))
            columns[name] = values
        else:
            cells = ["" if value is None else str(value).strip() for value in column]
            if name in SYNONYMS or not _is_text(cells):
                columns[name] = _parse_numbers(cells, source, name, position)
    return Table(source, day, seconds, columns, words, lines, "row")


def _flatten(columns: Any, source: str) -> list[str]:
    """One name a column of a MultiIndex such as ``("Close", "^GSPC")``: the level that names prices."""
    levels = [[str(label[level]) for label in columns] for level in range(columns.nlevels)]
    known = [sum(name.strip().lower() in _CANONICAL for name in names) for names in levels]
    best = int(np.argmax(known))
    others = {
        tuple(names[i] for level, names in enumerate(levels) if level != best)
        for i in range(len(levels[best]))
    }
    tickers = {ticker for ticker in others if any(ticker)}
    if len(tickers) > 1:
        raise SchemaError(
            "COL005", source, "columns", f"{len(tickers)} tickers", "one ticker", hint="select one first"
        )
    return levels[best]


def _frame_dates(
    stamps: Any, source: str, position: Callable[[int], str], intraday: bool, tz: str | None
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.int32]]:
    import pandas as pd

    if isinstance(stamps.dtype, pd.PeriodDtype):
        stamps = stamps.dt.to_timestamp()
    if not pd.api.types.is_datetime64_any_dtype(stamps.dtype):
        if pd.api.types.is_numeric_dtype(stamps.dtype):
            raise SchemaError(
                "COL001", source, "date", f"{stamps.dtype} values", "a date index or a date column"
            )
        cells = [str(value) for value in stamps]
        return _parse_dates(cells, source, position, intraday, tz)
    if stamps.isna().any():
        row = int(np.flatnonzero(stamps.isna().to_numpy())[0])
        raise DataError("TIM001", source, "date", "NaT", "a date", position(row))
    midnight = bool((stamps.dt.normalize() == stamps).all())
    if midnight and not intraday:
        local = stamps.dt.tz_localize(None)
        return local.to_numpy().astype("datetime64[D]"), np.zeros(len(stamps), dtype=np.int32)
    if stamps.dt.tz is None:
        if tz is None:
            raise DataError(
                "TIM003",
                source,
                "date",
                str(stamps.iloc[0]),
                "a time zone with a time of day",
                position(0),
                'use tz_localize, or pass bars_tz="America/New_York"',
            )
        try:
            stamps = stamps.dt.tz_localize(_zone(tz))
        except ValueError as error:
            raise DataError(
                "TIM001", source, "date", str(error)[:60], "times that exist in the time zone"
            ) from error
    local = stamps.dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    days = local.to_numpy().astype("datetime64[D]")
    seconds = (local.dt.hour * 3600 + local.dt.minute * 60 + local.dt.second).to_numpy(dtype=np.int32)
    return days, seconds
