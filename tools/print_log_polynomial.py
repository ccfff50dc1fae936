"""Print the polynomial of `math::log_ratio_plain`: Chebyshev fit of (2 atanh f - 2 f)/f^3 in w = f^2.

usage: python tools/print_log_polynomial.py
"""

from __future__ import annotations

from mpmath import chebyfit, mp, mpf, nstr

# The difference of the bits of two numbers is off their log2 by at most 0.0861: |f| stays below this.
LARGEST = mpf("0.2005")
COEFFICIENTS = 8


def quotient(w):
    """Return the power series of the quotient, 60 terms of it."""
    return sum(2 * w**k / (2 * k + 3) for k in range(60))


def main() -> None:
    mp.dps = 50
    coefficients, error = chebyfit(quotient, [0, LARGEST**2], COEFFICIENTS, error=True)
    for coefficient in reversed(coefficients):
        print(repr(float(coefficient)))
    print(f"relative error of the logarithm {nstr(error * LARGEST**2 / 2, 2)}")


if __name__ == "__main__":
    main()
