"""The market model once more, slowly and by other means: the twin of the compiled pricing.

Equations are integrated as they stand (SciPy's DOP853 on all four, no closed form), SPX options come from the Lewis
integral instead of the cosine expansion, VIX calls from a dense rule without any cut-off, and everything again from an
exact simulation: noncentral chi-squared variances, thinned jumps.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import wofz

VIX_WINDOW = 30 / 365
# First and last ln s of the Laplace integral of a future.
START, END = -19.0, 8.0


def mean_jump(m):
    return np.exp(m.mu_x + m.delta**2 / 2) / (1 - m.rho_j * m.mu_v) - 1


def transform(m, u, b1, b2, c, years, rtol=3e-12):
    """A, B1, B2 and C of E exp(u ln(S_T/F) + b1 v1 + b2 v2 + c lambda), arrays of complex weights."""
    u, b1, b2, c = np.broadcast_arrays(*(np.atleast_1d(np.asarray(w, complex)) for w in (u, b1, b2, c)))
    n, k = u.size, mean_jump(m)

    def slopes(_, y):
        _, x1, x2, z = y.reshape(4, n)
        half = (u * u - u) / 2
        d1 = half + (m.rho1 * m.sigma1 * u - m.kappa1) * x1 + m.sigma1**2 / 2 * x1**2
        d2 = half + (m.rho2 * m.sigma2 * u - m.kappa2) * x2 + m.sigma2**2 / 2 * x2**2
        jump = np.exp(u * m.mu_x + u * u * m.delta**2 / 2 + m.eta * z) / (1 - m.mu_v * (m.rho_j * u + x1))
        dz = -m.beta * z + jump - 1 - u * k
        da = m.kappa1 * m.theta1 * x1 + m.kappa2 * m.theta2 * x2 + m.beta * m.lambda_inf * z
        return np.concatenate([da, d1, d2, dz])

    start = np.concatenate([0 * u, b1, b2, c])
    done = solve_ivp(slopes, (0, years), start, method="DOP853", rtol=rtol, atol=1e-14, t_eval=[years])
    assert done.success
    return done.y[:, -1].reshape(4, n)


def panels(edges, points=24):
    """Gauss-Legendre nodes and weights on every panel between the edges."""
    x, w = np.polynomial.legendre.leggauss(points)
    low, high = np.asarray(edges[:-1])[:, None], np.asarray(edges[1:])[:, None]
    return ((low + high) / 2 + (high - low) / 2 * x).ravel(), ((high - low) / 2 * w).ravel()


def calls(m, spot, strikes, years, states, limit):
    """Lewis (2001): the integral along Im = 1/2 up to `limit`; one row of strikes a state."""
    # No panel is wider than what 16 nodes resolve of exp(i w ln(F/K)).
    w, weight = panels(np.concatenate([[0.0, 1.0, 3.0, 8.0, 20.0], np.arange(40.0, limit, 20.0)]), 16)
    forward = spot * np.exp((m.r - m.q) * years)
    a, x1, x2, z = transform(m, 0.5 + 1j * w, 0.0, 0.0, 0.0, years)
    x = np.log(forward / np.asarray(strikes))[:, None]
    rows = []
    for state in states:
        log_phi = a + x1 * state["v1"] + x2 * state["v2"] + z * state["intensity"]
        integral = (np.exp(1j * w * x + log_phi) / (w * w + 0.25)).real @ weight
        rows.append(np.exp(-m.r * years) * (forward - np.sqrt(forward * strikes) / np.pi * integral))
    return np.array(rows)


def vix_squared(m, years=VIX_WINDOW):
    """Constant and slopes of VIX squared, by integrating the mean state's own equations over the window."""

    def slopes(_, y):
        v1, v2, lam = y[:3]
        variance = v1 + v2 + 2 * lam * (mean_jump(m) - m.mu_x - m.rho_j * m.mu_v)
        return [
            m.kappa1 * (m.theta1 - v1) + m.mu_v * lam,
            m.kappa2 * (m.theta2 - v2),
            m.beta * (m.lambda_inf - lam) + m.eta * lam,
            variance / years,
        ]

    def square(v1, v2, lam):
        return solve_ivp(slopes, (0, years), [v1, v2, lam, 0.0], method="DOP853", rtol=1e-12, atol=1e-15).y[
            3, -1
        ]

    a = square(0, 0, 0)
    return a, square(1, 0, 0) - a, square(0, 1, 0) - a, square(0, 0, 1) - a


