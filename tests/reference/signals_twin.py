"""The signals and the phases again, slow and obvious: lists, whole windows recomputed on every row, one path.

`walk` takes rows (one a step, as the engine sees them) and returns one dictionary a row. `History` rows are made by
`rows_of`.
"""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

NAN = math.nan
SIGNALS = (
    *("vix_level", "vix_macd", "vix_rsi", "term_structure", "edr", "ad_line", "rsi_spx", "cap_contraction"),
    *(
        "ignition",
        "quick_ratio",
        "rate_differential",
        "reit_lead",
        "implied_rate",
        "dex_flow",
        "event_window",
    ),
    *("price_to_cash_flow", "fair_value"),
)
GROUPS = {
    "volatility": SIGNALS[:5],
    "breadth": SIGNALS[5:8],
    "microstructure": SIGNALS[8:10],
    "macro": SIGNALS[10:15],
    "valuation": SIGNALS[15:],
}
SPOT_PROXY, VIX_PROXY, NO_RATE = 1, 2, 32

Row = dict[str, Any]
Config = dict[str, Any]


def ramp(pair: list[float], x: float) -> float:
    if math.isnan(x):
        return NAN
    return min(max((x - pair[0]) / (pair[1] - pair[0]), 0.0), 1.0)


def last(values: list[float], n: int) -> list[float]:
    """Return the last n values, or none where there are fewer."""
    return values[-n:] if len(values) >= n else []


def mean(window: list[float]) -> float:
    return math.fsum(window) / len(window) if window else NAN


def deviation(window: list[float]) -> float:
    if not window:
        return NAN
    middle = mean(window)
    return math.sqrt(sum((x - middle) ** 2 for x in window) / (len(window) - 1))


def divided(a: float, b: float) -> float:
    return a / b if b != 0.0 and not math.isnan(b) else NAN


def z_score(past: list[float], n: int, x: float) -> float:
    window = last(past, n)
    return divided(x - mean(window), deviation(window)) if window else NAN


def median(window: list[float]) -> float:
    return float(np.median(window)) if window else NAN


def wilder(closes: list[float], period: int) -> float:
    changes = [b - a for a, b in pairwise(closes)]
    if len(changes) < period:
        return NAN
    gain = sum(max(c, 0.0) for c in changes[:period]) / period
    loss = sum(max(-c, 0.0) for c in changes[:period]) / period
    for change in changes[period:]:
        gain = (gain * (period - 1.0) + max(change, 0.0)) / period
        loss = (loss * (period - 1.0) + max(-change, 0.0)) / period
    return 100.0 * (gain / (gain + loss)) if gain + loss > 0.0 else 50.0


def exponential(values: list[float], n: int) -> list[float]:
    """Averages from the n-th value on, the first one plain."""
    out = [sum(values[:n]) / n]
    for x in values[n:]:
        out.append(out[-1] + (x - out[-1]) * (2.0 / (n + 1.0)))
    return out


def macd(closes: list[float], fast: int, slow: int, signal: int) -> tuple[float, float]:
    if len(closes) < slow:
        return NAN, NAN
    lines = [
        a - b
        for a, b in zip(exponential(closes[slow - fast :], fast), exponential(closes, slow), strict=True)
    ]
    return lines[-1], exponential(lines, signal)[-1] if len(lines) >= signal else NAN


def constant_maturity(row: Row, days: float) -> float:
    points = [(0.0, row["vix"])]
    points += [(float(e - row["day"]), p) for e, p in row["futures"] if e > row["day"]]
    for (t0, p0), (t1, p1) in pairwise(points):
        if t1 >= days:
            return float(p0 + (p1 - p0) * ((days - t0) / (t1 - t0)))
    return NAN


def term_structure(row: Row, source: str) -> float:
    if source == "raw":
        listed = [p for e, p in row["futures"] if e > row["day"]]
        return listed[1] / listed[0] - 1.0 if len(listed) > 1 else NAN
    return constant_maturity(row, 60.0) / constant_maturity(row, 30.0) - 1.0


