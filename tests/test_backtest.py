"""The engine against its twin, its money against a replay of its trades, and its rules one by one."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alvh import _core, books, calendar, marks
from alvh.books import Book, CostConfig, HedgeLayer, IndexPortfolio, IronCondor, LayeredHedge
from alvh.chain import Chain
from alvh.history import History
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated
from engine_twin import Market, Twin, compare, nearest_int

STARTS = ("2007-03-01", "2009-03-02", "2012-06-01", "2016-02-01")


def run(history: History, *wanted: Book, chain: Chain | None = None, closes: bool = False) -> dict[str, Any]:
    """Raw result; with `closes` every session has its close as the only step."""
    source = history.source(open_step=not closes, mid_morning=not closes)
    return _core.backtest(source, [book.encode() for book in wanted], chain._store if chain else None)


def made_up(seed: int, n: int = 300) -> History:
    """A history with or without futures, opens and rates, by its seed."""
    return generated.history(
        seed,
        n,
        start=STARTS[seed % 4],
        futures=seed % 2 == 0,
        opens=seed % 5 != 4,
        rates=seed % 3 != 2,
    )


def against_twin(history: History, *wanted: Book) -> dict[str, Any]:
    raw, market = run(history, *wanted), Market(history)
    for number, book in enumerate(wanted):
        compare(raw, number, Twin(book, market).run())
    return raw


# ---- the twin


# Seed 0 and 1: variation of futures that was missing in the margin identity; 19: a call wing narrower than the
# grid; the others fill the table.
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 6, 7, 9, 16, 19])
def test_random_books_equal_their_twins_to_the_cent(seed):
    wanted = [generated.random_book(1000 * seed + i, f"b{i}") for i in range(5)]
    raw = against_twin(made_up(seed, 160), *wanted)
    assert len(raw["trades"]["day"]) > 40


@pytest.mark.parametrize("seed", [4, 5, 8, 12, 18])
def test_books_of_special_layers_equal_their_twins_to_the_cent(seed):
    wanted = [generated.special_book(1000 * seed + i, f"b{i}") for i in range(5)]
    raw = against_twin(made_up(seed, 160), *wanted)
    used = [raw["buckets"][bucket] for bucket in raw["trades"]["bucket"]]
    assert sum(name.startswith("layer") for name in used) > 20


def real(shared_data: Path, start: str, end: str) -> History:
    daily = shared_data / "daily"
    history = History.load(
        daily / "spx_ohlcv.csv",
        daily / "vix.csv",
        vx=daily / "vx1_to_vx8.csv",
        vix9d=daily / "vix9d.csv",
        vix3m=daily / "vix3m.csv",
        vvix=daily / "vvix.csv",
        skew=daily / "skew.csv",
    )
    return history.between(start, end)


@pytest.mark.needs_shared_data
def test_books_on_real_history_equal_their_twins_to_the_cent(shared_data):
    history = real(shared_data, "2006-03-01", "2017-12-29")
    raw = against_twin(history, books.unhedged(), books.static(), books.condor_index())
    assert len(raw["condors"]["opened"]) > 250
    assert raw["day"].size > 2900


def test_the_twin_finds_a_changed_rule():
    history = made_up(3, 120)
    book = Book(IronCondor(entry="session", vix_gate="none", contracts=2), books.static().hedge, name="b")
    against_twin(history, book)
    for other in (
        book.replace(costs=CostConfig(package_fraction=0.6)),
        book.replace(condor=IronCondor(entry="session", vix_gate="none", contracts=2, profit_target=0.6)),
        book.replace(cash_earns_rate=False),
    ):
        with pytest.raises(AssertionError, match="engine"):
            compare(run(history, other), 0, Twin(book, Market(history)).run())


# ---- money

MULTIPLIER = {"SPX": 100, "SPXW": 100, "VIX": 100, "VX": 1000, "NOTE": 1, "INDEX": 1}


def cents(points: float, multiplier: float) -> int:
    return nearest_int(points * multiplier * 100.0)


class Replay:
    """Cash and holdings of one book from nothing but its fills, what expires, interest, dividends and marks."""

    def __init__(self, book: Book, history: History, market: Market) -> None:
        self.book, self.history, self.market = book, history, market

    def equity(self, raw: dict[str, Any], number: int) -> list[int]:
        market, trades = self.market, raw["trades"]
        mine = np.flatnonzero(trades["book"] == number)
        by_step: dict[tuple[int, int], list[int]] = {}
        for row in mine:
            by_step.setdefault((int(trades["day"][row]), int(trades["seconds"][row])), []).append(int(row))
        cash = nearest_int(self.book.capital * 100.0)
        # By contract and bucket: futures of two layers are two accounts of variation.
        held: dict[tuple[str, str, float, int, int], int] = {}
        # Price up to which the variation of a future is in cash.
        paid: dict[tuple[str, str, float, int, int], int] = {}
        out, before = [], None
        for step in market.steps:
            if before is not None:
                years = (step.instant - before.instant) / (365 * 86_400)
                if self.book.cash_earns_rate:
                    cash += nearest_int(cash * math.expm1(before.rate * years))
                for leg, contracts in held.items():
                    if leg[0] == "INDEX":
                        value = contracts * cents(before.spot, 1)
                        cash += nearest_int(value * math.expm1(before.dividend_yield * years))
            before = step
            for leg in [leg for leg in held if leg[0] not in ("NOTE", "INDEX") and leg[3] <= step.day]:
                product, right, strike, expiry, _ = leg
                if product == "SPXW" and expiry == step.day and not step.is_close:
                    continue
                value = step.spot if product == "SPXW" else market.vix_settlement[step.session]
                if product == "SPX":
                    value = market.spx_settlement[step.session]
                if right:
                    value = max(value - strike if right == "call" else strike - value, 0.0)
                cash += held.pop(leg) * (cents(value, MULTIPLIER[product]) - paid.pop(leg, 0))
            rows = by_step.get((step.day, step.seconds), [])
            if step.is_close or rows:
                for leg in held:
                    if leg[0] == "VX" and step.is_close:
                        mark = cents(self.mid(step, leg), 1000)
                        cash += held[leg] * (mark - paid[leg])
                        paid[leg] = mark
            for row in rows:
                product, strike = trades["product"][row], float(trades["strike"][row])
                leg = (
                    product,
                    trades["right"][row],
                    0.0 if math.isnan(strike) else strike,
                    int(trades["expiry"][row]),
                    int(trades["bucket"][row]),
                )
                contracts = int(trades["contracts"][row])
                price = cents(trades["price"][row], MULTIPLIER[product])
                cash -= int(trades["fee_cents"][row])
                if product == "VX":
                    mid = cents(trades["mid"][row], 1000)
                    cash += held.get(leg, 0) * (mid - paid.get(leg, mid)) + contracts * (mid - price)
                    paid[leg] = mid
                else:
                    cash -= contracts * price
                held[leg] = held.get(leg, 0) + contracts
                if held[leg] == 0:
                    del held[leg]
                    paid.pop(leg, None)
            if step.is_close:
                marks = sum(
                    contracts * (cents(self.mid(step, leg), MULTIPLIER[leg[0]]) - paid.get(leg, 0))
                    for leg, contracts in held.items()
                )
                out.append(cash + marks)
        return out

    def mid(self, step: Any, leg: tuple[str, str, float, int, int]) -> float:
        from engine_twin import Leg

        return self.market.mid(step, Leg(leg[0], leg[1], math.nan if leg[0] == "VX" else leg[2], leg[3]))


@pytest.mark.parametrize("seed", [40, 41, 42, 43, 44, 45])
def test_equity_is_what_the_trades_say(seed):
    history = made_up(seed, 120)
    market = Market(history)
    wanted = [generated.random_book(1000 * seed + i, f"b{i}") for i in range(6)]
    raw = run(history, *wanted)
    for number, book in enumerate(wanted):
        want = Replay(book, history, market).equity(raw, number)
        got = [nearest_int(x * 100.0) for x in raw["equity"][number]]
        assert got == want, book


SHORT = {seed: made_up(seed, 90) for seed in range(4)}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3), st.integers(0, 10**6))
def test_attribution_sums_exactly_for_random_books(history, seed):
    wanted = [generated.random_book(seed, "a"), generated.random_book(seed + 1, "b")]
    raw = run(SHORT[history], *wanted)
    equity = np.rint(raw["equity"] * 100).astype(np.int64)
    start = np.rint(raw["capital"] * 100).astype(np.int64)
    change = np.diff(np.column_stack([start, equity]), axis=1)
    assert np.array_equal(raw["attribution"].sum(axis=1), change)
    trades = raw["trades"]
    for number in range(2):
        mine = trades["book"] == number
        by_name = dict(zip(raw["buckets"], raw["attribution"][number].sum(axis=1), strict=True))
        assert by_name["fees"] == -trades["fee_cents"][mine].sum()
        assert by_name["slippage"] == -trades["slippage_cents"][mine].sum()
    condors = raw["condors"]
    settled = condors["exit_rule"] == raw["rules"].index("condor.settlement")
    # At settlement nothing is lost but the wider wing less the credit, and the fees of the entry.
    worst = -(condors["max_loss_cents"] + 1_000 * condors["contracts"])
    assert (condors["pnl_cents"] >= worst)[settled].all()


# ---- rules of the hedge


def frame(raw: dict[str, Any], name: str, *columns: str, book: int = 0) -> list[tuple[Any, ...]]:
    rows = raw[name]
    mine = [i for i, b in enumerate(rows["book"]) if b == book]
    return [tuple(rows[column][i] for column in columns) for i in mine]


@pytest.mark.parametrize(
    ("condors", "rounding", "sizes"),
    [
        (10, "nearest", (4, 4, 2)),
        (25, "nearest", (10, 10, 5)),
        (1, "nearest", (1, 1, 1)),
        (4, "nearest", (2, 2, 1)),
        (4, "ceil", (2, 2, 1)),
        (6, "nearest", (2, 2, 1)),
        (6, "ceil", (3, 3, 2)),
        (100, "nearest", (40, 40, 20)),
    ],
)
def test_layers_by_condors(condors, rounding, sizes):
    hedge = books.static().hedge
    assert hedge is not None
    import dataclasses

    book = Book(IronCondor(contracts=condors, entry="roll"), dataclasses.replace(hedge, rounding=rounding))
    raw = run(made_up(1, 5), book)
    bought = [
        row
        for row in frame(raw, "trades", "bucket", "contracts")
        if raw["buckets"][row[0]] in ("outer", "middle", "inner")
    ]
    assert tuple(int(contracts) for _, contracts in bought[:3]) == sizes


def test_the_vix_gate_closes_entries_and_leaves_the_hedge():
    columns = generated.columns(50, 60, opens=False)
    columns["vix_close"] = np.full(60, 20.01)
    raw = run(History(columns), Book(IronCondor(entry="session"), books.static().hedge), closes=True)
    assert not frame(raw, "condors", "opened")
    trades = frame(raw, "trades", "bucket", "contracts")
    assert {raw["buckets"][bucket] for bucket, _ in trades} == {"outer", "middle", "inner"}
    # Sized by the condors that would be sold.
    assert [int(contracts) for _, contracts in trades[:3]] == [4, 4, 2]
    kinds = [raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")]
    assert kinds.count("entry_skipped_vix") == 59


@pytest.mark.parametrize(
    ("gate", "tier", "vix", "is_open"),
    [
        ("strict", "aggressive", 14.99, True),
        ("strict", "aggressive", 15.0, False),
        ("strict", "conservative", 20.0, True),
        ("strict", "balanced", 20.01, False),
        ("lenient", "aggressive", 19.99, True),
        ("lenient", "conservative", 20.0, False),
        ("none", "aggressive", 60.0, True),
    ],
)
def test_published_risk_scaling(gate, tier, vix, is_open):
    columns = generated.columns(51, 30, opens=False)
    columns["vix_close"] = np.full(30, vix)
    condor = IronCondor(entry="session", vix_gate=gate, tier=tier, min_credit=0.0)
    raw = run(History(columns), Book(condor, capital=1e7), closes=True)
    assert (len(raw["trades"]["day"]) > 0) == is_open


def quiet(
    n: int = 90, vix: float = 14.0, spot: float = 2000.0, start: str = "2016-02-01", seed: int = 1
) -> dict:
    """A flat index at a fixed VIX, closes only: what happens is what the rules do."""
    days = calendar.sessions(start, "2017-12-29")[:n].astype(np.int32)
    noise = 1 + 1e-4 * np.random.default_rng(seed).standard_normal(n)
    return {"day": days, "spx_close": (spot * noise).round(2), "vix_close": np.full(n, vix)}


def test_risk_cap_and_minimum_credit():
    capped = IronCondor(wing_width=50, contracts=100, entry="session", max_risk=0.10, profit_target=None)
    raw = run(History(quiet()), Book(capped, capital=100_000.0))
    condors = frame(raw, "condors", "max_loss_cents", "contracts")
    opened = [
        row for row in frame(raw, "trades", "contracts", "rule") if raw["rules"][row[1]] == "condor.entry"
    ]
    assert opened
    first = abs(int(opened[0][0]))
    assert 1 <= first <= 2
    largest = 100.0 * raw["equity"][0].max()
    assert condors
    assert all(loss <= 0.10 * largest for loss, _ in condors)
    kinds = {raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")}
    assert "risk_cap" in kinds
    greedy = IronCondor(wing_width=50, min_credit=0.9, entry="session")
    raw = run(History(quiet()), Book(greedy))
    assert len(raw["trades"]["day"]) == 0
    assert {raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")} == {"entry_skipped_credit"}


def test_exits_fill_on_the_step_after_their_trigger():
    # Six fat-tailed histories: targets, stops and days all occur.
    seen = set()
    for seed in range(60, 66):
        history = made_up(seed, 200)
        rule = IronCondor(entry="flat", stop=1.0, vix_gate="none", max_risk=1.0, min_credit=0.0)
        raw = run(history, Book(rule, capital=1e7))
        steps = history.source().steps()
        order = {
            (int(d), int(s)): i for i, (d, s) in enumerate(zip(steps["day"], steps["seconds"], strict=True))
        }
        decided = {
            (raw["rules"][rule], order[int(day), int(seconds)])
            for rule, day, seconds in frame(raw, "decisions", "rule", "day", "seconds")
        }
        for rule_number, day, seconds in frame(raw, "trades", "rule", "day", "seconds"):
            name = raw["rules"][rule_number]
            if name in ("condor.stop", "condor.profit_target", "condor.exit_dte"):
                seen.add(name)
                assert (name, order[int(day), int(seconds)] - 1) in decided
    assert seen == {"condor.stop", "condor.profit_target", "condor.exit_dte"}


def chain_of(rows: list[tuple[str, str, str, float, str, float, float]]) -> Chain:
    import pandas as pd

    names = ["quote_date", "root", "expiry", "strike", "right", "bid", "ask"]
    return Chain.from_frame(pd.DataFrame(rows, columns=names))


def test_a_long_leg_without_a_bid_is_held_to_settlement():
    columns = quiet(40, vix=14.0)
    history = History(columns)
    expiry = "2016-03-18"
    strikes = {"P": {1900.0: (0.0, 0.10), 1950.0: (9.0, 9.2)}, "C": {2050.0: (8.0, 8.2), 2100.0: (0.0, 0.10)}}
    rows = []
    for session in history.sessions:
        if str(session) >= expiry:
            break
        cheap = 1.0 if str(session) < "2016-02-10" else 0.2
        for right, quotes in strikes.items():
            for strike, (bid, ask) in quotes.items():
                late = (round(bid * cheap, 2), round(ask * cheap + 0.05, 2))
                rows.append((str(session), "SPX", expiry, strike, right, *late))
    rule = IronCondor(
        dte=40,
        short_delta=0.3,
        wing_width=50,
        entry="flat",
        expiries="monthly",
        contracts=2,
        exit_dte=None,
        vix_gate="none",
    )
    raw = run(history, Book(rule, costs=CostConfig(fee_preset="none")), chain=chain_of(rows), closes=True)
    trades = frame(raw, "trades", "rule", "right", "strike", "contracts", "bucket")
    closing = [row for row in trades if raw["rules"][row[0]] == "condor.profit_target"][:2]
    # Only the shorts are bought back: nobody bids for the wings.
    assert {raw["buckets"][row[4]] for row in closing} == {"short_put", "short_call"}
    kinds = [raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")]
    assert kinds.count("no_sale_at_zero_bid") >= 2


# ---- expiries of layers


def rolls_of(raw: dict[str, Any], name: str) -> list[tuple[int, int, int]]:
    """(day, expiry, contracts) of a layer's trades."""
    number = raw["buckets"].index(name)
    return [
        (int(day), int(expiry), int(contracts))
        for bucket, day, expiry, contracts in frame(raw, "trades", "bucket", "day", "expiry", "contracts")
        if bucket == number
    ]


