"""Estimate and check the constants of the SPX smile surface (``rust/core/src/surface/spx.rs``).

    python tools/estimate_spx_smile.py [DATA]

Prints the term-structure averages, the level dependence of steepness out of the SKEW history, the pooled
shape, the error on every chain in fold and with its whole week left out, and condor credits. DATA defaults to
ALVH_SHARED_DATA.

Formulas: Gatheral and Jacquier 2014 (doi:10.1080/14697688.2013.819986) for the surface and its conditions,
Fukasawa 2012 (Mathematical Finance 22(4), arXiv:1008.5055) for the variance swap of a smile, Cboe
"SKEW Index" white paper for SKEW.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid
from scipy.optimize import brentq, least_squares
from scipy.special import ndtr

# The rounded constants of the core, in its names.
SHAPE = (0.625, -0.12, 1.37, 1.02)
SKEW_GROWTH = 0.05
ETA_CAP = 1.40
ETA = (0.62, 0.68)
SKEW_AVERAGE = (114.5, 16.6)
SKEW_RESPONSE = 0.010
VIX9D = (-0.009, 0.166)
VIX3M = (0.087, -0.178)
LONG_RUN_VARIANCE, REVERSION = 0.055, 1.22
MONTH = 30 / 365

# The vendors leave rate and dividends out: the rate only discounts, the forward comes from parity.
RATE = {"2013-04-19": 0.001, "2015-12-22": 0.006, "2015-12-23": 0.006}
SPOT = {"2013-04-19": 1555.25, "2015-12-22": 2038.97, "2015-12-23": 2064.29}


@dataclasses.dataclass(frozen=True)
class Slice:
    """One expiry of a chain: out-of-the-money strikes, volatilities on the forward that parity implies."""

    date: str
    dte: int
    forward: float
    strike: np.ndarray
    vol: np.ndarray

    @property
    def years(self) -> float:
        return self.dte / 365

    @property
    def delta(self) -> np.ndarray:
        sd = self.vol * np.sqrt(self.years)
        return ndtr(-np.abs(np.log(self.forward / self.strike) / sd + sd / 2))


def black(forward, strike, sd, sign):
    d1 = np.log(forward / strike) / sd + sd / 2
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))


def implied_vol(forward, strike, years, price, sign):
    try:
        return brentq(lambda v: black(forward, strike, v * np.sqrt(years), sign) - price, 1e-3, 5)
    except ValueError:
        return np.nan


def make_slice(date, dte, forward, strike, undiscounted, sign) -> Slice | None:
    vol = np.array(
        [implied_vol(forward, k, dte / 365, p, s) for k, p, s in zip(strike, undiscounted, sign, strict=True)]
    )
    keep = np.isfinite(vol) & (vol > 0.03) & (vol < 1.5)
    found = Slice(date, dte, forward, np.asarray(strike, float)[keep], vol[keep])
    wings = found.delta > 0.005
    if wings.sum() < 5:
        return None
    return dataclasses.replace(found, strike=found.strike[wings], vol=found.vol[wings])


def read_chains(data: Path, longest: int = 760) -> list[Slice]:
    """Slices of the three full chains; zero bids, absurd volatilities and vendor forwards are dropped."""
    slices = []
    date = "2013-04-19"
    chain = pd.read_csv(data / "options" / "spx_2013-04-19.csv")
    growth = np.exp(RATE[date] * 62 / 365)
    two_sided = (chain["bid.c"] > 0) & (chain["bid.p"] > 0) & ((chain.strike - SPOT[date]).abs() < 100)
    parity = (chain["bid.c"] + chain["ask.c"] - chain["bid.p"] - chain["ask.p"]) / 2 * growth + chain.strike
    forward = float(parity[two_sided].median())
    right = np.where(chain.strike >= forward, "c", "p")
    bid = np.where(right == "c", chain["bid.c"], chain["bid.p"])
    ask = np.where(right == "c", chain["ask.c"], chain["ask.p"])
    live = bid > 0
    sign = np.where(right == "c", 1, -1)
    found = make_slice(date, 62, forward, chain.strike[live], ((bid + ask) / 2 * growth)[live], sign[live])
    slices.append(found)
    for date in ("2015-12-22", "2015-12-23"):
        chain = pd.read_csv(data / "options" / f"spx_eod_{date}.csv").rename(columns={"#expiry": "expiry"})
        for expiry, g in chain[chain.close > 0].groupby("expiry"):
            dte = (pd.Timestamp(str(expiry)) - pd.Timestamp(date)).days
            if dte > longest:
                continue
            years, growth = dte / 365, np.exp(RATE[date] * dte / 365)
            deep = g[(g.delta.abs() > 0.85) & (g.delta.abs() < 0.9999)]
            sign = np.where(deep.right == "C", 1, -1)
            strike = deep.strike.to_numpy(float)
            # A deep option is worth its intrinsic value on the forward plus the other side's small price,
            # which the vendor's own inputs (1 % rate, no dividend) reproduce well enough.
            sd = deep.implied_volatility.to_numpy() * np.sqrt(years)
            other = black(SPOT[date] * np.exp(0.01 * years), strike, sd, -sign)
            implied = strike + sign * (deep.close.to_numpy() * growth - other)
            forward = float(np.median(implied)) if len(implied) >= 3 else SPOT[date] * np.exp(-0.015 * years)
            out = g[np.where(g.strike >= forward, "C", "P") == g.right]
            out = out[out.close > 0.05].sort_values("strike")
            sign = np.where(out.right == "C", 1, -1)
            found = make_slice(date, dte, forward, out.strike, out.close * growth, sign)
            if found is not None:
                slices.append(found)
    return slices


def read_index(data: Path, name: str) -> pd.Series:
    table = pd.read_csv(data / "daily" / f"{name}.csv")
    table.columns = table.columns.str.strip().str.upper()
    column = "CLOSE" if "CLOSE" in table else next(c for c in table.columns if c != "DATE")
    return pd.Series(
        pd.to_numeric(table[column]).to_numpy(), index=pd.to_datetime(table["DATE"]), name=name
    ).dropna()


# NumPy twin of the core: quadrature where the core has a Chebyshev fit.


def smile(y, shape):
    """Normalised SVI slice with its first two derivatives."""
    b, r, m, s = shape
    q = np.sqrt((y - m) ** 2 + s * s)
    return 1 + b * (r * y + q - np.hypot(m, s)), b * (r + (y - m) / q), b * s * s / q**3


def strip_ratio(eta, root, shape):
    """Variance-swap strike over theta; eta before the damping by 1/sqrt(1 + theta)."""
    x = np.linspace(-60, 40, 4001)
    eta = eta / np.sqrt(1 + root**2)
    g, g1, _ = smile(x * eta, shape)
    sd = root * np.sqrt(g)
    d2 = -x * root / sd - sd / 2
    slope = -1 / sd + (x * root / sd**2 - 0.5) * g1 * eta / (2 * np.sqrt(g))
    return trapezoid(g * np.exp(-d2 * d2 / 2) / np.sqrt(2 * np.pi) * -slope, x) * root


def durrleman(root, eta, shape):
    """Smallest value of Durrleman's function: a slice has no butterfly arbitrage while it is positive."""
    y = np.linspace(-30, 20, 2001)
    g, g1, g2 = smile(y, shape)
    scale = eta / np.sqrt(1 + root**2) / root
    k, w, w1, w2 = y / scale, root**2 * g, root**2 * g1 * scale, root**2 * g2 * scale**2
    return ((1 - k * w1 / (2 * w)) ** 2 - w1**2 / 4 * (1 / w + 0.25) + w2 / 2).min()


