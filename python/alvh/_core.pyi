"""Types of the compiled core."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from typing_extensions import disjoint_base

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
def policy_multipliers(
    policy: str,
    score: float,
    quick_ratio: float,
    quorum: bool,
    press: float,
    shift: bool,
    scale: float,
    base: list[float],
    exchange: list[float],
) -> list[float]: ...
def policy_rules() -> list[str]: ...
def check_part(class_: str, json: str, /) -> None: ...
def book_hash(json: str) -> str: ...

@final
class ModelTables:
    @staticmethod
    def build(json: str, threads: int) -> ModelTables: ...
    @staticmethod
    def from_bytes(json: str, bytes: bytes) -> ModelTables: ...
    @staticmethod
    def key(json: str) -> str: ...
    def to_bytes(self) -> bytes: ...
    @property
    def size(self) -> int: ...

def backtest(
    history: HistorySource,
    books: Sequence[str],
    chain: ChainStore | None,
    scan_portfolio: bool = False,
    tables: ModelTables | None = None,
    overlay: bool = False,
) -> dict[str, Any]: ...
def note_levels(history: HistorySource, tables: ModelTables | None = None) -> NDArray[np.float64]: ...
def smile_rows(
    history: HistorySource,
    day: NDArray[np.int32],
    expiry: NDArray[np.int32],
    strike: NDArray[np.float64],
    right: str,
    product: str,
    time: str,
    tables: ModelTables | None = None,
    overlay: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...

# Signals.
def signal_names() -> dict[str, list[str]]: ...
def check_signal_config(json: str) -> str: ...
def signals(history: HistorySource, json: str, every_step: bool) -> dict[str, npt.NDArray[Any]]: ...

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
def check_world(json: str) -> None: ...
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
def simulate(
    market: str,
    world: str,
    books: Sequence[str],
    first_path: int,
    n_paths: int,
    seed: int,
    n_jobs: int,
    record_paths: int,
    instruction_set: str | None = None,
    tables: ModelTables | None = None,
) -> dict[str, Any]: ...

# Episodes, fair signals and scenarios (rust/py/src/episodes.rs).
EPISODE_KINDS: list[str]

def check_intraday(json: str) -> str: ...
def check_fair_signals(json: str) -> str: ...
def pass_through_shares(name: str) -> list[float] | None: ...
def scenario_names() -> list[tuple[str, str]]: ...
def play_scenario(
    name: str, market: str, intraday: str, noise: float, seed: int
) -> tuple[float, float, float, list[dict[str, Any]]]: ...
def episode_session(
    market: str,
    intraday: str,
    nodes: Sequence[Sequence[float]],
    years: float,
    close: int,
    seed: int,
    path: int,
    session: int,
) -> tuple[list[list[float]], dict[str, Any]]: ...

# Tapes (rust/py/src/tape.rs).
_Codes: TypeAlias = npt.NDArray[np.uint8]
_Longs: TypeAlias = npt.NDArray[np.int64]
_Ids: TypeAlias = npt.NDArray[np.uint64]

@final
class Tape:
    @staticmethod
    def from_columns(
        source: str,
        tick_size: float,
        lot_size: float,
        ts: _Longs,
        action: _Codes,
        side: _Codes,
        flags: _Codes,
        price: _Longs,
        size: _Longs,
        *,
        symbol: str = "",
        order_id: _Ids | None = None,
        participant: _Ids | None = None,
        levels: Sequence[_Longs] | None = None,
        quality: Sequence[tuple[str, int]] = ...,
    ) -> Tape: ...
    @property
    def source(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def feed(self) -> str: ...
    @property
    def n_levels(self) -> int: ...
    @property
    def n_events(self) -> int: ...
    @property
    def tick_size(self) -> float: ...
    @property
    def lot_size(self) -> float: ...
    def span(self) -> tuple[int, int] | None: ...
    def quality(self, *, all: bool = True) -> dict[str, int]: ...
    def data_hash(self) -> str: ...
    def slice(self, start: int, stop: int) -> Tape: ...
    def arrays(self) -> dict[str, NDArray[Any]]: ...

def tape_from_arrays(
    source: str,
    symbol: str,
    tick_size: float,
    lot_size: float,
    unit: int,
    policies: tuple[str, str],
    ts: _Longs,
    action: _Codes,
    side: _Codes,
    price: NDArray[Any],
    size: NDArray[Any],
    flags: _Codes | None,
    order_id: _Ids | None,
    participant: _Ids | None,
    levels: tuple[int, Sequence[NDArray[Any]]] | None,
) -> Tape: ...

# The detector as a stream (rust/py/src/detector.rs, capi.rs).
CAPI_SLOTS: int

@disjoint_base
class Stream:
    def __new__(cls, json: str, feed: str, tick_size: float | None, by_receive: bool) -> Self: ...
    def update(
        self,
        ts: int,
        action: int | str,
        side: int | str,
        price: int,
        size: int,
        order_id: int | None = None,
        flags: int | None = None,
        participant: int | None = None,
    ) -> int: ...
    def update_record(self, record: object) -> int: ...
    def update_columns(
        self,
        ts: _Longs,
        action: _Codes,
        side: _Codes,
        price: _Longs,
        size: _Longs,
        order_id: _Ids | None = None,
        flags: _Codes | None = None,
        participant: _Ids | None = None,
        levels: Sequence[_Longs] | None = None,
    ) -> int: ...
    @property
    def stage(self) -> str: ...
    @property
    def stages(self) -> list[str]: ...
    @property
    def score(self) -> float: ...
    @property
    def n_events(self) -> int: ...
    @property
    def quality(self) -> dict[str, int]: ...
    def features(self, clock: int) -> dict[str, float]: ...
    def columns(self) -> dict[str, Any]: ...
    def config_json(self) -> str: ...
    def to_bytes(self) -> bytes: ...
    def load_bytes(self, state: bytes) -> None: ...
    def close(self) -> None: ...

# Readers of text feeds (rust/py/src/feeds.rs).
@final
class FeedReader:
    @staticmethod
    def lobster(
        sources: tuple[str, str],
        midnight: int,
        hidden_sides: bool,
        tick_size: float | None,
        time_backwards: str,
        off_grid_trade: str,
    ) -> FeedReader: ...
    @staticmethod
    def binance(
        source: str,
        symbol: str | None,
        by_exchange: bool,
        warm_up: int,
        tick_size: float | None,
        lot_size: float | None,
        time_backwards: str,
    ) -> FeedReader: ...
    @staticmethod
    def taq(
        sources: tuple[str, str],
        midnight: int,
        venues: bool,
        session: tuple[int, int],
        extended: bool,
        tick_size: float | None,
        time_backwards: str,
        suspicious: str,
        off_grid_trade: str,
    ) -> FeedReader: ...
    def push(self, part: int, chunk: bytes) -> None: ...
    def finish(self, symbol: str) -> Tape: ...

# Batch detection (rust/py/src/ignition.rs).
IGNITION_STAGES: list[str]
IGNITION_OUTCOMES: list[str]
FEATURE_NAMES: list[str]
FLAW_NAMES: list[str]

def ignition_defaults() -> str: ...
def ignition_hash(json: str) -> str: ...
def ignition_detect(
    tape: Tape, json: str, progress: Callable[[float], object] | None = None
) -> dict[str, Any]: ...
def ignition_features(tape: Tape, json: str, clock: int, every: int) -> dict[str, NDArray[Any]]: ...
def ignition_events(tape: Tape, first: int, last: int) -> dict[str, NDArray[Any]]: ...
def ignition_books(tape: Tape, start: int, stop: int, n: int) -> dict[str, NDArray[Any]]: ...

# Measures of order flow (rust/py/src/flow_measures.rs).
def order_flow_imbalances(tape: Tape, levels: int, window: int | None) -> NDArray[np.float64]: ...
def bulk_vpin(tape: Tape, bucket: int, buckets: int, bars: int) -> dict[str, NDArray[Any]]: ...
def aggressor_times(tape: Tape, side: str) -> NDArray[np.int64]: ...
def hawkes_fit(
    times: NDArray[np.float64], end: float, is_opened_by_first: bool, lags: int
) -> dict[str, Any]: ...
def hawkes_likelihood(
    times: NDArray[np.float64], end: float, baseline: float, branching: float, decay: float
) -> tuple[float, tuple[float, float, float], tuple[float, float, float, float, float, float]]: ...

# Files of DBN (rust/py/src/dbn.rs).
def tape_from_dbn(
    name: str,
    path: str | os.PathLike[str] | None,
    bytes: bytes,
    instrument_id: int | None,
    symbol: str | None,
    schema: str | None,
    tick_size: float | None,
    time: str,
    other_instruments: str,
) -> Tape: ...
def dbn_about(tape: Tape) -> tuple[str, int, bool, bool] | None: ...

# labelled order flow
LABEL_KINDS: list[str]
BASELINES: list[str]

_Alarms: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int8]]

@final
class Labels:
    def columns(self) -> dict[str, npt.NDArray[Any]]: ...
    def mid(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]: ...
    def span(self) -> tuple[int, int]: ...
    def counts(self) -> tuple[int, int, int, int]: ...

@final
class Tally:
    def __new__(cls) -> Tally: ...
    def merge(self, other: Tally) -> None: ...
    def totals(self) -> dict[str, Any]: ...
    def found(self) -> list[npt.NDArray[np.float64]]: ...
    def precision(self) -> float: ...
    def recall(self, low: float, high: float) -> tuple[int, int]: ...
    def latency(self, share: float) -> float: ...
    def share(self, share: float) -> float: ...
    def false_per_session(self) -> float: ...
    def f1(self) -> float: ...

def order_flow_preset(name: str) -> str: ...
def order_flow_episodes(unit: float, window: float) -> str: ...
def simulate_order_flow(
    config: str, seed: int, hours: float, feed: str, with_participants: bool
) -> tuple[Tape, Labels]: ...
def transplant_ignitions(
    tape: Tape,
    strengths: tuple[float, float],
    ignitions: int,
    shams: int,
    seed: int,
    unit: float,
    window: float,
) -> tuple[Tape, Labels]: ...
def ignition_alarms(tape: Tape, config: str, factors: list[float]) -> list[tuple[_Alarms, _Alarms]]: ...
def merge_alarms(
    unit: npt.NDArray[np.float64],
    side: npt.NDArray[np.int8],
    ts: npt.NDArray[np.int64],
    confirmed: npt.NDArray[np.int64],
) -> tuple[_Alarms, _Alarms]: ...
def baseline_alarm_lists(tape: Tape, thresholds: list[list[float]]) -> list[list[_Alarms]]: ...
def score_alarms(
    labels: Labels, ts: npt.NDArray[np.int64], known: npt.NDArray[np.int64], side: npt.NDArray[np.int8]
) -> Tally: ...
def wilson_interval(count: int, total: int) -> tuple[float, float]: ...
