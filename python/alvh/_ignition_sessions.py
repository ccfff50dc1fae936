"""A signal by sessions and by bars: what a strategy on marks can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alvh._arguments import is_whole, shown
from alvh.errors import ConfigError, LimitError

if TYPE_CHECKING:
    import pandas as pd

    from alvh.ignition import Signal

__all__ = ["by_session"]

_Ns = npt.NDArray[np.int64]
# What numpy takes for a time that is missing.
_NEVER = np.iinfo(np.int64).min
# Bars are counted before any is made: a slip in the unit would fill the memory.
_MOST_BARS = 2_000_000
_CALENDARS = 'None, "24h" or a frame with open and close of each session, with a time zone'


def by_session(
    signal: Signal, calendar: Any, bar: str | None, lookback: int, past: pd.DataFrame | None
) -> pd.DataFrame:
    """See :meth:`alvh.ignition.Signal.by_session`."""
    import pandas as pd

    if not is_whole(lookback, 1, _MOST_BARS):
        raise ConfigError("IGN026", "by_session", "lookback", shown(lookback), f"1 to {_MOST_BARS:,}")
    length = None if bar is None else _duration(bar)
    timeline = signal._raw["timeline"]
    names = ["session", "start"] if length else ["session"]
    opens, closes, dates, touched = _sessions(calendar, timeline["known"])
    if length is not None:
        n = int((-(-(closes[touched] - opens[touched]) // length)).sum())
        if n > _MOST_BARS:
            got = f"{n:,} bars of {shown(bar)}"
            raise LimitError("IGN048", "by_session", "bar", got, f"at most {_MOST_BARS:,} on this tape")
    # Marks are the opens of all sessions, the next one after the tape among them, and the ends of bars.
    marks = np.r_[opens, _bars(opens[touched], closes[touched], length)[1]]
    opens, closes, dates = opens[touched], closes[touched], dates[touched]
    start, end, session = _bars(opens, closes, length)
    covered = (end > timeline["known"][0]) & (start < signal._raw["end"]) if start.size else start > 0
    start, end, session = start[covered], end[covered], session[covered]
    frame = _values(signal, start, end)
    frame["usable_from"] = _usable_from(end, np.unique(marks))
    times = ("start", "end", "first_armed", "first_ignited", "usable_from")
    for name in times:
        frame[name] = pd.DatetimeIndex(frame[name].to_numpy().view("M8[ns]"), tz="UTC")
    frame["session"] = pd.DatetimeIndex(dates[session])
    # Slots of the same time of day: the distance from the open.
    slot = start - opens[session]
    frame.insert(4, "quick_ratio_relative", _relative(frame, slot, lookback, past))
    return frame.set_index(names)


def _duration(bar: Any) -> int:
    import pandas as pd

    try:
        length = pd.Timedelta(bar).value if isinstance(bar, str) else 0
    except (ValueError, OverflowError):
        length = 0
    if length <= 0:
        raise ConfigError("IGN026", "by_session", "bar", shown(bar), 'a duration such as "30min"')
    return length


def _sessions(calendar: Any, known: _Ns) -> tuple[_Ns, _Ns, npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Open, close (ns) and date of sessions around the tape, and whether anything became known in each."""
    import pandas as pd

    if isinstance(calendar, pd.DataFrame):
        columns = [calendar[name] for name in ("open", "close") if name in calendar]
        if len(columns) != 2 or any(getattr(column.dtype, "tz", None) is None for column in columns):
            raise ConfigError("IGN026", "by_session", "calendar", "another frame", _CALENDARS)
        zone = columns[0].dt.tz
        opens, closes = (column.dt.tz_convert("UTC").dt.as_unit("ns") for column in columns)
        dates = columns[0].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize().to_numpy()
        open_ns, close_ns = (
            column.dt.tz_localize(None).to_numpy().view(np.int64) for column in (opens, closes)
        )
        if np.any(close_ns <= open_ns) or np.any(open_ns[1:] < close_ns[:-1]):
            raise ConfigError("IGN026", "by_session", "calendar", "sessions that overlap", _CALENDARS)
    elif calendar is None or calendar == "24h":
        if known.size == 0:
            days = np.array([], "datetime64[D]")
        else:
            first, last = (
                np.datetime64(int(ns), "ns").astype("datetime64[D]") for ns in (known[0], known[-1])
            )
            # Far enough that there is an open after the last close.
            days = np.arange(first - 1, last + 10)
        open_ns, close_ns, dates = _days(days) if calendar else _new_york(days)
    else:
        raise ConfigError("IGN026", "by_session", "calendar", shown(calendar), _CALENDARS)
    touched = np.searchsorted(known, close_ns, "right") > np.searchsorted(known, open_ns, "right")
    return open_ns, close_ns, dates, touched


def _days(days: npt.NDArray[Any]) -> tuple[_Ns, _Ns, npt.NDArray[Any]]:
    opens = days.astype("datetime64[ns]").view(np.int64)
    return opens, opens + 86_400_000_000_000, days


