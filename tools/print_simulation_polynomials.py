"""Print the coefficients of rust/core/src/simulate/lanes.rs and the errors of the fits.

usage: python tools/print_simulation_polynomials.py     (needs mpmath and numpy)

Polynomials are Chebyshev fits, within a small factor of the best in the largest error.  The rational
function for Mills' ratio R(x) = (1 - N(x))/n(x) is a least-squares fit, reweighted until its errors level out;
what counts is the error of n(x) R(x), a probability, so the fit is weighted by the density, floored far out.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np

mp.mp.dps = 40


def polynomial(name, function, lower, upper, degree):
    """Coefficients of x^0.. of the Chebyshev fit, and its largest error."""
    found, error = mp.chebyfit(function, [lower, upper], degree + 1, error=True)
    print(f"{name}: largest error {float(error):.1e}", *(repr(float(c)) for c in found[::-1]), sep="\n    ")


def atanh_tail(w):
    """(atanh(f) - f)/f^3 at f^2 = w."""
    return mp.nsum(lambda k: w**k / (2 * k + 3), [0, mp.inf])


def mills(x):
    return mp.sqrt(mp.pi / 2) * mp.exp(mp.mpf(x) ** 2 / 2) * mp.erfc(mp.mpf(x) / mp.sqrt(2))


def rational(upper, n, m, rounds=400):
    """Numerator of degree n, denominator of degree m."""
    t = np.cos((np.arange(1_500) + 0.5) / 1_500 * np.pi)
    x = upper * (1 + t) / 2
    wanted = np.array([float(mills(float(v))) for v in x])
    weight = np.maximum(np.exp(-x * x / 2) / np.sqrt(2 * np.pi), 1e-5 / (1 + x))
    above, below = np.polynomial.chebyshev.chebvander(t, n), np.polynomial.chebyshev.chebvander(t, m)
    share, q, best = np.ones(x.size), np.ones(x.size), (np.inf, None, None)
    for _ in range(rounds):
        scale = np.sqrt(share) / np.abs(q) * weight
        system = np.hstack([above, -wanted[:, None] * below[:, 1:]]) * scale[:, None]
        size = np.abs(system).max(0)
        c = np.linalg.lstsq(system / size, wanted * scale, rcond=None)[0] / size
        top, bottom = c[: n + 1], np.concatenate([[1.0], c[n + 1 :]])
        q = below @ bottom
        error = np.abs(above @ top / q - wanted) * weight
        if (q > 0).all() and error.max() < best[0]:
            best = (error.max(), top, bottom)
        share = share * (error + 1e-30)
        share /= share.sum()
    domain = np.array([0.0, upper])
    series = [
        np.polynomial.Chebyshev(c, domain).convert(kind=np.polynomial.Polynomial).coef for c in best[1:]
    ]
    print(
        f"Mills' ratio on [0, {upper}]: weighted error {best[0]:.1e}, factor {series[0][-1] / series[1][-1]!r}"
    )
    for name, c in zip(("numerator", "denominator"), series, strict=True):
        print(f"  {name}", *map(repr, map(float, c / c[-1])), sep="\n    ")


def main() -> None:
    polynomial("2^x on [-1/2, 1/2]", lambda x: mp.power(2, x), mp.mpf(-0.5), mp.mpf(0.5), 8)
    root = mp.sqrt(2)
    polynomial("(atanh(f) - f)/f^3 in f^2", atanh_tail, mp.mpf(0), ((root - 1) / (root + 1)) ** 2, 4)
    quarter = mp.pi / 4
    polynomial(
        "sin(pi/4 f)/f in f^2", lambda w: mp.sinc(quarter * mp.sqrt(w)) * quarter, mp.mpf(0), mp.mpf(1), 4
    )
    polynomial("cos(pi/4 f) in f^2", lambda w: mp.cos(quarter * mp.sqrt(w)), mp.mpf(0), mp.mpf(1), 4)
    rational(12.0, 3, 4)


if __name__ == "__main__":
    main()
