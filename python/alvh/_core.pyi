"""Types of the compiled core."""

__version__: str

# Option chains (rust/py/src/chain.rs).
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

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