def steepness(vix, skew, scale=1.0, response=SKEW_RESPONSE):
    calm = 10 / vix
    eta = scale * (ETA[0] + ETA[1] * calm**1.5)
    if np.isfinite(skew):
        excess = skew - SKEW_AVERAGE[0] - SKEW_AVERAGE[1] * min(calm**2, 1.0)
        eta *= np.exp(response * np.clip(excess, -30, 30))
    return float(np.clip(eta, 0.55, ETA_CAP))


class Surface:
    """The surface of ``alvh_core::surface::spx`` without its calendar clamp and VIX6M."""

    def __init__(
        self, vix, vix9d=np.nan, vix3m=np.nan, skew=np.nan, shape=SHAPE, scale=1.0, response=SKEW_RESPONSE
    ):
        self.shape, self.eta = shape, steepness(vix, skew, scale, response)
        stress = np.log(vix / 20)
        vix9d = vix9d if np.isfinite(vix9d) else vix * np.exp(VIX9D[0] + VIX9D[1] * stress)
        vix3m = vix3m if np.isfinite(vix3m) else vix * np.exp(VIX3M[0] + VIX3M[1] * stress)
        self.years = np.array([9, 30, 93, 184, 365, 730]) / 365
        swap = [v * v * 1e-4 * t for v, t in zip((vix9d, vix, vix3m), self.years, strict=False)]
        last = max((swap[2] - swap[1]) / (self.years[2] - self.years[1]), 0.05 * swap[2] / self.years[2])
        middle = (self.years[1] + self.years[2]) / 2
        for a, b in zip(self.years[2:], self.years[3:], strict=False):
            decay = (np.exp(-REVERSION * (a - middle)) - np.exp(-REVERSION * (b - middle))) / REVERSION
            swap.append(swap[-1] + LONG_RUN_VARIANCE * (b - a) + (last - LONG_RUN_VARIANCE) * decay)
        self.month = swap[1] / 1.25
        for _ in range(30):
            self.month = swap[1] / strip_ratio(self.eta, np.sqrt(self.month), shape)
        theta = []
        for v in swap:
            t = v * self.month / swap[1]
            for _ in range(8):
                t = v / strip_ratio(self.growth(t), np.sqrt(t), shape)
            theta.append(t)
        self.theta = np.array(theta)

    def growth(self, theta):
        return min(self.eta * (theta / self.month) ** SKEW_GROWTH, ETA_CAP)

    def vol(self, log_moneyness, years):
        if years <= self.years[0]:
            theta = self.theta[0] * years / self.years[0]
        else:
            theta = np.interp(years, self.years, self.theta)
        y = log_moneyness * self.growth(theta) / np.sqrt(theta * (1 + theta))
        return np.sqrt(theta * smile(y, self.shape)[0] / years)


