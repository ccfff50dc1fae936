"""Types of the compiled core."""

import numpy as np
import numpy.typing as npt

__version__: str

# surface: SPX
def spx_surface_vol(
    spot: npt.NDArray[np.float64],
    rate: npt.NDArray[np.float64],
    dividend_yield: npt.NDArray[np.float64],
    vix: npt.NDArray[np.float64],
    vix9d: npt.NDArray[np.float64],
    vix3m: npt.NDArray[np.float64],
    vix6m: npt.NDArray[np.float64],
    skew: npt.NDArray[np.float64],
    row: npt.NDArray[np.uint32],
    strike: npt.NDArray[np.float64],
    years: npt.NDArray[np.float64],
    variance_years: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]: ...
def spx_variance_years(years: float, session_seconds: float, openings: float) -> float: ...
