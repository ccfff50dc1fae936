"""Small made-up histories and books for tests of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from alvh import calendar, marks
from alvh.books import Book, CostConfig, HedgeLayer, IndexPortfolio, IronCondor, LayeredHedge
from alvh.history import History


def columns(
    seed: int,
    n: int = 300,
    start: str = "2009-03-02",
    futures: bool = False,
    rates: bool = True,
    opens: bool = True,
) -> dict[str, np.ndarray]:
    """Sessions of OHLC of the S&P 500 and VIX with fat tails, holes and repeated opens."""
    rng = np.random.default_rng(seed)
    days = calendar.sessions(start, str(np.datetime64(start) + np.timedelta64(n * 2, "D")))[:n]
    shock = rng.standard_t(4, n) / np.sqrt(2)
    vix = np.empty(n)
    level = rng.uniform(12, 24)
    log_vix, spot = np.log(level), rng.uniform(900, 2600)
    close = np.empty(n)
    for i in range(n):
        log_vix += 0.04 * (np.log(17.0) - log_vix) - 0.05 * shock[i] + 0.03 * rng.standard_normal()
        vix[i] = np.clip(np.exp(log_vix), 9, 90)
        spot *= np.exp(2e-4 + vix[i] / 100 / np.sqrt(252) * 0.9 * shock[i])
        close[i] = spot
    before = np.r_[close[0], close[:-1]]
    opening = before * np.exp(0.4 * np.log(close / before) + 0.002 * rng.standard_normal(n))
    spread = np.abs(rng.standard_normal((2, n))) * 0.006
    high = np.maximum(opening, close) * (1 + spread[0])
    low = np.minimum(opening, close) * (1 - spread[1])
    vix_before = np.r_[vix[0], vix[:-1]]
    vix_open = vix_before * np.exp(0.5 * np.log(vix / vix_before) + 0.02 * rng.standard_normal(n))
    # As in real files: opens that repeat the close before, and missing ones.
    stale = rng.random(n) < 0.1
    opening[stale] = before[stale]
    vix_open[rng.random(n) < 0.1] = np.nan
    out: dict[str, np.ndarray] = {
        "day": days.astype(np.int32),
        "spx_close": close.round(2),
        "vix_close": vix.round(2),
        "dividend_yield": np.full(n, 0.018),
    }
    if opens:
        out |= {
            "spx_open": opening.round(2),
            "spx_high": np.maximum(high, opening).round(2) + 0.01,
            "spx_low": np.minimum(low, opening).round(2) - 0.01,
            "vix_open": vix_open.round(2),
            "vix_high": np.fmax(np.fmax(vix, vix_open), vix_before).round(2) + 0.05,
            "vix_low": np.fmin(np.fmin(vix, vix_open), vix_before).round(2) - 0.05,
        }
    if rates:
        out["rate"] = np.clip(0.02 + 0.001 * np.cumsum(rng.standard_normal(n)) / 4, 0, 0.08).round(5)
    if futures:
        offsets, expiries, prices = [0], [], []
        for i, day in enumerate(days):
            listed = calendar.listed_expiries("VX", str(day))["day"][:7]
            for place, expiry in enumerate(listed):
                far = 1 - np.exp(-(place + 0.5) / 4)
                expiries.append(np.datetime64(expiry, "D").astype(np.int32))
                prices.append(round(float(vix[i] * (1 - far) + 19.5 * far), 2))
            offsets.append(len(expiries))
        out["vx_offset"] = np.array(offsets, dtype=np.int64)
        out["vx_expiry"] = np.array(expiries, dtype=np.int32)
        out["vx_settle"] = np.array(prices)
        out["vix9d_close"] = (vix * np.exp(0.03 * rng.standard_normal(n))).round(2)
        out["vvix_close"] = (80 + 1.2 * (vix - 17)).round(2)
    return out


def history(seed: int, n: int = 300, **options: Any) -> History:
    return History(columns(seed, n, **options))


def random_condor(rng: np.random.Generator) -> IronCondor:
    rule: dict[str, Any] = {}
    kind = rng.integers(4)
    if kind == 0:
        rule["daily_range_multiple"] = float(rng.choice([0.8, 1.0, 2.0, 4.0]))
    elif kind == 1:
        rule["target_credit"] = float(rng.choice([0.7, 1.15, 1.6, 4.0]))
    else:
        rule["short_delta"] = float(rng.choice([0.1, 0.16, 0.2, 0.3]))
    wing = rng.integers(3)
    if wing == 0 and "short_delta" in rule:
        rule["long_delta"] = rule["short_delta"] / 4
    elif wing == 1:
        rule["wing_width"] = float(rng.choice([5, 10, 25, 50]))
    dte = int(rng.choice([0, 1, 7, 30, 45, 60]))
    exit_dte = None if dte <= 7 or rng.random() < 0.3 else int(rng.choice([5, 10, 21]))
    if rng.random() < 0.2:
        rule["collateral_multiple"] = float(rng.choice([2.0, 10.0]))
    return IronCondor(
        dte=dte,
        contracts=int(rng.choice([1, 3, 10, 25])),
        entry=("roll", "session", "flat", 3)[rng.integers(4)],
        entry_time=str(rng.choice(["09:30", "10:15", "11:00", "16:00"])),
        expiries=str(rng.choice(["monthly", "weekly"])),  # type: ignore[arg-type]
        profit_target=None if rng.random() < 0.3 else float(rng.choice([0.25, 0.5, 0.8])),
        stop=None if rng.random() < 0.5 else float(rng.choice([0.5, 1.0, 2.0])),
        exit_dte=exit_dte,
        max_risk=float(rng.choice([0.02, 0.1, 0.5, 1.0])),
        min_credit=float(rng.choice([0.0, 0.06, 0.15])),
        tier=str(rng.choice(["conservative", "balanced", "aggressive"])),  # type: ignore[arg-type]
        vix_gate=str(rng.choice(["strict", "lenient", "none"])),  # type: ignore[arg-type]
        **rule,
    )


def random_layer(rng: np.random.Generator, name: str) -> HedgeLayer:
    kind = str(rng.choice(["vix_call", "vix_call", "vix_call_spread", "vix_future", "vix_note"]))
    dte = int(rng.choice([20, 30, 60, 110, 220]))
    by_premium = kind.startswith("vix_call") and rng.random() < 0.25
    return HedgeLayer(
        name,
        dte=dte,
        delta=float(rng.choice([0.3, 0.5, 0.6])),
        weight=0.0 if by_premium else float(rng.choice([0.5, 1, 2, 4, 4.5])),
        roll_dte=None if rng.random() < 0.5 else int(rng.choice([0, 5, 15])),
        instrument=kind,  # type: ignore[arg-type]
        short_delta=0.1 if kind == "vix_call_spread" else None,
        expiries=str(rng.choice(["monthly", "weekly"])),  # type: ignore[arg-type]
        premium_by_future=((15.0, 0.0), (30.0, 0.01), (50.0, 0.005)) if by_premium else (),
    )


def special_layer(rng: np.random.Generator, name: str, has_width: bool) -> HedgeLayer:
    """A layer with strikes by points, a size by money, rolls by the calendar or a switch, in any mixture."""
    kind = str(rng.choice(["vix_call", "vix_call", "vix_call_spread", "vix_future"]))
    rule: dict[str, Any] = {}
    size = rng.integers(3)
    if size == 0:
        rule["budget_share"] = float(rng.choice([0.2, 0.3]))
    elif size == 1 and has_width and kind != "vix_future":
        rule["notional_share"] = float(rng.choice([0.02, 0.04, 0.3]))
    else:
        rule["weight"] = float(rng.choice([0.5, 2, 4]))
    strike = rng.integers(3)
    if kind != "vix_future" and strike == 0:
        rule["strike_offset"] = float(rng.choice([-2.0, 0.0, 5.0, 8.0]))
    elif kind != "vix_future" and strike == 1:
        rule["strike_level"] = float(rng.choice([20.0, 32.5]))
    if rng.random() < 0.5:
        rule["roll_every"] = int(rng.choice([1, 5, 8, 40]))
    if rng.random() < 0.4:
        rule["vix_rise"] = float(rng.choice([1.0, 4.0, 6.0]))
        rule["rise_sessions"] = int(rng.choice([1, 5, 20]))
    return HedgeLayer(
        name,
        dte=int(rng.choice([7, 30, 60, 120])),
        delta=float(rng.choice([0.3, 0.5])),
        roll_dte=None if rng.random() < 0.5 else int(rng.choice([0, 1, 5])),
        instrument=kind,  # type: ignore[arg-type]
        short_delta=0.1 if kind == "vix_call_spread" else None,
        expiries=str(rng.choice(["monthly", "weekly"])),  # type: ignore[arg-type]
        **rule,
    )


def special_book(seed: int, name: str = "book") -> Book:
    """A random book whose hedge is made of special layers."""
    rng = np.random.default_rng(seed)
    book = random_book(seed, name)
    condor = book.condor or random_condor(rng)
    layers = [special_layer(rng, f"layer{i}", condor.long_delta is None) for i in range(3)]
    budget = float(rng.choice([0.02, 0.2])) if any(layer.budget_share for layer in layers) else None
    time = str(rng.choice(["09:30", "11:00", "16:00"]))
    hedge = LayeredHedge(tuple(layers), per_condors=10.0, trade_time=time, budget=budget)
    return book.replace(condor=condor, hedge=hedge)


def random_book(seed: int, name: str = "book") -> Book:
    rng = np.random.default_rng(seed)
    what = rng.integers(8)
    condor = random_condor(rng) if what != 0 else None
    layers = tuple(random_layer(rng, f"layer{i}") for i in range(rng.integers(1, 4)))
    if condor is None and not all(layer.premium_by_future for layer in layers):
        # Layers sized per condor need one.
        condor = random_condor(rng)
    hedge = LayeredHedge(
        layers,
        per_condors=float(rng.choice([1.0, 10.0])),
        rounding=str(rng.choice(["nearest", "ceil"])),  # type: ignore[arg-type]
        trade_time=str(rng.choice(["09:30", "11:00", "16:00"])),
    )
    costs = CostConfig(
        package_fraction=float(rng.choice([0.0, 0.4, 1.0])),
        legged_fraction=float(rng.choice([0.5, 0.8, 1.0])),
        fee_preset=str(rng.choice(["retail", "cboe_customer", "none"])),  # type: ignore[arg-type]
        spread_scale=float(rng.choice([1.0, 1.0, 3.0])),
    )
    return Book(
        condor,
        hedge if what == 0 or rng.random() < 0.7 else None,
        # Small accounts as well: margin has to bind.
        capital=float(rng.choice([15_000.0, 60_000.0, 500_000.0, 10_000_000.0])),
        name=name,
        portfolio=IndexPortfolio(float(rng.choice([0.3, 0.9]))) if rng.random() < 0.3 else None,
        costs=costs,
        margin_stress=float(rng.choice([1.0, 2.5])),
        cash_earns_rate=bool(rng.random() < 0.8),
    )


def quotes_of(history: History, seed: int) -> pd.DataFrame:
    """A chain of quotes around the surface of a history: noisy, with holes and zero bids."""
    rng = np.random.default_rng(seed)
    surface = marks.surface(history)
    parts = []
    for session, close, vix in zip(
        history.sessions, history.columns["spx_close"], history.columns["vix_close"], strict=True
    ):
        for root, product, strikes in (
            ("SPX", "SPX", np.unique(np.round(close * np.linspace(0.8, 1.15, 36) / 5) * 5)),
            ("VIX", "VIX", np.arange(np.floor(vix * 0.6), vix * 2.5, 1.0)),
        ):
            listed = calendar.listed_expiries(product, session)["day"]  # type: ignore[arg-type]
            near = [day for day in listed if 0 < (day - session).astype(int) < 260][:6]
            for expiry in near:
                for right in ("call", "put"):
                    mid = surface.price(session, expiry, strikes, right, product)  # type: ignore[arg-type]
                    mid = mid * (1 + 0.01 * rng.standard_normal(len(strikes)))
                    half = 0.05 + 0.02 * mid
                    keep = rng.random(len(strikes)) > 0.03
                    parts.append(
                        pd.DataFrame(
                            {
                                "quote_date": str(session),
                                "root": root,
                                "expiry": str(expiry),
                                "strike": strikes,
                                "right": right[0].upper(),
                                "bid": np.maximum(mid - half, 0).round(2),
                                "ask": (mid + half).round(2) + 0.01,
                            }
                        )[keep]
                    )
    return pd.concat(parts, ignore_index=True)