def month_of(day: int) -> int:
    then = date.fromordinal(date(1970, 1, 1).toordinal() + day)
    return 12 * then.year + then.month


def known(rows: list[Row], *names: str) -> list[Row]:
    """Return the closes on which all the inputs have values."""
    return [r for r in rows if all(not math.isnan(r["inputs"].get(name, NAN)) for name in names)]


def given(row: Row, name: str) -> bool:
    return name in row["inputs"]


def daily(closes: list[Row], c: Config) -> dict[str, float]:
    """Signals that move at a close, from all closes so far; the last one is now."""
    now = closes[-1]
    x = now["inputs"]
    spots, fears = [r["spot"] for r in closes], [r["vix"] for r in closes]
    out: dict[str, float] = {}
    out["vix_rsi_value"], out["spx_rsi_value"] = (
        wilder(fears, c["rsi_period"]),
        wilder(spots, c["rsi_period"]),
    )
    out["macd"], out["macd_signal"] = macd(fears, c["macd_fast"], c["macd_slow"], c["macd_signal"])
    is_bullish = out["macd"] > out["macd_signal"]
    out["vix_macd"] = float(is_bullish) if not math.isnan(out["macd_signal"]) else NAN
    out["vix_rsi"] = ramp(c["vix_rsi"], out["vix_rsi_value"])
    high, low = ramp(c["rsi_spx_high"], out["spx_rsi_value"]), ramp(c["rsi_spx_low"], out["spx_rsi_value"])
    out["rsi_spx"] = max(high, low)
    out["ad_line"] = ad_line(closes, c)
    caps = known(closes, "float_cap") if given(now, "float_cap") else closes
    caps = [r for r in caps if not given(now, "float_cap") or r["inputs"]["float_cap"] > 0]
    level = [r["inputs"]["float_cap"] if given(now, "float_cap") else r["spot"] for r in caps]
    has = bool(caps) and caps[-1] is now and len(level) > c["cap_window"]
    out["cap_contraction"] = (
        ramp(c["cap_contraction"], level[-1] / level[-1 - c["cap_window"]] - 1.0) if has else NAN
    )
    out["rate_differential"] = rate_differential(closes, c)
    error = x.get("implied_rate_error", NAN)
    usable = error * 1e4 < c["implied_rate_error"] and not now["flags"] & NO_RATE
    out["implied_rate"] = (
        ramp(c["implied_rate"], abs(x.get("implied_rate", NAN) - now["rate"]) * 1e4) if usable else NAN
    )
    out["dex_flow"] = dex_flow(closes, c)
    out["amplifier"] = amplifier(closes, c)
    out["spread_ratio"] = NAN
    spreads = [r["inputs"]["spread"] for r in known(closes, "spread") if r["inputs"]["spread"] > 0]
    if x.get("spread", NAN) > 0:
        out["spread_ratio"] = divided(median(last(spreads[:-1], c["spread_window"])), spreads[-1])
    for user in c["user"]:
        out[user["name"]] = ramp(user["ramp"], x.get(user["column"], NAN))
    return out


def ad_line(closes: list[Row], c: Config) -> float:
    seen = known(closes, "net_advances")
    if not seen or seen[-1] is not closes[-1] or len(seen) < max(c["ad_mean"], c["ad_window"]):
        return NAN
    line: list[float] = []
    for row in seen:
        line.append((line[-1] if line else 0.0) + row["inputs"]["net_advances"])
    spots = [r["spot"] for r in closes]
    is_high = len(spots) >= c["ad_window"] and spots[-1] >= max(spots[-c["ad_window"] :])
    window = line[-c["ad_window"] :]
    lags = line[-1] < max(window) - c["ad_divergence"] * deviation(window)
    return float(line[-1] < mean(line[-c["ad_mean"] :]) or (is_high and lags))


