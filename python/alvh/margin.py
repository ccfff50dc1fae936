"""Margin of option positions on one index."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from alvh import _core
from alvh.errors import DataError

__all__ = ["OptionLeg", "option_margin"]

Date: TypeAlias = str | datetime.date | np.datetime64
OptionLeg: TypeAlias = tuple[str, float, int, float] | tuple[str, float, int, float, Date]


def option_margin(
    legs: Sequence[OptionLeg],
    apply_credit: bool = True,
    method: Literal["reg_t", "payoff"] = "reg_t",
    underlying: float | None = None,
    naked_rate: float = 0.15,
) -> float:
    """Margin requirement of option positions on one index.

    Shorts of one expiry need their worst payoff over every settlement value: all strikes and both tails, so
    that a short condor needs its wider wing. A long option covers shorts that expire no later than itself.
    Over several expiries the pairing with the least requirement is found by exact search.

    Parameters
    ----------
    legs : sequence of tuple
        ``(right, strike, contracts, price)`` or ``(right, strike, contracts, price, expiry)``: right
        ``"C"`` or ``"P"`` (also ``"call"``, ``"put"``), strike [points], contracts positive for long and
        negative for short, price [points per unit; the multiplier is 100 USD]. Either all legs carry an
        expiry or none does: without one all expire together.
    apply_credit : bool
        Subtract the net premium received. A net debit is always paid in full on top of the requirement:
        long options have no loan value, so a debit spread needs its debit and a long option its price, with
        either setting.
    method : {"reg_t", "payoff"}
        ``"reg_t"`` lets shorts stand uncovered, when that needs less, if `underlying` is given;
        ``"payoff"`` never does.
    underlying : float, optional
        Index level [points], for uncovered shorts: premium plus `naked_rate` of the index value less the
        out-of-the-money amount, at least 10 % of the index value (calls) or of the strike value (puts); a
        short put and a short call together need the larger risk and both premiums. Without it a short put
        is reserved in full and an uncovered short call is an error.
    naked_rate : float
        0.15 for a broad-based index, 0.20 for others.

    Returns
    -------
    float
        Requirement [USD], never negative.

    Raises
    ------
    DataError
        A leg is malformed (MRG001 to MRG006), `underlying` or `naked_rate` is out of range (MRG007,
        MRG011), or short calls are uncovered (MRG009).
    ConfigError
        Unknown `method` (MRG008).
    LimitError
        Too many legs or pairings for the exact search (MRG010). The sum over single books is an upper
        bound.

    Notes
    -----
    Sources: Cboe Margin Manual (April 2000), Cboe Rule 10.3, FINRA Rule 4210(f)(2). The rule for iron
    condors there asks for wings of equal width; unequal wings are margined by their worst payoff. Long
    options of more than nine months, which may be bought on margin, are paid in full here as well.

    Examples
    --------
    A 10-point put wing and a 32-point call wing for a credit of 5 points:

    >>> legs = [("P", 2690, 1, 4.0), ("P", 2700, -1, 5.0), ("C", 2800, -1, 6.0), ("C", 2832, 1, 2.0)]
    >>> option_margin(legs), option_margin(legs, apply_credit=False)
    (2700.0, 3200.0)
    """
    if not isinstance(legs, Iterable) or isinstance(legs, str):
        rule = "a sequence of (right, strike, contracts, price)"
        raise DataError("MRG001", "option_margin", "legs", repr(legs)[:40], rule)
    legs = list(legs)
    rows = [_row(index, leg) for index, leg in enumerate(legs)]
    dated = sum(len(leg) == 5 for leg in legs)
    if dated not in (0, len(rows)):
        rule = "an expiry on every leg or on none"
        raise DataError("MRG006", "option_margin", "expiry", f"{dated} of {len(rows)} legs with one", rule)
    cents = _core.option_margin_cents(rows, apply_credit, method, underlying, naked_rate)
    return cents / 100


def _row(index: int, leg: Any) -> tuple[str, float, float, float, int]:
    """One leg in the types of the core, its fifth element as days since 1970-01-01."""
    position = f"legs[{index}]"
    rule = "(right, strike, contracts, price) with an optional expiry"
    if isinstance(leg, str) or not isinstance(leg, Sequence) or len(leg) not in (4, 5):
        raise DataError("MRG001", "option_margin", "leg", repr(leg), rule, position)
    try:
        right, strike, contracts, price = str(leg[0]), float(leg[1]), float(leg[2]), float(leg[3])
    except (TypeError, ValueError):
        raise DataError("MRG001", "option_margin", "leg", repr(leg), rule, position) from None
    if len(leg) == 4:
        return right, strike, contracts, price, 0
    try:
        expiry = np.datetime64(leg[4], "D")
    except (TypeError, ValueError):
        expiry = np.datetime64("NaT")
    if np.isnat(expiry):
        raise DataError("MRG006", "option_margin", "expiry", repr(leg[4]), "a date", position)
    return right, strike, contracts, price, int(expiry.astype(np.int64))
