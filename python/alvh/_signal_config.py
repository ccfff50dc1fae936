"""Parameters of the signals and of the phases, with the defaults of the method and their status.

PUB: a published number, STD: standard in the field, OWN: defined here. The core checks every field and holds the same
defaults.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from alvh._part import Part

__all__ = ["GroupWeights", "PhaseConfig", "SignalConfig", "UserSignal"]

Group = Literal["volatility", "breadth", "microstructure", "macro", "valuation"]


class _SignalPart(Part):
    """A part whose fields are those of the core."""

    def _encode(self) -> dict[str, Any]:
        fields: Any = self
        return dataclasses.asdict(fields)


@dataclass(frozen=True)
class GroupWeights(_SignalPart):
    """Weights of the signal groups in the hedge score; a group of weight zero is off.

    Parameters
    ----------
    volatility : float
        VIX and its derivatives.
    breadth : float
        Advances and declines, RSI and capitalisation of the index.
    microstructure : float
        The order book.
    macro : float
        Rates, REITs, on-chain flows, events.
    valuation : float
        Cash flows and payouts.

    Raises
    ------
    ConfigError
        ``CFG097``, ``CFG099``, ``SIG014``: a field out of its range.
    """

    volatility: float = 0.40
    breadth: float = 0.25
    microstructure: float = 0.20
    macro: float = 0.10
    valuation: float = 0.05


@dataclass(frozen=True)
class UserSignal(_SignalPart):
    """A signal of your own: a column of :meth:`alvh.History.with_signals` and a ramp.

    Parameters
    ----------
    name : str
        Name, different from all others.
    group : {"volatility", "breadth", "microstructure", "macro", "valuation"}
        Group whose mean it joins.
    column : str
        Column that it reads at the close of each session.
    ramp : tuple of float
        Values at which the signal is 0 and 1, in the unit of the column; it falls when the first is larger.

    Raises
    ------
    ConfigError
        ``CFG097``, ``CFG099``, ``SIG001``, ``SIG009``..``SIG012``: a field out of its range.
    """

    name: str
    group: Group
    column: str
    ramp: tuple[float, float]


@dataclass(frozen=True)
class PhaseConfig(_SignalPart):
    """Thresholds of the phase machine (docs/phases.md).

    Parameters
    ----------
    bar : {"session", "step"}
        What is a bar (OWN: the session).
    move_window : int
        Sessions behind the deviation of moves (OWN).
    press_move : float
        Least move of the index in a press, standard deviations (OWN).
    press_vix_change : float
        Largest change of VIX in a press, points (OWN).
    press_count : int
        Conditions of a press beside its move that must hold (PUB).
    press_rsi : float
        RSI of the S&P 500 above which a condition of a press holds (PUB 68).
    slow_average : int
        Sessions of the slow average of VIX (PUB).
    realised_window : int
        Sessions of the realised volatility beside VIX (PUB).
    press_premium : float
        Excess of VIX over realised volatility, relative (PUB 18 %).
    press_carry : float
        Term structure (OWN 8 %; published 12 % on the raw contracts).
    high_window : int
        Sessions of the high of the index (OWN).
    press_distance : float
        Distance from that high, relative (OWN).
    press_sessions : int
        Sessions after which a press is over (OWN).
    expansion_count : int
        Conditions of an expansion beside the MACD that must hold (PUB).
    expansion_vix : float
        VIX (PUB 16).
    expansion_range : float
        Expected daily range, percent (PUB .94); counts once with the level of VIX.
    average : int
        Sessions of the average of VIX (STD).
    expansion_carry : float
        Term structure below which a condition holds (PUB 3.5 %).
    expansion_vix_change : float
        Rise of VIX in one session, points (PUB).
    base_sessions : int
        Sessions before the expansion whose lowest close of VIX is its base (OWN).
    give_back : float
        Share of the rise from base to peak that VIX has given back (OWN a third).
    contango_closes : int
        Closes with a term structure above zero (OWN).
    calm_carry : float
        Term structure from which a normalisation may end (PUB 3.5 %).
    normalisation_sessions : int
        Sessions after which a normalisation is over (OWN).

    Raises
    ------
    ConfigError
        ``CFG097``, ``CFG099``, ``SIG020``, ``SIG021``: a field out of its range.
    """

    bar: Literal["session", "step"] = "session"
    move_window: int = 20
    press_move: float = 2.0
    press_vix_change: float = 0.0
    press_count: int = 2
    press_rsi: float = 68.0
    slow_average: int = 200
    realised_window: int = 30
    press_premium: float = 0.18
    press_carry: float = 0.08
    high_window: int = 20
    press_distance: float = 0.01
    press_sessions: int = 5
    expansion_count: int = 2
    expansion_vix: float = 16.0
    expansion_range: float = 0.94
    average: int = 20
    expansion_carry: float = 0.035
    expansion_vix_change: float = 5.0
    base_sessions: int = 5
    give_back: float = 1.0 / 3.0
    contango_closes: int = 2
    calm_carry: float = 0.035
    normalisation_sessions: int = 20


@dataclass(frozen=True)
class SignalConfig(_SignalPart):
    """All parameters of the signals (docs/signals.md).

    Pairs are ramps: the values at which a signal is 0 and 1.

    Parameters
    ----------
    weights : GroupWeights
        Weights of the groups (OWN).
    quorum : int
        Groups that must stand before the score counts (PUB: no single key).
    standing : float
        Group mean at which a group stands (OWN).
    warm_up : int
        Closed sessions before a policy may act (OWN).
    off : tuple of str
        Names of signals that are switched off.
    vix_level : tuple[float, float]
        VIX, points (PUB 16).
    macd_fast : int
        Sessions of the fast average of MACD (STD).
    macd_slow : int
        Sessions of the slow average of MACD (STD).
    macd_signal : int
        Sessions of the signal line of MACD (STD).
    rsi_period : int
        Sessions of RSI (STD).
    vix_rsi : tuple[float, float]
        RSI of VIX (PUB 65).
    carry_source : {"constant_maturity", "raw"}
        Which term structure (OWN: constant maturity).
    term_structure : tuple[float, float]
        Term structure (PUB 3.5 %).
    carry_floor : float
        Term structure below which it has collapsed (PUB 3.5 %).
    carry_fall : float
        Fall of the term structure that is a collapse (PUB 5 percentage points).
    carry_sessions : int
        Sessions of that fall (PUB).
    edr_multiple : float
        Multiple of the expected daily range, 0.8..2 (PUB).
    edr : tuple[float, float]
        Expected daily range, percent (PUB .94).
    ad_mean : int
        Sessions of the mean of the advance-decline line (PUB).
    ad_window : int
        Sessions of its highs (PUB).
    ad_divergence : float
        Standard deviations below its high that are a divergence (OWN).
    rsi_spx_high : tuple[float, float]
        RSI of the S&P 500, overbought (PUB 68).
    rsi_spx_low : tuple[float, float]
        RSI of the S&P 500, oversold (STD 30).
    cap_window : int
        Sessions of the change of capitalisation (OWN).
    cap_contraction : tuple[float, float]
        Relative change of capitalisation (OWN).
    ignition : tuple[float, float]
        Ignition score after the amplifier (OWN).
    quick_ratio : tuple[float, float]
        Quick ratio over its median (OWN).
    spread_window : int
        Sessions of the median spread (OWN; PUB 1.8 times the mean spread is its alarm).
    rate_change : int
        Sessions of the change of the rate differential (PUB).
    rate_window : int
        Sessions behind the deviation of its daily changes (PUB).
    rate_differential : tuple[float, float]
        Change of the rate differential in standard deviations (OWN).
    rate_sign : {"both", "widening", "narrowing"}
        Which sign counts (OWN: both).
    reit_change : int
        Sessions of the REIT return (OWN).
    reit_window : int
        Sessions of the beta of REITs and of the z-score (OWN).
    reit_lead : tuple[float, float]
        z-score of the return of REITs beyond their beta (OWN).
    implied_rate : tuple[float, float]
        Deviation of the implied rate from the money market, basis points (STD).
    implied_rate_error : float
        Standard error from which the implied rate is not read, basis points (STD).
    dex_window : int
        Days of the median of extracted value (PUB 30).
    dex_flow : tuple[float, float]
        Extracted value over its median (PUB 3).
    dex_correlation_window : int
        Sessions of the correlation of crypto and VIX (OWN).
    dex_correlation : float
        Correlation below which extracted value is not read (OWN).
    event_sessions : int
        Sessions before an event that belong to its window (PUB 1).
    valuation_months : int
        Months of the valuation windows (OWN).
    reporting_lag : int
        Months until a period is reported (OWN: a quarter).
    cash_flow_z : float
        z-score of price to cash flow beyond which an index is dear (OWN).
    cash_flow_count : int
        Dear indices that switch the signal on (OWN).
    equity_premium : float
        Expected return of equity over the long rate, decimal (STD).
    index_beta : float
        Beta of the index in that return (STD).
    growth_margin : float
        Half width of the growth rate in the band, decimal (STD).
    least_excess : float
        Least excess of the discount rate over growth, decimal (STD).
    earnings_quantiles : tuple[float, float]
        Lower and upper quantile of price to earnings (STD).
    fair_value : tuple[float, float]
        Change of the stretch from its median (STD).
    flow_window : int
        Sessions behind the z-score of ETF flows (OWN).
    flow_weight : float
        Weight of ETF flows in the amplifier (OWN).
    ipo_window : int
        Sessions behind the z-score of IPO proceeds (OWN).
    ipo_weight : float
        Weight of IPO proceeds in the amplifier (OWN).
    amplifier : tuple[float, float]
        Least and largest amplifier (OWN).
    exogenous_delay : int
        Sessions by which columns that come with the market are read late, OWN: a placebo has the prices of its path
        beside the other signals of another time.
    user : tuple of UserSignal
        Signals that users add.
    phase : PhaseConfig
        The phases.

    Raises
    ------
    ConfigError
        ``CFG097``, ``CFG099``, ``SIG001``..``SIG021``: a field out of its range.
    """

    weights: GroupWeights = GroupWeights()
    quorum: int = 2
    standing: float = 0.5
    warm_up: int = 252
    off: tuple[str, ...] = ()
    vix_level: tuple[float, float] = (16.0, 24.0)
    macd_fast: int = 12
    macd_slow: int = 26
    macd_signal: int = 9
    rsi_period: int = 14
    vix_rsi: tuple[float, float] = (65.0, 80.0)
    carry_source: Literal["constant_maturity", "raw"] = "constant_maturity"
    term_structure: tuple[float, float] = (0.035, -0.05)
    carry_floor: float = 0.035
    carry_fall: float = 0.05
    carry_sessions: int = 5
    edr_multiple: float = 1.0
    edr: tuple[float, float] = (0.94, 1.10)
    ad_mean: int = 10
    ad_window: int = 20
    ad_divergence: float = 1.0
    rsi_spx_high: tuple[float, float] = (68.0, 75.0)
    rsi_spx_low: tuple[float, float] = (30.0, 20.0)
    cap_window: int = 20
    cap_contraction: tuple[float, float] = (-0.05, -0.10)
    ignition: tuple[float, float] = (50.0, 90.0)
    quick_ratio: tuple[float, float] = (0.8, 0.4)
    spread_window: int = 20
    rate_change: int = 5
    rate_window: int = 21
    rate_differential: tuple[float, float] = (2.0, 4.0)
    rate_sign: Literal["both", "widening", "narrowing"] = "both"
    reit_change: int = 5
    reit_window: int = 60
    reit_lead: tuple[float, float] = (-2.0, -4.0)
    implied_rate: tuple[float, float] = (25.0, 75.0)
    implied_rate_error: float = 10.0
    dex_window: int = 30
    dex_flow: tuple[float, float] = (2.0, 4.0)
    dex_correlation_window: int = 60
    dex_correlation: float = 0.3
    event_sessions: int = 1
    valuation_months: int = 120
    reporting_lag: int = 3
    cash_flow_z: float = 1.5
    cash_flow_count: int = 2
    equity_premium: float = 0.05
    index_beta: float = 1.0
    growth_margin: float = 0.01
    least_excess: float = 0.01
    earnings_quantiles: tuple[float, float] = (0.25, 0.75)
    fair_value: tuple[float, float] = (1.0, 2.0)
    flow_window: int = 20
    flow_weight: float = 0.1
    ipo_window: int = 252
    ipo_weight: float = 0.05
    amplifier: tuple[float, float] = (0.8, 1.2)
    exogenous_delay: int = 0
    user: tuple[UserSignal, ...] = ()
    phase: PhaseConfig = PhaseConfig()