@pytest.mark.parametrize("expiries", ["monthly", "weekly"])
def test_rolls_take_the_nearest_target_beyond_the_roll_date_and_later_than_the_one_sold(expiries):
    history = generated.history(3, 300, start="2015-11-02")
    layers = tuple(
        HedgeLayer(name, dte=dte, weight=4, expiries=expiries)
        for name, dte in (("outer", 30), ("middle", 110), ("inner", 220))
    )
    raw = run(history, Book(IronCondor(), LayeredHedge(layers), capital=1e7))
    substitutes = {
        (int(day), int(value))
        for kind, day, value in frame(raw, "events", "kind", "day", "value")
        if raw["event_kinds"][kind] == "substitute_expiry"
    }
    n_rolls = 0
    for name, dte, roll in (("outer", 30, 21), ("middle", 110, 80), ("inner", 220, 190)):
        trades = rolls_of(raw, name)
        for day in sorted({row[0] for row in trades}):
            sold = next((expiry for d, expiry, n in trades if d == day and n < 0), None)
            bought = next(expiry for d, expiry, n in trades if d == day and n > 0)
            listed = [int(x) for x in _core.calendar_listed("VIX", day, expiries == "weekly")[0]]
            good = [x for x in listed if x - day > roll and (sold is None or x > sold)]
            if good:
                least = min(abs(x - day - dte) for x in good)
                assert bought == max(x for x in good if abs(x - day - dte) == least)
            else:
                assert bought == max(listed)
                assert (day, bought - day) in substitutes
            n_rolls += sold is not None
            if sold is not None:
                # Ordered on the first step at or below the roll date, filled on the next.
                assert sold - day <= roll
    assert n_rolls > 15
    # In 2015-2017 VIX options reached six months: 220 days were never listed.
    assert substitutes


