"""The user's own option quotes: vendor files in, one compact sorted store out.

A vendor layout is data, not code: a :class:`ChainFormat` names the columns it may use for each
canonical column. Add a vendor by passing your own. Rows are read in blocks and pushed into the compiled
store (16 bytes a row), so that ten million rows stay far below 2 GB.
"""

from __future__ import annotations

import datetime
import glob
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh.errors import AlvhError, ConfigError, DataError, DecodeError, SchemaError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FORMATS", "Chain", "ChainFormat"]

# Rows a block: large enough for the parser to run at full speed, small enough (some 50 MB) not to matter.
_BLOCK = 250_000
_PRODUCTS = {"SPX": 0, "SPXW": 1, "VIX": 2}
_SPX_BY_EXPIRY, _OTHER, _NO_ROOT = 3, 4, 5
# Roots by product. Any other root on the same underlying is another contract: BVZ and BSZ are binary options,
# listed beside VIX and SPX at the same strikes and expiries.
_ROOTS = {"SPX": "SPX", "SPXW": "SPXW", "SPXPM": "SPXW", "SPXQ": "SPXW", "VIX": "VIX", "VIXW": "VIX"}
_UNDERLYINGS = {"SPX": _SPX_BY_EXPIRY, "GSPC": _SPX_BY_EXPIRY, "VIX": 2}
_RIGHTS = {"c": 0, "call": 0, "calls": 0, "p": 1, "put": 1, "puts": 1}
_NO_DAY = np.iinfo(np.int32).min
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_SUFFIXES = (".csv", ".txt", ".csv.gz", ".txt.gz", ".csv.zip", ".txt.zip", ".gz", ".zip", ".parquet", ".pq")


