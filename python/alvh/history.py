"""Recorded market history: files and frames checked, counted and laid out as columns for the engine.

Every source is read by :mod:`alvh.readers`, held to the rules below and aligned to S&P 500 sessions. What was
wrong, what was missing and what was done about it stands in :attr:`History.quality`: no silent repairs.
"""

from __future__ import annotations

import calendar as calendar_names
import datetime as dt
import hashlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from alvh import _core, calendar
from alvh._dates import whole_days
from alvh.errors import ConfigError, DataError, SchemaError
from alvh.readers import SYNONYMS, Table, read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History"]

Missing = Literal["raise", "flag", "drop"]
Date = str | dt.date | np.datetime64

# Mean of dividend / price of the S&P 500 over 1999-2017 in Shiller's monthly data, rounded
# (tools/estimate_time_of_day.py prints it; R. Shiller, "Irrational Exuberance", online data).
DIVIDEND_YIELD = 0.018
# VX prices were quoted times ten until 2007-03-26 (CFE information circular IC07-03).
VX_RESCALED = np.datetime64("2007-03-26", "D")
# Early prices with a median above this are still times ten: VIX futures of 2004-2007 were 11 to 25.
VX_TIMES_TEN_MEDIAN = 60.0
# Lower settlements are placeholders (1.00 on 2008-04-21): VIX itself has never been below 8.5.
VX_FLOOR = 5.0
# Since 1990 no US money-market rate was above 10 %: a larger number is in percent.
DECIMAL_RATE_LIMIT = 0.10
# Series that their publishers (FRED, the New York Fed) quote in percent: 0.07 % in 2011 looks like a decimal.
PERCENT_SERIES = re.compile(r"dgs\d+(mo)?|dtb\d+(mo|wk)?|tb3ms|gs\d+m?|dff|fedfunds|effr|sofr|irx")
# SPY prices above this are in 1/10000 USD.
SPY_TICKS_MEDIAN = 10_000.0
# Between SPY's highest and the index's lowest price of each era: what lies below cannot be the index.
SPX_FLOORS = (("1990-01-01", 200.0), ("2000-01-01", 400.0), ("2015-01-01", 1_000.0))
# A print outside these multiples of the median of the 21 good prints before it is bad. Closes 1990-2017 stay
# within 0.78..2.1 (VVIX, VIX3M) and 0.53..4.2 (VIX9D); VVIX of March 2006 (15.71 after 71.73) does not.
BAD_PRINT = {
    "vvix": (0.6, 4.0),
    "skew": (0.6, 4.0),
    "vix3m": (0.4, 6.0),
    "vix6m": (0.4, 6.0),
    "vix9d": (0.25, 12.0),
}
BAD_PRINT_WINDOW = 21
# A VIX open beyond this multiple of both the close before and its own close is bad (36.55 on 2004-01-21 between
# closes of 15.21 and 14.34). All others of 1990-2017 stay within 1.19 of the nearer one.
BAD_OPEN = 1.5
# An index of Cboe that never was above this is in decimals: the calmest VIX9D ever was above 6.
INDEX_FLOOR = 3.0
# How far a settlement may be from the close of its session: SPX moved 10 % from open to close at worst (1987
# apart, 20 %), VIX by a factor of 1.8 (2018-02-05, 17.3 to 37.3 from the close before).
SETTLEMENT_RANGE = {"spx_settlement": 1.4, "vix_settlement": 4.0}
# A rate is carried on over at most so many calendar days.
RATE_CARRIED_DAYS = 14
# Relative slack of open, high, low, close: prices of common files are rounded to six decimals.
OHLC_TOLERANCE = 1e-6

OPTIONAL_INDICES = ("vix9d", "vix3m", "vix6m", "vvix", "skew")


@dataclass(frozen=True)
class _Quality:
    source: str
    check: str
    count: int
    first: str
    last: str
    action: str