def vix_futures(m, years, states):
    """E sqrt(Y) = (1/(2 sqrt(pi))) int (1 - E exp(-s Y)) s^(-3/2) ds with s = exp(z), no subtraction."""
    a, b1, b2, c = vix_squared(m)
    z, weight = panels(np.linspace(START, END, 20), 12)
    s = -np.exp(z)
    constant, x1, x2, x3 = transform(m, 0.0, s * b1, s * b2, s * c, years).real
    out = []
    for state in states:
        log_transform = s * a + constant + x1 * state["v1"] + x2 * state["v2"] + x3 * state["intensity"]
        # Beyond the last node the transform is gone; before the first one it is 1 - s times the mean.
        assert log_transform[-1] < -25
        ends = 2 * np.exp(-END / 2) + 2 * np.exp(START / 2) * log_transform[0] / s[0]
        total = (-np.expm1(log_transform) * np.exp(-z / 2)) @ weight + ends
        out.append(100 * total / (2 * np.sqrt(np.pi)))
    return np.array(out)


def closed_form_exponent(m, s, squared, years, state, n):
    """The exponent of E exp(s Y): textbook square-root factors, the intensity by n steps of Runge-Kutta."""
    a, b1, b2, c = squared

    def factor(kappa, sigma, b, t):
        decay = np.exp(-kappa * t)
        spread = 1 - sigma**2 * b * (1 - decay) / (2 * kappa)
        return b * decay / spread, -2 / sigma**2 * np.log(spread)

    def slope(t, z):
        x1 = factor(m.kappa1, m.sigma1, s * b1, t)[0]
        return -m.beta * z + np.exp(m.eta * z) / (1 - m.mu_v * x1) - 1

    z, integral = s * c, 0 * s
    times = years * (np.arange(n + 1) / n) ** 2
    for t, end in itertools.pairwise(times):
        h = end - t
        k1 = slope(t, z)
        k2 = slope(t + h / 2, z + h / 2 * k1)
        k3 = slope(t + h / 2, z + h / 2 * k2)
        k4 = slope(t + h, z + h * k3)
        integral = integral + h * z + h * h / 6 * (k1 + k2 + k3)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    x1, i1 = factor(m.kappa1, m.sigma1, s * b1, years)
    x2, i2 = factor(m.kappa2, m.sigma2, s * b2, years) if m.theta2 or state["v2"] else (0, 0)
    constant = s * a + m.kappa1 * m.theta1 * i1 + m.kappa2 * m.theta2 * i2 + m.beta * m.lambda_inf * integral
    return constant + x1 * state["v1"] + x2 * state["v2"] + z * state["intensity"]


def vix_call(m, strike, years, state, contour=10.0, limit=48_000.0, width=12.0, n=120):
    """The Fourier integral of the payoff by sheer density of nodes."""
    squared = vix_squared(m)
    w, weight = panels(np.arange(0.0, limit + width, width), 16)
    phi = contour + 1j * w
    log_transform = closed_form_exponent(m, phi, squared, years, state, n)
    prices = []
    for k in np.atleast_1d(strike) / 100:
        erfc = np.exp(log_transform - phi * k * k) * wofz(1j * k * np.sqrt(phi))
        prices.append(100 / np.pi * (erfc * np.sqrt(np.pi) / 2 * phi**-1.5).real @ weight)
    return np.exp(-m.r * years) * np.array(prices)


