"""Types of the compiled core."""

import numpy as np
from numpy.typing import NDArray

__version__: str

# Pricing.
GREEK_NAMES: list[str]
IMPLIED_VOL_REASONS: list[str]

def black76(
    n: int,
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    vol: NDArray[np.float64],
    rate: NDArray[np.float64],
    sign: NDArray[np.int8],
) -> NDArray[np.float64]: ...
def black76_greeks(
    n: int,
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    vol: NDArray[np.float64],
    rate: NDArray[np.float64],
    sign: NDArray[np.int8],
) -> NDArray[np.float64]: ...
def black_scholes(
    n: int,
    spot: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    vol: NDArray[np.float64],
    rate: NDArray[np.float64],
    dividend_yield: NDArray[np.float64],
    sign: NDArray[np.int8],
) -> NDArray[np.float64]: ...
def black_scholes_greeks(
    n: int,
    spot: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    vol: NDArray[np.float64],
    rate: NDArray[np.float64],
    dividend_yield: NDArray[np.float64],
    sign: NDArray[np.int8],
) -> NDArray[np.float64]: ...
def implied_vol_codes(
    n: int,
    price: NDArray[np.float64],
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    rate: NDArray[np.float64],
    sign: NDArray[np.int8],
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]: ...
