"""Types of the compiled core."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__version__: str

_Floats: TypeAlias = npt.NDArray[np.float64]
_Ints: TypeAlias = npt.NDArray[np.int32]
_Flags: TypeAlias = npt.NDArray[np.uint32]

def vix_surface_rows(
    day: _Ints,
    seconds: _Ints,
    indices: Sequence[_Floats],
    vx_start: npt.NDArray[np.int64],
    vx_expiry: _Ints,
    vx_price: _Floats,
    expiry: _Ints,
    strike: _Floats,
    shift: float = 0.0,
) -> tuple[_Floats, _Flags, _Floats, _Floats, _Flags, _Floats]: ...
def vix_pass_through(years: float) -> float: ...
def vix_moved_future(price: float, beta: float, d_vix: float) -> float: ...
def vix_note_levels(
    price: _Floats,
    previous: _Floats,
    weight: _Floats,
    bill: _Floats,
    days: _Floats,
    n_contracts: int,
    fee: float,
    base: float,
) -> _Floats: ...
