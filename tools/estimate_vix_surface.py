"""Prints the estimates behind the constants of `rust/core/src/surface/vix.rs`, and the errors of the result.

usage: python tools/estimate_vix_surface.py [SHARED_DATA]

Everything is read from the shared data folder (2004-2017); nothing is written. Constants in the core are
these numbers, rounded; docs/vix-surface.md says where they stand on little.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from alvh import _core
from scipy.optimize import brentq, least_squares
from scipy.stats import norm

SETTLED, CLOSED, QUOTED, OPENED = 58_500, 58_500, 56_700, 34_200
GOOD_FRIDAYS = {dt.date(2008, 3, 21), dt.date(2014, 4, 18)}


def vx_expiry(year: int, month: int) -> dt.date:
    """30 days before the third Friday of the next month, or the Thursday before a holiday."""
    year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    friday = dt.date(year, month, 15)
    friday += dt.timedelta((4 - friday.weekday()) % 7)
    return friday - dt.timedelta(31 if friday in GOOD_FRIDAYS else 30)


EXPIRIES = np.array([vx_expiry(y, m) for y in range(2003, 2020) for m in range(1, 13)], dtype="datetime64[D]")


def years(days, seconds, expiry):
    return ((expiry - days).astype(np.int64) + (OPENED - seconds) / 86_400) / 365


def index_close(data: Path, name: str, column: str = "CLOSE") -> pd.Series:
    frame = pd.read_csv(data / "daily" / name)
    dates = pd.to_datetime(frame["DATE"], format="%Y-%m-%d" if "-" in frame["DATE"].iloc[0] else "%m/%d/%Y")
    return pd.Series(frame[column].to_numpy(float), index=dates)


def vx_table(data: Path):
    """Days, VIX and VX1..VX8 with their expiries; one row a session."""
    table = pd.read_csv(data / "daily" / "vx1_to_vx8.csv", parse_dates=["DATE"]).set_index("DATE")
    days = table.index.to_numpy().astype("datetime64[D]")
    first = np.searchsorted(EXPIRIES, days, side="right")
    expiry = np.stack([EXPIRIES[first + j] for j in range(8)], axis=1)
    prices = table[[f"VX{j}" for j in range(1, 9)]].to_numpy(float)
    return table.index, days, table["VIX"].to_numpy(float), prices, expiry


def surface(days, indices, expiry, strike=None, listed=None, seconds=SETTLED, shift=0.0):
    """`_core.vix_surface_rows` with columns broadcast; `listed`: one (expiries, prices) pair a row."""
    n = len(days)
    columns = [np.ascontiguousarray(np.broadcast_to(c, n), dtype=float) for c in indices]
    listed = listed if listed is not None else [((), ())] * n
    start = np.concatenate([[0], np.cumsum([len(e) for e, _ in listed])]).astype(np.int64)
    vx_expiry_ = np.concatenate([np.asarray(e, dtype="datetime64[D]") for e, _ in listed]).astype(np.int32)
    vx_price = np.concatenate([np.asarray(p, dtype=float) for _, p in listed])
    strike = np.ones(n) if strike is None else np.asarray(strike, dtype=float)
    return _core.vix_surface_rows(
        np.asarray(days, dtype="datetime64[D]").astype(np.int32),
        np.full(n, seconds, dtype=np.int32),
        columns,
        start,
        vx_expiry_,
        vx_price,
        np.asarray(expiry, dtype="datetime64[D]").astype(np.int32),
        strike,
        shift,
    )


def line(label, values, width=9):
    print(
        f"{label:<34}"
        + "".join(f"{v:>{width}}" if isinstance(v, str) else f"{v:>{width}.3f}" for v in values)
    )


def curve(data: Path) -> None:
    index, days, vix, prices, expiry = vx_table(data)
    tenor = years(days[:, None], SETTLED, expiry)
    nodes_t = np.column_stack([np.zeros(len(days)), tenor])
    nodes_f = np.log(np.column_stack([vix, prices]))

    print("\n1. Leave one contract out, VX1..VX7 between its neighbours (spot before VX1): RMSE, points")
    line("", [f"VX{j}" for j in range(1, 8)])
    clocks = {"price": None, "variance": None, "log, time": None}
    clocks |= {f"log, 1-exp(-{k}T)": k for k in (3, 4, 5, 6, 8)}
    for name, k in clocks.items():
        errors = []
        for j in range(1, 8):
            a, b, c = (
                nodes_t[:, i] if k is None else 1 - np.exp(-k * nodes_t[:, i]) for i in (j - 1, j, j + 1)
            )
            fa, fc, share = nodes_f[:, j - 1], nodes_f[:, j + 1], (b - a) / (c - a)
            if name == "price":
                guess = np.exp(fa) + (np.exp(fc) - np.exp(fa)) * share
            elif name == "variance":
                guess = np.sqrt(np.exp(2 * fa) + (np.exp(2 * fc) - np.exp(2 * fa)) * share)
            else:
                guess = np.exp(fa + (fc - fa) * share)
            errors.append(np.sqrt(np.mean((guess - prices[:, j - 1]) ** 2)))
        line(name, errors)
    bias, rmse = [], []
    for j in range(8):
        keep = [i for i in range(8) if i != j]
        listed = [(expiry[i, keep], prices[i, keep]) for i in range(len(days))]
        error = surface(days, [vix, *[np.nan] * 4], expiry[:, j], listed=listed)[0] - prices[:, j]
        bias.append(error.mean())
        rmse.append(np.sqrt((error**2).mean()))
    line("core, bias (VX8: extrapolated)", bias)
    line("core, RMSE", rmse)

    print("\n   The same on the contract files 2004-2014 (prices / 10 to 2007-03-23), by tenor")
    error, tenors = contract_file_errors(data)
    edges = [0, 30, 60, 90, 120, 180, 400]
    for low, high in pairwise(edges):
        chosen = error[(tenors * 365 >= low) & (tenors * 365 < high)]
        line(
            f"{low}..{high} days, n, bias, RMSE",
            [str(len(chosen)), chosen.mean(), np.sqrt((chosen**2).mean())],
        )

    print("\n2. Average curve: ln F/VIX = sum_i (a_i + b_i ln(VIX/18)) (1 - exp(-k_i T)), k = 10, 1.5")
    x, y = np.log(vix / 18)[:, None], np.log(prices / vix[:, None])
    terms = [1 - np.exp(-k * tenor) for k in (10.0, 1.5)]
    design = np.stack([*terms, *(x * t for t in terms)], axis=-1)

    def fit(rows):
        return np.linalg.lstsq(design[rows].reshape(-1, 4), y[rows].ravel(), rcond=None)[0]

    line("a_1, a_2, b_1, b_2", fit(np.ones(len(days), bool)))
    year = index.year.to_numpy()
    out = np.empty_like(prices)
    for held in np.unique(year):
        out[year == held] = vix[year == held, None] * np.exp(design[year == held] @ fit(year != held))
    line("", [f"VX{j}" for j in range(1, 9)])
    line("fitted without the year, bias", (out - prices).mean(0))
    line("fitted without the year, RMSE", np.sqrt(((out - prices) ** 2).mean(0)))
    series = {
        n: index_close(data, f"{n}.csv", "VVIX" if n == "vvix" else "CLOSE").reindex(index).to_numpy()
        for n in ("vix9d", "vix3m", "vvix")
    }
    nan = np.full(len(days), np.nan)
    modes = {
        "core, VIX only": [vix, nan, nan, nan, nan],
        "core, VIX and VVIX": [vix, nan, nan, nan, series["vvix"]],
        "core, VIX, VIX3M, VVIX": [vix, nan, series["vix3m"], nan, series["vvix"]],
        "core, VIX9D, VIX, VIX3M, VVIX": [vix, series["vix9d"], series["vix3m"], nan, series["vvix"]],
    }
    for name, columns in modes.items():
        rows = np.ones(len(days), bool)
        for c in columns:
            if np.isfinite(c).any():
                rows &= np.isfinite(c)
        error = np.column_stack(
            [
                surface(days[rows], [c[rows] for c in columns], expiry[rows, j])[0] - prices[rows, j]
                for j in range(8)
            ]
        )
        line(f"{name}, bias (n={rows.sum()})", error.mean(0))
        line(f"{'':<10}RMSE", np.sqrt((error**2).mean(0)))

    print("\n3. Response to one point of VIX, by tenor in days (daily changes, no intercept)")
    first = np.searchsorted(EXPIRIES, days, side="right")
    moves = []
    for i in range(1, len(days)):
        step = int(first[i] > first[i - 1])
        for j in range(8 - step):
            moves.append(
                (tenor[i - 1, j + step], prices[i, j] - prices[i - 1, j + step], vix[i] - vix[i - 1])
            )
    t, df, dv = np.array(moves).T
    edges = [0, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 210, 260]
    centres, betas = [], []
    for low, high in pairwise(edges):
        rows = (t * 365 >= low) & (t * 365 < high)
        centres.append(t[rows].mean())
        betas.append((df[rows] @ dv[rows]) / (dv[rows] @ dv[rows]))
    line("tenor", [f"{c * 365:.0f}" for c in centres], 7)
    line("measured", betas, 7)
    line("core", [_core.vix_pass_through(c) for c in centres], 7)
    fast, slow = (np.exp(-k * np.array(centres)) for k in (40.0, 5.0))
    found = np.linalg.lstsq(np.column_stack([1 - fast, slow - fast]), betas - fast, rcond=None)[0]
    line("floor and slow weight, fitted", found)

    print("\n4. Convexity: ln(forward volatility 30..93 days / future at 46.5 days) on sigma^2 T / 2")
    at = np.array([np.exp(np.interp(46.5 / 365, a, b)) for a, b in zip(nodes_t, nodes_f, strict=True)])
    forward = np.sqrt((93 * series["vix3m"] ** 2 - 30 * vix**2) / 63)
    gap = np.log(forward / at)
    half = (series["vvix"] / 100 / 1.04) ** 2 * 46.5 / 730
    rows = np.isfinite(gap) & np.isfinite(half)
    line(
        "slope, intercept, mean gap, mean",
        [*np.polyfit(half[rows], gap[rows], 1), gap[rows].mean(), half[rows].mean()],
    )


def contract_file_errors(data: Path):
    rows = {}
    for path in sorted((data / "vx_contracts").glob("CFE_*_VX.csv")):
        lines = path.read_text().splitlines()
        head = next(i for i, text in enumerate(lines) if text.startswith("Trade Date"))
        records = [text.split(",") for text in lines[head + 1 :] if text.strip()]
        days = [dt.datetime.strptime(r[0], "%m/%d/%Y").date() for r in records]
        code, year = path.name[4], 2000 + int(path.name[5:7])
        expiry = vx_expiry(year, "FGHJKMNQUVXZ".index(code) + 1)
        for day, record in zip(days, records, strict=True):
            price = float(record[6]) / (10 if day <= dt.date(2007, 3, 23) else 1)
            if price > 0 and day < expiry:
                rows.setdefault(day, {})[expiry] = price
    vix = index_close(data, "vix.csv")
    days, left, expiry, listed, truth = [], [], [], [], []
    for day, known in rows.items():
        if pd.Timestamp(day) not in vix.index or len(known) < 3:
            continue
        order = sorted(known)
        for held in order[:-1]:
            rest = [e for e in order if e != held]
            days.append(day)
            left.append(vix[pd.Timestamp(day)])
            expiry.append(held)
            listed.append((rest, [known[e] for e in rest]))
            truth.append(known[held])
    days, expiry = (np.array(a, dtype="datetime64[D]") for a in (days, expiry))
    guess = surface(days, [np.array(left), *[np.nan] * 4], expiry, listed=listed)[0]
    return guess - np.array(truth), years(days, SETTLED, expiry)


def vvix_level(data: Path) -> None:
    print("\n5. VVIX on VIX: ln VVIX = a + b ln(VIX/18), prints under 60 dropped")
    both = pd.DataFrame(
        {"vvix": index_close(data, "vvix.csv", "VVIX"), "vix": index_close(data, "vix.csv")}
    ).dropna()
    both = both[both["vvix"] >= 60]
    for first, last in (("2006", "2017"), ("2006", "2011"), ("2012", "2017")):
        part = both.loc[first:last]
        slope, level = np.polyfit(np.log(part["vix"] / 18), np.log(part["vvix"]), 1)
        line(f"{first}-{last}: level, elasticity", [np.exp(level), slope])
    for low, high in ((9, 12), (12, 15), (15, 18), (18, 22), (22, 30), (30, 45), (45, 90)):
        part = both[(both["vix"] >= low) & (both["vix"] < high)]
        middle = part["vix"].median()
        line(
            f"VIX {low}..{high}: median VVIX, 2010-, core",
            [part["vvix"].median(), part["vvix"].loc["2010":].median(), 88 * (middle / 18) ** 0.25],
        )


def black(forward, strike, tenor, vol, call):
    d1 = np.log(forward / strike) / (vol * np.sqrt(tenor)) + 0.5 * vol * np.sqrt(tenor)
    sign = np.where(call, 1.0, -1.0)
    return sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - vol * np.sqrt(tenor))))


def chain(data: Path, moment: str, rate: float = 0.0035) -> pd.DataFrame:
    """Two-sided out-of-the-money quotes of the 2016-06-01 chain: parity forward, volatility of the mid."""
    raw = pd.read_csv(data / "options" / "vix_2016-06-01.csv", parse_dates=["quote_date", "expiration"])
    raw = raw[(raw["root"] == "VIX") & (raw["expiration"] > raw["quote_date"])]
    raw = raw.rename(columns={f"bid_{moment}": "bid", f"ask_{moment}": "ask"})
    seconds = QUOTED if moment == "1545" else CLOSED
    parts = []
    for expiry, group in raw.groupby("expiration"):
        tenor = ((expiry - group["quote_date"].iloc[0]).days + (OPENED - seconds) / 86_400) / 365
        discount = np.exp(-rate * tenor)
        sides = {side: part.set_index("strike") for side, part in group.groupby("option_type")}
        call, put = sides["C"], sides["P"]
        pair = (call["bid"] > 0) & (put["bid"] > 0)
        gap = ((call["bid"] + call["ask"] - put["bid"] - put["ask"]) / 2)[pair]
        near = gap.abs().nsmallest(5).index
        width = (call["ask"] - call["bid"] + put["ask"] - put["bid"])[near]
        forward = np.average(
            near.to_numpy() + gap[near].to_numpy() / discount, weights=width.to_numpy() ** -2.0
        )
        for strike in call.index:
            side = call if strike >= forward else put
            quote = side.loc[strike]
            if quote["bid"] <= 0:
                continue
            mid, is_call = (quote["bid"] + quote["ask"]) / 2, strike >= forward

            def miss(
                vol, strike=strike, forward=forward, tenor=tenor, mid=mid, discount=discount, is_call=is_call
            ):
                return discount * float(black(forward, strike, tenor, vol, is_call)) - mid

            if miss(0.01) * miss(6.0) < 0:
                parts.append(
                    (
                        expiry,
                        tenor,
                        forward,
                        strike,
                        is_call,
                        mid,
                        (quote["ask"] - quote["bid"]) / 2,
                        brentq(miss, 0.01, 6.0),
                        discount,
                    )
                )
    names = ["expiry", "years", "forward", "strike", "call", "mid", "half_spread", "vol", "discount"]
    return pd.DataFrame(parts, columns=names)


def smile_fit(quotes: pd.DataFrame) -> None:
    print("\n6. Smile of the 2016-06-01 chain at 15:45: sigma, slope, right saturation, the same x sigma^2 T")
    rows = []
    for _, group in quotes.groupby("expiry"):
        t, k = group["years"].iloc[0], np.log(group["strike"] / group["forward"]).to_numpy()
        weight = norm.pdf(k / (0.75 * np.sqrt(t))) + 0.1
        vol = group["vol"].to_numpy()

        def miss(p, t=t, k=k, vol=vol, weight=weight):
            z = k / (p[0] * np.sqrt(t))
            bound = np.where(z < 0, 2.2, p[2])
            return (p[0] * (1 + p[1] * z / np.sqrt(1 + (z / bound) ** 2)) - vol) * weight

        found = least_squares(miss, [0.7, 0.25, 3.0], bounds=([0.1, 0.01, 0.5], [3, 1, 12])).x
        rows.append((t, *found))
        line(f"{t * 365:.0f} days", [*found, found[2] * found[0] ** 2 * t])
    t, sigma, slope, _ = np.array(rows).T
    power = np.polyfit(np.log(t), np.log(slope), 1)
    line("slope at one year, power of tenor", [np.exp(power[1]), power[0]])

    def shape(p, floor):
        level, rate, dip = p
        kt = rate * t
        mean = floor**2 + 2 * floor * (1 - floor) * (1 - np.exp(-kt)) / kt
        mean += (1 - floor) ** 2 * (1 - np.exp(-2 * kt)) / (2 * kt)
        return level * np.sqrt(mean) * (1 - dip * np.exp(-t * 365 / 30))

    for floor in (0.2, 0.3, 0.4):
        found = least_squares(lambda p, floor=floor: shape(p, floor) - sigma, [1.0, 4.0, 0.3])
        line(f"floor {floor}: level, rate, calm dip", found.x)
        line("   misses, volatility points", 100 * found.fun, 7)


def variance_ratio() -> None:
    print("\n7. Model-free over at-the-money volatility at 30 days, z in -1.25..4 (what Cboe's rule reaches)")
    day = np.datetime64("2016-06-01")
    expiry = day + np.timedelta64(30, "D")
    for vvix in (50.0, 70.0, 90.0, 120.0, 160.0, 200.0, 250.0):
        total, sigma, ratio_all = model_free(day, expiry, vvix)
        line(f"VVIX {vvix:g}: sigma, ratio, all strikes", [sigma, total / sigma, ratio_all / sigma])


def model_free(day, expiry, vvix, vix=30.0, low=-1.25, high=4.0):
    """Volatility of the log contract at 30 days over [low, high] in z and over all strikes; sigma."""
    seconds = OPENED
    t = 30 / 365
    forward, _, sigma, *_ = surface(
        [day], [vix, *[np.nan] * 3, vvix], [expiry], listed=[((expiry,), (20.0,))], seconds=seconds
    )
    forward, sigma = forward[0], sigma[0]
    out = []
    for a, b in ((low, high), (-12.0, 16.0)):
        z = np.linspace(a, b, 4001)
        strike = forward * np.exp(z * sigma * np.sqrt(t))
        n = len(z)
        vol = surface(
            [day] * n, [vix, *[np.nan] * 3, vvix], [expiry] * n, strike, [((expiry,), (20.0,))] * n, seconds
        )[3]
        price = black(forward, strike, t, vol, strike >= forward)
        integrand = price / strike * sigma * np.sqrt(t)
        out.append(np.sqrt(2 / t * np.sum((integrand[1:] + integrand[:-1]) / 2 * np.diff(z))))
    return out[0], sigma, out[1]


def smile_errors(data: Path, moment: str) -> None:
    print(f"\n8. Core against the 2016-06-01 chain at {moment}, given VIX, VVIX and the parity forwards")
    print("   volatility points; price errors and half-spreads are medians in points")
    heads = ("days", "n", "ATM", "core", "error", "MAE", "5-50 d", "|price|", "half", "inside")
    print(f"{'expiry':<12}" + "".join(f"{head:>9}" for head in heads))
    quotes = chain(data, moment)
    day = np.datetime64("2016-06-01")
    seconds = QUOTED if moment == "1545" else CLOSED
    for given in ("VVIX", "VIX only"):
        print(f"   given {given}")
        for expiry, group in quotes.groupby("expiry"):
            n, e = len(group), np.datetime64(expiry, "D")
            columns = [14.2, np.nan, np.nan, np.nan, 78.93 if given == "VVIX" else np.nan]
            listed = [((e,), (group["forward"].iloc[0],))] * n
            _, _, atm, vol, *_ = surface([day] * n, columns, [e] * n, group["strike"], listed, seconds)
            t, f = group["years"].to_numpy(), group["forward"].to_numpy()
            market_atm = np.interp(f[0], group["strike"], group["vol"])
            error = 100 * (vol - group["vol"].to_numpy())
            d1 = np.log(f / group["strike"]) / (group["vol"] * np.sqrt(t)) + group["vol"] * np.sqrt(t) / 2
            delta = np.where(group["call"], norm.cdf(d1), norm.cdf(-d1))
            core = (delta > 0.05) & (delta < 0.55)
            price = group["discount"] * black(f, group["strike"], t, vol, group["call"])
            miss = (price - group["mid"]).abs()
            cells = (
                f"{t[0] * 365:.0f}",
                f"{n}",
                *(f"{100 * v:.1f}" for v in (market_atm, atm[0], atm[0] - market_atm)),
                *(f"{np.abs(e_).mean():.1f}" for e_ in (error, error[core])),
                *(f"{v:.3f}" for v in (miss.median(), group["half_spread"].median())),
                f"{(miss <= group['half_spread']).mean():.2f}",
            )
            print(f"{e!s:<12}" + "".join(f"{cell:>9}" for cell in cells))


def main() -> None:
    default = os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(default)
    curve(data)
    vvix_level(data)
    smile_fit(chain(data, "1545"))
    variance_ratio()
    smile_errors(data, "1545")
    smile_errors(data, "eod")


if __name__ == "__main__":
    main()
