"""Types of the compiled core."""

from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

__version__: str

# Option chains (rust/py/src/chain.rs).
@final
class ChainBuilder:
    def __new__(cls, policy: str, codes: bytes, start: int, end: int, seconds: int) -> ChainBuilder: ...
    def push(
        self,
        source: str,
        first_row: int,
        quote_date: NDArray[np.int32],
        expiry: NDArray[np.int32],
        root: NDArray[np.uint8],
        strike: NDArray[np.float64],
        right: NDArray[np.uint8],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
        underlying: NDArray[np.float64] | None,
        seconds: NDArray[np.int32] | None,
    ) -> None: ...
    def finish(self) -> ChainStore: ...

@final
class ChainStore:
    def __len__(self) -> int: ...
    def days(self) -> NDArray[np.int32]: ...
    def data_hash(self) -> str: ...
    def source(self) -> str: ...
    def quality(self) -> dict[str, int]: ...
    def expiries(self, product: int, day: int) -> NDArray[np.int32]: ...
    def day_columns(self, product: int, day: int) -> dict[str, Any] | None: ...
    def find(
        self,
        product: NDArray[np.uint8],
        day: NDArray[np.int32],
        expiry: NDArray[np.int32],
        right: NDArray[np.uint8],
        strike: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def parity(
        self, product: int, day: int, expiry: int, rate: float | None
    ) -> tuple[float, float, float, float, int] | None: ...
    def implied_vol(
        self, product: int, day: int, expiry: int, right: int, strike: float, rate: float | None
    ) -> float: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> ChainStore: ...

def calendar_sessions(start: int, end: int) -> npt.NDArray[np.int32]: ...
def calendar_early_closes(start: int, end: int) -> npt.NDArray[np.int32]: ...
def calendar_close_seconds(dates: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]: ...
def calendar_expiries(product: str, start: int, end: int, weekly: bool) -> npt.NDArray[np.int32]: ...
def calendar_listed(
    product: str, on: int, weekly: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]: ...
def calendar_snap_strikes(
    product: str, on: int, expiry: int, spot: float, targets: npt.NDArray[np.float64], how: str
) -> npt.NDArray[np.float64]: ...

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
