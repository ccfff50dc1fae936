"""Conversions and reversals in a chain: synthetic forwards against a future, bid and ask aware."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from alvh.chain import Chain

__all__ = ["conversions"]


def conversions(
    chain: Chain,
    date: Any,
    expiry: Any,
    discount: float,
    forward: float,
    product: str,
    costs: float,
    thresholds: tuple[float, float, float],
) -> pd.DataFrame:
    """Compare the synthetic forward of each strike with the forward; see :meth:`alvh.Chain.conversions`."""
    import pandas as pd

    ignored, actionable, strong = thresholds
    if not 0.0 <= ignored <= actionable <= strong < math.inf:
        rule = "0 <= ignored <= actionable <= strong"
        raise ConfigError("CNV001", "Chain.conversions", "thresholds", repr(thresholds), rule)
    if not 0.0 <= costs < math.inf:
        raise ConfigError("CNV002", "Chain.conversions", "costs", repr(costs), "points, 0 or more")
    rows = chain.to_frame(date)
    roots = {"SPX": ("SPX",), "SPXW": ("SPXW",), "VIX": ("VIX", "VIXW")}[product]
    rows = rows[(rows["expiry"] == np.datetime64(expiry, "D")) & rows["root"].isin(roots)]
    sides = {right: rows[rows["right"] == right].set_index("strike")[["bid", "ask"]] for right in ("C", "P")}
    both = sides["C"].add_suffix("_call").join(sides["P"].add_suffix("_put"), how="inner").sort_index()
    # A side without a bid cannot be sold.
    both = both[(both["bid_call"] > 0.0) & (both["bid_put"] > 0.0)]
    strike = both.index.to_numpy(dtype=np.float64)
    bid = strike + (both["bid_call"] - both["ask_put"]).to_numpy() / discount
    ask = strike + (both["ask_call"] - both["bid_put"]).to_numpy() / discount
    conversion, reversal = bid - forward - costs, forward - ask - costs
    edge = np.maximum(conversion, reversal)
    kind = np.where(conversion >= reversal, "conversion", "reversal")
    grade = np.select(
        [edge < ignored, edge <= actionable, edge < strong], ["ignored", "watched", "actionable"], "strong"
    )
    return pd.DataFrame(
        {
            "synthetic_bid": bid,
            "synthetic_ask": ask,
            "forward": forward,
            "edge": edge,
            "kind": kind,
            "grade": grade,
        },
        index=pd.Index(strike, name="strike"),
    )
