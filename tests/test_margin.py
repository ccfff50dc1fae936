"""Margin: golden numbers, an independent brute force, properties and malformed legs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import alvh
import numpy as np
import pytest
from alvh import _core
from alvh.errors import AlvhError, ConfigError, DataError, LimitError
from hypothesis import given, settings
from hypothesis import strategies as st


def condor(put_wing=10.0, call_wing=32.0, contracts=1, prices=(4.0, 5.0, 6.0, 2.0)):
    return [
        ("P", 2700.0 - put_wing, contracts, prices[0]),
        ("P", 2700.0, -contracts, prices[1]),
        ("C", 2800.0, -contracts, prices[2]),
        ("C", 2800.0 + call_wing, contracts, prices[3]),
    ]


def test_unequal_wings_need_the_wider_one_before_the_credit():
    assert alvh.option_margin(condor()) == 2700.0
    assert alvh.option_margin(condor(), apply_credit=False) == 3200.0
    assert alvh.option_margin(condor(contracts=7), apply_credit=False) == 22_400.0


@pytest.mark.parametrize(
    ("legs", "with_credit", "without"),
    [
        ([("C", 100, 1, 5.0)], 500.0, 500.0),  # long option in full
        ([("C", 100, 1, 5.0), ("C", 110, -1, 2.0)], 300.0, 300.0),  # debit spread: the debit
        ([("C", 100, -1, 5.0), ("C", 110, 1, 2.0)], 700.0, 1000.0),  # credit spread: width
        ([("P", 100, -1, 5.0), ("P", 90, 1, 2.0)], 700.0, 1000.0),
        ([("P", 100, -1, 5.0)], 9500.0, 10_000.0),  # cash-secured put
        # Short butterfly: the interval (Cboe Margin Manual, April 2000, page 9).
        ([("C", 90, -1, 12.0), ("C", 100, 2, 5.0), ("C", 110, -1, 2.0)], 600.0, 1000.0),
        # Long box: the debit in full; no loan value although it cannot lose.
        ([("C", 90, 1, 12.0), ("C", 100, -1, 5.0), ("P", 100, 1, 5.0), ("P", 90, -1, 2.2)], 980.0, 980.0),
        ([], 0.0, 0.0),
    ],
)
def test_strategies(legs, with_credit, without):
    assert alvh.option_margin(legs) == with_credit
    assert alvh.option_margin(legs, apply_credit=False) == without


def test_uncovered_index_options_follow_the_formula_of_the_exchange():
    # Cboe Margin Manual (April 2000) page 5, broad-based index: premium + 15 % of the index less the
    # out-of-the-money amount, at least premium + 10 % of the index (calls) or of the strike (puts); page 6,
    # short put and call: the greater requirement and the other premium.
    call, put = ("C", 510, -1, 3.0), ("P", 480, -1, 2.0)

    def margin(*legs):
        return alvh.option_margin(legs, apply_credit=False, underlying=500.0)

    assert margin(call) == 300 + 7500 - 1000
    assert margin(put) == 200 + 7500 - 2000
    assert margin(call, put) == 300 + 6500 + 200
    assert margin(("C", 700, -1, 0.1)) == 10 + 5000
    assert margin(("P", 300, -1, 0.1)) == 10 + 3000
    assert alvh.option_margin([call], underlying=500.0) == 6500
    assert alvh.option_margin([call], False, underlying=500.0, naked_rate=0.2) == 300 + 10_000 - 1000
    # A wing wider than the uncovered requirement is not worth pairing.
    wide = [("P", 480, -1, 2.0), ("P", 300, 1, 0.1)]
    assert alvh.option_margin(wide, False, underlying=500.0) == 5700.0
    assert alvh.option_margin(wide, False, method="payoff", underlying=500.0) == 18_000.0


def test_calendar_needs_the_long_to_expire_no_earlier():
    short, later = ("C", 100, -1, 3.0, "2017-01-20"), ("C", 105, 1, 4.0, np.datetime64("2017-02-17"))
    assert alvh.option_margin([short, later]) == 600.0
    with pytest.raises(DataError, match=r"^MRG009 option_margin legs: got uncovered short calls, expected "):
        alvh.option_margin([short, ("C", 105, 1, 4.0, "2017-01-13")])


def test_the_search_finds_the_better_of_two_uses_of_a_long():
    # The later calls can cover either short: the close one serves the early short.
    legs = [
        ("C", 100, -1, 1.0, "2017-01-20"),
        ("C", 120, -1, 1.0, "2017-02-17"),
        ("C", 125, 1, 1.0, "2017-02-17"),
        ("C", 101, 1, 1.0, "2017-02-17"),
    ]
    assert alvh.option_margin(legs, apply_credit=False) == 100.0 + 500.0


# --- an independent brute force: every single contract tries every place ---


def brute_force(legs: Sequence[tuple], underlying: float | None) -> float:
    """Least structural requirement in USD over all assignments of single contracts, in plain NumPy."""
    shorts = [(r, k, p, e) for r, k, n, p, e in legs for _ in range(max(-n, 0))]
    longs = [(r, k, e) for r, k, n, _, e in legs for _ in range(max(n, 0))]
    expiries = sorted({e for *_, e in shorts})
    places = [[None, *(g for g in expiries if g <= e)] for *_, e in longs]
    best = math.inf
    for naked in itertools.product((False, True) if underlying else (False,), repeat=len(shorts)):
        bare = 0.0
        if underlying:
            bare = uncovered([s for s, is_naked in zip(shorts, naked, strict=True) if is_naked], underlying)
        for placed in itertools.product(*places):
            total = bare
            for group in expiries:
                book = [
                    (r, k, -1)
                    for (r, k, _, e), out in zip(shorts, naked, strict=True)
                    if e == group and not out
                ]
                book += [(r, k, 1) for (r, k, _), place in zip(longs, placed, strict=True) if place == group]
                total += loss(book)
            best = min(best, total)
    return best


def loss(book):
    if sum(n for r, _, n in book if r == "C") < 0:
        return math.inf
    grid = np.arange(0, 400, 1.0)
    payoff = np.zeros_like(grid)
    for right, strike, n in book:
        payoff += n * np.maximum(grid - strike if right == "C" else strike - grid, 0.0)
    return 100.0 * max(-payoff.min(), 0.0)


def uncovered(shorts, level):
    """Least requirement over all matchings of puts with calls."""

    def risk(right, strike):
        out = max(strike - level, 0) if right == "C" else max(level - strike, 0)
        return max(0.15 * level - out, 0.1 * (level if right == "C" else strike))

    puts = [risk(r, k) for r, k, *_ in shorts if r == "P"]
    calls = [risk(r, k) for r, k, *_ in shorts if r == "C"]
    few, many = sorted((puts, calls), key=len)
    total = min(
        sum(max(a, b) for a, b in zip(few, order, strict=False)) + sum(order[len(few) :])
        for order in itertools.permutations(many)
    )
    return 100.0 * (total + sum(p for _, _, p, _ in shorts))


DAYS = ["2017-01-20", "2017-02-17", "2017-03-17"]
small_legs = st.lists(
    st.tuples(
        st.sampled_from("CP"),
        st.integers(8, 14).map(lambda k: 10 * k),
        st.sampled_from([-2, -1, 1, 2]),
        st.integers(1, 40).map(lambda p: p / 8),
        st.sampled_from(DAYS),
    ),
    min_size=1,
    max_size=4,
)


def structural(legs, **options):
    """Requirement before premiums: the net debit that is paid in full is taken off again."""
    debit = max(100 * sum(n * p for _, _, n, p, *_ in legs), 0.0)
    return alvh.option_margin(legs, apply_credit=False, **options) - debit


@settings(max_examples=150, deadline=None)
@given(legs=small_legs, underlying=st.sampled_from([None, 100.0, 110.0]))
def test_search_equals_brute_force(legs, underlying):
    expected = brute_force(legs, underlying)
    if math.isinf(expected):
        with pytest.raises(DataError, match="MRG009"):
            alvh.option_margin(legs, underlying=underlying)
    else:
        assert structural(legs, underlying=underlying) == pytest.approx(expected, abs=0.011)


rights, strikes = st.sampled_from("CP"), st.integers(1, 300)
one_expiry = st.lists(
    st.tuples(
        st.sampled_from("CP"),
        st.integers(1, 300),
        st.integers(-5, 5).filter(bool),
        st.floats(0, 50, width=32),
    ),
    min_size=1,
    max_size=6,
)


@given(
    legs=one_expiry,
    extra=st.tuples(rights, strikes, st.integers(1, 5), st.just(0.0)),
)
def test_never_negative_and_a_long_never_raises_it(legs, extra):
    # A free deep call covers every tail, so that the payoff scan is bounded.
    legs = [*legs, ("C", 350, 30, 0.0)]
    margin = alvh.option_margin(legs, method="payoff")
    assert margin >= 0.0
    assert alvh.option_margin([*legs, extra], method="payoff") <= margin
    assert margin <= alvh.option_margin(legs, apply_credit=False, method="payoff")


@given(legs=small_legs)
def test_pairing_never_needs_more_than_no_pairing(legs):
    apart = sum(structural([leg], underlying=100.0) for leg in legs)
    assert structural(legs, underlying=100.0) <= apart + 0.021


@given(put_wing=st.integers(1, 200), call_wing=st.integers(1, 200), wider=st.integers(0, 100))
def test_monotone_in_width(put_wing, call_wing, wider):
    narrow = alvh.option_margin(condor(put_wing, call_wing), apply_credit=False)
    assert narrow == 100.0 * max(put_wing, call_wing)
    assert alvh.option_margin(condor(put_wing + wider, call_wing), apply_credit=False) >= narrow


@given(legs=small_legs, factor=st.integers(2, 5))
def test_more_of_everything_is_at_most_proportional(legs, factor):
    many = [(r, k, n * factor, p, e) for r, k, n, p, e in legs]
    assert structural(many, underlying=100.0) <= factor * structural(legs, underlying=100.0) + 0.01


@pytest.mark.parametrize(
    ("legs", "message"),
    [
        (["P"], "MRG001 option_margin:legs[0] leg: got 'P', expected (right, strike, contracts, price) with"),
        ([("P", 100, 1)], "MRG001 option_margin:legs[0] leg: got ('P', 100, 1), expected"),
        ([("P", "x", 1, 1.0)], "MRG001 option_margin:legs[0] leg: got ('P', 'x', 1, 1.0), expected"),
        ([("C", 1, 1, 1), ("X", 100, 1, 1.0)], "MRG002 option_margin:legs[1] right: got \"X\", expected 'C'"),
        ([("P", -100, 1, 1.0)], "MRG003 option_margin:legs[0] strike: got -100, expected 0 < strike"),
        ([("P", math.nan, 1, 1.0)], "MRG003 option_margin:legs[0] strike: got NaN, expected"),
        ([("P", 100, 1.5, 1.0)], "MRG004 option_margin:legs[0] contracts: got 1.5, expected a whole number"),
        ([("P", 100, 0, 1.0)], "MRG004 option_margin:legs[0] contracts: got 0, expected a whole number"),
        ([("P", 100, 1, -1.0)], "MRG005 option_margin:legs[0] price: got -1, expected 0 <= price"),
        ([("P", 100, 1, math.inf)], "MRG005 option_margin:legs[0] price: got inf, expected"),
        ([("P", 100, 1, 1.0, "soon")], "MRG006 option_margin:legs[0] expiry: got 'soon', expected a date"),
        (
            [("P", 100, 1, 1.0, "2017-01-20"), ("P", 100, 1, 1.0)],
            "MRG006 option_margin expiry: got 1 of 2",
        ),
    ],
)
def test_malformed_legs_are_one_line_errors(legs, message):
    with pytest.raises(DataError) as caught:
        alvh.option_margin(legs)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_malformed_options():
    legs = condor()
    with pytest.raises(DataError, match="MRG007"):
        alvh.option_margin(legs, underlying=-1.0)
    with pytest.raises(DataError, match="MRG011"):
        alvh.option_margin(legs, underlying=2750.0, naked_rate=2.0)
    with pytest.raises(ConfigError, match=r"^MRG008 option_margin method: got \"span\", expected one of "):
        alvh.option_margin(legs, method="span")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="MRG009"):
        alvh.option_margin([("C", 100, -1, 1.0)])


def test_too_large_a_search_is_refused():
    legs = [("C", 100 + i, n, 1.0, f"2017-01-{20 + i}") for i in range(8) for n in (-99, 97 + i)]
    with pytest.raises(LimitError, match="MRG010"):
        alvh.option_margin(legs)
    with pytest.raises(LimitError, match="MRG010"):
        alvh.option_margin([("P", 100, 1, 1.0)] * 257)


# --- account, futures, portfolio scan ---


@given(marks=st.lists(st.tuples(*[st.integers(0, 50_000).map(lambda cents: cents / 100)] * 4), max_size=5))
def test_a_fully_reserved_condor_never_gets_a_call_by_marking(marks):
    reserve = round(100 * alvh.option_margin(condor(), apply_credit=False))
    for prices in [(4.0, 5.0, 6.0, 2.0), *marks]:
        # The structural requirement does not depend on the marks.
        assert round(100 * structural(condor(prices=prices))) == reserve


def test_a_limit_is_one_of_the_library_errors():
    assert issubclass(LimitError, AlvhError)


def day(text):
    return int(np.datetime64(text, "D").astype(int))


def test_vix_future_margin_table():
    assert _core.vx_initial_margin_cents(day("2013-06-28"), 16.0, 1) == 400_000
    assert _core.vx_initial_margin_cents(day("2013-06-28"), 16.0, 7) == 280_000
    assert _core.vx_initial_margin_cents(day("2018-02-05"), 33.0, 1) == 825_000
    assert _core.vx_initial_margin_cents(day("2018-02-06"), 33.0, 1) == 1_650_000
