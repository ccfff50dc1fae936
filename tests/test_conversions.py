"""Conversions and reversals in a chain, by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from alvh.chain import Chain
from alvh.errors import ConfigError

DAY, EXPIRY, RATE, FORWARD = "2016-06-01", "2016-09-16", 0.02, 2_100.0
YEARS = 107 / 365.0


def chain(cheap: float | None = None) -> Chain:
    """Quotes 0.10 wide at parity; the call of one strike may be dear or cheap by some points."""
    rows = []
    for strike in np.arange(1_900.0, 2_301.0, 25.0):
        time_value = 60.0 * math.exp(-(((strike - FORWARD) / 150.0) ** 2))
        discount = math.exp(-RATE * YEARS)
        call = max(FORWARD - strike, 0.0) * discount + time_value
        put = max(strike - FORWARD, 0.0) * discount + time_value
        call += cheap if cheap is not None and strike == 2_200.0 else 0.0
        rows += [(strike, "C", call), (strike, "P", put)]
    frame = pd.DataFrame(rows, columns=["strike", "right", "mid"])
    frame = frame.assign(bid=frame["mid"] - 0.05, ask=frame["mid"] + 0.05).drop(columns="mid")
    return Chain.from_frame(frame.assign(root="SPX", expiry=EXPIRY, quote_date=DAY))


def test_at_parity_every_edge_is_what_the_spread_costs():
    frame = chain().conversions(DAY, EXPIRY, rate=RATE)
    width = 0.10 / math.exp(-RATE * YEARS)
    assert (frame["synthetic_ask"] - frame["synthetic_bid"]).to_numpy() == pytest.approx(2 * width, abs=1e-6)
    assert frame["edge"].to_numpy() == pytest.approx(-width, abs=0.02)
    assert set(frame["grade"]) == {"ignored"}


@pytest.mark.parametrize(
    ("off", "kind", "grade"),
    [
        (0.19, "conversion", "ignored"),
        (0.23, "conversion", "watched"),
        (-0.30, "reversal", "actionable"),
        (0.60, "conversion", "strong"),
    ],
)
def test_a_call_out_of_line_is_found_and_graded(off, kind, grade):
    frame = chain(off).conversions(DAY, EXPIRY, rate=RATE, future=FORWARD)
    row = frame.loc[2_200.0]
    assert (row["kind"], row["grade"]) == (kind, grade)
    assert row["edge"] == pytest.approx((abs(off) - 0.10) / math.exp(-RATE * YEARS), abs=0.01)
    others = frame.drop(index=2_200.0)
    assert set(others["grade"]) == {"ignored"}


def test_costs_come_off_and_a_future_shifts_the_reference():
    dear = chain(0.60)
    free, paid = (dear.conversions(DAY, EXPIRY, rate=RATE, future=FORWARD, costs=c) for c in (0.0, 0.4))
    assert (free["edge"] - paid["edge"]).to_numpy() == pytest.approx(0.4)
    far = chain().conversions(DAY, EXPIRY, rate=RATE, future=FORWARD - 1.0)
    assert set(far["kind"]) == {"conversion"}
    assert set(far["grade"]) == {"strong"}


def test_bad_thresholds_and_costs_are_refused():
    with pytest.raises(ConfigError, match=r"^CNV001 Chain.conversions thresholds"):
        chain().conversions(DAY, EXPIRY, thresholds=(0.3, 0.2, 0.4))
    with pytest.raises(ConfigError, match=r"^CNV002 Chain.conversions costs"):
        chain().conversions(DAY, EXPIRY, costs=-1.0)
