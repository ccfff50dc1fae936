"""Types of the compiled core."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

# statistics
def study_statistics(
    capital: NDArray[np.float64],
    pnl: NDArray[np.float64],
    interest: NDArray[np.float64],
    credit: NDArray[np.float64],
    hedge: NDArray[np.float64],
    hedge_calm: NDArray[np.float64],
    *,
    base: int,
    seed: int,
    replicates: int,
    block: float | None,
    level: float,
) -> dict[str, Any]: ...
def drawdown(capital: float, pnl: NDArray[np.float64]) -> tuple[float, float, int, int, int | None, int]: ...
def optimal_block_length(values: NDArray[np.float64]) -> float: ...
def bootstrap_indices(n: int, block: float, seed: int, replicate: int) -> NDArray[np.uint32]: ...
