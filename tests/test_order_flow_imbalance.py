"""Order-flow imbalance against an independent library and against its definition."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import alvh
import numpy as np
import pytest
import wickra
from alvh.errors import ConfigError

DATA = Path(os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LOBSTER = [
    DATA / f"books/lobster/AAPL_2012-06-21_34200000_57600000_{name}_10.csv"
    for name in ("message", "orderbook")
]
ES = DATA / (
    "books/dbn_es/historical_bars_catalog__databento__futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"
)
TAQ = [DATA / f"books/taq/equity__usa__tick__bac__20131007_{name}.zip" for name in ("quote", "trade")]
COLUMNS = ("bid_price", "bid_size", "ask_price", "ask_size")
LAST, SNAPSHOT, MAYBE_BAD_BOOK = 128, 32, 4


def independent(books: dict[str, np.ndarray]) -> np.ndarray:
    """The library's value after every whole book: its window of one step holds the last step alone.

    NaN for a locked or crossed book and the one after it, which the library refuses.
    """
    found = np.zeros(len(books["ts"]))
    indicator = wickra.OrderFlowImbalance(1)
    was_refused = False
    for i, (action, flags) in enumerate(zip(books["action"].tolist(), books["flags"].tolist(), strict=True)):
        bid, bid_size, ask, ask_size = (float(books[column][i, 0]) for column in COLUMNS)
        if chr(action) in "ORH" or flags & (SNAPSHOT | MAYBE_BAD_BOOK):
            indicator.reset()
            was_refused = False
        elif flags & LAST and bid_size > 0 and ask_size > 0:
            if is_refused := bid >= ask:
                indicator.reset()
                found[i] = np.nan
            else:
                value = indicator.update([bid], [bid_size], [ask], [ask_size])
                found[i] = np.nan if was_refused else value or 0.0
            was_refused = is_refused
    return found


def by_definition(books: dict[str, np.ndarray], level: int) -> np.ndarray:
    """Every step of one level written out; a missing level is an infinitely bad price of size 0."""
    found = [0.0]
    rows = list(zip(*(books[name][:, level].tolist() for name in COLUMNS), strict=True))
    for (b0, n0, a0, m0), (b1, n1, a1, m1) in itertools.pairwise(rows):
        step = (n1 if b1 >= b0 else 0) - (n0 if b1 <= b0 else 0)
        found.append(step - (m1 if a1 <= a0 else 0) + (m0 if a1 >= a0 else 0))
    return np.array(found, dtype=float)


@pytest.mark.needs_shared_data
def test_every_event_of_the_real_samples_equals_an_independent_library():
    samples = {
        "lobster": alvh.read_lobster(*LOBSTER),
        "es": alvh.read_dbn(ES, tick_size=0.25),
        "bac": alvh.read_taq(*TAQ, date="2013-10-07"),
    }
    compared = 0
    for name, tape in samples.items():
        ours, theirs = alvh.order_flow_imbalance(tape), independent(tape.to_arrays())
        known = ~np.isnan(theirs)
        assert known.mean() > 0.95, name
        np.testing.assert_array_equal(ours[known], theirs[known], err_msg=name)
        compared += np.count_nonzero(theirs[known])
    assert compared > 10_000


@pytest.mark.needs_shared_data
def test_several_levels_weigh_one_over_their_number():
    tape = alvh.read_lobster(*LOBSTER)
    books = tape.to_arrays()
    for levels in (1, 3, 10):
        expected = sum(by_definition(books, k) / (k + 1) for k in range(levels))
        # The tape begins with the open: the book after it is the first.
        expected[1] = 0.0
        np.testing.assert_allclose(alvh.order_flow_imbalance(tape, levels), expected, rtol=1e-12, atol=1e-9)


def test_levels_are_checked():
    ts = np.array([1_700_000_000_000_000_000])
    tape = alvh.from_arrays(ts, ["A"], ["B"], np.array([5]), np.array([1]), tick_size=0.25)
    assert alvh.order_flow_imbalance(tape).tolist() == [0.0]
    for levels in (0, 11):
        with pytest.raises(
            ConfigError, match=rf"^IGN060 order_flow_imbalance levels: got {levels}, expected 1 to 10$"
        ):
            alvh.order_flow_imbalance(tape, levels)