def rate_differential(closes: list[Row], c: Config) -> float:
    seen = known(closes, "us_2y", "foreign_2y")
    gap = [r["inputs"]["us_2y"] - r["inputs"]["foreign_2y"] for r in seen]
    if not seen or seen[-1] is not closes[-1] or len(gap) <= c["rate_change"]:
        return NAN
    changes = [b - a for a, b in pairwise(gap)][:-1]
    scale = deviation(last(changes, c["rate_window"])) * math.sqrt(c["rate_change"])
    z = divided(gap[-1] - gap[-1 - c["rate_change"]], scale)
    size = {"both": abs(z), "widening": z, "narrowing": -z}[c["rate_sign"]]
    return ramp(c["rate_differential"], size)


class ReitLead:
    """Returns and residuals so far."""

    def __init__(self, config: Config) -> None:
        self.c = config
        self.reit: list[float] = []
        self.spot: list[float] = []
        self.residuals: list[float] = []

    def push(self, row: Row) -> float:
        level = row["inputs"].get("reit", NAN)
        if not level > 0:
            return NAN
        self.reit.append(level)
        self.spot.append(row["spot"])
        n, k, reit, spot = self.c["reit_window"], self.c["reit_change"], self.reit, self.spot
        # Returns strictly before today.
        if len(reit) < max(n + 2, k + 1):
            return NAN
        x = np.array([spot[j] / spot[j - 1] - 1.0 for j in range(len(spot) - 1 - n, len(spot) - 1)])
        y = np.array([reit[j] / reit[j - 1] - 1.0 for j in range(len(reit) - 1 - n, len(reit) - 1)])
        dx, dy = x - math.fsum(x) / n, y - math.fsum(y) / n
        beta = divided(float((dx * dy).sum()), float((dx * dx).sum()))
        residual = (reit[-1] / reit[-1 - k] - 1.0) - beta * (spot[-1] / spot[-1 - k] - 1.0)
        if math.isnan(residual):
            return NAN
        z = z_score(self.residuals, n, residual)
        self.residuals.append(residual)
        return ramp(self.c["reit_lead"], z)


def dex_flow(closes: list[Row], c: Config) -> float:
    value = closes[-1]["inputs"].get("extracted_value", NAN)
    if math.isnan(value):
        return NAN
    crypto = known(closes, "crypto_realised_vol")
    points = [(r["inputs"]["crypto_realised_vol"], r["vix"]) for r in crypto]
    changes = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    if len(changes) < c["dex_correlation_window"]:
        return NAN
    x, y = np.array(changes[-c["dex_correlation_window"] :]).T
    dx, dy = x - x.mean(), y - y.mean()
    correlation = divided(float((dx * dy).sum()), math.sqrt(float((dx * dx).sum() * (dy * dy).sum())))
    if not correlation >= c["dex_correlation"]:
        return NAN
    values = [r["inputs"]["extracted_value"] for r in known(closes, "extracted_value")]
    return ramp(c["dex_flow"], divided(value, median(last(values[:-1], c["dex_window"]))))


def amplifier(closes: list[Row], c: Config) -> float:
    factor = 1.0
    for name, window, weight in (
        ("etf_flow", "flow_window", "flow_weight"),
        ("ipo_proceeds", "ipo_window", "ipo_weight"),
    ):
        value = closes[-1]["inputs"].get(name, NAN)
        past = [r["inputs"][name] for r in known(closes[:-1], name)]
        z = z_score(past, c[window], value)
        factor += c[weight] * (0.0 if math.isnan(z) else z)
    return min(max(factor, c["amplifier"][0]), c["amplifier"][1])


