"""No look-ahead: what a run says up to a session does not depend on what comes after it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alvh import _core, books
from alvh.books import Book, HedgeLayer, IronCondor, LayeredHedge
from alvh.chain import Chain
from alvh.history import History

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
import generated

FRAMES = ("trades", "condors", "decisions", "events")
SERIES = ("equity", "cash", "margin", "excess", "open_condors", "attribution")


def run(history: History, wanted: list[Book], chain: Chain | None = None) -> dict[str, Any]:
    store = None if chain is None else chain._store
    return _core.backtest(history.source(), [book.encode() for book in wanted], store)


def known_by(raw: dict[str, Any], day: int, seconds: int = 86_400) -> dict[str, bytes]:
    """Everything a run said up to an instant, as bytes; session series only of finished sessions."""
    out: dict[str, bytes] = {}
    n = int(np.searchsorted(raw["day"], day, side="right" if seconds >= 86_400 else "left"))
    for name in SERIES:
        out[name] = np.ascontiguousarray(raw[name][..., :n]).tobytes()
    for name in FRAMES:
        frame = raw[name]
        days = np.asarray(frame["closed" if name == "condors" else "day"])
        keep = days <= day if seconds >= 86_400 else days < day
        if seconds < 86_400 and "seconds" in frame:
            keep |= (days == day) & (np.asarray(frame["seconds"]) <= seconds)
        for column, values in frame.items():
            rows = [value for value, kept in zip(values, keep, strict=True) if kept]
            out[f"{name}.{column}"] = (
                repr(rows).encode() if isinstance(values, list) else np.array(rows).tobytes()
            )
    return out


def assert_same(full: dict[str, bytes], part: dict[str, bytes]) -> None:
    assert full.keys() == part.keys()
    different = [name for name in full if full[name] != part[name]]
    assert not different, f"look-ahead in {different}"


def account_set(seed: int) -> list[Book]:
    """Named books and random ones, small enough for margin to bind in some."""
    daily = IronCondor(
        dte=7, entry="session", contracts=2, profit_target=0.3, stop=1.0, exit_dte=None, vix_gate="none"
    )
    futures = HedgeLayer("near", dte=60, weight=4, roll_dte=20, instrument="vix_future")
    note = HedgeLayer("note", dte=30, weight=2, instrument="vix_note")
    wanted = [
        books.static(),
        books.condor_index(),
        books.vix_tail_hedge(),
        Book(daily, LayeredHedge((futures, note), trade_time="11:00"), capital=60_000.0, name="daily"),
        *(generated.random_book(seed * 100 + i, f"random{i}") for i in range(3)),
        *(generated.special_book(seed * 100 + i, f"special{i}") for i in range(2)),
    ]
    return wanted


HISTORIES = [
    {"seed": 1, "n": 130, "start": "2009-03-02", "futures": True},
    {"seed": 2, "n": 130, "start": "2016-02-01", "rates": False},
    {"seed": 3, "n": 130, "start": "2012-06-01", "opens": False},
    {"seed": 4, "n": 130, "start": "2007-03-01", "futures": True},
]


@pytest.mark.parametrize("options", HISTORIES, ids=lambda options: options["start"])
def test_two_hundred_and_fifty_random_cuts_change_nothing_before_them(options):
    history = History(generated.columns(**options))
    wanted = account_set(options["seed"])
    full = run(history, wanted)
    assert len(full["trades"]["day"]) > 100
    rng = np.random.default_rng(options["seed"])
    for k in rng.integers(1, len(history), 250):
        assert_same(
            known_by(full, int(history.columns["day"][k - 1])),
            known_by(run(history.cut(int(k)), wanted), 10**6),
        )


def poisoned(columns: dict[str, np.ndarray], k: int) -> History:
    """Sessions from k on replaced by absurd values that a file could still hold."""
    rng = np.random.default_rng(k)
    out = {name: np.array(column) for name, column in columns.items()}
    scale = {"spx": rng.choice([0.05, 20.0]), "spy": 7.0}
    for name, column in out.items():
        if name.startswith("vx_"):
            if name == "vx_settle":
                column[columns["vx_offset"][k] :] = rng.uniform(1, 199, len(column) - columns["vx_offset"][k])
        elif name.startswith("bar_"):
            late = columns["bar_day"] >= columns["day"][k]
            if name in ("bar_spot", "bar_vix"):
                column[late] = rng.uniform(1, 199, late.sum())
        elif name.startswith("spx"):
            column[k:] *= scale["spx"]
        elif name == "rate":
            column[k:] = 0.99
        elif name == "dividend_yield":
            column[k:] = -0.5
        elif name != "day":
            column[k:] = rng.uniform(1, 199, len(column) - k)
    if "vix_high" in out:
        prices = np.stack([out[f"vix_{which}"][k:] for which in ("open", "high", "low", "close")])
        out["vix_high"][k:], out["vix_low"][k:] = np.nanmax(prices, axis=0), np.nanmin(prices, axis=0)
    return History(out)


@pytest.mark.parametrize("options", HISTORIES, ids=lambda options: options["start"])
def test_poisoned_future_sessions_change_nothing_before_them(options):
    columns = generated.columns(**options)
    wanted = account_set(options["seed"] + 10)
    full = run(History(columns), wanted)
    for k in np.random.default_rng(7).integers(1, len(columns["day"]), 40):
        day = int(columns["day"][k - 1])
        assert_same(known_by(full, day), known_by(run(poisoned(columns, int(k)), wanted), day))


def peeking(columns: dict[str, np.ndarray]) -> History:
    """Tomorrow's VIX as today's nine-day VIX: the cheat that the tests above must find."""
    column = np.r_[columns["vix_close"][1:], columns["vix_close"][-1]]
    return History(columns | {"vix9d_close": column})


def test_a_peek_at_tomorrow_is_caught():
    columns = dict(History(generated.columns(seed=5, n=130)).columns)
    rule = IronCondor(
        dte=7, entry="session", daily_range_multiple=2.0, profit_target=None, exit_dte=None, vix_gate="none"
    )
    wanted = [Book(rule)]
    honest, cheating = run(History(columns), wanted), run(peeking(columns), wanted)
    found = 0
    for k in range(40, 120, 8):
        part = dict(History(columns).cut(k).columns)
        day = int(part["day"][-1])
        assert_same(known_by(honest, day), known_by(run(History(part), wanted), day))
        try:
            assert_same(known_by(cheating, day), known_by(run(peeking(part), wanted), day))
        except AssertionError:
            found += 1
    assert found >= 5


BAR_SECONDS = (36_000, 39_600, 46_800, 54_000)


def with_bars(seed: int, n: int = 60) -> dict[str, np.ndarray]:
    """Daily columns with four bars a session and official settlements."""
    columns = generated.columns(seed, n, start="2016-02-01", futures=True)
    rng = np.random.default_rng(seed)
    opening = columns["spx_open"]
    columns["vix_open"] = np.where(
        np.isnan(columns["vix_open"]), columns["vix_close"] + 0.3, columns["vix_open"]
    )
    columns |= {"spx_settlement": opening + 0.01, "vix_settlement": columns["vix_open"]}
    share = np.linspace(0.1, 0.9, len(BAR_SECONDS))
    noise = 1 + 0.002 * rng.standard_normal((n, len(share)))
    spot = (opening[:, None] * (1 - share) + columns["spx_close"][:, None] * share) * noise
    vix = columns["vix_close"][:, None] * (1 + 0.05 * rng.standard_normal((n, len(share))))
    vix[rng.random(vix.shape) < 0.2] = np.nan
    return columns | {
        "bar_day": np.repeat(columns["day"], len(share)),
        "bar_seconds": np.tile(np.array(BAR_SECONDS, dtype=np.int32), n),
        "bar_spot": spot.ravel(),
        "bar_vix": vix.ravel(),
        "bar_vx1": np.where(
            rng.random(n * len(share)) < 0.5, np.nan, 18.0 + rng.standard_normal(n * len(share))
        ),
    }


@pytest.mark.parametrize("seed", [11, 12])
def test_cuts_and_poison_inside_a_session_of_bars(seed):
    columns = with_bars(seed)
    history = History(columns)
    wanted = account_set(seed)
    full = run(history, wanted)
    rng = np.random.default_rng(seed)
    for k in rng.integers(1, len(history), 25):
        day = int(columns["day"][k - 1])
        assert_same(known_by(full, day), known_by(run(history.cut(int(k)), wanted), 10**6))
        # All of session k after one of its bars is replaced, and all later sessions.
        seconds = int(rng.choice(BAR_SECONDS))
        out = {name: np.array(column) for name, column in poisoned(columns, int(k)).columns.items()}
        same = slice(k, k + 1)
        for name in ("spx_open", "spx_settlement", "vix_open", "vix_settlement", "dividend_yield"):
            out[name][same] = columns[name][same]
        out["spx_high"][same], out["spx_low"][same] = 1e5, 0.01
        out["vix_high"][same], out["vix_low"][same] = 199.0, 0.01
        early = (columns["bar_day"] == columns["day"][k]) & (columns["bar_seconds"] <= seconds)
        for name in ("bar_spot", "bar_vix", "bar_vx1"):
            out[name][early] = columns[name][early]
        # What expires that morning settles on its own print, not on the poison.
        rows = slice(columns["vx_offset"][k], columns["vx_offset"][k + 1])
        expiring = columns["vx_expiry"][rows] == columns["day"][k]
        out["vx_settle"][rows][expiring] = columns["vx_settle"][rows][expiring]
        day = int(columns["day"][k])
        assert_same(known_by(full, day, seconds), known_by(run(History(out), wanted), day, seconds))


def test_quotes_of_later_sessions_change_nothing():
    history = History(generated.columns(21, 50, start="2012-06-01", futures=True))
    frame = generated.quotes_of(history, 21)
    chain = Chain.from_frame(frame)
    rule = IronCondor(
        entry="session", contracts=1, profit_target=0.2, stop=1.0, vix_gate="none", expiries="monthly"
    )
    wanted = [
        Book(rule, books.static().hedge, name="daily"),
        *(generated.random_book(seed, f"random{seed}") for seed in (2101, 2102, 2103)),
    ]
    full = run(history, wanted, chain)
    assert full["marks"]
    without = run(history, wanted)
    assert len(full["trades"]["day"]) > 100
    assert full["equity"].tobytes() != without["equity"].tobytes()
    dates = frame["quote_date"].to_numpy().astype("datetime64[D]").astype(int)
    for k in range(3, len(history), 6):
        day = int(history.columns["day"][k - 1])
        said = known_by(full, day)
        part = history.cut(k)
        assert_same(said, known_by(run(part, wanted, chain), 10**6))
        assert_same(said, known_by(run(part, wanted, Chain.from_frame(frame[dates <= day])), 10**6))
        later = frame.copy()
        late = dates > day
        later.loc[late, "bid"], later.loc[late, "ask"] = 0.05, 4.0
        later = later[(np.arange(len(later)) % 2 == 0) | ~late]
        assert_same(said, known_by(run(history, wanted, Chain.from_frame(later)), day))


def test_splitting_the_books_of_a_run_changes_none_of_them():
    history = History(generated.columns(31, 130, futures=True))
    wanted = account_set(31)
    together = run(history, wanted)
    for number, book in enumerate(wanted):
        alone = run(history, [book])
        for name in ("equity", "cash", "margin", "excess"):
            assert alone[name][0].tobytes() == together[name][number].tobytes()