def fit_shape(slices):
    """Pooled shape, one steepness a date (at 30 days), one level a slice; free of butterfly arbitrage."""
    dates = sorted({s.date for s in slices})

    def unpack(z):
        return (
            (np.exp(z[0]), np.tanh(z[1]), z[2], np.exp(z[3])),
            np.exp(z[4 : 4 + len(dates)]),
            np.exp(z[4 + len(dates) :]),
        )

    def residuals(z):
        shape, eta, theta = unpack(z)
        out = []
        for s, t in zip(slices, theta, strict=True):
            e = eta[dates.index(s.date)] * (t / (0.15**2 * MONTH)) ** SKEW_GROWTH / np.sqrt(1 + t)
            w = t * smile(np.log(s.strike / s.forward) * e / np.sqrt(t), shape)[0]
            error = 100 * (np.sqrt(np.maximum(w, 1e-9) / s.years) - s.vol)
            out.append(error * np.sqrt(np.minimum(1, s.delta / 0.04) / len(s.vol)))
        # Steepness and shape share one scale: it is set by the caller's rounded shape at one.
        out.append([5 * (shape[0] * (1 - shape[1]) - SHAPE[0] * (1 - SHAPE[1]))])
        for root, e in ((0.02, 1.4), (0.1, 1.4), (0.4, 1.4), (1.5, 1.4)):
            out.append([30 * min(0.0, durrleman(root, e, shape) - 0.01)])
        return np.concatenate(out)

    level = [np.median(s.vol[np.argsort(np.abs(s.strike - s.forward))[:3]]) ** 2 * s.years for s in slices]
    b, r, m, s = SHAPE
    start = np.r_[np.log(b), np.arctanh(r), m, np.log(s), np.zeros(len(dates)), np.log(level)]
    shape, eta, _ = unpack(least_squares(residuals, start, loss="soft_l1", f_scale=0.3, max_nfev=40).x)
    return shape, dict(zip(dates, eta, strict=True))


def condor_credits(s: Slice, model_vol, short=0.20, long=0.05, wing=None):
    """Credit on the chain's own smile and on the model's, at strikes chosen by the chain's deltas."""
    order = np.argsort(s.strike)
    log_strike, vol = np.log(s.strike / s.forward)[order], s.vol[order]
    k = np.linspace(log_strike[0], log_strike[-1], 4001)
    market = np.interp(k, log_strike, vol)
    sd = np.sqrt(s.years)
    d1 = -k / (market * sd) + market * sd / 2
    legs = []
    for sign in (-1, 1):
        delta = ndtr(sign * d1)
        side = sign * k > 0
        body = k[side][np.argmin(np.abs(delta[side] - short))]
        tail = (
            k[side][np.argmin(np.abs(delta[side] - long))]
            if wing is None
            else np.log(np.exp(body) + sign * wing)
        )
        if min(body, tail) < k[0] or max(body, tail) > k[-1]:
            return None
        legs += [(body, sign, 1), (tail, sign, -1)]

    def credit(vol_of):
        return sum(q * black(1.0, np.exp(x), vol_of(x) * sd, sign) for x, sign, q in legs)

    return credit(lambda x: np.interp(x, log_strike, vol)), credit(model_vol)