def test_the_longest_layer_waits_when_nothing_longer_is_listed():
    layer = HedgeLayer("inner", dte=220, weight=2)
    raw = run(
        generated.history(4, 200, start="2015-11-02"), Book(IronCondor(), LayeredHedge((layer,)), capital=1e7)
    )
    kinds = [raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")]
    assert "substitute_expiry" in kinds
    assert "roll_held" in kinds
    expiries = [expiry for _, expiry, n in rolls_of(raw, "inner") if n > 0]
    assert expiries == sorted(set(expiries))


# ---- published indices


def test_vxth_spends_by_the_future_on_vix_expiry_days():
    spent = {}
    for level, share in ((14.5, 0.0), (15.5, 0.01), (29.5, 0.01), (31.0, 0.005), (49.5, 0.005), (51.0, 0.0)):
        columns = quiet(45, vix=level)
        days = columns["day"]
        offsets, expiry = [0], []
        for day in days:
            expiry += [int(x) for x in _core.calendar_listed("VX", int(day), False)[0]]
            offsets.append(len(expiry))
        columns |= {
            "vx_offset": np.array(offsets, dtype=np.int64),
            "vx_expiry": np.array(expiry, dtype=np.int32),
            "vx_settle": np.full(len(expiry), level),
        }
        raw = run(History(columns), books.vix_tail_hedge())
        calls = [
            (int(day), contracts * price * 100.0)
            for product, day, contracts, price in frame(raw, "trades", "product", "day", "contracts", "price")
            if product == "VIX"
        ]
        vix_days = {int(x) for x in _core.calendar_expiries("VIX", int(days[0]), int(days[-1]), False)}
        assert {day for day, _ in calls} <= vix_days
        assert len(calls) == (len(vix_days) if share else 0)
        for _, premium in calls:
            assert premium / 1e7 == pytest.approx(share, rel=0.15)
        spent[level] = len(calls)
    assert spent[15.5] == 2


def test_condor_index_enters_at_eleven_after_the_old_options_settled():
    history = made_up(0, 300)
    raw = run(history, books.condor_index())
    trades = frame(raw, "trades", "day", "seconds", "expiry", "rule", "right", "strike", "product")
    entries = sorted(
        {
            (int(day), int(seconds))
            for day, seconds, _, rule, *_ in trades
            if raw["rules"][rule] == "condor.entry"
        }
    )
    fridays = {int(x) for x in _core.calendar_expiries("SPX", entries[0][0], entries[-1][0], False)}
    assert {day for day, _ in entries} == fridays
    assert {seconds for _, seconds in entries} == {39_600}
    assert {raw["rules"][row[3]] for row in trades} == {"condor.entry"}
    closed = frame(raw, "condors", "opened", "closed", "contracts", "exit_rule")
    for (opened, closing, _, rule), following in itertools.pairwise(closed):
        assert raw["rules"][rule] == "condor.settlement"
        # Settled on the morning of the next entry.
        assert closing == following[0]
        assert 25 <= closing - opened <= 36
    # Between settlement and 11:00 nothing is open: no requirement at the open of entry days is left over.
    market = Market(history)
    for step in market.steps:
        if (step.day, step.seconds) not in entries:
            continue
        rows = [row for row in trades if (row[0], row[1]) == (step.day, step.seconds)]
        assert len(rows) == 4
        got = {(row[4], "short" if i % 2 == 0 else "long"): float(row[5]) for i, row in enumerate(rows)}
        for (right, side), strike in got.items():
            strikes, deltas = market.smile(step, "SPX", int(rows[0][2]), right)
            target = 0.20 if side == "short" else 0.05
            assert strike == strikes[np.argmin(np.abs(deltas - target))]


def test_ten_times_the_maximum_loss_stands_behind_the_index():
    raw = run(made_up(0, 200), books.condor_index())
    for loss, opened in frame(raw, "condors", "max_loss_cents", "opened"):
        session = int(np.searchsorted(raw["day"], opened))
        assert loss / 100 * 10 == pytest.approx(raw["equity"][0, session], rel=0.01)


# ---- the rest of an account


def test_the_index_alone_earns_the_index_and_its_dividends():
    history = History(generated.columns(70, 253, rates=False, opens=False))
    raw = run(
        history,
        Book(
            portfolio=IndexPortfolio(), capital=1e9, costs=CostConfig(package_fraction=0.0, fee_preset="none")
        ),
    )
    close = history.columns["spx_close"]
    years = (history.columns["day"][-1] - history.columns["day"][1]) / 365.0
    price = close[-1] / close[1] - 1
    # Dividends are paid in cash and reinvested when the hedge rebalances: here never.
    assert raw["equity"][0, -1] / 1e9 - 1 == pytest.approx(price + 0.018 * years, abs=4e-3)


def test_cash_earns_the_rate_to_the_cent():
    columns = quiet(30, vix=40.0) | {"rate": np.full(30, 0.03)}
    raw = run(History(columns), Book(IronCondor()))
    cash = 50_000_000
    for before, after in zip(columns["day"][:-1], columns["day"][1:], strict=True):
        steps = History(columns).source().steps()
        times = [
            int(d) * 86_400 + int(s)
            for d, s in zip(steps["day"], steps["seconds"], strict=True)
            if before <= d <= after
        ]
        close = [t for t in times if t // 86_400 == before][-1]
        for start, end in zip(
            [close, *[t for t in times if t > close]], [t for t in times if t > close], strict=False
        ):
            cash += nearest_int(cash * math.expm1(0.03 * (end - start) / (365 * 86_400)))
    assert nearest_int(raw["cash"][0, -1] * 100) == cash
    idle = run(History(columns), Book(IronCondor(), cash_earns_rate=False))
    assert (idle["equity"] == 500_000.0).all()


def test_a_fully_reserved_condor_never_gets_a_margin_call():
    for seed in range(80, 84):
        rule = IronCondor(
            entry="session", vix_gate="none", max_risk=1.0, min_credit=0.0, profit_target=None, exit_dte=None
        )
        raw = run(made_up(seed, 200), Book(rule, capital=40_000.0))
        kinds = {raw["event_kinds"][kind] for (kind,) in frame(raw, "events", "kind")}
        assert len(raw["trades"]["day"]) > 0
        assert "margin_call" not in kinds
        assert (raw["excess"] >= 0).all()


def test_unsettled_losses_of_futures_call_for_margin_before_the_close():
    columns = generated.columns(90, 60, start="2016-02-01", futures=True)
    columns["vix_close"] = np.full(60, 25.0)
    columns["vix_open"] = np.full(60, 24.9)
    columns["vix_open"][40] = 12.0
    columns["vix_high"], columns["vix_low"] = np.full(60, 25.5), np.minimum(columns["vix_open"], 24.0)
    rows = columns["vx_settle"]
    rows[:] = 25.0
    layer = HedgeLayer("future", dte=30, weight=10, roll_dte=5, instrument="vix_future")
    rule = IronCondor(contracts=10, vix_gate="none", max_risk=1.0)
    raw = run(History(columns), Book(rule, LayeredHedge((layer,)), capital=120_000.0))
    calls = [
        (int(day), int(seconds))
        for kind, day, seconds in frame(raw, "events", "kind", "day", "seconds")
        if raw["event_kinds"][kind] == "margin_call"
    ]
    assert calls
    assert {day for day, _ in calls} == {int(columns["day"][40])}
    assert all(seconds < 57_600 for _, seconds in calls)


def test_with_quotes_every_fill_is_at_a_close_and_at_a_quote_where_there_is_one():
    import alvh

    history = generated.history(21, 40, start="2012-06-01", futures=True)
    chain = Chain.from_frame(generated.quotes_of(history, 21))
    rule = IronCondor(entry="session", contracts=1, profit_target=0.2, vix_gate="none", expiries="monthly")
    book = Book(rule, books.static().hedge)
    study = alvh.backtest(book, history, marks.quotes(chain), min_sessions=10, replicates=10)
    trades = study.raw["trades"]
    assert set(trades["seconds"]) <= {57_600, 46_800}
    assert study.raw["marks"]["off_close"] == 0
    assert study.raw["marks"]["answered"] > 500
    quoted = np.flatnonzero((np.asarray(trades["flags"]) & 1) == 0)
    for i in quoted[:200]:
        if trades["product"][i] in ("SPX", "VIX"):
            day, expiry = (np.datetime64(int(trades[name][i]), "D") for name in ("day", "expiry"))
            right = trades["right"][i][0].upper()
            bid, ask = chain.quotes(day, expiry, trades["strike"][i], right, trades["product"][i])
            assert bid <= trades["price"][i] <= ask
