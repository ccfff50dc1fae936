"""Types of the compiled core."""

import numpy as np
from numpy.typing import NDArray

__version__: str

def option_margin_cents(
    legs: list[tuple[str, float, float, float, int]],
    apply_credit: bool,
    method: str,
    underlying: float | None,
    naked_rate: float,
) -> int: ...
def half_spread(
    kind: str, mid: NDArray[np.float64], am_settled: bool, spot: float, day: int, vix: float
) -> NDArray[np.float64]: ...
def tick_hundredths(kind: str, day: int, price: float) -> int: ...
def round_against(price: float, tick: int, buy: bool) -> int: ...
def fee_cents(preset: str, kind: str, day: int, price: float, contracts: int, complex: bool) -> int: ...
def package_fill(
    mid: list[float], half_spread: list[float], ratio: list[int], fraction: float, tick: int
) -> tuple[list[int], int]: ...
def vx_initial_margin_cents(day: int, price: float, months_out: int) -> int: ...
def excess_cents(
    cash_cents: int,
    long_cost_cents: int,
    payoff_requirement_cents: int,
    vx_initial_cents: int,
    vx_variation_cents: int,
) -> int: ...
def scenario_grid(day: int) -> tuple[list[tuple[float, float]], bool]: ...