class _Log:
    """Collects the rows of ``.quality`` while sources are read."""

    def __init__(self) -> None:
        self.rows: list[_Quality] = []

    def add(self, source: str, check: str, days: npt.ArrayLike, action: str) -> None:
        dates = np.asarray(days, dtype="datetime64[D]")
        if dates.size:
            self.rows.append(
                _Quality(source, check, int(dates.size), str(dates.min()), str(dates.max()), action)
            )


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """Recorded S&P 500 and VIX history, aligned to sessions; build it with :meth:`load` or :meth:`demo`.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        Read-only columns: ``day`` (int32 days since 1970-01-01), ``spx_close`` and ``vix_close`` [points],
        and where given ``spx_open``, ``spx_high``, ``spx_low``, ``vix_open``, ..., ``vix9d_close``, ``rate``
        [continuous decimal], ``spy_open`` [USD], ``spx_settlement`` [points], ``vx_offset``, ``vx_expiry``
        and ``vx_settle`` (VIX futures: rows ``vx_offset[i]`` to ``vx_offset[i + 1]`` are session i), bars.
        NaN where missing.
    label : str
        What to call these data, such as ``"Demonstration"``; opens :attr:`note`.
    quality_rows : tuple
        Rows of :attr:`quality`.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    label: str = ""
    quality_rows: tuple[_Quality, ...] = ()

    def __post_init__(self) -> None:
        frozen = {}
        for name in sorted(self.columns):
            column = np.array(self.columns[name], order="C")
            column.setflags(write=False)
            frozen[name] = column
        object.__setattr__(self, "columns", MappingProxyType(frozen))

    @classmethod
    def load(
        cls,
        spx: object,
        vix: object,
        vx: object | None = None,
        vix9d: object | None = None,
        vix3m: object | None = None,
        vix6m: object | None = None,
        vvix: object | None = None,
        skew: object | None = None,
        rates: object | None = None,
        settlement: object | None = None,
        *,
        vix_settlement: object | None = None,
        spy: object | None = None,
        bars: object | None = None,
        bars_tz: str | None = None,
        dividend_yield: float = DIVIDEND_YIELD,
        rates_unit: Literal["auto", "percent", "decimal"] = "auto",
        spy_scale: float | None = None,
        missing: Missing = "flag",
        min_sessions: int = 1,
        as_of: Date | None = None,
    ) -> History:
        """Read, check and align history.

        A source is a path (CSV, also ``.gz`` and ``.zip``, or Parquet), a pandas or polars frame or series,
        or an object with an Arrow C stream; docs/own-data.md shows the accepted layouts.

        Parameters
        ----------
        spx, vix : source
            S&P 500 and VIX, OHLC or close only [points].
        vx : source, directory or list of sources, optional
            VIX futures: exchange files one per contract, stacked, or a table ``VX1``..``VX9`` [points].
        vix9d, vix3m, vix6m, vvix, skew : source, optional
            Cboe indices, closes are used [points].
        rates : source, optional
            Money-market rate [decimal or percent a year, see ``rates_unit``]; may be newest first.
        settlement, vix_settlement : source, optional
            Official AM settlements of SPX (SET) and VIX (VRO) [points].
        spy : source, optional
            SPY open and close, not adjusted for dividends [USD or 1/10000 USD]: bridges stale S&P 500 opens.
        bars : source, optional
            Intraday bars: time, ``spot`` (or ``open``: the price at the bar's time), ``vix``, ``vx1``..
        bars_tz : str, optional
            Time zone of naive bar times.
        dividend_yield : float, optional
            Continuous dividend yield of the index [decimal].
        rates_unit : {"auto", "percent", "decimal"}, optional
            ``"auto"`` takes rates as percent when one since 1990 is above 0.10, or by a FRED series name.
        spy_scale : float, optional
            Factor from file to USD; by default 1/10000 when the median is above 10,000.
        missing : {"raise", "flag", "drop"}, optional
            A session without a VIX close: error, carry the last one on and count it, or drop the session.
        min_sessions : int, optional
            Least number of sessions.
        as_of : date, optional
            Last day that is not the future; today by default.

        Returns
        -------
        History
            Sessions that both the S&P 500 and VIX cover.

        Raises
        ------
        ConfigError
            ``CFG101``..``CFG104``: an argument out of range.
        DataError
            ``HIS``, ``TIM``, ``ROW``: data that cannot be used; the message names file and line.
        SchemaError
            ``COL``: columns that are missing, duplicated or of the wrong kind.
        """
        _check_arguments(dividend_yield, rates_unit, spy_scale, missing, min_sessions)
        today = _as_of(as_of)
        log = _Log()
        index = _daily(spx, "spx", today, log)
        fear = _daily(vix, "vix", today, log)
        _check_index_levels(index, fear)
        days = _sessions(index, fear, log, missing)
        columns: dict[str, npt.NDArray[Any]] = {"day": days.astype(np.int32)}
        columns |= _prices(index, "spx", days, log)
        columns |= _prices(fear, "vix", days, log)
        _drop_bad_opens(columns, days, log)
        columns["dividend_yield"] = np.full(days.size, float(dividend_yield))
        for name, source in zip(OPTIONAL_INDICES, (vix9d, vix3m, vix6m, vvix, skew), strict=True):
            if source is not None:
                columns[f"{name}_close"] = _optional_index(source, name, days, today, log)
        if rates is not None:
            columns["rate"] = _rates(rates, rates_unit, days, today, log)
        for name, source in (("spx_settlement", settlement), ("vix_settlement", vix_settlement)):
            if source is not None:
                table = _daily(source, name.replace("spx_", ""), today, log)
                level = columns["spx_close" if name == "spx_settlement" else "vix_close"]
                columns[name] = _settlements(table, level, SETTLEMENT_RANGE[name], days)
        if spy is not None:
            columns |= _spy(spy, spy_scale, columns["spx_close"], days, today, log)
        if vx is not None:
            columns |= _futures(vx, days, today, log)
        if bars is not None:
            columns |= _bars(bars, bars_tz, days, today, log)
        history = cls(columns, quality_rows=tuple(log.rows))
        history.source()
        return history.require_sessions(min_sessions)

    @classmethod
    def demo(cls) -> History:
        """Real history that a Python package carries: S&P 500 OHLC and VIX closes 2014-2018 of ``arch``.

        Returns
        -------
        History
            Its ``note`` says what it cannot cover.

        Raises
        ------
        DataError
            ``HIS004``: the package is not installed.
        """
        found = importlib.util.find_spec("arch")
        if found is None or found.origin is None:
            raise DataError(
                "HIS004",
                "History.demo",
                "arch",
                "not installed",
                "the package arch",
                hint="pip install 'alvh[study]'",
            )
        # Its files, not its loaders: importing the package takes several seconds.
        folder = Path(found.origin).parent / "data"
        history = cls.load(folder / "sp500" / "sp500.csv.gz", folder / "vix" / "vix.csv.gz")
        return cls(history.columns, "Demonstration", history.quality_rows)

    @property
    def note(self) -> str:
        """What these data cover and lack in one line, then what stands in for it, one line each."""
        lacks = _lacks(self.columns)
        head = f"{self.label}: " if self.label else ""
        head += f"{_covers(self.columns)}; {len(self):,} sessions {self.first} to {self.last}; "
        head += f"cannot cover: {', '.join(lacks)}" if lacks else "no series is missing"
        return "\n".join([f"{head}.", *_stand_ins(self.columns, self.flag_counts())])

    @property
    def sessions(self) -> npt.NDArray[np.datetime64]:
        """Sessions, shape (n,)."""
        return self.columns["day"].astype("datetime64[D]")

    @property
    def first(self) -> np.datetime64:
        """First session."""
        first: np.datetime64 = self.sessions[0]
        return first

    @property
    def last(self) -> np.datetime64:
        """Last session."""
        last: np.datetime64 = self.sessions[-1]
        return last

    @property
    def data_hash(self) -> str:
        """SHA-256 over names, types and bytes of the columns."""
        digest = hashlib.sha256()
        for name, column in self.columns.items():
            little = column.astype(column.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{name}:{little.dtype.str}:{little.size};".encode())
            digest.update(little.tobytes())
        return digest.hexdigest()

    @property
    def quality(self) -> pd.DataFrame:
        """What was wrong or missing: source, check, count, first, last and what was done."""
        import pandas as pd

        counts = self.source().flag_counts()
        rows = [
            *self.quality_rows,
            *(_Quality("steps", name, n, "", "", "flagged") for name, n in counts.items() if n),
        ]
        return pd.DataFrame(
            [astuple(row) for row in rows], columns=[field.name for field in fields(_Quality)]
        )

    def source(self, *, open_step: bool = True, mid_morning: bool = True) -> _core.HistorySource:
        """Lay out the steps for the engine.

        Parameters
        ----------
        open_step : bool, optional
            Whether sessions with a usable open have a step at 09:30.
        mid_morning : bool, optional
            Whether sessions have a proxy at 11:00.

        Returns
        -------
        alvh._core.HistorySource
            The market of one path that the engine walks over.
        """
        wanted = (open_step, mid_morning)
        if wanted not in self._sources:
            self._sources[wanted] = _core.HistorySource(
                dict(self.columns), open_step=open_step, mid_morning=mid_morning
            )
        return self._sources[wanted]

    @cached_property
    def _sources(self) -> dict[tuple[bool, bool], _core.HistorySource]:
        """Steps laid out so far: the columns never change, so neither do they."""
        return {}

    def flag_counts(self) -> dict[str, int]:
        """Count the sessions in which something stood in for data, by kind."""
        return self.source().flag_counts()

    def steps(self) -> pd.DataFrame:
        """List the steps that the engine walks over.

        Returns
        -------
        pandas.DataFrame
            ``time`` (New York), ``spot`` and ``vix`` [points], ``flags`` (bits in the order of
            :meth:`flag_counts`).
        """
        import pandas as pd

        steps = self.source().steps()
        time = steps["day"].astype("datetime64[D]").astype("datetime64[s]") + steps["seconds"].astype(
            "timedelta64[s]"
        )
        index = pd.DatetimeIndex(time).tz_localize("America/New_York")
        return pd.DataFrame(
            {name: steps[name] for name in ("spot", "vix", "flags")}, index=index.rename("time")
        )

    def settlements(self) -> pd.DataFrame:
        """List the values on which AM-settled SPX options and VIX options of each session would settle.

        Returns
        -------
        pandas.DataFrame
            ``spx`` and ``vix`` [points] and what each rests on: ``series``, ``future``, ``open``,
            ``etf_open`` or ``close_fallback``.
        """
        import pandas as pd

        names = np.array(["series", "close", "future", "open", "etf_open", "close_fallback"])
        values = self.source().settlements()
        columns = {
            name: names[column] if name.endswith("_source") else column for name, column in values.items()
        }
        return pd.DataFrame(columns, index=pd.DatetimeIndex(self.sessions, name="session"))

    def with_signals(
        self,
        frame: object | None = None,
        *,
        events: object | None = None,
        user: Sequence[str] = (),
        missing: Literal["raise", "flag"] = "flag",
        carry_days: int = 100,
    ) -> History:
        """Add columns that feed signals (docs/signals.md lists them).

        A value dated on a session is known at the close of that session. Readings of an order book are usable from
        their ``usable_from``, without such a column from the open of the next session, and hold to the next reading or
        to the end of that session.

        Parameters
        ----------
        frame : pandas or polars frame, optional
            One row a session: a date index, or a column ``session`` or ``date``. Columns by their documented names;
            ``advances`` and ``declines`` make ``net_advances``, the mean of all ``foreign_2y_*`` makes
            ``foreign_2y``. A frame of :meth:`alvh.Signal.by_session` is taken as it is, one row a session or a bar.
        events : dates, path, or mapping of str to either, optional
            Dates of scheduled events (FOMC, CPI, PPI, your own), or files of them
            (:func:`alvh.signals.read_dates`). An event on a day without a session belongs to the next one.
        user : sequence of str, optional
            Columns of your own, read by :class:`alvh.UserSignal`.
        missing : {"raise", "flag"}, optional
            A hole between two values of a column, or a row on a day without a session: error, or absent and counted
            in :attr:`quality`.
        carry_days : int, optional
            Calendar days for which the last figure of a period (``market_cap_*``, ``cash_flow_*``, ``dividends``,
            ``buybacks``, ``earnings``, ``long_rate``) is carried on; no other column is.

        Returns
        -------
        History
            This history with the columns.

        Raises
        ------
        ConfigError
            ``SIG030``, ``SIG035``: an argument out of range.
        DataError
            ``SIG033``, ``SIG034``, ``SIG037``: dates or numbers that cannot be used.
        SchemaError
            ``SIG031``, ``SIG032``, ``SIG036``, ``SIG037``: columns that are unknown, twice there or of the wrong kind.
        """
        from alvh._signal_inputs import aligned

        columns, notes = aligned(self, frame, events, user, missing, carry_days)
        log = _Log()
        for name, check, days, action in notes:
            log.add(name, check, days, action)
        return History({**self.columns, **columns}, self.label, (*self.quality_rows, *log.rows))

    def require_sessions(self, count: int) -> History:
        """Return itself when it has at least `count` sessions.

        Parameters
        ----------
        count : int
            Least number of sessions.

        Returns
        -------
        History
            This history.

        Raises
        ------
        DataError
            ``HIS010``: too few.
        """
        if len(self) < count:
            raise DataError(
                "HIS010", "History", "sessions", str(len(self)), f"need {count} sessions, have {len(self)}"
            )
        return self

    def cut(self, k: int) -> History:
        """Keep the first `k` sessions.

        Parameters
        ----------
        k : int
            Number of sessions, 1..len.

        Returns
        -------
        History
            As if the data had ended there.

        Raises
        ------
        ConfigError
            ``CFG105``: `k` out of range.
        """
        if not 1 <= k <= len(self):
            raise ConfigError("CFG105", "History.cut", "k", str(k), f"1 <= k <= {len(self)}")
        return self._slice(0, k)

    def between(self, start: Date, end: Date) -> History:
        """Keep the sessions from `start` to `end`, both included.

        Parameters
        ----------
        start, end : date
            First and last day.

        Returns
        -------
        History
            Part of this history.

        Raises
        ------
        ConfigError
            ``CFG106``: no session in between.
        """
        try:
            bounds = np.array([start, end], dtype="datetime64[D]")
        except ValueError as error:
            raise ConfigError("CFG106", "History.between", "start", f"{start}, {end}", "two dates") from error
        low, high = (
            np.searchsorted(self.sessions, bounds[0]),
            np.searchsorted(self.sessions, bounds[1], side="right"),
        )
        if low >= high:
            expected = f"dates around a session in {self.first}..{self.last}"
            raise ConfigError("CFG106", "History.between", "start", f"{start}..{end}", expected)
        return self._slice(int(low), int(high))

    def _slice(self, low: int, high: int) -> History:
        kept: dict[str, npt.NDArray[Any]] = {}
        days = self.columns["day"][low:high]
        for name, column in self.columns.items():
            if name == "vx_offset":
                kept[name] = column[low : high + 1] - column[low]
            elif name.startswith("vx_"):
                offset = self.columns["vx_offset"]
                kept[name] = column[offset[low] : offset[high]]
            elif name.startswith(("bar_", "alarm")):
                row_day = self.columns["bar_day" if name.startswith("bar_") else "alarm_day"]
                kept[name] = column[(row_day >= days[0]) & (row_day <= days[-1])]
            else:
                kept[name] = column[low:high]
        return History(kept, self.label, self.quality_rows)

    def __len__(self) -> int:
        return int(self.columns["day"].size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return (
            self.data_hash == other.data_hash
            and self.label == other.label
            and self.quality_rows == other.quality_rows
        )

    def __hash__(self) -> int:
        return hash(self.data_hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return History, (dict(self.columns), self.label, self.quality_rows)

    def __repr__(self) -> str:
        extras = [name.removesuffix("_close") for name in self.columns if name.endswith("_close")]
        have = sorted({"spx", "vix", *extras} - {"spy"})
        have += [name for name in ("rate", "spx_settlement", "vix_settlement") if name in self.columns]
        have += [
            name
            for name, column in (("vx", "vx_settle"), ("spy", "spy_open"), ("bars", "bar_day"))
            if column in self.columns
        ]
        return f"History({self.first}..{self.last}, {len(self)} sessions: {', '.join(have)})"


def _check_arguments(
    dividend_yield: float, rates_unit: str, spy_scale: float | None, missing: str, min_sessions: int
) -> None:
    def check(valid: bool, code: str, field: str, value: object, expected: str) -> None:
        if not valid:
            raise ConfigError(code, "History.load", field, repr(value), expected)

    check(
        -0.2 <= dividend_yield <= 0.2,
        "CFG101",
        "dividend_yield",
        dividend_yield,
        "-0.2..0.2, a continuous decimal",
    )
    check(
        rates_unit in ("auto", "percent", "decimal"),
        "CFG102",
        "rates_unit",
        rates_unit,
        "auto, percent or decimal",
    )
    check(spy_scale is None or 0 < spy_scale < np.inf, "CFG103", "spy_scale", spy_scale, "> 0")
    check(missing in ("raise", "flag", "drop"), "CFG104", "missing", missing, "raise, flag or drop")
    check(min_sessions >= 1, "CFG107", "min_sessions", min_sessions, ">= 1")


def _as_of(as_of: Date | None) -> Any:
    try:
        return np.array([dt.date.today() if as_of is None else as_of], dtype="datetime64[D]")[0]
    except ValueError as error:
        raise ConfigError("CFG108", "History.load", "as_of", repr(as_of), "a date") from error


def _ordered(table: Table, today: np.datetime64, keys: npt.NDArray[np.int64] | None = None) -> Table:
    """Return the table when its dates ascend, are unique and not in the future."""
    order = table.day.astype(np.int64) * 86_400 + table.seconds if keys is None else keys
    step = np.diff(order)
    if (step <= 0).any():
        row = int(np.flatnonzero(step <= 0)[0]) + 1
        if step[row - 1] == 0:
            raise table.fault("TIM011", row, "date", table.day[row], "each date once")
        hint = "sort the file oldest first" if (step < 0).all() else ""
        raise table.fault(
            "TIM010", row, "date", f"{table.day[row]} after {table.day[row - 1]}", "dates ascending", hint
        )
    if table.day[-1] > today:
        row = int(np.flatnonzero(table.day > today)[0])
        raise table.fault(
            "TIM012", row, "date", table.day[row], f"no date after {today}", "as_of= sets the last day"
        )
    return table


def _daily(source: object, argument: str, today: np.datetime64, log: _Log) -> Table:
    """Read a daily table; rows of days without a session are dropped and counted."""
    table = _ordered(read_table(source, argument), today)
    rows = (table.day >= np.datetime64("1990-01-02")) & (table.day <= np.datetime64("2035-12-31"))
    if argument in ("spx", "vix") and rows.any():
        is_session = np.zeros(rows.size, dtype=bool)
        is_session[rows] = calendar.is_session(table.day[rows])
        log.add(argument, "not a session", table.day[rows & ~is_session], "row dropped")
        rows = is_session
    if not rows.any():
        raise DataError("HIS005", table.source, "rows", "no session of 1990-2035", "at least 1")
    return table.take(rows)


def _close(table: Table) -> npt.NDArray[np.float64]:
    """Find the column of closes: named so, or the only column of numbers."""
    for name in ("close", "value"):
        if name in table.columns:
            return table.columns[name]
    if len(table.columns) == 1:
        return next(iter(table.columns.values()))
    found = ", ".join(table.columns) or "no column"
    raise SchemaError(
        "COL001",
        table.source,
        "close",
        found,
        "a close column (" + ", ".join(SYNONYMS["close"]) + ") or only one column",
    )


def _on_days(
    table: Table, values: npt.NDArray[np.float64], days: npt.NDArray[np.datetime64]
) -> npt.NDArray[np.float64]:
    """Values on sessions, NaN where the table has none."""
    at = np.searchsorted(table.day, days)
    found = np.minimum(at, table.day.size - 1)
    return np.where(table.day[found] == days, values[found], np.nan)


def _check_index_levels(index: Table, fear: Table) -> None:
    close = _close(index)
    bad = ~(close > 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise index.fault("ROW010", row, "close", close[row], "a finite value > 0")
    starts = [np.datetime64(start) for start, _ in SPX_FLOORS]
    floor = np.array([limit for _, limit in SPX_FLOORS])[np.searchsorted(starts, index.day, side="right") - 1]
    ratio = close / floor
    if np.median(ratio) < 1:
        row = int(np.argmin(np.abs(ratio - np.median(ratio))))
        raise index.fault(
            "ROW011",
            row,
            "close",
            close[row],
            "the S&P 500 in index points",
            "looks like SPY, a tenth of the index",
        )
    vix = _close(fear)
    valid = vix[~np.isnan(vix)]
    if valid.size and 0 < np.median(valid) < 2:
        row = int(np.flatnonzero(~np.isnan(vix))[0])
        raise fear.fault(
            "ROW012", row, "close", vix[row], "VIX in points", "looks like a decimal; multiply by 100"
        )
    bad = ~np.isnan(vix) & ~((vix > 0) & (vix <= 200))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise fear.fault("ROW013", row, "close", vix[row], "0 < VIX <= 200")


def _sessions(index: Table, fear: Table, log: _Log, missing: Missing) -> npt.NDArray[np.datetime64]:
    """Sessions of the S&P 500 from the first to the last that VIX covers."""
    vix = _close(fear)
    fear_days = fear.day[~np.isnan(vix)]
    if not fear_days.size or fear_days[0] > index.day[-1] or fear_days[-1] < index.day[0]:
        value = f"spx {index.day[0]}..{index.day[-1]}, vix {fear.day[0]}..{fear.day[-1]}"
        raise DataError("HIS006", "History", "sessions", value, "days that both cover")
    start, end = max(index.day[0], fear_days[0]), min(index.day[-1], fear_days[-1])
    days = index.day[(index.day >= start) & (index.day <= end)]
    start, end = days[0], days[-1]
    holes = np.setdiff1d(calendar.sessions(start, end), days)
    log.add("spx", "session missing", holes, "not traded")
    extra = np.setdiff1d(fear.day[(fear.day >= start) & (fear.day <= end)], days)
    log.add("vix", "no S&P 500 that day", extra, "row not used")
    absent = np.setdiff1d(days, fear_days)
    if absent.size and missing == "raise":
        expected = f"a VIX close on every session of {index.source}"
        raise DataError(
            "HIS007", fear.source, "close", f"none on {absent[0]}", expected, hint='or missing="flag"'
        )
    log.add(
        "vix", "close missing", absent, "session dropped" if missing == "drop" else "last close carried on"
    )
    kept = (
        np.setdiff1d(days, absent)
        if missing == "drop"
        else days[np.searchsorted(days, fear_days[fear_days >= start][0]) :]
    )
    return kept


def _prices(
    table: Table, prefix: str, days: npt.NDArray[np.datetime64], log: _Log
) -> dict[str, npt.NDArray[np.float64]]:
    """Align bars to sessions; parts that contradict the rest of the bar are set missing and counted."""
    columns = {"close": _on_days(table, _close(table), days)}
    if not {"open", "high", "low"} & table.columns.keys() or "close" not in table.columns:
        return {f"{prefix}_close": columns["close"]}
    absent = np.full(table.day.size, np.nan)
    for name in ("open", "high", "low"):
        columns[name] = _on_days(table, table.columns.get(name, absent), days)
        bad = columns[name] <= 0
        log.add(prefix, f"{name} not positive", days[bad], "set missing")
        columns[name][bad] = np.nan
    slack = OHLC_TOLERANCE * columns["close"]
    outside = (columns["open"] > columns["high"] + slack) | (columns["open"] < columns["low"] - slack)
    broken = (columns["close"] > columns["high"] + slack) | (columns["close"] < columns["low"] - slack)
    log.add(prefix, "open outside high and low", days[outside & ~broken], "open set missing")
    log.add(prefix, "close outside high and low", days[broken], "open, high and low set missing")
    columns["open"][outside | broken] = np.nan
    columns["high"][broken] = np.nan
    columns["low"][broken] = np.nan
    return {f"{prefix}_{name}": column for name, column in columns.items()}


def _drop_bad_opens(
    columns: dict[str, npt.NDArray[Any]], days: npt.NDArray[np.datetime64], log: _Log
) -> None:
    """Set VIX opens missing that neither the close before nor the close of the session bears out."""
    if "vix_open" not in columns:
        return
    opened, close = columns["vix_open"], columns["vix_close"]
    before = np.concatenate([close[:1], close[:-1]])
    low, high = np.fmin(before, close), np.fmax(before, close)
    bad = (opened > BAD_OPEN * high) | (opened * BAD_OPEN < low)
    log.add("vix", "bad print at the open", days[bad], "open, high and low set missing")
    for name in ("open", "high", "low"):
        columns[f"vix_{name}"][bad] = np.nan


def _optional_index(
    source: object, name: str, days: npt.NDArray[np.datetime64], today: np.datetime64, log: _Log
) -> npt.NDArray[np.float64]:
    table = _daily(source, name, today, log)
    values = _close(table).copy()
    if np.isfinite(values).any() and np.nanmax(values) < INDEX_FLOOR:
        row = int(np.flatnonzero(np.isfinite(values))[0])
        hint = "looks like a decimal; multiply by 100"
        raise table.fault("ROW012", row, "close", values[row], f"{name} in points", hint)
    low, high = BAD_PRINT[name]
    bad = np.zeros(values.size, dtype=bool)
    good: list[float] = []
    for row, value in enumerate(values):
        if np.isnan(value):
            continue
        median = float(np.median(good[-BAD_PRINT_WINDOW:])) if good else value
        if value > 0 and low * median <= value <= high * median:
            good.append(float(value))
        else:
            bad[row] = True
    log.add(name, "bad print", table.day[bad], "set missing")
    values[bad] = np.nan
    aligned = _on_days(table, values, days)
    covered = (days >= table.day[0]) & (days <= table.day[-1])
    log.add(name, "close missing", days[covered & np.isnan(aligned)], "left missing")
    return aligned


def _settlements(
    table: Table, level: npt.NDArray[np.float64], factor: float, days: npt.NDArray[np.datetime64]
) -> npt.NDArray[np.float64]:
    """Settlements by session; one far from that session's close is in the wrong unit or of another index."""
    aligned = _on_days(table, _close(table), days)
    with np.errstate(invalid="ignore"):
        bad = ~np.isnan(aligned) & ~((aligned > level / factor) & (aligned < level * factor))
    if bad.any():
        session = int(np.flatnonzero(bad)[0])
        row = int(np.searchsorted(table.day, days[session]))
        expected = f"a settlement within a factor {factor:g} of the close {level[session]:g}"
        raise table.fault("ROW019", row, "settlement", aligned[session], expected)
    return aligned


def _rates(
    source: object, unit: str, days: npt.NDArray[np.datetime64], today: np.datetime64, log: _Log
) -> npt.NDArray[np.float64]:
    """Continuous rates, the last one known on each session, from simple rates compounded quarterly."""
    table = read_table(source, "rates")
    if table.day.size > 1 and (np.diff(table.day.astype(np.int64)) < 0).all():
        log.add("rates", "newest first", table.day[[0, -1]], "reversed")
        table = table.take(np.arange(table.day.size)[::-1])
    table = _ordered(table, today)
    values = _close(table)
    table, values = table.take(~np.isnan(values)), values[~np.isnan(values)]
    recent = values[table.day >= np.datetime64("1990-01-01")]
    if not recent.size:
        raise DataError("HIS005", table.source, "rows", "no rate since 1990", "at least 1")
    named = any(PERCENT_SERIES.fullmatch(name) for name in table.columns)
    large = float(np.max(np.abs(recent))) > DECIMAL_RATE_LIMIT
    percent = unit == "percent" or (unit == "auto" and (named or large))
    simple = values / 100 if percent else values
    bad = ~(np.abs(simple) <= 0.25)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise table.fault("ROW014", row, "rate", values[row], "a rate within 25 % a year", "see rates_unit=")
    at = np.searchsorted(table.day, days, side="right") - 1
    known = (at >= 0) & (days - table.day[np.maximum(at, 0)] <= np.timedelta64(RATE_CARRIED_DAYS, "D"))
    log.add("rates", "no rate", days[~known], "zero used, flagged")
    return np.where(known, 4 * np.log1p(simple[np.maximum(at, 0)] / 4), np.nan)


def _spy(
    source: object,
    scale: float | None,
    spx_close: npt.NDArray[np.float64],
    days: npt.NDArray[np.datetime64],
    today: np.datetime64,
    log: _Log,
) -> dict[str, npt.NDArray[np.float64]]:
    table = _daily(source, "spy", today, log)
    if "open" not in table.columns:
        raise SchemaError("COL001", table.source, "open", ", ".join(table.columns), "an open column")
    close = _close(table)
    if scale is None:
        scale = 1e-4 if np.nanmedian(close) > SPY_TICKS_MEDIAN else 1.0
    columns = {
        "spy_open": _on_days(table, table.columns["open"] * scale, days),
        "spy_close": _on_days(table, close * scale, days),
    }
    for name, column in columns.items():
        bad = ~(column > 0)
        log.add("spy", f"{name.removeprefix('spy_')} missing", days[bad], "left missing")
        column[bad] = np.nan
    ratio = columns["spy_close"] / spx_close
    if np.isfinite(ratio).any() and not 0.05 < np.nanmedian(ratio) < 0.2:
        value = f"{np.nanmedian(ratio):.4g} of the index"
        raise DataError(
            "ROW015", table.source, "close", value, "SPY at about a tenth of the index", hint="see spy_scale="
        )
    return columns


def _futures_sources(vx: object) -> list[object]:
    if isinstance(vx, str | Path) and Path(vx).is_dir():
        files = sorted(path for path in Path(vx).iterdir() if path.is_file())
        contracts = [p for p in files if re.fullmatch(r"(?i)(cfe_.*_vx|vx[_+].*)\.csv(\.gz)?", p.name)]
        found = contracts or [p for p in files if p.name.lower().endswith((".csv", ".csv.gz", ".parquet"))]
        if not found:
            raise DataError(
                "HIS001", Path(vx).name, "vx", "no CSV file", "a directory with CFE_*_VX.csv or VX_*.csv"
            )
        return list(found)
    if isinstance(vx, list | tuple):
        if not vx:
            raise DataError("HIS001", "vx", "vx", "an empty list", "at least one file")
        return list(vx)
    return [vx]


def _futures(
    vx: object, days: npt.NDArray[np.datetime64], today: np.datetime64, log: _Log
) -> dict[str, npt.NDArray[Any]]:
    """Settlements of VIX futures by session and expiry."""
    parts: list[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.float64]]] = []
    for source in _futures_sources(vx):
        table = read_table(source, "vx")
        if "settle" in table.columns:
            parts.append(_contract(table, today))
        elif "vx1" in table.columns:
            parts.append(_continuous(_ordered(table, today)))
        else:
            found = ", ".join(table.columns) or "no column"
            raise SchemaError(
                "COL001", table.source, "settle", found, "a column Settle, or columns VX1, VX2, ..."
            )
    day, expiry, settle = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    zero = ~(settle > 0)
    log.add("vx", "settlement zero or missing", day[zero], "left missing")
    placeholder = ~zero & (settle < VX_FLOOR)
    log.add("vx", f"settlement below {VX_FLOOR:g}", day[placeholder], "left missing")
    late = day > expiry
    log.add("vx", "row after expiry", day[late & ~zero], "row dropped")
    keep = ~zero & ~placeholder & ~late & np.isin(day, days)
    day, expiry, settle = day[keep], expiry[keep], settle[keep]
    order = np.lexsort((expiry, day))
    day, expiry, settle = day[order], expiry[order], settle[order]
    same = (np.diff(day.astype(np.int64)) == 0) & (np.diff(expiry.astype(np.int64)) == 0)
    if same.any():
        row = int(np.flatnonzero(same)[0])
        raise DataError(
            "TIM011", "vx", "date", f"{day[row]}, expiry {expiry[row]} twice", "each contract once a day"
        )
    high = settle > 200
    if high.any():
        row = int(np.flatnonzero(high)[0])
        value = f"{settle[row]} on {day[row]}"
        raise DataError(
            "ROW016", "vx", "settle", value, "0 < price <= 200", hint="prices times ten end at 2007-03-23"
        )
    offset = np.concatenate([[0], np.cumsum(np.bincount(np.searchsorted(days, day), minlength=days.size))])
    if day.size:
        counted = offset[1:] > offset[:-1]
        inside = (days >= day[0]) & (days <= day[-1])
        log.add("vx", "no settlement that session", days[inside & ~counted], "recent prices moved with VIX")
    return {
        "vx_offset": offset.astype(np.int64),
        "vx_expiry": expiry.astype(np.int32),
        "vx_settle": settle,
    }