def _new_york(days: npt.NDArray[Any]) -> tuple[_Ns, _Ns, npt.NDArray[Any]]:
    import pandas as pd

    from alvh import calendar

    dates = calendar.sessions(days[0], days[-1]) if days.size else days

    def moment(seconds: npt.NDArray[Any]) -> _Ns:
        local = pd.DatetimeIndex(dates.astype("datetime64[s]") + seconds).as_unit("ns")
        stamps = local.tz_localize("America/New_York").tz_convert("UTC").tz_localize(None)
        return stamps.to_numpy().view(np.int64)

    return moment(np.full(dates.size, 34_200, "timedelta64[s]")), moment(calendar.close_time(dates)), dates


def _bars(opens: _Ns, closes: _Ns, length: int | None) -> tuple[_Ns, _Ns, _Ns]:
    """Start, end and session of every bar; the last bar of a session may be shorter."""
    starts, ends, session = [], [], []
    for i, (first, last) in enumerate(zip(opens, closes, strict=True)):
        begin = np.arange(first, last, length or last - first, dtype=np.int64)
        starts.append(begin)
        ends.append(np.minimum(begin + (length or last - first), last))
        session.append(np.full(begin.size, i))
    if not starts:
        return (np.array([], np.int64),) * 3
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(session)


def _values(signal: Signal, start: _Ns, end: _Ns) -> pd.DataFrame:
    import pandas as pd

    from alvh.ignition import OUTCOMES

    timeline, episodes, moves = (signal._raw[name] for name in ("timeline", "episodes", "transitions"))
    known = timeline["known"]
    # What became known long after its second is from before a pause: it says nothing about this bar.
    fresh = timeline["is_scored"] & (known - timeline["time"] <= round(signal.config.stale_after * 1e9))
    # An outcome leaves the stage of its clock as it was.
    stage = np.where(moves["outcome"] == OUTCOMES.index("open"), moves["stage"], 0)
    n = start.size
    columns: dict[str, Any] = {name: np.full(n, np.nan) for name in ("score", "quick_ratio")}
    columns |= {name: np.zeros(n, np.int64) for name in ("episodes", "confirmed")}
    columns |= {name: np.zeros(n) for name in ("armed", "scored")}
    columns |= {name: np.full(n, _NEVER) for name in ("first_armed", "first_ignited")}
    detected = np.sort(episodes["detected"])
    reverted = np.sort(episodes["end"][episodes["outcome"] == OUTCOMES.index("reverted")])
    for i, (first, last) in enumerate(zip(start, end, strict=True)):
        rows = slice(*np.searchsorted(known, (first, last), "right"))
        scored = np.flatnonzero(fresh[rows])
        if scored.size:
            columns["score"][i] = timeline["score"][rows][scored].max()
            columns["quick_ratio"][i] = timeline["quick_ratio"][rows][scored].min()
            columns["scored"][i] = scored.size * signal.config.clocks[0]
        for name, times in (("episodes", detected), ("confirmed", reverted)):
            columns[name][i] = np.diff(np.searchsorted(times, (first, last), "right"))[0]
        columns["armed"][i] = (timeline["stage"][rows] > 0).sum() * signal.config.clocks[0]
        inside = (moves["time"] > first) & (moves["time"] <= last)
        for name, least in (("first_armed", 1), ("first_ignited", 2)):
            entered = moves["time"][inside & (stage >= least)]
            if entered.size:
                columns[name][i] = entered[0]
    columns["is_complete"] = end < signal._raw["end"]
    order = ["score", "quick_ratio", "episodes", "confirmed", "armed", "first_armed", "first_ignited"]
    kept = {name: columns[name] for name in (*order, "scored", "is_complete")}
    return pd.DataFrame({"start": start, "end": end, **kept})


def _usable_from(end: _Ns, marks: _Ns) -> _Ns:
    after = np.searchsorted(marks, end, "right")
    return (
        np.where(after < marks.size, marks[np.minimum(after, marks.size - 1)], _NEVER) if marks.size else end
    )


def _relative(
    frame: pd.DataFrame, slot: _Ns, lookback: int, past: pd.DataFrame | None
) -> npt.NDArray[np.float64]:
    """Quick ratio over the median of the same slot in the sessions before."""
    import pandas as pd

    now = pd.DataFrame({"session": frame["session"], "slot": slot, "ratio": frame["quick_ratio"]})
    if past is not None:
        now = pd.concat([_earlier(past), now], ignore_index=True)
    now = now.drop_duplicates(["session", "slot"], keep="last")
    table = now.pivot(index="session", columns="slot", values="ratio").sort_index().replace(np.inf, np.nan)
    median = table.shift(1).rolling(lookback, min_periods=lookback).median()
    ratio = (table / median).stack(future_stack=True)
    keys = pd.MultiIndex.from_arrays([frame["session"], slot])
    return ratio.reindex(keys).to_numpy(dtype=float)


def _earlier(past: Any) -> pd.DataFrame:
    import pandas as pd

    table = past.reset_index() if isinstance(past, pd.DataFrame) else pd.DataFrame()
    if any(name not in table for name in ("session", "start", "quick_ratio")):
        raise ConfigError("IGN026", "by_session", "past", type(past).__name__, "a frame of by_session")
    session = table["session"]
    start = table["start"].dt.tz_localize(None).dt.as_unit("ns").to_numpy().view(np.int64)
    first = pd.Series(start).groupby(session).transform("min").to_numpy()
    return pd.DataFrame({"session": session, "slot": start - first, "ratio": table["quick_ratio"]})
