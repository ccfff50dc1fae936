"""Dates of every kind that Python knows, as whole days."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt

from alvh.errors import DataError

__all__ = ["whole_days"]


def whole_days(values: Any, source: str, field: str) -> npt.NDArray[np.datetime64]:
    """Coerce dates; a time of day is cut off, and the time zone of a stamp does not move its date.

    Parameters
    ----------
    values : str, date, datetime, numpy or pandas date, or an array of them
        Dates.
    source, field : str
        Names in the error.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        Dates, of the shape of `values`; NaT where one is missing.

    Raises
    ------
    DataError
        ``TIM001``: no date.
    """
    dtype = getattr(values, "dtype", None)
    try:
        if getattr(dtype, "tz", None) is not None:
            values = getattr(values, "dt", values).tz_localize(None)
        elif isinstance(values, dt.datetime):
            values = _naive(values)
        elif isinstance(values, list | tuple) or getattr(dtype, "kind", "") == "O":
            values = [_naive(value) if isinstance(value, dt.datetime) else value for value in values]
        return np.asarray(values, dtype="datetime64[D]")
    except (TypeError, ValueError, OverflowError) as error:
        shown = " ".join(repr(values).split())[:60]
        raise DataError("TIM001", source, field, shown, "dates such as 2018-02-05") from error


def _naive(stamp: dt.datetime) -> dt.datetime:
    return stamp.replace(tzinfo=None)
