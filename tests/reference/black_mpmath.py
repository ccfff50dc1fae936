"""Black's formula at 50 digits, straight from the textbook: the twin of the kernels."""

from __future__ import annotations

import mpmath

DIGITS = 50


def _cdf(z: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def black_scholes(spot, strike, years, vol, rate, dividend_yield, right):
    sign = 1 if right == "call" else -1
    spot, strike, years, vol, rate, q = (
        mpmath.mpf(a) for a in (spot, strike, years, vol, rate, dividend_yield)
    )
    sd = vol * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - q) * years) / sd + sd / 2
    asset, cash = spot * mpmath.exp(-q * years), strike * mpmath.exp(-rate * years)
    # Wings cancel: digits enough for both terms to leave 50 in the difference.
    return sign * (asset * _cdf(sign * d1) - cash * _cdf(sign * (d1 - sd)))


def black76(forward, strike, years, vol, rate, right):
    return black_scholes(forward, strike, years, vol, rate, rate, right)
