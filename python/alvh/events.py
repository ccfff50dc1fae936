"""Order-book events of one instrument: a :class:`Tape`, from arrays, frames and the files of feeds.

One schema of columns for all of them, in the vocabulary of Databento's MBO: ``docs/events.md``.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _columns, _core
from alvh._arguments import is_real, shown
from alvh.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from alvh._core import Tape as CoreTape

__all__ = ["Tape", "from_arrays", "from_frame"]

NO_PRICE = np.iinfo(np.int64).max
"""Price of an event that has none."""

Policy = Literal["raise", "flag", "drop"]
_ANOMALIES = ("time_backwards", "bad_value")
_LEVELS = ("bid_price", "ask_price", "bid_size", "ask_size")
_MOST_LEVELS = 10


class Tape:
    """The events of one instrument, read-only; a reader or :func:`from_arrays` makes it.

    A tape is shared, not copied, by what is computed from it. It pickles, copies, and compares by its data.

    Parameters
    ----------
    core : alvh._core.Tape
        The tape of the compiled module.
    """

    __slots__ = ("_core",)
    _core: CoreTape

    def __init__(self, core: CoreTape) -> None:
        if not isinstance(core, _core.Tape):
            raise ConfigError(
                "EVT012",
                "Tape",
                "core",
                type(core).__name__,
                "a compiled tape",
                hint="use alvh.from_arrays or a reader",
            )
        object.__setattr__(self, "_core", core)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Tape is read-only: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Tape is read-only: cannot delete {name!r}")

    @property
    def source(self) -> str:
        """File or argument, as errors name it."""
        return self._core.source

    @property
    def symbol(self) -> str:
        """Instrument as the feed names it; empty when unknown."""
        return self._core.symbol

    @property
    def feed(self) -> str:
        """How the events describe the book: ``"orders"``, ``"levels"``, ``"depth"`` or ``"dbn"``."""
        return self._core.feed

    @property
    def n_levels(self) -> int:
        """Levels a side that come with each event; 0 unless :attr:`feed` is ``"depth"``."""
        return self._core.n_levels

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self._core.n_events

    @property
    def tick_size(self) -> float:
        """One tick [currency of the price]."""
        return self._core.tick_size

    @property
    def lot_size(self) -> float:
        """One lot [units of the instrument]."""
        return self._core.lot_size

    @property
    def start(self) -> int | None:
        """Time of the first event [ns since the epoch, UTC]; None without events."""
        span = self._core.span()
        return span[0] if span else None

    @property
    def end(self) -> int | None:
        """Time of the last event [ns since the epoch, UTC]; None without events."""
        span = self._core.span()
        return span[1] if span else None

    @property
    def quality(self) -> dict[str, int]:
        """What was flagged or dropped, counted by kind; what did not occur is left out."""
        return self._core.quality()

    @property
    def data_hash(self) -> str:
        """SHA-256 of the events, tick and lot size; the name of the source is no part of it."""
        return self._core.data_hash()

    def slice(self, start: int = 0, stop: int | None = None) -> Tape:
        """Copy the events `start` to before `stop`.

        A part of an ``"orders"`` or ``"levels"`` tape begins with an empty book, as the events before it are gone.

        Parameters
        ----------
        start, stop : int
            Numbers of events; negative ones count from the end, bounds beyond the ends are cut.

        Returns
        -------
        Tape
            Its :attr:`quality` counts what its events show; what the reader dropped stays with the whole.
        """
        begin, end, _ = slice(start, stop).indices(self.n_events)
        return Tape(self._core.slice(begin, max(begin, end)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the events as columns of integers; :func:`from_arrays` takes them back.

        Returns
        -------
        dict of str to numpy.ndarray
            Read-only: ``ts`` [ns], ``action``, ``side`` (ASCII codes), ``flags``, ``price`` [ticks; the largest int64
            where there is none], ``size`` [lots], and where the tape has them ``order_id``, ``participant`` and the
            levels after each event, ``bid_price``, ``ask_price``, ``bid_size``, ``ask_size`` (n x k; size 0 where there
            is no level).
        """
        return self._core.arrays()

    def to_frame(self) -> pd.DataFrame:
        """Give the events as a frame; :func:`from_frame` takes it back.

        Returns
        -------
        pandas.DataFrame
            ``ts`` (UTC), ``action`` and ``side`` (categories), ``flags``, ``price`` [currency], ``size`` [units], ids,
            and ``bid_price_0``, ``ask_price_0``, ``bid_size_0``, ... ; NaN where there is no price or no level.
        """
        import pandas as pd

        arrays = self.to_arrays()
        columns: dict[str, Any] = {"ts": pd.DatetimeIndex(arrays["ts"].view("M8[ns]")).tz_localize("UTC")}
        for name in ("action", "side"):
            text = np.ascontiguousarray(arrays[name]).view("S1").astype("U1")
            columns[name] = pd.Categorical(text)
        columns["flags"] = arrays["flags"]
        columns["price"] = self._money(arrays["price"])
        columns["size"] = self._units(arrays["size"])
        for name in ("order_id", "participant"):
            if name in arrays:
                columns[name] = arrays[name]
        for k in range(self.n_levels):
            for side in ("bid", "ask"):
                size = arrays[f"{side}_size"][:, k]
                price = self._money(arrays[f"{side}_price"][:, k])
                price[size == 0] = np.nan
                columns[f"{side}_price_{k}"] = price
                columns[f"{side}_size_{k}"] = self._units(size)
        return pd.DataFrame(columns)

    def _money(self, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.where(ticks == NO_PRICE, np.nan, ticks * self.tick_size)

    def _units(self, lots: NDArray[np.int64]) -> NDArray[Any]:
        return lots if self.lot_size == 1.0 else lots * self.lot_size

    def __len__(self) -> int:
        return self.n_events

    def __repr__(self) -> str:
        name = self.symbol or self.source
        span = self._core.span()
        when = " to ".join(_readable(ts) for ts in span) if span else "no events"
        levels = f", {self.n_levels} levels" if self.n_levels else ""
        return f"Tape({name}: {self.n_events:,} events of {self.feed}{levels}, {when} UTC, tick {self.tick_size:g})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tape):
            return NotImplemented
        same = self._core is other._core
        return same or (self.feed == other.feed and self.data_hash == other.data_hash)

    def __hash__(self) -> int:
        return hash(self.data_hash)

    def __copy__(self) -> Tape:
        return self

    def __deepcopy__(self, memo: object) -> Tape:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        core = self._core
        about = (
            core.source,
            core.tick_size,
            core.lot_size,
            core.symbol,
            sorted(core.quality(all=False).items()),
        )
        return _restored, (about, self.to_arrays())


def _readable(ts: int) -> str:
    stamp = dt.datetime.fromtimestamp(ts // 1_000_000_000, tz=dt.UTC)
    return f"{stamp:%Y-%m-%d %H:%M:%S}.{ts % 1_000_000_000:09d}"


def _restored(about: tuple[Any, ...], arrays: Mapping[str, NDArray[Any]]) -> Tape:
    source, tick_size, lot_size, symbol, quality = about
    fixed = ("ts", "action", "side", "flags", "price", "size")
    levels = [arrays[name] for name in _LEVELS] if "bid_price" in arrays else None
    core = _core.Tape.from_columns(
        source,
        tick_size,
        lot_size,
        *(arrays[name] for name in fixed),
        symbol=symbol,
        order_id=arrays.get("order_id"),
        participant=arrays.get("participant"),
        levels=levels,
        quality=quality,
    )
    return Tape(core)


def _policies(policy: Policy | Mapping[str, Policy]) -> tuple[str, str]:
    """Policy of each anomaly; a single word holds for those that can have it."""
    if isinstance(policy, str):
        # A broken value has no place in a book: the word "flag" leaves it an error.
        return policy, "raise" if policy == "flag" else policy
    try:
        named = dict(policy)
    except (TypeError, ValueError):
        raise ConfigError(
            "EVT001", "policy", "policy", repr(policy)[:40], "raise, flag or drop, or a mapping"
        ) from None
    for name in named:
        if name not in _ANOMALIES:
            raise ConfigError("EVT004", "policy", "name", repr(name)[:40], " or ".join(_ANOMALIES))
    return str(named.get("time_backwards", "raise")), str(named.get("bad_value", "raise"))


def _step(value: float, field: str) -> float:
    if not is_real(value):
        raise ConfigError("EVT002", "arrays", field, shown(value), "a finite number above 0")
    return float(value)


def from_arrays(
    ts: ArrayLike,
    action: ArrayLike,
    side: ArrayLike,
    price: ArrayLike,
    size: ArrayLike,
    *,
    tick_size: float,
    lot_size: float = 1.0,
    flags: ArrayLike | None = None,
    order_id: ArrayLike | None = None,
    participant: ArrayLike | None = None,
    bid_price: ArrayLike | None = None,
    ask_price: ArrayLike | None = None,
    bid_size: ArrayLike | None = None,
    ask_size: ArrayLike | None = None,
    unit: Literal["ns", "us", "ms", "s"] = "ns",
    tz: str | None = None,
    policy: Policy | Mapping[str, Policy] = "raise",
    source: str = "arrays",
    symbol: str = "",
) -> Tape:
    """Make a tape of arrays; every value is checked, nothing is rounded or sorted.

    Parameters
    ----------
    ts : array_like of shape (n,)
        Times, ascending: integers since the epoch in `unit` (UTC), or stamps with a zone, or stamps in `tz`.
    action : array_like of shape (n,)
        ``A`` add, ``C`` cancel, ``M`` modify, ``T`` trade, ``F`` fill, ``R`` clear, ``N`` none, ``H`` halt, ``O`` open
        or resume, ``X`` cross; text, bytes or uint8 codes.
    side : array_like of shape (n,)
        ``B`` bid or buyer, ``A`` ask or seller, ``N`` unknown; the aggressor's side in a trade.
    price : array_like of shape (n,)
        Integers are ticks; floats are prices [currency], which must lie on the grid of `tick_size` within 1e-9 of their
        value and a thousandth of a tick. Of R, N, H and O it is not read.
    size : array_like of shape (n,)
        Integers are lots; floats are units, multiples of `lot_size`. Above 0; without order ids an add, modify or
        cancel may have 0: the level is gone.
    tick_size, lot_size : float
        One tick [currency]; one lot [units of the instrument].
    flags : array_like of shape (n,), optional
        Bits of Databento's flags (128: last of its group); without them the book is whole after every event.
    order_id, participant : array_like of shape (n,), optional
        Ids of at least 0; order ids make the tape one of orders, else it is one of price levels.
    bid_price, ask_price, bid_size, ask_size : array_like of shape (n, k), optional
        All four: the k <= 10 best levels AFTER each event, best first, missing ones (NaN, or size 0) last. They are
        then the book, and events are not applied to it.
    unit : {"ns", "us", "ms", "s"}
        Unit of integer times.
    tz : str, optional
        Zone of stamps that name none, such as ``"UTC"`` or ``"America/New_York"``.
    policy : {"raise", "flag", "drop"} or mapping
        For the anomalies ``"time_backwards"`` (flag: the clock stands still) and ``"bad_value"`` (price or size that
        breaks its rule, unknown letter: raise or drop), one word for both or by name. What is flagged or dropped is
        counted in :attr:`Tape.quality`.
    source, symbol : str
        Names of the data in errors, and of the instrument.

    Returns
    -------
    Tape
        The events.

    Raises
    ------
    DataError
        With the index of the event: ``ARR004`` letter, ``ARR005``..``ARR009`` price or size, ``ARR010`` order of the
        levels, ``TIM013`` a time outside 1990..2100 or in another unit, ``TIM014`` time backwards, ``TIM015`` no zone.
    SchemaError
        ``ARR002`` unequal lengths, ``ARR003`` number of levels, ``ARR022`` shape, ``ARR023``, ``ARR024`` type.
    ConfigError
        ``EVT001``..``EVT005``: policy, tick size, lot size, unit.
    """
    if unit not in _columns.UNITS:
        raise ConfigError("EVT005", source, "unit", repr(unit)[:40], "ns, us, ms or s")
    when, scale = _columns.times(ts, unit, tz, source)
    book: tuple[int, list[NDArray[Any]]] | None = None
    given = dict(zip(_LEVELS, (bid_price, ask_price, bid_size, ask_size), strict=True))
    missing = [name for name, values in given.items() if values is None]
    if missing and len(missing) < len(given):
        raise SchemaError("ARR025", source, missing[0], "nothing", "all four of " + ", ".join(_LEVELS))
    if not missing:
        tables = {name: _columns.numbers(values, source, name, ndim=2) for name, values in given.items()}
        for name, table in tables.items():
            if table.shape != (when.size, tables["bid_price"].shape[1]):
                expected = f"{(when.size, tables['bid_price'].shape[1])}"
                raise SchemaError("ARR002", source, name, f"shape {table.shape}", expected)
        book = tables["bid_price"].shape[1], list(tables.values())
    core = _core.tape_from_arrays(
        source,
        symbol,
        _step(tick_size, "tick_size"),
        _step(lot_size, "lot_size"),
        scale,
        _policies(policy),
        when,
        _columns.letters(action, source, "action"),
        _columns.letters(side, source, "side"),
        _columns.numbers(price, source, "price"),
        _columns.numbers(size, source, "size"),
        None if flags is None else _columns.flags(flags, source),
        None if order_id is None else _columns.identifiers(order_id, source, "order_id"),
        None if participant is None else _columns.identifiers(participant, source, "participant"),
        book,
    )
    return Tape(core)


# What Databento's frames call the time.
_TS_NAMES = ("ts_recv", "ts_event")
_LEVEL_NAMES = ("{name}_{k}", "{short}_{k:02d}", "{short}_{k}")
_SHORT = {"bid_price": "bid_px", "ask_price": "ask_px", "bid_size": "bid_sz", "ask_size": "ask_sz"}
_REQUIRED = ("ts", "action", "side", "price", "size")
_OPTIONAL = ("flags", "order_id", "participant")


def from_frame(
    frame: Any,
    *,
    tick_size: float,
    lot_size: float = 1.0,
    unit: Literal["ns", "us", "ms", "s"] = "ns",
    tz: str | None = None,
    policy: Policy | Mapping[str, Policy] = "raise",
    source: str = "frame",
    symbol: str = "",
) -> Tape:
    """Make a tape of a frame with the columns of :func:`from_arrays`.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table, mapping, structured array, or Arrow C stream
        Columns ``ts`` (else ``ts_recv``, else ``ts_event``, else an index of stamps), ``action``, ``side``, ``price``,
        ``size``, optionally ``flags``, ``order_id``, ``participant`` and the levels after each event, ``bid_price_0``,
        ``ask_price_0``, ``bid_size_0``, ``ask_size_0``, ``bid_price_1``, ... (or ``bid_px_00``, ``bid_sz_00``, ... of
        Databento's frames; a mapping may hold n x k arrays ``bid_price``, ...). Other columns are left alone. Other
        objects with ``__arrow_c_stream__`` are read by pyarrow, or by polars where pyarrow is not installed.
    tick_size, lot_size, unit, tz, policy, source, symbol
        As for :func:`from_arrays`.

    Returns
    -------
    Tape
        The events.

    Raises
    ------
    DataError
        As :func:`from_arrays`.
    SchemaError
        ``ARR026`` no such column, ``ARR027`` no frame, ``ARR028`` a column twice, and as :func:`from_arrays`.
    """
    table = _table(frame, source)
    columns = {name: table[name] for name in (*_REQUIRED, *_OPTIONAL) if name in table}
    stamps = [name for name in ("ts", *_TS_NAMES) if name in table]
    if stamps:
        columns["ts"] = table[stamps[0]]
    for name in _REQUIRED:
        if name not in columns:
            have = ", ".join(str(column) for column in list(table)[:12])
            raise SchemaError("ARR026", source, name, f"columns {have[:90]!r}", f"a column {name!r}")
    levels = _level_columns(table, source)
    return from_arrays(
        **columns,
        **levels,
        tick_size=tick_size,
        lot_size=lot_size,
        unit=unit,
        tz=tz,
        policy=policy,
        source=source,
        symbol=symbol,
    )


def _table(frame: Any, source: str) -> dict[str, Any]:
    """Columns by name."""
    library = type(frame).__module__.partition(".")[0]
    if isinstance(frame, dict):
        return {str(name): values for name, values in frame.items()}
    if isinstance(frame, np.ndarray) and frame.dtype.names:
        return {name: frame[name] for name in frame.dtype.names}
    if library == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    # A reader of record batches is pyarrow's own but no table: a stream like any other.
    is_table = library in ("pandas", "polars") or (library == "pyarrow" and hasattr(frame, "column_names"))
    if not is_table and hasattr(frame, "__arrow_c_stream__"):
        frame = _arrow(frame, source)
        library = type(frame).__module__.partition(".")[0]
    if library == "pandas" and hasattr(frame, "columns"):
        names = [str(name) for name in frame.columns]
        table = {name: frame.iloc[:, i] for i, name in enumerate(names)}
        if not {"ts", *_TS_NAMES} & set(names) and getattr(frame.index, "dtype", None) is not None:
            name = str(frame.index.name)
            if name in ("ts", *_TS_NAMES) or frame.index.dtype.kind == "M":
                table["ts"] = frame.index
    elif library == "polars" and hasattr(frame, "get_columns"):
        names = list(frame.columns)
        table = {series.name: series for series in frame.get_columns()}
    elif library == "pyarrow" and hasattr(frame, "column_names"):
        names = list(frame.column_names)
        table = {name: frame.column(i) for i, name in enumerate(names)}
    else:
        raise SchemaError(
            "ARR027",
            source,
            "frame",
            type(frame).__name__,
            "a frame, a mapping of arrays or an Arrow C stream",
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaError("ARR028", source, twice, f"{names.count(twice)} columns", "one column of each name")
    return table


def _arrow(frame: Any, source: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        pass
    else:
        try:
            return pyarrow.table(frame)
        except (TypeError, ValueError, OSError, NotImplementedError) as error:
            shown = " ".join(str(error).split())[:60]
            raise SchemaError("ARR027", source, "frame", shown, "an Arrow C stream of columns") from error
    try:
        import polars
    except ImportError:
        hint = "pip install pyarrow or polars"
        raise SchemaError(
            "ARR027", source, "frame", "an Arrow C stream", "pyarrow or polars", hint=hint
        ) from None
    return polars.DataFrame(frame)


def _level_columns(table: Mapping[str, Any], source: str) -> dict[str, Any]:
    """N x k arrays of the levels, whatever the columns are called."""
    if "bid_price" in table:
        return {name: table[name] for name in _LEVELS if name in table}
    for pattern in _LEVEL_NAMES:
        names = {
            name: [pattern.format(name=name, short=_SHORT[name], k=k) for k in range(_MOST_LEVELS)]
            for name in _LEVELS
        }
        depth = 0
        while depth < _MOST_LEVELS and names["bid_price"][depth] in table:
            depth += 1
        if depth:
            break
    else:
        return {}
    levels = {}
    for name in _LEVELS:
        parts = []
        for column in names[name][:depth]:
            if column not in table:
                expected = f"a column {column!r} beside {names['bid_price'][0]!r}"
                raise SchemaError("ARR026", source, column, "no such column", expected)
            parts.append(_columns.numbers(table[column], source, column))
        sizes = {part.size for part in parts}
        if len(sizes) > 1:
            raise SchemaError("ARR002", source, name, f"{sorted(sizes)} rows", "equal lengths")
        if len({part.dtype for part in parts}) > 1:
            # Integers are ticks and floats are prices: a column of each would mix two meanings.
            raise SchemaError("ARR023", source, name, "integers and floats", "one type for all levels")
        levels[name] = np.column_stack(parts)
    return levels