def evaluate(slices, surface_of):
    """Errors in vol points over 5 to 50 delta, and condor credit ratios, per slice."""
    rows = []
    for s in slices:
        surface = surface_of(s)
        error = 100 * (surface.vol(np.log(s.strike / s.forward), s.years) - s.vol)
        inner = s.delta >= 0.05
        row = {"date": s.date, "dte": s.dte, "n": int(inner.sum())}
        row["bias"], row["error"] = float(np.median(error[inner])), float(np.median(np.abs(error[inner])))
        for name, options in (("condor_20_5", {}), ("condor_16_2pct", {"short": 0.16, "wing": 0.02})):
            both = condor_credits(s, lambda x, t=s.years, f=surface: f.vol(x, t), **options)
            row[name] = both[1] / both[0] - 1 if both and 20 <= s.dte <= 100 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


INPUTS = {
    "VIX": ("vix",),
    "VIX SKEW": ("vix", "skew"),
    "VIX VIX9D VIX3M": ("vix", "vix9d", "vix3m"),
    "VIX VIX9D VIX3M SKEW": ("vix", "vix9d", "vix3m", "skew"),
}


def levels(data: Path, dates) -> dict[str, dict[str, float]]:
    series = {name: read_index(data, name) for name in ("vix", "vix9d", "vix3m", "skew")}
    return {d: {n: float(s.get(pd.Timestamp(d), np.nan)) for n, s in series.items()} for d in dates}


def leave_one_out(slices, index):
    """Every date predicted with shape and scale of steepness from the other trading weeks only.

    The two days of 2015 are one week: neither helps to predict the other.
    """
    tables = {name: [] for name in INPUTS}
    for year in sorted({s.date[:4] for s in slices}):
        rest = [s for s in slices if s.date[:4] != year]
        held = [s for s in slices if s.date[:4] == year]
        shape, eta = fit_shape(rest)
        scale = np.exp(
            np.mean([np.log(e / steepness(index[d]["vix"], index[d]["skew"])) for d, e in eta.items()])
        )
        for name, use in INPUTS.items():

            def surface(s, use=use, shape=shape, scale=scale):
                return Surface(**{k: index[s.date][k] for k in use}, shape=shape, scale=scale)

            tables[name].append(evaluate(held, surface))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def deep_puts(data: Path):
    """Fragments of 2014-15 and 2017: puts far below one delta against the surface of their day.

    They take no part in any estimate, so they are out of sample as they stand.
    """
    series = {name: read_index(data, name) for name in ("vix", "vix9d", "vix3m", "skew")}
    rows = []
    for name, carry in (("spx_fragments_2014-12_2015-03", -0.018), ("spx_fragments_2017", -0.011)):
        table = pd.read_csv(data / "options" / f"{name}.csv").rename(columns=str.strip)
        two_sided = (table.bid > 0.05) & (table.ask < 2 * table.bid + 0.5)
        quoted = table[(table.type == "put") & two_sided & (table.dte > 20)]
        for q in quoted.itertuples():
            years, forward = q.dte / 365, q.underlying_last * np.exp(carry * q.dte / 365)
            index = {n: float(v.get(pd.Timestamp(q.quotedate), np.nan)) for n, v in series.items()}
            vol = implied_vol(forward, q.strike, years, (q.bid + q.ask) / 2, -1)
            if np.isfinite(index["vix"]) and np.isfinite(vol):
                model = Surface(**index).vol(np.log(q.strike / forward), years)
                rows.append((name, q.dte, q.strike, index["vix"], 100 * vol, 100 * (model - vol)))
    return pd.DataFrame(rows, columns=["chain", "dte", "strike", "vix", "vol", "error"])


def strip_skew(vol, eta, shape, years=MONTH, cut=3e-5):
    """Cboe SKEW of a slice, its strip ending where an option is worth less than half a tick."""
    root = vol * np.sqrt(years)
    k = np.linspace(-16, 10, 8001) * root
    eta = eta / np.sqrt(1 + root**2)
    sign = np.where(k < 0, -1, 1)
    price = black(1.0, np.exp(k), root * np.sqrt(smile(k / root * eta, shape)[0]), sign)
    q = np.where(price < cut, 0, price) / np.exp(k) * (k[1] - k[0])
    p1, p2, p3 = -q.sum(), (2 * (1 - k) * q).sum(), (3 * (2 * k - k * k) * q).sum()
    return 100 - 10 * (p3 - 3 * p1 * p2 + 2 * p1**3) / (p2 - p1**2) ** 1.5