def _variance_after(rng, kappa, theta, sigma, v, dt):
    """Exact law of a square-root factor."""
    decay = np.exp(-kappa * dt)
    scale = sigma**2 * (1 - decay) / (4 * kappa)
    moved = dt > 0
    out = np.array(v, dtype=float)
    degrees = 4 * kappa * theta / sigma**2
    nonc = (v * decay)[moved] / scale[moved]
    out[moved] = scale[moved] * rng.noncentral_chisquare(degrees, nonc)
    return out


def _first_jump(rng, m, lam, left):
    """Time of the next jump by Ogata's thinning, and the intensity just before; `left` where none comes."""
    time = np.zeros_like(lam)
    active = np.ones(lam.shape, bool)
    jumped = np.zeros(lam.shape, bool)
    while active.any():
        bound = np.maximum(lam[active], m.lambda_inf)
        wait = rng.exponential(1 / bound)
        wait = np.minimum(wait, left[active] - time[active])
        over = time[active] + wait >= left[active]
        after = m.lambda_inf + (lam[active] - m.lambda_inf) * np.exp(-m.beta * wait)
        taken = ~over & (rng.random(bound.size) * bound <= after)
        index = np.flatnonzero(active)
        lam[index], time[index] = after, time[index] + wait
        jumped[index[taken]] = True
        active[index[over | taken]] = False
    return time, lam, jumped


def simulate_states(m, state, years, n, seed):
    """v1, v2 and intensity after `years`, n exact draws."""
    rng = np.random.default_rng(seed)
    v1, lam = np.full(n, state["v1"]), np.full(n, float(state["intensity"]))
    left = np.full(n, float(years))
    while (left > 0).any():
        time, lam, jumped = _first_jump(rng, m, lam.copy(), left)
        v1 = _variance_after(rng, m.kappa1, m.theta1, m.sigma1, v1, time)
        v1 = np.where(jumped, v1 + rng.exponential(m.mu_v, n), v1)
        lam = np.where(jumped, lam + m.eta, lam)
        left = np.where(jumped, left - time, 0.0)
    v2 = _variance_after(rng, m.kappa2, m.theta2, m.sigma2, np.full(n, state["v2"]), np.full(n, years))
    return v1, v2, lam


def simulate_log_returns(m, state, years, n, steps, seed):
    """ln(S_T/F): exact variances on a fine grid, integrals by the trapezoid, jumps at the ends of steps."""
    rng = np.random.default_rng(seed)
    dt, k = years / steps, mean_jump(m)
    x = np.zeros(n)
    v1, v2, lam = (np.full(n, float(state[part])) for part in ("v1", "v2", "intensity"))
    for _ in range(steps):
        w1 = _variance_after(rng, m.kappa1, m.theta1, m.sigma1, v1, np.full(n, dt))
        w2 = _variance_after(rng, m.kappa2, m.theta2, m.sigma2, v2, np.full(n, dt))
        i1, i2 = dt * (v1 + w1) / 2, dt * (v2 + w2) / 2
        x += m.rho1 / m.sigma1 * (w1 - v1 - m.kappa1 * (m.theta1 * dt - i1))
        x += m.rho2 / m.sigma2 * (w2 - v2 - m.kappa2 * (m.theta2 * dt - i2))
        x -= (i1 + i2) / 2
        x += np.sqrt((1 - m.rho1**2) * i1 + (1 - m.rho2**2) * i2) * rng.standard_normal(n)
        left, before, expected = np.full(n, dt), lam.copy(), np.zeros(n)
        while (left > 0).any():
            time, lam, jumped = _first_jump(rng, m, lam.copy(), left)
            # The compensator is the integral of the intensity between jumps.
            expected += m.lambda_inf * time + (before - m.lambda_inf) * -np.expm1(-m.beta * time) / m.beta
            size = np.where(jumped, rng.exponential(m.mu_v, n), 0.0)
            w1 += size
            shock = m.mu_x + m.rho_j * size + m.delta * rng.standard_normal(n)
            x += np.where(jumped, shock, 0.0)
            lam = np.where(jumped, lam + m.eta, lam)
            before = lam.copy()
            left = np.where(jumped, left - time, 0.0)
        x -= k * expected
        v1, v2 = w1, w2
    return x