class Valuation:
    """Month by month: figures with their reporting lag, and windows of month ends."""

    def __init__(self, config: Config) -> None:
        self.c = config
        self.month: int | None = None
        self.reported: dict[str, list[float]] = {}
        self.now: dict[str, float] = {}
        self.ratios: list[list[float]] = [[], [], []]
        self.log_ratio = [NAN] * 3
        self.payouts: list[float] = []
        self.multiples: list[float] = []
        self.multiple = NAN
        self.stretches: list[float] = []
        self.stretch = NAN

    def usable(self, name: str) -> float:
        lag = self.c["reporting_lag"]
        if lag == 0:
            return self.now.get(name, NAN)
        past = self.reported.get(name, [])
        return past[-lag] if len(past) >= lag else NAN

    def push(self, row: Row) -> tuple[float, float, float]:
        c, x = self.c, row["inputs"]
        has_ratio = any(f"market_cap_{i}" in x for i in (1, 2, 3))
        has_band = "dividends" in x or "earnings" in x
        if not has_ratio and not has_band:
            return NAN, NAN, NAN
        month = month_of(row["day"])
        if self.month is not None and month != self.month:
            self.roll()
        self.month = month
        dear = present = 0
        for i in range(3):
            self.now[f"cash_flow_{i + 1}"] = x.get(f"cash_flow_{i + 1}", NAN)
            cap, flow = x.get(f"market_cap_{i + 1}", NAN), self.usable(f"cash_flow_{i + 1}")
            self.log_ratio[i] = math.log(cap / flow) if cap > 0 and flow > 0 else NAN
            z = z_score(self.ratios[i], c["valuation_months"], self.log_ratio[i])
            present += not math.isnan(z)
            dear += z > c["cash_flow_z"]
        ratio = float(dear >= c["cash_flow_count"]) if present >= c["cash_flow_count"] else NAN
        if not has_band:
            return ratio, NAN, NAN
        self.now["payout"] = x.get("dividends", NAN) + x.get("buybacks", 0.0)
        self.now["earnings"] = x.get("earnings", NAN)
        earnings = self.usable("earnings")
        self.multiple = row["spot"] / earnings if earnings > 0 else NAN
        self.stretch = self.band(row)
        past = last(self.stretches, c["valuation_months"])
        return ratio, ramp(c["fair_value"], self.stretch - median(past)), self.stretch

    def roll(self) -> None:
        self.payouts.append(self.usable("payout"))
        for name in ("cash_flow_1", "cash_flow_2", "cash_flow_3", "payout", "earnings"):
            self.reported.setdefault(name, []).append(self.now.get(name, NAN))
        for past, ratio in zip(self.ratios, self.log_ratio, strict=True):
            if not math.isnan(ratio):
                past.append(ratio)
        if not math.isnan(self.multiple):
            self.multiples.append(self.multiple)
        if not math.isnan(self.stretch):
            self.stretches.append(self.stretch)

    def band(self, row: Row) -> float:
        c, x, months = self.c, row["inputs"], self.c["valuation_months"]
        ends: list[float] = []
        if "dividends" in x:
            payout = self.usable("payout")
            before = self.payouts[-months] if len(self.payouts) >= months else NAN
            if not (payout > 0 and before > 0):
                return NAN
            rate = x.get("long_rate", NAN)
            rate = row["rate"] if math.isnan(rate) else rate
            growth = min((payout / before) ** (12.0 / months) - 1.0, rate)
            required = rate + c["index_beta"] * c["equity_premium"]
            for g in (growth - c["growth_margin"], growth + c["growth_margin"]):
                ends.append(payout * (1.0 + growth) / max(required - g, c["least_excess"]))
        if "earnings" in x:
            window = last(self.multiples, months)
            if not window or not self.usable("earnings") > 0:
                return NAN
            ends += [self.usable("earnings") * float(np.quantile(window, q)) for q in c["earnings_quantiles"]]
        low, high = min(ends), max(ends)
        return (row["spot"] - (low + high) / 2.0) / ((high - low) / 2.0)


