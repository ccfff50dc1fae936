"""Paths of the market model with numba, one after the other, and with alvh: terminal values of a year of daily steps.

The schemes are those of docs/simulation.md: quadratic-exponential variances, central weights, the log price tied to
them, an exponential clock for jumps that take effect at the end of their step.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from alvh import Market
from alvh.simulation import paths

STEPS = 252
MARKET = Market.default().with_rates(r=0.04, q=0.013)


@numba.njit(inline="always")
def next_variance(rng, v, mean_level, decay, constant, slope):
    mean = mean_level + decay * v
    psi = (constant + slope * v) / (mean * mean)
    if psi <= 1.5:
        two = 2.0 / psi
        square = two - 1.0 + math.sqrt(two * (two - 1.0))
        shifted = math.sqrt(square) + rng.standard_normal()
        return mean / (1.0 + square) * shifted * shifted
    zero = (psi - 1.0) / (psi + 1.0)
    u = rng.random()
    return 0.0 if u <= zero else mean * 0.5 * (psi + 1.0) * math.log((1.0 - zero) / (1.0 - u))


@numba.njit(fastmath=True)
def terminal(n, rng, factor1, factor2, jumps, carry, gamma, start):
    dt = 1.0 / 252.0
    beta, lambda_inf, eta, mu_x, delta, mu_v, rho_j, compensator = jumps
    fade, spent = math.exp(-beta * dt), -math.expm1(-beta * dt) / beta
    out = np.empty((4, n))
    level1, decay1, constant1, slope1, weight1, pull1, kappa1, rest1 = factor1
    level2, decay2, constant2, slope2, weight2, pull2, kappa2, rest2 = factor2
    for path in range(n):
        x, (v1, v2, intensity) = 0.0, start
        clock = rng.exponential(1.0)
        for _ in range(STEPS):
            w1 = next_variance(rng, v1, level1, decay1, constant1, slope1)
            w2 = next_variance(rng, v2, level2, decay2, constant2, slope2)
            i1, i2 = 0.5 * dt * (v1 + w1), 0.5 * dt * (v2 + w2)
            hazard = lambda_inf * dt + (intensity - lambda_inf) * spent
            x += carry * dt + (gamma - 0.5) * (i1 + i2) - compensator * hazard
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
        out[0, path], out[1, path], out[2, path], out[3, path] = 100.0 * math.exp(x), v1, v2, intensity
    return out


def factor(kappa, level, sigma, rho):
    """What `alvh_core` calls a transition, of one day."""
    dt = 1.0 / 252.0
    decay = math.exp(-kappa * dt)
    gone = 1.0 - decay
    constant, slope = level / kappa * sigma**2 * gone**2 / (2.0 * kappa), sigma**2 * decay * gone / kappa
    return (level / kappa * gone, decay, constant, slope, rho / sigma, level * dt, kappa, 1.0 - rho * rho)


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
    out = terminal(
        n,
        np.random.Generator(np.random.SFC64(seed)),
        factor(m.kappa1_p, m.kappa1 * m.theta1, m.sigma1, m.rho1),
        factor(m.kappa2_p, m.kappa2 * m.theta2, m.sigma2, m.rho2),
        jumps,
        m.r - m.q,
        m.gamma,
        (start["v1"], start["v2"], start["intensity"] / premium),
    )
    out[3] *= premium
    return out


def ours(n, seed, record_every=STEPS, instruction_set=None):
    sample = paths(MARKET, n, seed=seed, record_every=record_every, instruction_set=instruction_set)
    return np.stack([sample.spot[:, -1], sample.v1[:, -1], sample.v2[:, -1], sample.intensity[:, -1]])


def recorded(n, seed):
    return ours(n, seed, 1)


def avx2(n, seed):
    return ours(n, seed, instruction_set="avx2")


def baseline(n, seed):
    return ours(n, seed, instruction_set="baseline")