def _contract(
    table: Table, today: np.datetime64
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Read an exchange file of one contract, or several stacked."""
    names = table.text.get("contract")
    if names is None:
        raise SchemaError(
            "COL001",
            table.source,
            "contract",
            ", ".join(table.columns),
            "a column Futures such as 'F (Jan 05)'",
        )
    expiries = {}
    labels = np.array(names)
    expiry = np.empty(labels.size, dtype="datetime64[D]")
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        _ordered(table.take(rows), today)
        expiries[label] = _contract_expiry(str(label), table, int(rows[0]))
        expiry[rows] = expiries[label]
    settle = table.columns["settle"].copy()
    early = table.day < VX_RESCALED
    if early.any():
        priced = settle[early & (settle > 0)]
        if priced.size and np.median(priced) > VX_TIMES_TEN_MEDIAN:
            settle[early] /= 10
    return table.day, expiry, settle


def _contract_expiry(label: str, table: Table, row: int) -> np.datetime64:
    """Find the final settlement day: the file's name says it, else the one in the contract's month.

    Labels are ``F (Jan 05)``, ``F (Jan 2005)`` and codes such as ``VX/F5`` or ``VX+VXT/F5``, whose one digit
    means the first such year whose contract has not expired on its first row.
    """
    if named := re.fullmatch(r"(?i)vx_(\d{4}-\d{2}-\d{2})\.csv(\.gz)?", table.source):
        day: np.datetime64 = whole_days([named[1]], table.source, "name")[0]
        if np.datetime64("2004-01-01", "D") <= day <= np.datetime64("2035-12-31", "D"):
            return day
    month, years = 0, range(0)
    if match := re.search(r"\((\w{3})\w*\s+'?(\d{2}|\d{4})\)", label):
        names = [name.lower() for name in calendar_names.month_abbr]
        month = names.index(match[1].lower()) if match[1].lower() in names else 0
        year = int(match[2]) + (2000 if len(match[2]) == 2 else 0)
        years = range(year, year + 1)
    elif match := re.fullmatch(r"VX(?:\+VXT)?[/ ]?([FGHJKMNQUVXZ])(\d{1,2})", label.strip()):
        month = "FGHJKMNQUVXZ".index(match[1]) + 1
        first_year = int(str(table.day[row])[:4])
        span = 10 ** len(match[2])
        year = first_year + (int(match[2]) - first_year) % span
        years = range(year, year + span + 1, span)
    for year in years:
        if month and 2004 <= year <= 2035:
            first = np.datetime64(f"{year:04d}-{month:02d}-01", "D")
            found = calendar.vx_expiries(first, first + np.timedelta64(27, "D"))
            if found.size and (len(years) == 1 or found[0] >= table.day[row]):
                return np.datetime64(found[0], "D")
    raise table.fault(
        "ROW017", row, "contract", repr(label[:40]), "a listed contract such as 'F (Jan 05)' or 'VX/F5'"
    )


def _continuous(table: Table) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Read a table VX1, VX2, ...: the i-th monthly expiry strictly after each date."""
    names = [name for name in (f"vx{i}" for i in range(1, 10)) if name in table.columns]
    table = table.take(
        (table.day >= np.datetime64("1990-01-02")) & (table.day <= np.datetime64("2034-12-31"))
    )
    if not table.day.size:
        raise DataError("HIS005", table.source, "rows", "no date of 1990-2034", "at least 1")
    monthly = calendar.vx_expiries(table.day[0], np.datetime64("2035-12-31"))
    after = np.searchsorted(monthly, table.day, side="right")
    position = np.array([int(name[2:]) - 1 for name in names])
    expiry = monthly[after[:, None] + position[None, :]]
    settle = np.column_stack([table.columns[name] for name in names])
    return np.repeat(table.day, len(names)), expiry.ravel(), settle.ravel()


def _bars(
    source: object, tz: str | None, days: npt.NDArray[np.datetime64], today: np.datetime64, log: _Log
) -> dict[str, npt.NDArray[Any]]:
    """Read bars inside sessions: prices at the bar's time, the open of OHLC bars labelled by their start."""
    table = _ordered(read_table(source, "bars", intraday=True, tz=tz), today)
    name = next((name for name in ("spot", "open", "close", "value") if name in table.columns), None)
    if name is None:
        raise SchemaError(
            "COL001", table.source, "spot", ", ".join(table.columns) or "no column", "a column spot, or open"
        )
    known = np.isin(table.day, days)
    log.add("bars", "no session that day", table.day[~known], "row dropped")
    outside = known & ((table.seconds < 34_200) | (table.seconds > 57_600))
    log.add("bars", "outside 09:30..16:00", table.day[outside], "row dropped")
    spot = table.columns[name]
    blank = known & ~outside & np.isnan(spot)
    log.add("bars", "no price", table.day[blank], "row dropped")
    rows = known & ~outside & ~blank
    table, spot = table.take(rows), spot[rows]
    if (bad := ~(spot > 0)).any():
        row = int(np.flatnonzero(bad)[0])
        raise table.fault("ROW010", row, name, spot[row], "a finite value > 0")
    columns: dict[str, npt.NDArray[Any]] = {
        "bar_day": table.day.astype(np.int32),
        "bar_seconds": table.seconds,
        "bar_spot": spot,
    }
    if "vix" in table.columns:
        vix = table.columns["vix"]
        if (bad := ~np.isnan(vix) & ~((vix > 0) & (vix <= 200))).any():
            row = int(np.flatnonzero(bad)[0])
            raise table.fault("ROW013", row, "vix", vix[row], "0 < VIX <= 200")
        columns["bar_vix"] = vix
    for i in range(1, 10):
        if f"vx{i}" not in table.columns:
            break
        columns[f"bar_vx{i}"] = table.columns[f"vx{i}"]
    return columns


# Series in the order of the note: column and name.
_NAMED = (
    ("vx_settle", "VIX futures"),
    ("vix9d_close", "VIX9D"),
    ("vix3m_close", "VIX3M"),
    ("vix6m_close", "VIX6M"),
    ("vvix_close", "VVIX"),
    ("skew_close", "SKEW"),
    ("spy_open", "SPY"),
    ("rate", "interest rates"),
    ("spx_settlement", "SPX settlements"),
    ("vix_settlement", "VIX settlements"),
    ("bar_spot", "intraday bars"),
)
# Nobody misses these: VIX6M adds little to the rest, SPY and bars are extras, the open stands in for SET.
_EXTRAS = frozenset(("vix6m_close", "spy_open", "spx_settlement", "bar_spot"))


def _any(columns: Mapping[str, npt.NDArray[Any]], name: str) -> bool:
    return name in columns and bool(np.isfinite(columns[name]).any())


def _covers(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Name the series, with their first session where that is not the first of the history."""
    days = columns["day"].astype("datetime64[D]")
    named = [
        f"{name} {'OHLC' if _any(columns, f'{key}_open') else 'closes'}"
        for key, name in (("spx", "S&P 500"), ("vix", "VIX"))
    ]
    for column, name in _NAMED:
        if not _any(columns, column):
            continue
        first = days[0]
        if column == "vx_settle":
            first = days[np.flatnonzero(np.diff(columns["vx_offset"]))[0]]
        elif not column.startswith("bar_"):
            first = days[np.flatnonzero(np.isfinite(columns[column]))[0]]
        # A few days late is a hole, not a start.
        late = first - days[0] > np.timedelta64(31, "D")
        named.append(f"{name} from {first}" if late else name)
    return ", ".join(named)


def _lacks(columns: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    lacks = ["S&P 500 opens"] * (not _any(columns, "spx_open")) + ["VIX opens"] * (
        not _any(columns, "vix_open")
    )
    return lacks + [name for column, name in _NAMED if column not in _EXTRAS and not _any(columns, column)]


def _stand_ins(columns: Mapping[str, npt.NDArray[Any]], counts: Mapping[str, int]) -> list[str]:
    """Say what stands in for what is missing, with counts."""
    n = columns["day"].size
    lines = []

    def say(condition: bool, text: str) -> None:
        if condition:
            lines.append(f"- {text}")

    stale, bridged = counts["spx_open_stale"], counts["spx_open_from_spy"]
    by = "AM settlements on them are estimated from the day's bar"
    if bridged:
        by = "SPY bridges all of them" if bridged == stale else f"SPY bridges {bridged:,}; else {by}"
    say(
        not _any(columns, "spx_open"),
        "Close-only S&P 500: entries at 11:00 and AM settlements are estimated from closes; month by month the "
        "condor-index book then correlates .91 with the same book on opens (docs/own-data.md).",
    )
    say(stale > 0, f"{stale:,} of {n:,} S&P 500 opens are stale or lag the market; {by}.")
    say(not _any(columns, "vx_settle"), "VIX futures come from the term structure of the VIX indices.")
    carried = counts["vx_carried"]
    say(carried > 0, f"VIX futures of {carried:,} sessions without a settlement are moved with VIX.")
    if not _any(columns, "vix_settlement"):
        if _any(columns, "vix_open"):
            bad = counts["vix_open_stale"] + counts["vix_open_missing"]
            rest = f", on the close where that is stale or missing ({bad:,} of {n:,} sessions)" if bad else ""
            future = "the expiring future, else on " if _any(columns, "vx_settle") else ""
            lines.append(f"- VIX options settle on {future}the VIX open{rest}.")
        else:
            future = "the expiring future, else on " if _any(columns, "vx_settle") else ""
            lines.append(f"- VIX options settle on {future}the VIX close.")
    say(
        not _any(columns, "vvix_close"),
        "Volatilities of VIX options come from the level of VIX and the tenor.",
    )
    say(not _any(columns, "rate"), "Interest rates are zero.")
    none = counts["no_rate"]
    say(_any(columns, "rate") and none > 0, f"{none:,} sessions have no interest rate: zero is used.")
    early = counts["hypothetical_hedge"]
    say(
        early > 0,
        f"{early:,} sessions are before 2006-02-24, the first of VIX options: hedges are hypothetical.",
    )
    return lines