class Machine:
    """The phases, one closed bar after the other."""

    def __init__(self, config: Config) -> None:
        self.c = config
        self.phase, self.sessions, self.flagged = "calm", 0, False
        self.base = self.peak = NAN
        self.contango = 0

    def push(self, bar: dict[str, Any], fears: list[float]) -> None:
        """`fears` are the closes of VIX before this bar."""
        c = self.c
        if bar["is_close"]:
            self.sessions += 1
            self.contango = self.contango + 1 if bar["carry"] > 0 else 0
        self.peak = bar["vix"] if math.isnan(self.peak) else max(self.peak, bar["vix"])
        jump = bar["vix"] - fears[-1] if fears else NAN
        expansion = bar["macd_bullish"] is True and c["expansion_count"] <= sum(
            [
                bar["vix"] > c["expansion_vix"] or bar["daily_range"] > c["expansion_range"],
                bar["vix"] > bar["average"],
                bar["carry"] < c["expansion_carry"],
                jump >= c["expansion_vix_change"],
            ]
        )
        press = bar["move_z"] >= c["press_move"] and bar["vix_change"] <= c["press_vix_change"]
        press = press and c["press_count"] <= sum(
            [
                bar["rsi_spx"] > c["press_rsi"],
                bar["vix"] > bar["slow_average"],
                bar["premium"] >= c["press_premium"],
                bar["carry"] >= c["press_carry"],
                bar["distance"] <= c["press_distance"],
            ]
        )
        unknown = math.isnan(bar["carry"])
        normal = self.peak - bar["vix"] >= c["give_back"] * (self.peak - self.base)
        normal = (
            normal and bar["macd_bullish"] is False and (unknown or self.contango >= c["contango_closes"])
        )
        over = bar["vix"] < bar["average"] and (unknown or bar["carry"] >= c["calm_carry"])
        over = over or self.sessions >= c["normalisation_sessions"]
        to = self.phase
        if self.phase == "calm":
            to = "expansion" if expansion else "press" if press else "calm"
        elif self.phase == "press":
            to = "expansion" if expansion else "calm" if self.sessions >= c["press_sessions"] else "press"
        elif self.phase == "expansion":
            to = "normalisation" if normal else "expansion"
        else:
            to = "expansion" if expansion else "calm" if over else "normalisation"
        if to != self.phase:
            self.phase, self.sessions = to, 0
            if to == "expansion":
                self.base = min(fears[-c["base_sessions"] :]) if fears else NAN
                self.peak, self.flagged = bar["vix"], bar["event"]


def walk(rows: list[Row], c: Config) -> list[dict[str, Any]]:
    """Return the readings after each row."""
    closes: list[Row] = []
    names = ("spread_ratio", "macd", "macd_signal", "spx_rsi_value", "vix_rsi_value", "daily_range", "carry")
    unknown = dict.fromkeys((*SIGNALS, *names, *(user["name"] for user in c["user"])), NAN)
    day: dict[str, float] = {**unknown, "amplifier": 1.0}
    live: dict[str, float] = {}
    value = NAN, NAN, NAN
    valuation, machine, reit = Valuation(c), Machine(c["phase"]), ReitLead(c)
    carries: list[float] = []
    collapse = False
    before: Row | None = None
    slots: dict[int, list[float]] = {}
    move_z = NAN
    readings = []
    for row in rows:
        x = row["inputs"]
        quoted = not row["flags"] & (SPOT_PROXY | VIX_PROXY)
        fears = [r["vix"] for r in closes]
        p = c["phase"]
        if row["is_close"]:
            if p["bar"] == "session":
                move_z = NAN
                steps = log_returns([r["spot"] for r in closes])
                if closes:
                    move_z = divided(
                        math.log(row["spot"] / closes[-1]["spot"]), deviation(last(steps, p["move_window"]))
                    )
            closes.append(row)
            day = {**unknown, **daily(closes, c)}
            day["reit_lead"] = reit.push(row)
            value = valuation.push(row)
        bullish = day["macd"] > day["macd_signal"]
        if row["is_close"] or quoted:
            steps = log_returns([r["spot"] for r in closes])
            live["vix_level"] = ramp(c["vix_level"], row["vix"])
            hv20 = deviation(last(steps, 20)) * math.sqrt(252.0)
            live["daily_range"] = c["edr_multiple"] * (
                (0.6 * row["vix9d"] + 0.4 * (100.0 * hv20)) / math.sqrt(252.0)
            )
            live["edr"] = ramp(c["edr"], live["daily_range"])
            live["carry"] = carry = term_structure(row, c["carry_source"])
            live["term_structure"] = ramp(c["term_structure"], carry)
            earlier = carries[-c["carry_sessions"]] if len(carries) >= c["carry_sessions"] else NAN
            collapse = carry < c["carry_floor"] or earlier - carry >= c["carry_fall"]
            if row["is_close"]:
                carries.append(carry)
            change = row["vix"] - fears[-1] if fears else NAN
            if p["bar"] == "step":
                move_z, change = NAN, NAN
                if before is not None:
                    move = math.log(row["spot"] / before["spot"])
                    past = slots.setdefault(row["seconds"], [])
                    move_z, change = z_score(past, p["move_window"], move), row["vix"] - before["vix"]
                    past.append(move)
            if row["is_close"] or p["bar"] == "step":
                spots = [r["spot"] for r in closes]
                high = max(last(spots, p["high_window"]), default=NAN)
                realised = deviation(last(steps, p["realised_window"])) * math.sqrt(252.0)
                all_fears = [r["vix"] for r in closes]
                bar = {
                    "is_close": row["is_close"],
                    "vix": row["vix"],
                    "vix_change": change,
                    "move_z": move_z,
                    "rsi_spx": day["spx_rsi_value"],
                    "average": mean(last(all_fears, p["average"])),
                    "slow_average": mean(last(all_fears, p["slow_average"])),
                    "premium": divided(row["vix"], 100.0 * realised) - 1.0,
                    "carry": carry,
                    "distance": NAN if math.isnan(high) else 1.0 - row["spot"] / max(high, row["spot"]),
                    "daily_range": live["daily_range"],
                    "macd_bullish": None if math.isnan(day["macd_signal"]) else bullish,
                    "event": x.get("sessions_to_event", NAN) <= c["event_sessions"],
                }
                machine.push(bar, fears)
            before = row
        else:
            before = None
            move_z = NAN if p["bar"] == "step" else move_z
        readings.append(reading(row, c, day, live, value, machine, collapse, move_z, len(closes)))
    return readings


