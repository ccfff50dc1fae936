"""Types of the compiled core."""

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt
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
def calendar_sessions(start: int, end: int) -> npt.NDArray[np.int32]: ...
def calendar_early_closes(start: int, end: int) -> npt.NDArray[np.int32]: ...
def calendar_close_seconds(dates: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]: ...
def calendar_expiries(product: str, start: int, end: int, weekly: bool) -> npt.NDArray[np.int32]: ...
def calendar_listed(
    product: str, on: int, weekly: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]: ...

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

def calendar_snap_strikes(
    product: str, on: int, expiry: int, spot: float, targets: npt.NDArray[np.float64], how: str
) -> npt.NDArray[np.float64]: ...

@final
class HistorySource:
    def __new__(
        cls, columns: dict[str, npt.NDArray[Any]], *, open_step: bool = True, mid_morning: bool = True
    ) -> HistorySource: ...
    def __len__(self) -> int: ...
    def flag_counts(self) -> dict[str, int]: ...
    def steps(self) -> dict[str, npt.NDArray[Any]]: ...
    def settlements(self) -> dict[str, npt.NDArray[Any]]: ...

def right_signs(characters: NDArray[np.uint32], width: int) -> tuple[NDArray[np.int8], int | None]: ...

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
def spx_variance_years(years: float, session_seconds: float, openings: float) -> float: ...
def check_part(class_: str, json: str, /) -> None: ...
def book_hash(json: str) -> str: ...
def backtest(
    history: HistorySource, books: Sequence[str], chain: ChainStore | None, scan_portfolio: bool = False
) -> dict[str, Any]: ...
def note_levels(history: HistorySource) -> NDArray[np.float64]: ...
def surface_rows(
    history: HistorySource,
    day: NDArray[np.int32],
    expiry: NDArray[np.int32],
    strike: NDArray[np.float64],
    right: str,
    product: str,
    time: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...

# Market model.
MARKET_PRESETS: list[str]

_State: TypeAlias = tuple[_Floats, ...]

def check_market(json: str) -> None: ...
def market_preset(name: str) -> str: ...
def market_hash(json: str) -> str: ...
def market_start(json: str) -> tuple[float, float, float]: ...
def market_feller(json: str) -> tuple[float, float]: ...
def market_vix_squared(json: str, days: float) -> tuple[float, float, float, float]: ...
def market_options(
    json: str,
    n: int,
    spot: _Floats,
    strike: _Floats,
    years: _Floats,
    sign: NDArray[np.int8],
    state: _State,
) -> _Floats: ...
def market_vix_futures(json: str, n: int, years: _Floats, state: _State) -> _Floats: ...
def market_vix_options(
    json: str, n: int, strike: _Floats, years: _Floats, sign: NDArray[np.int8], state: _State
) -> _Floats: ...
def market_vix(json: str, n: int, days: _Floats, state: _State) -> _Floats: ...
def market_vvix(json: str, n: int, state: _State) -> _Floats: ...
def market_invert(
    json: str, days: _Floats, quotes: _Floats, quote_error: float
) -> tuple[_Floats, _Floats, _Floats, _Floats]: ...

_Columns: TypeAlias = tuple[_Floats, _Floats, _Floats, _Floats]

def instruction_sets() -> list[str]: ...
def reference_workload(n_paths: int, first_path: int, seed: int, n_jobs: int, set: str) -> _Columns: ...
def simulate_paths(
    market: str,
    n_paths: int,
    first_path: int,
    sessions: int,
    steps_per_day: int,
    record_every: int,
    spot: float,
    real_world: bool,
    antithetic: bool,
    seed: int,
    n_jobs: int,
    set: str,
) -> tuple[int, _Columns]: ...
