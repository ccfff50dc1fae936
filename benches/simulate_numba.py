"""What a simulated study does at the least, in numba: a path of the model, seven Black-76 marks a step, four equities.

There is no calendar, no listing, no order, no margin and no search for a strike in it: legs keep their strikes for a
month, volatilities are flat. It is the floor of what a scalar compiled loop costs, not a study.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from paths_numba import MARKET, STEPS, factor, next_variance

BOOKS = 4


@numba.njit(inline="always")
def black(forward, strike, sd, sign):
    d1 = math.log(forward / strike) / sd + 0.5 * sd
    n1 = 0.5 * math.erfc(-sign * d1 / math.sqrt(2.0))
    n2 = 0.5 * math.erfc(-sign * (d1 - sd) / math.sqrt(2.0))
    return sign * (forward * n1 - strike * n2)


@numba.njit(fastmath=True)
def study(n, rng, factor1, factor2, jumps, carry, start, vix):
    dt = 1.0 / 252.0
    beta, lambda_inf, eta, mu_x, delta, mu_v, rho_j, compensator = jumps
    fade, spent = math.exp(-beta * dt), -math.expm1(-beta * dt) / beta
    level1, decay1, constant1, slope1, weight1, pull1, kappa1, rest1 = factor1
    level2, decay2, constant2, slope2, weight2, pull2, kappa2, rest2 = factor2
    a, b1, b2, c = vix
    out = np.empty((2 * BOOKS, n))
    strikes = np.empty(7)
    for path in range(n):
        x, (v1, v2, intensity) = math.log(5000.0), start
        clock = rng.exponential(1.0)
        equity, peak, worst = np.full(BOOKS, 500_000.0), np.full(BOOKS, 500_000.0), np.zeros(BOOKS)
        last = np.zeros(2)
        for step in range(STEPS):
            w1 = next_variance(rng, v1, level1, decay1, constant1, slope1)
            w2 = next_variance(rng, v2, level2, decay2, constant2, slope2)
            i1, i2 = 0.5 * dt * (v1 + w1), 0.5 * dt * (v2 + w2)
            hazard = lambda_inf * dt + (intensity - lambda_inf) * spent
            x += carry * dt - 0.5 * (i1 + i2) - compensator * hazard
            x += weight1 * (w1 - v1 - pull1 + kappa1 * i1) + weight2 * (w2 - v2 - pull2 + kappa2 * i2)
            x += math.sqrt(rest1 * i1 + rest2 * i2) * rng.standard_normal()
            intensity = lambda_inf + (intensity - lambda_inf) * fade
            clock -= hazard
            while clock <= 0.0:
                size = rng.exponential(mu_v)
                x += mu_x + rho_j * size + delta * rng.standard_normal()
                w1 += size
                intensity += eta
                clock += rng.exponential(1.0)
            v1, v2 = w1, w2
            spot, level = math.exp(x), 100.0 * math.sqrt(a + b1 * v1 + b2 * v2 + c * intensity)
            days = 42 - step % 21
            sd = 0.01 * level * math.sqrt(days / 252.0)
            if step % 21 == 0:
                for leg, m in enumerate((-1.6, -1.0, 1.0, 1.6)):
                    strikes[leg] = spot * math.exp(m * sd)
                strikes[4:] = level
                last[:] = 0.0
            condor = black(spot, strikes[0], sd, -1.0) - black(spot, strikes[1], sd, -1.0)
            condor += black(spot, strikes[3], sd, 1.0) - black(spot, strikes[2], sd, 1.0)
            hedge = 0.0
            for leg, tenor in enumerate((21.0, 80.0, 150.0)):
                hedge += black(level, strikes[4 + leg], 0.9 * math.sqrt((tenor + days) / 252.0), 1.0)
            for book in range(BOOKS):
                if step % 21 > 0:
                    equity[book] += 1000.0 * (condor - last[0]) + 400.0 * book / 3.0 * (hedge - last[1])
                peak[book] = max(peak[book], equity[book])
                worst[book] = max(worst[book], peak[book] - equity[book])
            last[0], last[1] = condor, hedge
        out[:BOOKS, path], out[BOOKS:, path] = equity, worst
    return out


def scalar(n, seed):
    m, start = MARKET, MARKET.start
    premium = m.intensity_premium
    kbar = math.exp(m.mu_x + 0.5 * m.delta**2) / (1.0 - m.rho_j * m.mu_v) - 1.0
    jumps = (
        m.beta,
        m.lambda_inf / premium,
        m.eta / premium,
        m.mu_x_p,
        m.delta,
        m.mu_v_p,
        m.rho_j,
        kbar * premium,
    )
    a, b1, b2, c = m.vix_squared(30.0).values()
    return study(
        n,
        np.random.Generator(np.random.SFC64(seed)),
        factor(m.kappa1_p, m.kappa1 * m.theta1, m.sigma1, m.rho1),
        factor(m.kappa2_p, m.kappa2 * m.theta2, m.sigma2, m.rho2),
        jumps,
        m.r - m.q,
        (start["v1"], start["v2"], start["intensity"] / premium),
        (a, b1, b2, c * premium),
    )