def log_returns(spots: list[float]) -> list[float]:
    return [math.log(b / a) for a, b in pairwise(spots)]


def reading(
    row: Row,
    c: Config,
    day: dict[str, float],
    live: dict[str, float],
    value: tuple[float, float, float],
    machine: Machine,
    collapse: bool,
    move_z: float,
    sessions: int,
) -> dict[str, Any]:
    x = row["inputs"]
    out: dict[str, Any] = {**day, **live}
    out["price_to_cash_flow"], out["fair_value"], out["stretch"] = value
    event = x.get("sessions_to_event", NAN) <= c["event_sessions"]
    out["event_window"] = float(event) if "sessions_to_event" in x else NAN
    ratio = x.get("quick_ratio_relative", NAN)
    out["quick_ratio_relative"] = day["spread_ratio"] if math.isnan(ratio) else ratio
    out["quick_ratio"] = ramp(c["quick_ratio"], out["quick_ratio_relative"])
    out["ignition"] = ramp(c["ignition"], x.get("ignition_score", NAN) * day["amplifier"])
    for name in c["off"]:
        out[name] = NAN
    out["raw_score"], out["standing"] = 0.0, 0
    for group, names in GROUPS.items():
        members = [*names, *(user["name"] for user in c["user"] if user["group"] == group)]
        present = [out[name] for name in members if not math.isnan(out.get(name, NAN))]
        out[group] = sum(present) / len(present) if present else NAN
        if present and c["weights"][group] > 0.0:
            out["raw_score"] += c["weights"][group] * out[group]
            out["standing"] += out[group] >= c["standing"]
    out["score"] = out["raw_score"] if out["standing"] >= c["quorum"] else 0.0
    out |= {"phase": machine.phase, "phase_sessions": machine.sessions, "event": event, "collapse": collapse}
    out["event_driven"] = machine.flagged and machine.phase == "expansion"
    out["macd_bullish"] = day["macd"] > day["macd_signal"]
    for name, column in (("armed", "armed"), ("ignited", "ignited"), ("cascade", "cascade")):
        out[name] = x.get(column, NAN) >= 0.5
    out["move_z"], out["is_warm"] = move_z, sessions >= max(c["warm_up"], 1)
    return out