@dataclass(frozen=True)
class ChainFormat:
    """How a vendor names and scales the columns of an option chain.

    Parameters
    ----------
    name : str
        Name of the format.
    columns : mapping of str to tuple of str
        Canonical column to the names the vendor may use, best first. Names are compared without case,
        blanks around them, brackets and a leading ``#``. ``{snapshot}`` stands for the snapshot.
    wide : bool
        Call and put of a strike share one row (columns ``call_bid``, ``call_ask``, ``put_bid``, ``put_ask``).
    quote_time : int or mapping of str to int
        Seconds after midnight New York of the quotes, by snapshot where there are several.
    time_scale : float
        Seconds in one unit of the column ``quote_time`` (3600 for hours).
    split_root : bool
        The root names the product (``SPX``, ``SPXW``). Otherwise the monthly expiry is taken as SPX
        (AM-settled) and any other as SPXW.
    underlying : str
        Underlying where the file names none.
    roots : mapping of str to str
        Root symbol to SPX, SPXW or VIX. Rows with any other root are left out and counted; rows without a
        root go by their underlying.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    wide: bool = False
    quote_time: int | Mapping[str, int] = 57_600
    time_scale: float = 1.0
    split_root: bool = True
    underlying: str = ""
    roots: Mapping[str, str] = field(default_factory=lambda: dict(_ROOTS))


_LONG = {
    "quote_date": ("quote_date", "date", "quotedate", "trade_date"),
    "quote_time": ("quote_time",),
    "root": ("root", "option_root", "optionroot"),
    "underlying": ("underlying", "underlying_symbol", "symbol"),
    "expiry": ("expiry", "expiration", "expiration_date", "exdate", "expire_date"),
    "strike": ("strike", "strike_price"),
    "right": ("right", "option_type", "type", "cp_flag", "call_put"),
    "bid": ("bid", "best_bid"),
    "ask": ("ask", "best_offer", "best_ask", "offer"),
    "underlying_price": ("underlying_price", "underlying_last", "spot"),
    "underlying_bid": ("underlying_bid",),
    "underlying_ask": ("underlying_ask",),
}

FORMATS: dict[str, ChainFormat] = {
    # Our own schema; docs/chains.md.
    "canonical": ChainFormat("canonical", _LONG),
    # Cboe DataShop "Option EOD Summary": quotes at 15:45 and at the end of the day beside each other.
    "cboe": ChainFormat(
        "cboe",
        {
            "quote_date": ("quote_date",),
            "root": ("root",),
            "underlying": ("underlying_symbol",),
            "expiry": ("expiration",),
            "strike": ("strike",),
            "right": ("option_type",),
            "bid": ("bid_{snapshot}",),
            "ask": ("ask_{snapshot}",),
            "underlying_bid": ("underlying_bid_{snapshot}",),
            "underlying_ask": ("underlying_ask_{snapshot}",),
        },
        # 15:45; the end of the day is 16:15, when SPX and VIX options stop.
        quote_time={"1545": 56_700, "eod": 58_500},
    ),
    # OptionsDX: one row per strike and expiry, names in brackets; it does not tell SPX from SPXW.
    "optionsdx": ChainFormat(
        "optionsdx",
        {
            "quote_date": ("quote_date",),
            "quote_time": ("quote_time_hours",),
            "expiry": ("expire_date",),
            "strike": ("strike",),
            "call_bid": ("c_bid",),
            "call_ask": ("c_ask",),
            "put_bid": ("p_bid",),
            "put_ask": ("p_ask",),
            "underlying_price": ("underlying_last",),
        },
        wide=True,
        time_scale=3_600.0,
        split_root=False,
        underlying="SPX",
    ),
    # End-of-day vendor layout with an OCC-style contract symbol as its root column.
    "eod": ChainFormat(
        "eod",
        {
            "quote_date": ("quotedate", "quote_date"),
            "root": ("optionroot", "optionalias"),
            "underlying": ("underlying",),
            "expiry": ("expiration", "expiry"),
            "strike": ("strike",),
            "right": ("type", "right"),
            "bid": ("bid",),
            "ask": ("ask",),
            "underlying_price": ("underlying_last",),
        },
        split_root=False,
    ),
    # One row per strike; quote date and expiry usually come as arguments.
    "wide": ChainFormat(
        "wide",
        {
            "quote_date": ("quote_date", "date"),
            "quote_time": ("quote_time",),
            "root": ("root",),
            "underlying": ("underlying",),
            "expiry": ("expiry", "expiration"),
            "strike": ("strike",),
            "call_bid": ("call_bid", "c_bid", "bid.c", "bid_c"),
            "call_ask": ("call_ask", "c_ask", "ask.c", "ask_c"),
            "put_bid": ("put_bid", "p_bid", "bid.p", "bid_p"),
            "put_ask": ("put_ask", "p_ask", "ask.p", "ask_p"),
            "underlying_price": ("underlying_price", "underlying_last"),
        },
        wide=True,
        split_root=False,
        underlying="SPX",
    ),
}
"""Layouts by name; docs/chains.md shows the header of each."""

_CONSTANTS = ("quote_date", "expiry", "root", "underlying_price")
_TEXT = ("quote_date", "expiry", "root", "underlying", "right")


def _clean(name: object) -> str:
    return str(name).strip().lstrip("\ufeff#").strip(" []\"'").strip().lower()


def _shown(value: object, limit: int = 40) -> str:
    text = " ".join(str(value).split())
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


@dataclass
class _Reader:
    """Resolves the columns of one file or frame and turns blocks of it into arrays."""

    layout: ChainFormat
    source: str
    snapshot: str
    strike_scale: float
    price_scale: float
    constants: Mapping[str, Any]
    names: dict[str, Any] = field(default_factory=dict)

    def resolve(self, columns: Sequence[Any]) -> None:
        """Find the column of each canonical name."""
        seen: dict[str, list[Any]] = {}
        for column in columns:
            seen.setdefault(_clean(column), []).append(column)
        for canonical, accepted in self.layout.columns.items():
            for name in accepted:
                found = seen.get(name.format(snapshot=self.snapshot).lower())
                if found is None:
                    continue
                if len(found) > 1:
                    raise SchemaError(
                        "CHN031", self.source, canonical, f"{len(found)} columns {found[0]!r}", "one column"
                    )
                self.names[canonical] = found[0]
                break
        prices = (
            ("call_bid", "call_ask", "put_bid", "put_ask") if self.layout.wide else ("right", "bid", "ask")
        )
        for needed in (*prices, "strike", "quote_date", "expiry"):
            if needed in self.names or needed in self.constants:
                continue
            accepted = self.layout.columns.get(needed, ())
            wanted = " or ".join(repr(name.format(snapshot=self.snapshot)) for name in accepted) or repr(
                needed
            )
            hint = f"pass {needed}=" if needed in _CONSTANTS else self._other_format(set(seen))
            have = ", ".join(list(seen)[:12])
            raise SchemaError(
                "CHN030", self.source, needed, f"columns {_shown(have, 90)}", f"a column {wanted}", hint=hint
            )
        named = {"root", "underlying"} & (set(self.names) | set(self.constants))
        if not named and not self.layout.underlying:
            raise SchemaError(
                "CHN030", self.source, "root", "no such column", "a column 'root'", hint="pass root="
            )

    def _other_format(self, seen: set[str]) -> str:
        for name, other in FORMATS.items():
            names = [{n.format(snapshot="1545") for n in accepted} for accepted in other.columns.values()]
            if name != self.layout.name and sum(1 for accepted in names if accepted & seen) >= len(names) - 2:
                return f'looks like format="{name}"'
        return f"formats: {', '.join(FORMATS)}"

    def fail(
        self, code: str, row: int, column: str, value: object, expected: str, hint: str = ""
    ) -> DataError:
        """Make an error that names file and row."""
        return DataError(code, self.source, column, _shown(value), expected, position=f"row {row}", hint=hint)

    def numbers(self, block: pd.DataFrame, name: str, first: int) -> NDArray[np.float64]:
        """Read a column as float64; blanks are NaN."""
        import pandas as pd

        column = block[self.names[name]]
        if not (pd.api.types.is_numeric_dtype(column.dtype) and column.dtype != bool):
            try:
                parsed = pd.to_numeric(column, errors="coerce")
            except (OverflowError, TypeError):
                # Integers beyond 64 bits or objects that are no numbers at all: one by one, to find the row.
                parsed = pd.Series([_number(value) for value in column], index=column.index)
            text = column.astype(str).str.strip().str.lower()
            blank = column.isna() | text.isin(("", "nan", "na", "null", "none"))
            wrong = (parsed.isna() & ~blank).to_numpy(dtype=bool)
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                raise self.fail("CHN032", first + at, name, column.iloc[at], "a number")
            column = parsed
        return np.ascontiguousarray(column.to_numpy(dtype=np.float64, na_value=np.nan))

    def days(self, block: pd.DataFrame, name: str, first: int) -> NDArray[np.int32]:
        """Read a column of dates as days since 1970-01-01."""
        import pandas as pd

        if name not in self.names:
            return np.full(len(block), _parse_day(self.constants[name], self.source, name), dtype=np.int32)
        column = block[self.names[name]]
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            if column.dt.tz is not None:
                column = column.dt.tz_localize(None)
            stamps = column.to_numpy().astype("datetime64[D]")
            days = np.where(np.isnat(stamps), _NO_DAY, stamps.astype(np.int64))
            return np.ascontiguousarray(np.clip(days, _NO_DAY, np.iinfo(np.int32).max).astype(np.int32))
        codes, values = _factorise(column)
        table = np.empty(len(values) + 1, dtype=np.int32)
        table[-1] = _NO_DAY
        for i, value in enumerate(values):
            day = _day_of(value)
            if day is None:
                at = int(np.flatnonzero(codes == i)[0])
                raise self.fail(
                    "CHN033", first + at, name, value, "a date as YYYY-MM-DD, YYYYMMDD or MM/DD/YYYY"
                )
            table[i] = day
        return table[codes]

    def rights(self, block: pd.DataFrame, first: int) -> NDArray[np.uint8]:
        """Read the right: call 0, put 1."""
        codes, values = _factorise(block[self.names["right"]])
        table = np.full(len(values) + 1, 9, dtype=np.uint8)
        for i, value in enumerate(values):
            code = _RIGHTS.get(str(value).strip().lower())
            if code is None:
                at = int(np.flatnonzero(codes == i)[0])
                raise self.fail("CHN012", first + at, "right", value, "C or P, call or put")
            table[i] = code
        return table[codes]

    def roots(self, block: pd.DataFrame) -> NDArray[np.uint8]:
        """Product codes; a row without a root goes by its underlying."""
        table = {root: _product_codes(product)[0] for root, product in self.layout.roots.items()}
        if not self.layout.split_root and "root" not in self.constants:
            # "SPXW160617P00650000" says SPXW; a bare "SPX" may hide both.
            table["SPX"] = _SPX_BY_EXPIRY
        roots = self._symbols(block, "root", table)
        underlying = self._symbols(block, "underlying", _UNDERLYINGS)
        codes = np.where(roots == _NO_ROOT, underlying, roots)
        return np.minimum(codes, _OTHER).astype(np.uint8)

    def _symbols(self, block: pd.DataFrame, name: str, table: Mapping[str, int]) -> NDArray[np.uint8]:
        def code(value: object) -> int:
            letters = _letters(value)
            return table.get(letters, _OTHER) if letters else _NO_ROOT

        if name not in self.names:
            given = self.constants.get(name, self.layout.underlying if name == "underlying" else "")
            return np.full(len(block), code(given), dtype=np.uint8)
        codes, values = _factorise(block[self.names[name]])
        return np.array([code(value) for value in values] + [_NO_ROOT], dtype=np.uint8)[codes]

    def push(self, builder: _core.ChainBuilder, block: pd.DataFrame, first: int) -> None:
        """Convert one block and hand it to the store."""
        quote_date = self.days(block, "quote_date", first)
        expiry = self.days(block, "expiry", first)
        root = self.roots(block)
        strike = self.numbers(block, "strike", first) * self.strike_scale
        if self.strike_scale != 1.0:
            strike = np.round(strike, 9)
        underlying = self._underlying(block, first)
        seconds = None
        if "quote_time" in self.names:
            time = self.numbers(block, "quote_time", first) * self.layout.time_scale
            wrong = ~((time >= 0) & (time < 86_400))
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                raise self.fail("CHN020", first + at, "quote_time", time[at], "0 <= seconds < 86400")
            seconds = np.ascontiguousarray(np.rint(time).astype(np.int32))
        if self.layout.wide:
            sides = [(0, "call_bid", "call_ask"), (1, "put_bid", "put_ask")]
            prices = [
                (self._price(block, bid, first), self._price(block, ask, first)) for _, bid, ask in sides
            ]
            for (right, _, _), (bid, ask) in zip(sides, prices, strict=True):
                rights = np.full(len(block), right, dtype=np.uint8)
                builder.push(
                    self.source,
                    first,
                    quote_date,
                    expiry,
                    root,
                    strike,
                    rights,
                    bid,
                    ask,
                    underlying,
                    seconds,
                )
        else:
            rights = self.rights(block, first)
            bid, ask = self._price(block, "bid", first), self._price(block, "ask", first)
            builder.push(
                self.source, first, quote_date, expiry, root, strike, rights, bid, ask, underlying, seconds
            )

    def _price(self, block: pd.DataFrame, name: str, first: int) -> NDArray[np.float64]:
        return self.numbers(block, name, first) * self.price_scale

    def _underlying(self, block: pd.DataFrame, first: int) -> NDArray[np.float64] | None:
        if "underlying_price" in self.constants:
            return np.full(len(block), float(self.constants["underlying_price"]))
        if "underlying_price" in self.names:
            return self.numbers(block, "underlying_price", first)
        if {"underlying_bid", "underlying_ask"} <= self.names.keys():
            bid, ask = (
                self.numbers(block, "underlying_bid", first),
                self.numbers(block, "underlying_ask", first),
            )
            return 0.5 * (bid + ask)
        return None


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError):
        return math.nan


def _letters(value: object) -> str:
    text = str(value).strip().strip("^$.").upper()
    for i, letter in enumerate(text):
        if not letter.isalpha():
            return text[:i]
    return text


def _factorise(column: pd.Series[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.intp), list(column.cat.categories)
    try:
        codes, values = pd.factorize(column)
    except TypeError:
        # Values that cannot be hashed, lists for example: by their text.
        codes, values = pd.factorize(column.astype(str))
    return codes, list(values)


def _day_of(value: object) -> int | None:
    """Days since 1970-01-01 of a date in any accepted writing."""
    if isinstance(value, datetime.datetime):
        return value.date().toordinal() - _EPOCH
    if isinstance(value, datetime.date):
        return value.toordinal() - _EPOCH
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else int(value.astype("datetime64[D]").astype(np.int64))
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == int(value):
        value = int(value)
    text = str(value).strip()
    head = text.split("T")[0].split(" ")[0]
    try:
        if len(head) == 10 and head[4] == "-":
            return datetime.date.fromisoformat(head).toordinal() - _EPOCH
        if len(head) == 8 and head.isascii() and head.isdigit():
            return datetime.date(int(head[:4]), int(head[4:6]), int(head[6:])).toordinal() - _EPOCH
        month, day, year = (int(part) for part in head.split("/"))
        return datetime.date(year, month, day).toordinal() - _EPOCH if year >= 1000 else None
    except ValueError:
        return None


def _parse_day(value: object, source: str, name: str) -> int:
    day = _day_of(value)
    if day is None:
        raise ConfigError("CHN033", source, name, _shown(value), "a date such as '2016-06-17'")
    return day


def _product_codes(products: Sequence[str] | str) -> list[int]:
    names = [products] if isinstance(products, str) else list(products)
    codes = []
    for name in names:
        code = _PRODUCTS.get(str(name).upper())
        if code is None:
            raise ConfigError("CHN003", "Chain", "products", _shown(name), "SPX, SPXW or VIX")
        codes.append(code)
    return codes


def _paths(path: Any) -> list[Path]:
    if hasattr(path, "columns"):
        raise DataError(
            "CHN035", "Chain", "path", type(path).__name__, "a path or several", hint="use Chain.from_frame"
        )
    if isinstance(path, str | Path):
        if any(letter in str(path) for letter in "*?["):
            found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
        elif Path(path).is_dir():
            found = sorted(p for p in Path(path).iterdir() if p.name.lower().endswith(_SUFFIXES))
        else:
            found = [Path(path)]
    else:
        try:
            found = [Path(name) for name in path]
        except TypeError:
            expected = "a file, a list of files, a directory or a glob"
            raise ConfigError("CHN034", "Chain.read", "path", _shown(path), expected) from None
    if not found:
        raise DataError("CHN035", str(path), "path", "no file", "at least one CSV or Parquet file")
    for file in found:
        if not file.is_file():
            raise DataError("CHN035", str(file), "path", "no such file", "a CSV or Parquet file")
    return found


def _csv_blocks(path: Path, reader: _Reader) -> Iterator[tuple[pd.DataFrame, int]]:
    import pandas as pd

    header = pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True, encoding="utf-8-sig")
    raw = [str(name) for name in header.iloc[0]]
    reader.resolve(raw)
    chosen = {name: raw.index(name) for name in reader.names.values()}
    order = sorted(chosen.items(), key=lambda item: item[1])
    text = {reader.names[name] for name in _TEXT if name in reader.names}
    types: Any = dict.fromkeys(text, "category")
    first = 1
    blocks = pd.read_csv(
        path,
        header=None,
        names=range(len(raw)),
        skiprows=1,
        usecols=[at for _, at in order],
        dtype={at: types[name] for name, at in order if name in types},
        chunksize=_BLOCK,
        skipinitialspace=True,
        encoding="utf-8-sig",
        index_col=False,
        low_memory=False,
    )
    back = {at: name for name, at in order}
    with blocks:
        for block in blocks:
            yield block.rename(columns=back), first
            first += len(block)


def _parquet_blocks(path: Path, reader: _Reader) -> Iterator[tuple[pd.DataFrame, int]]:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        hint = "pip install alvh[parquet]"
        raise ConfigError(
            "CHN036", str(path), "pyarrow", "not installed", "pyarrow for Parquet", hint=hint
        ) from None
    with pq.ParquetFile(path) as file:
        reader.resolve(file.schema_arrow.names)
        first = 1
        for batch in file.iter_batches(batch_size=_BLOCK, columns=list(dict.fromkeys(reader.names.values()))):
            block = batch.to_pandas(strings_to_categorical=True)
            yield block, first
            first += len(block)


def _layout(layout: str | ChainFormat) -> ChainFormat:
    if isinstance(layout, ChainFormat):
        return layout
    found = FORMATS.get(layout) if isinstance(layout, str) else None
    if found is None:
        raise ConfigError(
            "CHN037", "Chain", "format", _shown(layout), f"one of {', '.join(FORMATS)} or a ChainFormat"
        )
    return found


class Chain:
    """Option quotes of SPX, SPXW and VIX by session, sorted and read-only.

    Make one with :meth:`read` or :meth:`from_frame`. Pickles, copies and compares by content.
    """

    __slots__ = ("_store",)

    def __init__(self, store: _core.ChainStore) -> None:
        self._store = store

    @classmethod
    def read(
        cls,
        path: Any,
        format: str | ChainFormat = "canonical",
        *,
        snapshot: str = "1545",
        products: Sequence[str] | str = ("SPX", "SPXW", "VIX"),
        start: Any = None,
        end: Any = None,
        policy: str = "flag",
        strike_scale: float = 1.0,
        price_scale: float = 1.0,
        **constants: Any,
    ) -> Chain:
        """Read quotes from files.

        Parameters
        ----------
        path : path-like, or sequence of path-like
            A file, several files, a directory or a glob; CSV (also ``.gz`` and ``.zip``) or Parquet.
        format : str or ChainFormat
            ``"canonical"``, ``"cboe"``, ``"optionsdx"``, ``"eod"``, ``"wide"`` or your own.
        snapshot : str
            Which quotes of a ``"cboe"`` file: ``"1545"`` or ``"eod"``.
        products : sequence of str
            Which of SPX, SPXW and VIX; other rows are counted and left out.
        start, end : date-like, optional
            First and last session, both included.
        policy : str
            What happens to rows that are not in order: ``"raise"``, ``"flag"`` (kept where they can be
            marked) or ``"drop"``. Everything is counted in :attr:`quality` in any case.
        strike_scale, price_scale : float
            Multiplied into strikes and prices: 0.001 for OCC strikes, 0.01 for prices in cents.
        **constants
            ``quote_date``, ``expiry``, ``root``, ``underlying_price`` where the file has no such column.

        Returns
        -------
        Chain
            The quotes.

        Raises
        ------
        SchemaError
            A column is missing or there twice.
        DataError
            A value that cannot be used; file and row are named.
        ConfigError
            An argument breaks its rule.
        """
        layout = _layout(format)
        builder = _builder(layout, snapshot, products, start, end, policy)
        files = _paths(path)
        for file in files:
            reader = _reader(layout, str(file), snapshot, strike_scale, price_scale, constants)
            parquet = file.name.lower().endswith((".parquet", ".pq"))
            blocks = _parquet_blocks(file, reader) if parquet else _csv_blocks(file, reader)
            for block, first in _guarded(blocks, str(file)):
                reader.push(builder, block, first)
        return cls(builder.finish())

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        format: str | ChainFormat = "canonical",
        *,
        snapshot: str = "1545",
        products: Sequence[str] | str = ("SPX", "SPXW", "VIX"),
        start: Any = None,
        end: Any = None,
        policy: str = "flag",
        strike_scale: float = 1.0,
        price_scale: float = 1.0,
        **constants: Any,
    ) -> Chain:
        """Take quotes from a pandas frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            Rows in the layout of `format`.
        format, snapshot, products, start, end, policy, strike_scale, price_scale, **constants
            As in :meth:`read`.

        Returns
        -------
        Chain
            The quotes.

        Raises
        ------
        AlvhError
            As in :meth:`read`; the source is called ``frame``.
        """
        layout = _layout(format)
        builder = _builder(layout, snapshot, products, start, end, policy)
        reader = _reader(layout, "frame", snapshot, strike_scale, price_scale, constants)
        columns = getattr(frame, "columns", None)
        if columns is None:
            raise ConfigError(
                "CHN034", "Chain.from_frame", "frame", type(frame).__name__, "a pandas DataFrame"
            )
        reader.resolve(list(columns))
        chosen = frame[list(dict.fromkeys(reader.names.values()))]
        for first in range(0, len(chosen), _BLOCK):
            reader.push(builder, chosen.iloc[first : first + _BLOCK], first + 1)
        return cls(builder.finish())

    @property
    def sessions(self) -> NDArray[np.datetime64]:
        """Sessions with at least one quote, ascending (datetime64[D])."""
        return self._store.days().astype("datetime64[D]")

    @property
    def quality(self) -> dict[str, int]:
        """What was met on reading: counts by kind, see docs/chains.md."""
        return self._store.quality()

    @property
    def data_hash(self) -> str:
        """SHA-256 of the stored quotes; the same for any order of the same rows."""
        return self._store.data_hash()

    def expiries(self, date: Any, product: str) -> NDArray[np.datetime64]:
        """Expiries of a product quoted on a session.

        Parameters
        ----------
        date : date-like
            Session.
        product : str
            SPX, SPXW or VIX.

        Returns
        -------
        ndarray of datetime64[D]
            Ascending; empty where nothing is quoted.
        """
        (code,) = _product_codes(product)
        return self._store.expiries(code, _parse_day(date, "Chain", "date")).astype("datetime64[D]")

    def to_frame(self, date: Any) -> pd.DataFrame:
        """All quotes of one session in the canonical schema.

        Parameters
        ----------
        date : date-like
            Session.

        Returns
        -------
        pandas.DataFrame
            Columns quote_date, quote_time [s], root, expiry, strike [points], right, bid, ask,
            underlying_price.

        Raises
        ------
        DataError
            The chain has no quote on that session.
        """
        import pandas as pd

        day = _parse_day(date, "Chain", "date")
        parts = []
        for code in _PRODUCTS.values():
            columns = self._store.day_columns(code, day)
            if columns is None:
                continue
            parts.append(
                pd.DataFrame(
                    {
                        "quote_date": np.datetime64(day, "D").astype("datetime64[s]"),
                        "quote_time": columns["seconds"],
                        "root": columns["root"],
                        "expiry": columns["expiry"].astype("datetime64[D]").astype("datetime64[s]"),
                        "strike": columns["strike"],
                        "right": np.where(columns["right"] == 1, "P", "C"),
                        "bid": columns["bid"],
                        "ask": columns["ask"],
                        "underlying_price": columns["underlying"],
                    }
                )
            )
        if not parts:
            raise self._no_session(day)
        return pd.concat(parts, ignore_index=True)

    def quotes(
        self, date: ArrayLike, expiry: ArrayLike, strike: ArrayLike, right: ArrayLike, product: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bid and ask of many contracts.

        Parameters
        ----------
        date, expiry : array_like of datetime64[D]
            Sessions and expiries.
        strike : array_like of float
            Strikes [points].
        right, product : array_like of str
            C or P; SPX, SPXW or VIX.

        Returns
        -------
        tuple of ndarray
            Bid and ask [points], shape as broadcast; NaN where the chain has no row.
        """
        days = np.asarray(date, dtype="datetime64[D]").astype(np.int64).astype(np.int32)
        expiries = np.asarray(expiry, dtype="datetime64[D]").astype(np.int64).astype(np.int32)
        codes = _coded(product, "product", lambda name: _product_codes(name)[0])
        rights = _coded(right, "right", _right_code)
        columns = np.broadcast_arrays(codes, days, expiries, rights, np.asarray(strike, dtype=np.float64))
        shape = columns[0].shape
        flat = [np.ascontiguousarray(column).reshape(-1) for column in columns]
        bid, ask = self._store.find(flat[0], flat[1], flat[2], flat[3], flat[4])
        return bid.reshape(shape), ask.reshape(shape)

    def forward(
        self, date: Any, expiry: Any, *, product: str | None = None, rate: float | None = None
    ) -> float:
        """Forward of the underlying by put-call parity over the quotes near the money.

        Parameters
        ----------
        date, expiry : date-like
            Session and expiry.
        product : str, optional
            SPX, SPXW or VIX; needed where more than one quotes that expiry.
        rate : float, optional
            Continuous rate; otherwise it is implied by the slope of C - P on the strike.

        Returns
        -------
        float
            Forward [points]; NaN without a call and put both quoted on two sides at one strike.

        Raises
        ------
        DataError
            The chain does not quote that session and expiry.
        ConfigError
            More than one product quotes it and none is named.

        Notes
        -----
        C - P = D (F - K), Stoll (1969), doi:10.1111/j.1540-6261.1969.tb01694.x. The forward is the mean
        over the twelve pairs nearest the money, weighted by the inverse square of their width.
        """
        day, expires, code = self._contract(date, expiry, product)
        fit = self._store.parity(code, day, expires, _rate(rate))
        return math.nan if fit is None else fit[0]

    def implied_rate(self, date: Any, expiry: Any, *, product: str | None = None) -> tuple[float, float]:
        """Continuous rate implied by the slope of C - P on the strike.

        Parameters
        ----------
        date, expiry : date-like
            Session and expiry.
        product : str, optional
            SPX, SPXW or VIX; needed where more than one quotes that expiry.

        Returns
        -------
        tuple of float
            Rate and its standard error [continuous decimals]; NaN where it is not known to 1 % a year.
        """
        day, expires, code = self._contract(date, expiry, product)
        fit = self._store.parity(code, day, expires, None)
        return (math.nan, math.nan) if fit is None or math.isnan(fit[3]) else (fit[2], fit[3])

    def conversions(
        self,
        date: Any,
        expiry: Any,
        *,
        product: str | None = None,
        rate: float | None = None,
        future: float | None = None,
        costs: float = 0.0,
        thresholds: tuple[float, float, float] = (0.10, 0.15, 0.35),
    ) -> pd.DataFrame:
        """Edges of conversions and reversals: the synthetic forward of each strike against the forward.

        Parameters
        ----------
        date, expiry : date-like
            Session and expiry.
        product : str, optional
            SPX, SPXW or VIX; needed where more than one quotes that expiry.
        rate : float, optional
            Continuous rate; otherwise it is implied by the regression of C - P on the strike.
        future : float, optional
            Price of the future carried to the expiry of the options [points], F exp(-(r - q) dT); by default the
            forward of the regression itself, which shows strikes out of line with the others.
        costs : float
            Costs of the whole package [points].
        thresholds : tuple of float
            Edges [points after costs]: ignored below the first, actionable beyond the second, strong from the third.

        Returns
        -------
        pandas.DataFrame
            Indexed by strike, strikes with a bid on both sides: ``synthetic_bid`` (sell the call, buy the put),
            ``synthetic_ask`` (buy the call, sell the put) and ``forward`` [points], ``edge`` of the better way after
            costs, ``kind`` (conversion: sell the synthetic; reversal: buy it), ``grade`` (ignored, watched,
            actionable, strong).

        Raises
        ------
        DataError
            The chain does not quote that session and expiry, or too little of it for a regression.
        ConfigError
            Thresholds that fall, negative costs, or more than one product and none named.

        Notes
        -----
        F_syn = K + exp(rT)(C - P), Stoll (1969), doi:10.1111/j.1540-6261.1969.tb01694.x.
        """
        from alvh._conversion import conversions

        day, expires, code = self._contract(date, expiry, product)
        fit = self._store.parity(code, day, expires, _rate(rate))
        if fit is None:
            raise DataError("CHN050", "Chain", "expiry", str(expiry), "a call and a put quoted on two sides")
        forward = fit[0] if future is None else float(future)
        name = next(name for name, number in _PRODUCTS.items() if number == code)
        when = np.datetime64(expires, "D")
        discount = math.exp(-fit[2] * (expires - day) / 365.0)
        return conversions(self, date, when, discount, forward, name, costs, thresholds)

    def implied_vol(
        self,
        date: Any,
        expiry: Any,
        strike: float,
        right: str,
        *,
        product: str | None = None,
        rate: float | None = None,
    ) -> float:
        """Implied volatility of the mid of one contract, at the forward of put-call parity.

        Parameters
        ----------
        date, expiry : date-like
            Session and expiry.
        strike : float
            Strike [points].
        right : str
            C or P.
        product : str, optional
            SPX, SPXW or VIX; needed where more than one quotes that expiry.
        rate : float, optional
            Continuous rate; otherwise as implied by the chain.

        Returns
        -------
        float
            Annualised decimal (ACT/365F, from the time of the quotes to the settlement instant); NaN without
            a usable quote, a forward or time value.

        Raises
        ------
        AlvhError
            As in :meth:`forward`.
        """
        day, expires, code = self._contract(date, expiry, product)
        return self._store.implied_vol(
            code, day, expires, _right_code(str(right)), float(strike), _rate(rate)
        )

    def _contract(self, date: Any, expiry: Any, product: str | None) -> tuple[int, int, int]:
        day, expires = _parse_day(date, "Chain", "date"), _parse_day(expiry, "Chain", "expiry")
        codes = list(_PRODUCTS.values()) if product is None else _product_codes(product)
        quoting = [code for code in codes if expires in self._store.expiries(code, day)]
        if len(quoting) > 1:
            names = [name for name, code in _PRODUCTS.items() if code in quoting]
            expected = f"one of {', '.join(names)}, which all quote {_iso(expires)}"
            raise ConfigError("CHN038", "Chain", "product", "none", expected)
        if not quoting:
            if day not in self._store.days():
                raise self._no_session(day)
            raise DataError("CHN040", "Chain", "expiry", _iso(expires), f"an expiry quoted on {_iso(day)}")
        return day, expires, quoting[0]

    def _no_session(self, day: int) -> DataError:
        sessions = self.sessions
        expected = f"one of {len(sessions)} sessions in {sessions[0]}..{sessions[-1]}"
        return DataError("CHN039", "Chain", "date", _iso(day), expected)

    def __len__(self) -> int:
        return len(self._store)

    def __repr__(self) -> str:
        sessions = self.sessions
        span = f"{sessions[0]}..{sessions[-1]}"
        return f"Chain({len(self):,} quotes, {len(sessions):,} sessions {span}, sha256 {self.data_hash[:12]})"

    def __eq__(self, other: object) -> bool:
        return self.data_hash == other.data_hash if isinstance(other, Chain) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.data_hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restore, (self._store.to_bytes(),))

    def __copy__(self) -> Chain:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Chain:
        return self