def print_clock(data: Path) -> None:
    """Shares of a year's variance by calendar time, time in session and openings, from SPY 1998-2017."""
    spy = pd.read_csv(data / "daily" / "spy_daily.csv")
    gap = pd.to_datetime(spy["time"]).diff().dt.days
    day, night = np.log(spy["close"] / spy["open"]), np.log(spy["open"] / spy["close"].shift())

    def variance(x):
        return float((x.clip(x.quantile(0.001), x.quantile(0.999)) ** 2).mean())

    per_day = (variance(night[gap == 3]) - variance(night[gap == 1])) / 2
    parts = np.array(
        [
            365 * per_day,
            252 * (variance(day) - per_day * 6.5 / 24),
            252 * (variance(night[gap == 1]) - per_day * 17.5 / 24),
        ]
    )
    print("variance clock (calendar, session, openings):", np.round(parts / parts.sum(), 2))


def main(data: Path) -> None:
    print_clock(data)
    vix = read_index(data, "vix")
    print("term structure: ln(index/VIX) = a + b ln(VIX/20), 2009-2017")
    for name in ("vix9d", "vix3m"):
        both = pd.concat([vix, read_index(data, name)], axis=1, join="inner")
        x, y = np.log(both["vix"] / 20), np.log(both[name] / both["vix"])
        slope, level = np.polyfit(x, y, 1)
        spread = np.std(y - level - slope * x)
        print(f"  {name}: a {level:+.3f} b {slope:+.3f}, residual sd {spread:.3f}, n {len(x)}")

    both = pd.concat([vix, read_index(data, "skew")], axis=1, join="inner")
    both = both[both.index >= "1999"]
    calm = (10 / both["vix"]) ** 2
    slope, level = np.polyfit(calm, both["skew"], 1)
    print(f"SKEW 1999-2017 = {level:.1f} + {slope:.1f} (10/VIX)^2")

    slices = read_chains(data)
    index = levels(data, SPOT)
    shape, eta = fit_shape(slices)
    print(
        "pooled shape B R M S:",
        np.round(shape, 3),
        "steepness at 30 days:",
        {d: round(float(e), 3) for d, e in eta.items()},
    )
    print(
        "butterfly (positive is free):",
        [round(float(durrleman(r, ETA_CAP, SHAPE)), 4) for r in (0.01, 0.05, 0.2, 0.5, 1, 2, 3)],
    )

    grid = np.arange(0.4, 1.65, 0.05)

    def consistent(v, s):
        return np.interp(s, [strip_skew(v / 113, e, SHAPE) for e in grid], grid)

    scale = float(
        np.mean([np.log(eta[d] / consistent(index[d]["vix"], index[d]["skew"])) for d in ("2013-04-19",)])
    )
    print(f"steepness consistent with average SKEW, times {np.exp(scale):.2f} (chain of 2013); rule:")
    for v in (10, 12, 15, 20, 30, 45, 60):
        e = consistent(v, level + slope * (10 / v) ** 2) * np.exp(scale)
        print(f"  VIX {v}: {e:.2f} {steepness(v, np.nan):.2f}")

    pd.set_option("display.width", 160)
    for title, tables in (
        (
            "rounded constants",
            {
                n: evaluate(slices, lambda s, u=u: Surface(**{k: index[s.date][k] for k in u}))
                for n, u in INPUTS.items()
            },
        ),
        ("leave one week out", leave_one_out(slices, index)),
    ):
        for name, table in tables.items():
            print(f"\n{title}, inputs {name}")
            print(table.round(3).to_string(index=False))
            short = table[table.dte <= 100]
            print(
                f"median error {table.error.median():.2f}, up to 100 days {short.error.median():.2f} points"
            )
            for condor in ("condor_20_5", "condor_16_2pct"):
                error = short[condor]
                print(f"{condor} credit: median {error.median():+.3f}, absolute {error.abs().median():.3f}")

    print("\ndeep puts, surface less quote in points")
    print(
        deep_puts(data)
        .groupby("chain")[["dte", "vix", "vol", "error"]]
        .describe(percentiles=[0.25, 0.5, 0.75])
        .T.unstack(0)
        .round(1)
        .to_string()
    )


if __name__ == "__main__":
    default = os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    main(Path(sys.argv[1] if len(sys.argv) > 1 else default))
