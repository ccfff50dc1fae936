"""Prints rust/core/src/pricing/mills_table.rs: Taylor coefficients of Mills' ratio, correctly rounded.

usage: python tools/print_mills_table.py > rust/core/src/pricing/mills_table.rs
"""

import mpmath

STEPS_PER_UNIT = 8
LAST_NODE = 10
COEFFICIENTS = 14


def taylor(node: mpmath.mpf) -> list[float]:
    """Coefficients of R(node + h) in powers of h, by the recurrence that R' = z R - 1 implies."""
    ratio = mpmath.sqrt(mpmath.pi / 2) * mpmath.exp(node**2 / 2) * mpmath.erfc(node / mpmath.sqrt(2))
    values = [ratio, node * ratio - 1]
    for k in range(2, COEFFICIENTS):
        values.append((node * values[k - 1] + values[k - 2]) / k)
    return [float(value) for value in values]


def main() -> None:
    mpmath.mp.dps = 80
    nodes = STEPS_PER_UNIT * LAST_NODE + 1
    print("//! Taylor coefficients of Mills' ratio around equally spaced nodes.")
    print("//!")
    print("//! Printed by `tools/print_mills_table.py` (80 digits, rounded to nearest); not to be edited.")
    print()
    print("/// Nodes per unit of the argument.")
    print(f"pub(super) const STEPS_PER_UNIT: f64 = {STEPS_PER_UNIT}.0;")
    print("/// Largest argument that the table covers.")
    print(f"pub(super) const LAST_NODE: f64 = {LAST_NODE}.0;")
    print("/// Coefficients per node, constant term first.")
    print(f"pub(super) const COEFFICIENTS: usize = {COEFFICIENTS};")
    print("/// `TABLE[j][k]`: coefficient of h^k of R(j / STEPS_PER_UNIT + h).")
    print("#[rustfmt::skip]")
    print(f"pub(super) static TABLE: [[f64; COEFFICIENTS]; {nodes}] = [")
    for j in range(nodes):
        print(
            "    ["
            + ", ".join(repr(c) if c % 1 else f"{c:.1f}" for c in taylor(mpmath.mpf(j) / STEPS_PER_UNIT))
            + "],"
        )
    print("];")


if __name__ == "__main__":
    main()
