"""HC-1, the reference workload of the simulation benchmark, over whole arrays of paths with NumPy and SciPy.

This file defines the arithmetic; every other implementation (Rust, numba, JAX) follows it.  One path is 252 daily
steps of a short iron condor with a ladder of VIX calls under stochastic variance with co-jumps and self-exciting
intensity.  The model and the constants are those of docs/simulation.md; the numbers are made for comparing
speed, not for trading.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

STEPS, ROLL = 252, 21
DT = 1.0 / 252.0
SPOT, RATE, YIELD = 6_000.0, 0.04, 0.013
KAPPA, THETA, SIGMA, RHO, V0 = 4.0, 0.025, 0.6, -0.7, 0.022
LAMBDA_INF, ALPHA, BETA = 1.5, 6.0, 20.0
MU_S, SIG_S, RHO_J, MU_V = -0.025, 0.025, -0.4, 0.03
KBAR = np.exp(MU_S + 0.5 * SIG_S**2) / (1.0 - RHO_J * MU_V) - 1.0
THETA_EFF = THETA + LAMBDA_INF / (1.0 - ALPHA / BETA) * MU_V / KAPPA
SKEW, CURVE = -0.10, 0.015
MONEYNESS = (-1.6, -1.0, 1.0, 1.6)
MULTIPLIER, CAPITAL = 100.0, 100_000.0
FEE_OPEN, FEE_CLOSE, SLIPPAGE = 1.0, 0.5, 0.02
BUDGET, MOST_CALLS, OUT_OF_MONEY = 0.05, 50.0, 1.3
TAKE, STOP, MONETISE, CALM_VIX, CALM_INTENSITY = 0.5, 3.0, 35.0, 40.0, 12.0
SHORTEST = 1e-4


def mean_weight(years):
    """Weight of the current variance in its average over `years`."""
    return -np.expm1(-KAPPA * years) / (KAPPA * years)


def tables():
    """What depends on the steps since the roll only: row j of 22, for the condor and for three rungs of calls."""
    j = np.arange(ROLL + 1)
    years = (42 - j) / 252.0
    condor = np.column_stack(
        [mean_weight(years), np.sqrt(years), np.exp(-RATE * years), (RATE - YIELD) * years]
    )
    rungs = np.maximum((np.array([21, 42, 63]) - j[:, None]) / 252.0, SHORTEST)
    weight = np.exp(-KAPPA * rungs) * mean_weight(30.0 / 365.0)
    sd = (0.6 + 0.9 * np.exp(-3.0 * rungs)) * np.sqrt(rungs)
    return condor, weight, sd, np.exp(-RATE * rungs)


def black(sign, forward, log_ratio, sd, strike):
    """Undiscounted price from log_ratio = ln(forward/strike)."""
    d1 = log_ratio / sd + 0.5 * sd
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))


class Ladder:
    """Positions of all paths."""

    def __init__(self, n):
        self.log_spot = np.full(n, np.log(SPOT))
        self.v = np.full(n, V0)
        self.intensity = np.full(n, LAMBDA_INF)
        self.cash = np.full(n, CAPITAL)
        self.open = np.zeros(n, dtype=bool)
        self.credit = np.zeros(n)
        self.log_strike = np.zeros((4, n))
        self.strike = np.ones((4, n))
        self.vix_strike = np.ones((3, n))
        self.log_vix_strike = np.zeros((3, n))
        self.calls = np.zeros((3, n))
        self.whole = np.zeros(n, dtype=bool)
        self.peak = np.full(n, CAPITAL)
        self.drawdown = np.zeros(n)
        self.margin = np.zeros(n)
        self.stops = np.zeros(n)


def leg_prices(p, condor):
    weight, root, discount, carry = condor
    plus = np.maximum(p.v, 0.0)
    vol = np.sqrt(THETA_EFF + (plus - THETA_EFF) * weight)
    forward = np.exp(p.log_spot + carry)
    prices = []
    for i, sign in enumerate((-1.0, -1.0, 1.0, 1.0)):
        distance = p.log_strike[i] - (p.log_spot + carry)
        m = distance / (vol * root)
        sd = vol * (1.0 + SKEW * m + CURVE * m * m) * root
        prices.append(discount * black(sign, forward, -distance, sd, p.strike[i]))
    return prices


def call_prices(p, weight, sd, discount):
    plus = np.maximum(p.v, 0.0)
    prices = []
    for i in range(3):
        variance = THETA_EFF + (plus - THETA_EFF) * weight[i]
        distance = 0.5 * np.log(variance) + np.log(100.0) - p.log_vix_strike[i]
        prices.append(discount[i] * black(1.0, 100.0 * np.sqrt(variance), distance, sd[i], p.vix_strike[i]))
    return prices


def vix(p):
    return 100.0 * np.sqrt(THETA_EFF + (np.maximum(p.v, 0.0) - THETA_EFF) * mean_weight(30.0 / 365.0))


def close_condor(p, which, legs):
    paid = MULTIPLIER * (legs[1] - legs[0] + legs[2] - legs[3] + SLIPPAGE * sum(legs)) + 4.0 * FEE_CLOSE
    p.cash -= np.where(which, paid, 0.0)
    p.open &= ~which


def sell_calls(p, share, calls):
    for i in range(3):
        sold = share * p.calls[i]
        p.cash += sold * (MULTIPLIER * calls[i] * (1.0 - SLIPPAGE) - FEE_CLOSE)
        p.calls[i] -= sold


def open_positions(p, condor, weight, sd, discount):
    root, carry = condor[1], condor[3]
    plus = np.maximum(p.v, 0.0)
    vol = np.sqrt(THETA_EFF + (plus - THETA_EFF) * condor[0])
    for i, m in enumerate(MONEYNESS):
        p.log_strike[i] = p.log_spot + carry + m * vol * root
        p.strike[i] = np.exp(p.log_strike[i])
    legs = leg_prices(p, condor)
    enter = ~((p.intensity > CALM_INTENSITY) | (vix(p) > CALM_VIX))
    credit = legs[1] - legs[0] + legs[2] - legs[3]
    p.credit = np.where(enter, credit, p.credit)
    cost = MULTIPLIER * SLIPPAGE * sum(legs) + 4.0 * FEE_OPEN
    p.cash += np.where(enter, MULTIPLIER * credit - cost, 0.0)
    p.open = enter.copy()
    width = np.maximum(p.strike[1] - p.strike[0], p.strike[3] - p.strike[2])
    p.margin = np.maximum(p.margin, np.where(enter, MULTIPLIER * width, 0.0))
    for i in range(3):
        forward = 100.0 * np.sqrt(THETA_EFF + (plus - THETA_EFF) * weight[i])
        p.vix_strike[i] = OUT_OF_MONEY * forward
        p.log_vix_strike[i] = np.log(p.vix_strike[i])
    for i, price in enumerate(call_prices(p, weight, sd, discount)):
        n = np.where(enter, np.minimum(BUDGET * credit / price, MOST_CALLS), 0.0)
        p.calls[i] = n
        p.cash -= n * (MULTIPLIER * price * (1.0 + SLIPPAGE) + FEE_OPEN)
    p.whole[:] = True


def evolve(p, z1, z2, u, jump_variance, jump_normal):
    plus = np.maximum(p.v, 0.0)
    s = np.sqrt(plus * DT)
    jump = u < np.minimum(p.intensity * DT, 1.0)
    drift = (RATE - YIELD - KBAR * p.intensity - 0.5 * plus) * DT
    p.log_spot += drift + s * (RHO * z1 + np.sqrt(1.0 - RHO * RHO) * z2)
    p.log_spot += np.where(jump, MU_S + RHO_J * jump_variance + SIG_S * jump_normal, 0.0)
    p.v += KAPPA * (THETA - plus) * DT + SIGMA * s * z1 + np.where(jump, jump_variance, 0.0)
    decay = np.exp(-BETA * DT)
    p.intensity = LAMBDA_INF + (p.intensity - LAMBDA_INF) * decay + np.where(jump, ALPHA, 0.0)


def settle(p, legs, calls):
    """Exits, half the calls on a spike, equity and drawdown at the prices of the step."""
    value = legs[1] - legs[0] + legs[2] - legs[3]
    stop = p.open & (value >= STOP * p.credit)
    p.stops += stop
    close_condor(p, stop | (p.open & (value <= TAKE * p.credit)), legs)
    spike = p.whole & (vix(p) > MONETISE)
    sell_calls(p, np.where(spike, 0.5, 0.0), calls)
    p.whole &= ~spike
    held = sum(n * c for n, c in zip(p.calls, calls, strict=True))
    equity = p.cash + MULTIPLIER * (held - np.where(p.open, value, 0.0))
    p.peak = np.maximum(p.peak, equity)
    p.drawdown = np.maximum(p.drawdown, p.peak - equity)
    return equity


def simulate(n, seed, draw=None):
    """Final equity, maximum drawdown, maximum margin and number of stops of `n` paths.

    `draw` gives the numbers of a step: two normals, a uniform, the variance jump and the normal of a jump.
    """
    rng = np.random.default_rng(seed)

    def generator(_):
        z = rng.standard_normal((3, n))
        return z[0], z[1], rng.random(n), rng.exponential(MU_V, n), z[2]

    draw = draw or generator
    condor, weight, sd, discount = tables()
    p = Ladder(n)
    legs = calls = None
    for k in range(STEPS):
        j = k % ROLL
        if j == 0:
            if k > 0:
                close_condor(p, p.open.copy(), legs)
                sell_calls(p, 1.0, calls)
            open_positions(p, condor[0], weight[0], sd[0], discount[0])
        evolve(p, *draw(k))
        legs = leg_prices(p, condor[j + 1])
        calls = call_prices(p, weight[j + 1], sd[j + 1], discount[j + 1])
        equity = settle(p, legs, calls)
    return np.stack([equity, p.drawdown, p.margin, p.stops])
