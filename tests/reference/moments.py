"""Means, variances and jump counts of the market model from their linear differential equations, by SciPy."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def dynamics(market, measure):
    """Parameters of one measure, the intensity in its own units."""
    m = market
    if measure == "Q":
        return {
            "kappa": (m.kappa1, m.kappa2),
            "level": (m.kappa1 * m.theta1, m.kappa2 * m.theta2),
            "sigma": (m.sigma1, m.sigma2),
            "lambda_inf": m.lambda_inf,
            "eta": m.eta,
            "beta": m.beta,
            "mu_x": m.mu_x,
            "mu_v": m.mu_v,
            "premium": 1.0,
            "gamma": 0.0,
        }

    def pick(p, q):
        return q if p is None else p

    return dynamics(market, "Q") | {
        "kappa": (pick(m.kappa1_p, m.kappa1), pick(m.kappa2_p, m.kappa2)),
        "lambda_inf": m.lambda_inf / m.intensity_premium,
        "eta": m.eta / m.intensity_premium,
        "mu_x": pick(m.mu_x_p, m.mu_x),
        "mu_v": pick(m.mu_v_p, m.mu_v),
        "premium": m.intensity_premium,
        "gamma": m.gamma,
    }


def moments(market, years, measure):
    """Moments at `years`; intensity in jumps a year under Q."""
    d = dynamics(market, measure)
    (k1, k2), (l1, l2), (s1, s2) = d["kappa"], d["level"], d["sigma"]
    beta, eta, mu_v, floor = d["beta"], d["eta"], d["mu_v"], d["lambda_inf"]
    start = market.start

    def slope(_, y):
        v1, v2, lam, _, c11, c22, cll, c1l, _, cnl, _, _ = y
        return [
            l1 - k1 * v1 + mu_v * lam,
            l2 - k2 * v2,
            beta * (floor - lam) + eta * lam,
            lam,
            -2 * k1 * c11 + s1**2 * v1 + 2 * mu_v * c1l + 2 * mu_v**2 * lam,
            -2 * k2 * c22 + s2**2 * v2,
            -2 * (beta - eta) * cll + eta**2 * lam,
            -(k1 + beta - eta) * c1l + mu_v * cll + eta * mu_v * lam,
            lam + 2 * cnl,
            -(beta - eta) * cnl + cll + eta * lam,
            v1,
            v2,
        ]

    y0 = [start["v1"], start["v2"], start["intensity"] / d["premium"], *[0.0] * 9]
    y = solve_ivp(slope, (0.0, years), y0, rtol=1e-10, atol=1e-13).y[:, -1]
    v1, v2, lam, count, c11, c22, cll, _, cnn, _, i1, i2 = y
    kbar = np.exp(market.mu_x + 0.5 * market.delta**2) / (1.0 - market.rho_j * market.mu_v) - 1.0
    drift = (market.r - market.q) * years + (d["gamma"] - 0.5) * (i1 + i2)
    jumps = (d["mu_x"] + market.rho_j * mu_v - kbar * d["premium"]) * count
    return {
        "v1": (v1, c11),
        "v2": (v2, c22),
        "intensity": (lam * d["premium"], cll * d["premium"] ** 2),
        "count": (count, cnn),
        "log_return": (drift + jumps, None),
    }
