"""What a study shows of the market it ran in: its levels by session, and its books under shocks of spot and VIX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from alvh.history import History
    from alvh.study import Study

__all__ = ["layer_contracts", "market_frame", "open_positions", "risk_slide"]

SPOT_SHOCKS = (-0.10, -0.075, -0.05, -0.025, 0.0, 0.025, 0.05)
VIX_SHOCKS = (0.0, 5.0, 10.0, 20.0, 30.0, 40.0)
# Longest look-back of the surface with room to spare: a shock needs no older sessions.
_SESSIONS = 60
_MOST_FUTURES = 2


def market_frame(history: History) -> pd.DataFrame:
    """Levels of the market by session.

    Parameters
    ----------
    history : History
        The market.

    Returns
    -------
    pandas.DataFrame
        Sessions x ``spx``, ``vix`` and, where given, ``vix9d``, ``vix3m``, ``vx1``, ``vx2`` [points]; ``phase``, that
        of :func:`alvh.signals.phases` with its default configuration.
    """
    import pandas as pd

    from alvh.signals import phases

    columns = history.columns
    frame = {"spx": columns["spx_close"], "vix": columns["vix_close"]}
    for name in ("vix9d", "vix3m"):
        if f"{name}_close" in columns:
            frame[name] = columns[f"{name}_close"]
    if "vx_offset" in columns:
        first, after = columns["vx_offset"][:-1], columns["vx_offset"][1:]
        for rank in range(_MOST_FUTURES):
            level = np.full(len(history), np.nan)
            has = first + rank < after
            level[has] = columns["vx_settle"][first[has] + rank]
            frame[f"vx{rank + 1}"] = level
    found = pd.DataFrame(frame, index=pd.DatetimeIndex(history.sessions, name="day"))
    found["phase"] = phases(history)["phase"].to_numpy()
    return found


def open_positions(study: Study) -> tuple[Any, pd.DataFrame]:
    """Find what the books hold at one close: the last one at which most of them hold options and a condor is open.

    Parameters
    ----------
    study : Study
        Whose trades.

    Returns
    -------
    tuple
        The session (a time stamp), and a frame of ``book``, ``bucket``, ``product``, ``right``, ``strike``,
        ``expiry``, ``multiplier``, ``contracts``; empty when no book ever held an option.
    """
    import pandas as pd

    trades = study.trades
    trades = trades[trades["right"].isin(("call", "put"))]
    keys = ["book", "bucket", "product", "right", "strike", "expiry", "multiplier"]
    day = study.equity().index[-1]
    if trades.empty:
        return day, pd.DataFrame(columns=[*keys, "contracts"])
    # The net of a leg changes at its trades only; one that expired without a trade is not held beyond its expiry.
    net = trades.groupby([*keys, "day"], sort=False)["contracts"].sum().unstack("day").sort_index(axis=1)
    net = net.fillna(0).cumsum(axis=1)
    expiry = pd.DatetimeIndex(net.index.get_level_values("expiry"))
    alive = net.ne(0) & (expiry.to_numpy()[:, None] > net.columns.to_numpy()[None, :])
    is_condor = net.index.get_level_values("bucket").str.contains("short_|long_")
    books = alive.groupby(level="book").any().sum() + 0.5 * alive[is_condor].any()
    day = books[books == books.max()].index[-1]
    held = net.loc[alive[day], day].rename("contracts").reset_index()
    return day, held.sort_values(keys, ignore_index=True)


def layer_contracts(study: Study, book: str, layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Count the contracts that a book holds per layer at every close.

    Parameters
    ----------
    study : Study
        Over one history.
    book : str
        Name of the book.
    layers : sequence of str
        Buckets of its layers.

    Returns
    -------
    dict of str to ndarray
        Contracts by session of each layer.
    """
    trades, days = study.trades, study.equity().index
    own = trades[trades["book"] == book]
    held = {}
    for layer in layers:
        moves = own[own["bucket"] == layer].groupby("day")["contracts"].sum()
        held[layer] = moves.reindex(days, fill_value=0).cumsum().to_numpy(dtype=np.float64)
    return held


def risk_slide(history: History, study: Study) -> pd.DataFrame:
    """Reprice every book under shocks of the index and of VIX, at once and a session later.

    The surface that the shocked index levels imply prices every option; VIX futures follow the VIX by the curve that
    its level implies, whatever futures the history has: an approximation of one shape of the market per cell.

    Parameters
    ----------
    history : History
        The market of the study.
    study : Study
        Whose positions.

    Returns
    -------
    pandas.DataFrame
        Columns ``book``, ``day`` (close at which the positions are held), ``when`` (``"now"`` or ``"next session"``),
        ``bucket``, ``spot`` (relative), ``vix`` (points), ``pnl`` [USD].
    """
    import pandas as pd

    day, legs = open_positions(study)
    columns = ["book", "day", "when", "bucket", "spot", "vix", "pnl"]
    return _shocked(history, day, legs)[columns] if len(legs) else pd.DataFrame(columns=columns)


def _shocked(history: History, day: Any, legs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    past = history.between(max(history.first, _earlier(history, day)), day.date())
    base = _prices(past, legs, 0.0, 0.0, later=False)
    size = (legs["contracts"] * legs["multiplier"]).to_numpy(dtype=np.float64)
    parts = []
    for when in ("now", "next session"):
        for spot in SPOT_SHOCKS:
            for vix in VIX_SHOCKS:
                moved = _prices(past, legs, spot, vix, later=when != "now")
                pnl = (
                    pd.Series(size * (moved - base)).groupby([legs["book"], legs["bucket"]], sort=False).sum()
                )
                cell = pnl.rename("pnl").reset_index()
                parts.append(cell.assign(day=day, when=when, spot=spot, vix=vix))
    return pd.concat(parts, ignore_index=True)


def _earlier(history: History, day: Any) -> Any:
    position = int(np.searchsorted(history.sessions, np.datetime64(day, "D")))
    return history.sessions[max(0, position - _SESSIONS)]


def _prices(
    past: History, legs: pd.DataFrame, spot: float, vix: float, *, later: bool
) -> NDArray[np.float64]:
    """Mid prices of the legs at the last close with its levels moved, or at the next one with the moved levels."""
    from alvh import calendar
    from alvh.history import History
    from alvh.marks import surface

    keep = ("day", "spx_close", "vix_close", "dividend_yield", "rate")
    columns = {name: np.array(past.columns[name]) for name in keep if name in past.columns}
    if later:
        after = calendar.sessions(past.last + 1, past.last + 10)[0]
        columns = {name: np.append(column, column[-1]) for name, column in columns.items()}
        columns["day"][-1] = after.astype(np.int32)
    columns["spx_close"][-1] *= 1.0 + spot
    columns["vix_close"][-1] += vix
    shaken = History(columns)
    marks = surface(shaken)
    prices = np.empty(len(legs))
    family: Any
    for family, rows in legs.groupby(["product", "right"], sort=False):
        product, right = family
        last = rows["expiry"].to_numpy().astype("datetime64[D]")
        prices[rows.index] = marks.price(shaken.last, last, rows["strike"].to_numpy(), right, product)
    # An option that expires before the next close is worth its payoff at the moved level.
    gone = legs["expiry"].to_numpy().astype("datetime64[D]") <= shaken.last
    if gone.any():
        level = np.where(legs["product"] == "VIX", columns["vix_close"][-1], columns["spx_close"][-1])
        sign = np.where(legs["right"] == "call", 1.0, -1.0)
        prices[gone] = np.maximum(sign * (level - legs["strike"].to_numpy()), 0.0)[gone]
    return prices