def _restore(data: bytes) -> Chain:
    return Chain(_core.ChainStore.from_bytes(data))


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _right_code(name: str) -> int:
    code = _RIGHTS.get(name.strip().lower())
    if code is None:
        raise ConfigError("CHN012", "Chain", "right", _shown(name), "C or P")
    return code


def _coded(values: ArrayLike, name: str, code: Any) -> NDArray[np.uint8]:
    array = np.asarray(values)
    unique, inverse = np.unique(array.astype(str), return_inverse=True)
    table = np.array([code(str(value)) for value in unique], dtype=np.uint8)
    return table[inverse].reshape(array.shape)


def _rate(rate: float | None) -> float | None:
    if rate is None:
        return None
    if not (isinstance(rate, int | float | np.number) and math.isfinite(rate) and abs(rate) < 1.0):
        raise ConfigError("CHN041", "Chain", "rate", _shown(rate), "a continuous decimal in -1..1")
    return float(rate)


def _builder(
    layout: ChainFormat, snapshot: str, products: Sequence[str] | str, start: Any, end: Any, policy: str
) -> _core.ChainBuilder:
    times = layout.quote_time
    if isinstance(times, Mapping):
        if snapshot not in times:
            expected = " or ".join(repr(name) for name in times)
            raise ConfigError("CHN042", "Chain.read", "snapshot", _shown(snapshot), expected)
        seconds = times[snapshot]
    else:
        seconds = times
    bounds = np.iinfo(np.int32)
    first = int(bounds.min) if start is None else _parse_day(start, "Chain.read", "start")
    last = int(bounds.max) if end is None else _parse_day(end, "Chain.read", "end")
    return _core.ChainBuilder(str(policy), bytes(_product_codes(products)), first, last, seconds)


