"""Trading sessions, early closes and the expiries of SPX, SPXW and VIX options and VX futures, 1990-2035.

All functions work on whole arrays of ``datetime64[D]``; the tables are compiled into the core. Dates outside
the tables raise :class:`~alvh.errors.DataError` with code ``CAL001``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._dates import whole_days

__all__ = [
    "close_time",
    "early_closes",
    "is_session",
    "listed_expiries",
    "sessions",
    "snap_strikes",
    "spx_expiries",
    "spxw_expiries",
    "vix_expiries",
    "vx_expiries",
]

Date = str | dt.date | np.datetime64
Dates = npt.NDArray[np.datetime64]
Product = Literal["SPX", "SPXW", "VIX", "VX"]

_LISTED = np.dtype([("day", "datetime64[D]"), ("settlement", "U2"), ("weekly", np.bool_)])


def _day(date: Date) -> int:
    return int(whole_days(date, "calendar", "date").astype(np.int64))


def _dates(days: npt.NDArray[np.int32]) -> Dates:
    return days.astype("datetime64[D]")


def sessions(start: Date, end: Date) -> Dates:
    """Trading sessions of the New York Stock Exchange and of Cboe index options.

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Sessions, ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_sessions(_day(start), _day(end)))


def early_closes(start: Date, end: Date) -> Dates:
    """Sessions that end before 16:00.

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Sessions with an early close, ascending; :func:`close_time` says when.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_early_closes(_day(start), _day(end)))


def close_time(dates: Date | npt.ArrayLike) -> npt.NDArray[np.timedelta64]:
    """Close of the session on each date.

    Parameters
    ----------
    dates : date or array of shape (n,)
        Anything NumPy reads as ``datetime64[D]``.

    Returns
    -------
    numpy.ndarray of timedelta64[s], shape (n,)
        Time after midnight New York: 16:00, or 13:00 on an early close (14:00 in 1990-1992); NaT where there
        is no session. Shape () for a single date.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    days = whole_days(dates, "calendar", "date").astype(np.int64)
    seconds = _core.calendar_close_seconds(np.ascontiguousarray(days).ravel()).reshape(days.shape)
    return np.where(seconds < 0, np.timedelta64("NaT", "s"), seconds.astype("timedelta64[s]"))


def is_session(dates: Date | npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether the market opens on each date.

    Parameters
    ----------
    dates : date or array of shape (n,)
        Anything NumPy reads as ``datetime64[D]``.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        True on sessions. Shape () for a single date.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return ~np.isnat(close_time(dates))


def spx_expiries(start: Date, end: Date) -> Dates:
    """Settlement days of AM-settled SPX options.

    The third Friday of each month, or the session before it when that is a holiday (Cboe, S&P 500 Index
    Options Product Specification).

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Expiries, ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_expiries("SPX", _day(start), _day(end), False))


def spxw_expiries(start: Date, end: Date) -> Dates:
    """Expiry days of PM-settled SPX options by first listing date.

    Quarter ends (2007), Fridays (2010-12), third Fridays (2011-10), month ends (2014-07), Wednesdays
    (2016-02), Mondays (2016-08), Tuesdays (2022-04) and Thursdays (2022-05). Holidays move Mondays to the
    next session and all others to the previous one (Cboe notices; what they leave open is marked in the
    source of the core).

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Expiries, ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_expiries("SPXW", _day(start), _day(end), False))


def vix_expiries(start: Date, end: Date, weekly: bool = False) -> Dates:
    """Settlement days of VIX options.

    The Wednesday thirty days before the third Friday of the following month; the business day before when
    that Friday or that Wednesday is a holiday (Cboe, VIX Options Product Specification). Before 2006-02-24
    the same rule, hypothetically.

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.
    weekly : bool, optional
        Also the weekly expiries, from their first listing on 2015-10-08.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Expiries, ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_expiries("VIX", _day(start), _day(end), weekly))


def vx_expiries(start: Date, end: Date) -> Dates:
    """Settlement days of monthly VIX futures.

    The rule of :func:`vix_expiries`, but for two contracts of 2004 that settled a week earlier and five
    months of 2004-2005 without a contract. Before 2004-03-26 the same rule, hypothetically.

    Parameters
    ----------
    start, end : str, datetime.date or numpy.datetime64
        First and last date, both included.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Settlement days, ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    """
    return _dates(_core.calendar_expiries("VX", _day(start), _day(end), False))


def listed_expiries(product: Product, on: Date, weekly: bool = False) -> npt.NDArray[np.void]:
    """Expiries that could be traded on a date.

    AM-settled products strictly after the date, SPXW on and after it. Before a product existed its first
    listing rule applies (SPXW: none).

    Parameters
    ----------
    product : {"SPX", "SPXW", "VIX", "VX"}
        Option family, or VX for the futures.
    on : str, datetime.date or numpy.datetime64
        The date.
    weekly : bool, optional
        Also weekly expiries of VIX options. SPXW always has them.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Structured array with fields ``day`` (datetime64[D]), ``settlement`` ("am" or "pm") and ``weekly``
        (bool), ascending.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    ConfigError
        ``CAL002``: an unknown product.
    """
    days, pm, is_weekly = _core.calendar_listed(product, _day(on), weekly)
    listed: npt.NDArray[Any] = np.empty(len(days), dtype=_LISTED)
    listed["day"] = days
    listed["settlement"] = np.where(pm, "pm", "am")
    listed["weekly"] = is_weekly
    return listed


def snap_strikes(
    product: Literal["SPX", "SPXW", "VIX"],
    on: Date,
    expiry: Date,
    spot: float,
    targets: npt.ArrayLike,
    how: Literal["nearest", "down", "up"] = "nearest",
) -> npt.NDArray[np.float64]:
    """Find the listed strikes that stand for wanted ones, by the dated strike grids.

    Parameters
    ----------
    product : {"SPX", "SPXW", "VIX"}
        Option family.
    on, expiry : str, datetime.date or numpy.datetime64
        Day of the trade and day of the expiry.
    spot : float
        Index level of the day, points. The VIX grid does not depend on it.
    targets : array of float, shape (n,)
        Wanted strikes, points.
    how : {"nearest", "down", "up"}, optional
        Which neighbour stands for a strike that is not listed.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Listed strikes, points; the end of the grid beyond it, NaN for a target that is not finite. Shape ()
        for a single target.

    Raises
    ------
    DataError
        ``CAL001``: a date outside 1990-01-02..2035-12-31.
    ConfigError
        ``CAL002``: an unknown product; ``CAL003``: an unknown direction.
    """
    wanted = np.ascontiguousarray(targets, dtype=np.float64)
    strikes = _core.calendar_snap_strikes(product, _day(on), _day(expiry), spot, wanted.ravel(), how)
    return strikes.reshape(np.shape(targets))
