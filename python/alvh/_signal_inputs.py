"""Columns that feed signals: a frame of any origin aligned to the sessions of a history, causally.

A value dated on a session is known at the close of that session. Figures of a period (cash flows, payouts, earnings,
capitalisations, the long rate) are carried on to later sessions; all other columns hold only where they have a row.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from alvh import _core, calendar
from alvh._dates import whole_days
from alvh.errors import ConfigError, DataError, SchemaError
from alvh.readers import _to_pandas

if TYPE_CHECKING:
    import pandas as pd

    from alvh.history import History

__all__ = ["aligned", "read_dates"]

_Columns = dict[str, npt.NDArray[Any]]
_Floats = npt.NDArray[np.float64]
_Days = npt.NDArray[np.datetime64]

INPUTS: tuple[str, ...] = tuple(_core.signal_names()["inputs"])
EVENT = "sessions_to_event"
# Readings of an order book come first, up to the distance to the next event.
BOOK = INPUTS[: INPUTS.index(EVENT)]
CARRIED = ("market_cap_", "cash_flow_", "dividends", "buybacks", "earnings", "long_rate")
# Columns that are combined into one input.
_COMBINED = ("advances", "declines")
_FOREIGN = "foreign_2y_"
# What Signal.by_session has beside the readings, and what it is called there.
_BY_SESSION = {"score": "ignition_score", "quick_ratio_relative": "quick_ratio_relative"}
_BY_SESSION_COLUMNS = frozenset(
    (
        *("start", "end", "score", "quick_ratio", "quick_ratio_relative", "episodes", "confirmed", "armed"),
        *("first_armed", "first_ignited", "scored", "is_complete", "usable_from"),
    )
)
# An event further away than this is not near.
_NEAR_SESSIONS = 20
_OPEN_SECONDS = 34_200


def aligned(
    history: History,
    frame: object | None,
    events: object | None,
    user: Sequence[str],
    missing: Literal["raise", "flag"],
    carry_days: int,
) -> tuple[_Columns, list[tuple[str, str, _Days, str]]]:
    """See :meth:`alvh.History.with_signals`; returns the columns and rows for ``.quality``."""
    if missing not in ("raise", "flag"):
        raise ConfigError("SIG030", "with_signals", "missing", repr(missing), "'raise' or 'flag'")
    if isinstance(carry_days, bool) or not isinstance(carry_days, int) or not 0 <= carry_days <= 3_660:
        raise ConfigError("SIG030", "with_signals", "carry_days", repr(carry_days), "0..3660 days")
    notes: list[tuple[str, str, _Days, str]] = []
    columns: _Columns = {}
    if frame is not None:
        table = _to_pandas(frame, "with_signals")
        columns |= _from_frame(history, table, tuple(user), missing, carry_days, notes)
    if events is not None:
        columns[f"signal.{EVENT}"] = _sessions_to_event(history.sessions, _event_days(events), notes)
    taken = sorted(name for name in columns if name in history.columns)
    if taken:
        raise SchemaError(
            "SIG031", "with_signals", taken[0], "a column that is there already", "a new column"
        )
    return columns, notes


def _from_frame(
    history: History,
    table: Any,
    user: tuple[str, ...],
    missing: str,
    carry_days: int,
    notes: list[tuple[str, str, _Days, str]],
) -> _Columns:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise SchemaError(
            "SIG032", "with_signals", "frame", type(table).__name__, "a frame with named columns"
        )
    table = _with_dates(table)
    days = whole_days(table.index, "with_signals", "session")
    if np.isnat(days).any():
        row = int(np.flatnonzero(np.isnat(days))[0])
        raise DataError("SIG033", "with_signals", "session", "NaT", "a date", f"row {row}")
    is_by_session = {"score", "usable_from", "episodes"} <= set(table.columns)
    names = [str(name) for name in table.columns]
    _check_names(names, user, is_by_session)
    out: _Columns = {}
    book = [name for name in names if name in BOOK and not is_by_session]
    if is_by_session or book:
        out |= _book(table, days, is_by_session, notes)
    daily = [
        name for name in names if name not in BOOK and not (is_by_session and name in _BY_SESSION_COLUMNS)
    ]
    daily = [name for name in daily if name != "usable_from"]
    if not daily:
        return out
    if np.unique(days).size != days.size:
        different, counts = np.unique(days, return_counts=True)
        raise DataError(
            "SIG034", "with_signals", "session", f"{different[counts > 1][0]} twice", "one row a session"
        )
    order = np.argsort(days)
    days = days[order]
    values = {name: _numbers(table[name], name)[order] for name in daily}
    _combine(values)
    for name, column in values.items():
        key = f"user.{name}" if name in user else f"signal.{name}"
        if name.startswith(CARRIED) and name not in user:
            out[key] = _carried(history.sessions, days, column, carry_days)
        else:
            out[key] = _exact(history.sessions, days, column, name, missing, notes)
    return out


def _with_dates(table: Any) -> pd.DataFrame:
    """Index a frame by its sessions, whether they stand in the index or in a column."""
    import pandas as pd

    frame: pd.DataFrame = table
    if isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    for name in ("session", "date", "Date", "DATE"):
        if name in frame.columns:
            return frame.set_index(name)
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        stamps = frame.index.to_timestamp() if isinstance(frame.index, pd.PeriodIndex) else frame.index
        return frame.set_axis(stamps, axis=0)
    raise SchemaError(
        "SIG032",
        "with_signals",
        "index",
        f"{frame.index.dtype} values",
        "sessions: a date index or a column session",
    )


def _check_names(names: list[str], user: tuple[str, ...], is_by_session: bool) -> None:
    for name in user:
        if name in INPUTS or name in _COMBINED or not name.replace("_", "").isalnum() or not name.isascii():
            raise ConfigError("SIG035", "with_signals", "user", repr(name), "names of columns of your own")
        if name not in names:
            raise SchemaError(
                "SIG035", "with_signals", name, "no such column", "every column that user names"
            )
    for name in names:
        if names.count(name) > 1:
            raise SchemaError("SIG036", "with_signals", name, f"{names.count(name)} columns", "one column")
        known = name in INPUTS and name != EVENT
        known |= name in _COMBINED or name.startswith(_FOREIGN) or name in user or name == "usable_from"
        if not known and not (is_by_session and name in _BY_SESSION_COLUMNS):
            near = difflib.get_close_matches(name, [*INPUTS, *_COMBINED], 1)
            hint = f"did you mean {near[0]}?" if near else f"a column of your own: user=({name!r},)"
            raise SchemaError(
                "SIG036", "with_signals", name, "an unknown column", "a documented input", hint=hint
            )
    if ("advances" in names) != ("declines" in names):
        lacking = "declines" if "advances" in names else "advances"
        raise SchemaError(
            "SIG036", "with_signals", lacking, "no such column", "advances and declines together"
        )


def _numbers(series: Any, name: str) -> _Floats:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_complex_dtype(series.dtype):
        raise SchemaError("SIG037", "with_signals", name, f"{series.dtype} values", "numbers")
    values: _Floats = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError("SIG037", "with_signals", name, str(values[row]), "finite or NaN", f"row {row}")
    return values


def _combine(values: dict[str, _Floats]) -> None:
    if "advances" in values:
        if "net_advances" in values:
            raise SchemaError("SIG036", "with_signals", "net_advances", "beside advances", "one of the two")
        values["net_advances"] = values.pop("advances") - values.pop("declines")
    foreign = [values.pop(name) for name in list(values) if name.startswith(_FOREIGN)]
    if foreign:
        if "foreign_2y" in values:
            raise SchemaError(
                "SIG036", "with_signals", "foreign_2y", "beside single countries", "one of the two"
            )
        # A country without a value would move the mean by its level: the mean waits for all.
        values["foreign_2y"] = np.mean(foreign, axis=0)


def _exact(
    sessions: _Days,
    days: _Days,
    column: _Floats,
    name: str,
    missing: str,
    notes: list[tuple[str, str, _Days, str]],
) -> _Floats:
    place = np.minimum(np.searchsorted(days, sessions), days.size - 1)
    found = days[place] == sessions
    out = np.where(found, column[place], np.nan)
    inside = (days >= sessions[0]) & (days <= sessions[-1])
    off = days[inside & ~np.isin(days, sessions) & np.isfinite(column)]
    known = days[np.isfinite(column)]
    covered = (
        (sessions >= known[0]) & (sessions <= known[-1]) if known.size else np.zeros(sessions.size, bool)
    )
    holes = sessions[covered & np.isnan(out)]
    for check, which, action in (("not_a_session", off, "dropped"), ("no_value", holes, "absent")):
        if which.size and missing == "raise":
            raise DataError(
                "SIG033", "with_signals", name, f"{which[0]}: {check}", "a value on every session"
            )
        notes.append((name, check, which, action))
    return out


def _carried(sessions: _Days, days: _Days, column: _Floats, carry_days: int) -> _Floats:
    known = np.isfinite(column)
    days, column = days[known], column[known]
    if days.size == 0:
        return np.full(sessions.size, np.nan)
    last = np.searchsorted(days, sessions, side="right") - 1
    age = (sessions - days[np.maximum(last, 0)]).astype(np.int64)
    return np.where((last >= 0) & (age <= carry_days), column[np.maximum(last, 0)], np.nan)


def _book(
    table: pd.DataFrame, days: _Days, is_by_session: bool, notes: list[tuple[str, str, _Days, str]]
) -> _Columns:
    """Return readings of the order book with the times from which they are usable."""
    import pandas as pd

    values: dict[str, _Floats] = {}
    if is_by_session:
        for name, target in _BY_SESSION.items():
            values[target] = np.where(np.isinf(ratio := table[name].to_numpy(float)), np.nan, ratio)
        values["armed"] = table["first_armed"].notna().to_numpy().astype(np.float64)
        values["ignited"] = table["first_ignited"].notna().to_numpy().astype(np.float64)
    else:
        values = {name: _numbers(table[name], name) for name in table.columns if name in BOOK}
    if "usable_from" in table.columns:
        stamps = pd.DatetimeIndex(table["usable_from"])
        if stamps.tz is None and stamps.notna().any():
            raise SchemaError(
                "SIG037", "with_signals", "usable_from", "naive times", "times with a time zone"
            )
        known = np.asarray(stamps.notna())
        local = stamps.tz_convert("America/New_York").tz_localize(None) if stamps.tz is not None else stamps
        from_day = local.to_numpy().astype("datetime64[D]")
        seconds = (local.to_numpy().astype("datetime64[s]") - from_day).astype(np.int64)
        notes.append(("usable_from", "no_later_mark", days[~known], "dropped"))
    else:
        # Known when its session is over: usable at the next open.
        from_day = _next_session(days)
        known = ~np.isnat(from_day)
        seconds = np.full(days.size, _OPEN_SECONDS)
    rows = np.flatnonzero(known)
    rows = rows[np.lexsort((seconds[rows], from_day[rows]))]
    keys = from_day[rows].astype(np.int64) * 86_400 + seconds[rows]
    if np.any(np.diff(keys) == 0):
        twice = rows[1:][np.diff(keys) == 0][0]
        raise DataError("SIG034", "with_signals", "usable_from", f"{from_day[twice]} twice", "one row a time")
    out: _Columns = {
        "alarm_day": from_day[rows].astype(np.int32),
        "alarm_seconds": seconds[rows].astype(np.int32),
    }
    return out | {f"alarm.{name}": column[rows] for name, column in values.items()}


def _next_session(days: _Days) -> _Days:
    margin = np.timedelta64(14, "D")
    sessions = calendar.sessions(days.min(), days.max() + margin)
    after = np.searchsorted(sessions, days, side="right")
    never = np.datetime64("NaT", "D")
    return np.where(after < sessions.size, sessions[np.minimum(after, sessions.size - 1)], never)


def _event_days(events: object) -> _Days:
    if isinstance(events, Mapping):
        parts = [_event_days(value) for value in events.values()]
        return np.unique(np.concatenate(parts)) if parts else np.array([], "datetime64[D]")
    if isinstance(events, str | Path):
        return read_dates(events)
    if not isinstance(events, Iterable):
        raise SchemaError(
            "SIG032", "with_signals", "events", type(events).__name__, "dates, a file of dates or a mapping"
        )
    days = np.atleast_1d(
        whole_days(events if hasattr(events, "dtype") else list(events), "with_signals", "events")
    )
    if np.isnat(days).any():
        raise DataError("SIG033", "with_signals", "events", "NaT", "dates")
    return np.unique(days)


def _sessions_to_event(sessions: _Days, events: _Days, notes: list[tuple[str, str, _Days, str]]) -> _Floats:
    """Sessions from each session to the next event: 0 on its session, NaN beyond the horizon.

    Counted on the calendar of the exchange, which is known ahead, so that a cut of the data moves nothing. An event on
    a day without a session belongs to the next one.
    """
    if events.size == 0:
        raise DataError("SIG033", "with_signals", "events", "no date", "at least one date")
    margin = np.timedelta64(2 * _NEAR_SESSIONS, "D")
    days = calendar.sessions(sessions[0], sessions[-1] + margin)
    next_event = np.searchsorted(events, days)
    # Position of the session of the first event on or after each session.
    target = np.full(days.size, np.inf)
    exists = next_event < events.size
    target[exists] = np.searchsorted(days, events[next_event[exists]])
    # An event between two sessions is met on the later one, by which it lies in the past.
    previous = np.r_[np.datetime64("1900-01-01", "D"), days[:-1]]
    missed = np.searchsorted(events, previous, side="right") < np.searchsorted(events, days)
    distance = np.where(missed, 0.0, target - np.arange(days.size))
    distance[distance > _NEAR_SESSIONS] = np.nan
    notes.append(("events", "before_first_event", sessions[sessions < events[0]], "no event"))
    notes.append(("events", "after_last_event", sessions[sessions > events[-1]], "no event"))
    out = np.full(sessions.size, np.nan)
    place = np.minimum(np.searchsorted(days, sessions), days.size - 1)
    found = days[place] == sessions
    out[found] = distance[place[found]]
    return out


def read_dates(path: str | Path, *, unscheduled: bool = False) -> _Days:
    """Read the dates of events from a CSV file whose first column holds them.

    Parameters
    ----------
    path : str or Path
        File with a header line. A column ``type`` may tell ``scheduled`` from other dates.
    unscheduled : bool, optional
        Whether dates of another type are kept: nobody knew of them on the session before.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Different dates, ascending.

    Raises
    ------
    DataError
        ``HIS001``: no such file; ``SIG033``, ``TIM001``: no dates.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise DataError("HIS001", path.name, "path", "no such file", "a file that can be read")
    try:
        table = pd.read_csv(path, dtype=str, comment="#")
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(
            "SIG033", path.name, "rows", type(error).__name__, "a CSV file with a header"
        ) from error
    if table.empty:
        raise DataError("SIG033", path.name, "rows", "0 rows", "at least one date")
    if "type" in table.columns and not unscheduled:
        table = table[table["type"].isna() | (table["type"].str.strip().str.lower() == "scheduled")]
    days = whole_days(table.iloc[:, 0].str.strip().to_numpy(dtype=str), path.name, str(table.columns[0]))
    return np.unique(days)