def _reader(
    layout: ChainFormat,
    source: str,
    snapshot: str,
    strike_scale: float,
    price_scale: float,
    constants: Mapping[str, Any],
) -> _Reader:
    for name, scale in (("strike_scale", strike_scale), ("price_scale", price_scale)):
        if not (isinstance(scale, int | float | np.number) and math.isfinite(scale) and scale > 0):
            raise ConfigError("CHN043", "Chain.read", name, _shown(scale), "a positive number")
    for name, value in constants.items():
        if name not in _CONSTANTS:
            raise ConfigError("CHN044", "Chain.read", name, _shown(value), f"one of {', '.join(_CONSTANTS)}")
    if "underlying_price" in constants:
        price = constants["underlying_price"]
        if not (isinstance(price, int | float | np.number) and math.isfinite(price) and price > 0):
            raise ConfigError("CHN043", "Chain.read", "underlying_price", _shown(price), "a positive number")
    return _Reader(layout, source, snapshot, float(strike_scale), float(price_scale), constants)


def _guarded(blocks: Iterator[tuple[pd.DataFrame, int]], source: str) -> Iterator[tuple[pd.DataFrame, int]]:
    """Blocks of a file; whatever the parsers raise on bad bytes becomes one of our errors."""
    iterator = iter(blocks)
    first = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                block, first = next(iterator)
        except StopIteration:
            return
        except (AlvhError, MemoryError):
            raise
        # The parsers (pandas, zlib, zipfile, Arrow) have no common base class for bytes that are no table.
        except Exception as error:
            position = f"after row {first + _BLOCK - 1}" if first else ""
            raise DecodeError(
                "CHN045",
                source,
                "file",
                _shown(error, 120),
                "a readable CSV or Parquet table",
                position=position,
            ) from error
        yield block, first
