"""The rules on top of a book's schedule: the adaptive layered hedge and the controls beside it.

Every rule has an identifier, a switch (:data:`SWITCHES`) and a page in docs/rules. Every number of a rule
is a field; docs/rules says where it comes from.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alvh import _core
from alvh._part import Part
from alvh._signal_config import SignalConfig
from alvh.errors import ConfigError

__all__ = [
    "CONDOR_SWITCHES",
    "HEDGE_SWITCHES",
    "SWITCHES",
    "AdaptivePolicy",
    "BreakoutPolicy",
    "MotionPolicy",
]

HEDGE_SWITCHES: tuple[str, ...] = (
    "sizing",
    "automatic_vega",
    "automatic_vega_exception",
    "press",
    "time_shift_hedge",
    "recycling",
    "sell_ladder",
    "normalisation",
    "caps",
    "second_engine",
)
"""Switches of the rules that change the hedge."""

CONDOR_SWITCHES: tuple[str, ...] = ("trim", "time_shift_condor", "expansion_gate", "fair_value_shift")
"""Switches of the rules that change the condors."""

SWITCHES: tuple[str, ...] = HEDGE_SWITCHES + CONDOR_SWITCHES
"""All switches."""


@dataclass(frozen=True)
class AdaptivePolicy(Part):
    """The adaptive layered hedge: one switch a rule, then the numbers of the rules.

    Parameters
    ----------
    sizing : bool
        Layers grow with the hedge score: ``clip((1 + slope H) m_vega + press, 1, max)`` times their base.
    automatic_vega : bool
        Layers grow as the book of the future thins, confirmed by the quorum.
    automatic_vega_exception : bool
        The last of `vega_steps` acts without the quorum.
    press : bool
        The outer layer grows on each bullish MACD cross of VIX in a cash press.
    time_shift_hedge : bool
        A share of the longer layers' beta-vega becomes outer contracts before ignition confirms.
    recycling : bool
        Large gains of the outer layer are realised and go into the longer layers.
    sell_ladder : bool
        Outer contracts are sold at fixed levels of VIX.
    normalisation : bool
        When volatility normalises the outer gain is sold and all layers are struck anew.
    caps : bool
        Cost of carry and stressed beta bound the hedge in calm markets.
    second_engine : bool
        A ring-fenced sleeve fed by realised hedge gains.
    trim : bool
        Winning sides of condors are bought back in a cash press.
    time_shift_condor : bool
        Threatened condors roll to a few days, and back.
    expansion_gate : bool
        No new condors above `gate_vix` while volatility expands, and until it is below again.
    fair_value_shift : bool
        Short strikes move one step away from a stretched valuation.
    signals : SignalConfig
        Signals and phases that the rules read.
    outer_slope, longer_slope : float
        Growth of the multiplier per unit of the hedge score: outer layer, all others.
    multiplier_max : float
        Largest multiplier of a layer before time is shifted.
    core_share : float
        Smallest size of a layer as a share of its base, 0.5..1.
    vega_steps : tuple of (float, float)
        Rows (quick ratio below, added to the multiplier), falling; the last one is the exception to the quorum.
    press_step : float
        Added to the outer multiplier on each cross.
    hysteresis : float
        A layer is left alone when fewer contracts than this share of it would change.
    minutes_between, changes, armed_changes, reserved_changes : int
        Minutes between two changes; changes a session; of them at most so many on an alarm that is armed only, and so
        many kept for an ignition, which need not wait.
    shift_share : float
        Share of the longer layers' beta-vega that moves outward.
    shift_vix, shift_range : float
        VIX [points] and expected daily range [%] above which time is shifted.
    threatened_delta, threatened_distance : float
        A condor is threatened from this absolute delta of a short strike, or within this share of its distance from
        spot at entry.
    condor_roll_dte : (int, int)
        Calendar days to expiry of a rolled condor: least, most.
    condor_roll_sessions : int
        Sessions that a rolled condor is held at least.
    recycle_gain, recycle_share : float
        Gain on the cost of the outer strike from which it is realised; share of the gain that is spent.
    ladder_levels : tuple of float
        Levels of VIX of the sell ladder.
    ladder_share : float
        Share of the outer contracts sold at each.
    trim_what : {"side", "condor"}
        The winning vertical, or whole condors at half of their profit target.
    trim_share, trim_earned : float
        Share of the contracts bought back; share of the credit that must be earned.
    gate_vix : float
        VIX of the expansion gate [points].
    fair_value_stretch, fair_value_step : float
        Half widths of the band beyond which strikes move; the step [index points].
    equity_premium, debt_spread : float
        Equity risk premium, and what debt costs above the money-market rate, a year.
    beta_sessions : int
        Sessions behind the beta of the account.
    stressed_beta, stress_move, stress_vix : float
        Largest loss per loss of the index in the stress scenario; the scenario: relative move of the index, points of
        VIX.
    carry_max : float
        Largest carry of the hedge a year as a share of equity.
    carry_condors : int
        Closed condors before their loss ratio bounds the carry.
    sleeve_feed, sleeve_max, sleeve_gross : float
        Share of a realised gain that feeds the sleeve; its largest share of equity; largest delta notional over its
        value.
    sleeve_range : float
        Expected daily range [%] above which the sleeve buys.
    sleeve_dte : (int, int)
        Calendar days to expiry of its calls: least, most.
    sleeve_delta : float
        Forward delta of its calls.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    sizing: bool = True
    automatic_vega: bool = True
    automatic_vega_exception: bool = True
    press: bool = True
    time_shift_hedge: bool = True
    recycling: bool = True
    sell_ladder: bool = False
    normalisation: bool = True
    caps: bool = True
    second_engine: bool = True
    trim: bool = True
    time_shift_condor: bool = True
    expansion_gate: bool = True
    fair_value_shift: bool = True
    signals: SignalConfig = field(default_factory=SignalConfig)
    outer_slope: float = 1.0
    longer_slope: float = 0.5
    multiplier_max: float = 2.0
    core_share: float = 0.5
    vega_steps: tuple[tuple[float, float], ...] = ((0.8, 0.25), (0.55, 0.25), (0.35, 0.5))
    press_step: float = 0.25
    hysteresis: float = 0.10
    minutes_between: int = 15
    changes: int = 3
    armed_changes: int = 1
    reserved_changes: int = 1
    shift_share: float = 0.25
    shift_vix: float = 16.0
    shift_range: float = 0.94
    threatened_delta: float = 0.30
    threatened_distance: float = 0.25
    condor_roll_dte: tuple[int, int] = (1, 7)
    condor_roll_sessions: int = 1
    recycle_gain: float = 1.5
    recycle_share: float = 0.6
    ladder_levels: tuple[float, ...] = (40.0, 50.0, 60.0)
    ladder_share: float = 0.25
    trim_what: Literal["side", "condor"] = "side"
    trim_share: float = 0.25
    trim_earned: float = 0.5
    gate_vix: float = 20.0
    fair_value_stretch: float = 1.0
    fair_value_step: float = 5.0
    equity_premium: float = 0.05
    debt_spread: float = 0.01
    beta_sessions: int = 60
    stressed_beta: float = 0.2
    stress_move: float = -0.08
    stress_vix: float = 20.0
    carry_max: float = 0.02
    carry_condors: int = 12
    sleeve_feed: float = 0.25
    sleeve_max: float = 0.05
    sleeve_gross: float = 2.0
    sleeve_range: float = 1.10
    sleeve_dte: tuple[int, int] = (45, 90)
    sleeve_delta: float = 0.25

    def _encode(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def tagged(self) -> dict[str, Any]:
        """Encode for the core under the name of the class.

        Returns
        -------
        dict
            One key, the name.
        """
        return {"adaptive": self._encode()}

    def multipliers(
        self,
        score: float = 0.0,
        quick_ratio: float = math.nan,
        *,
        quorum: bool = True,
        press: float = 0.0,
        shift: bool = False,
        scale: float = 1.0,
        base: Sequence[float] = (4.0, 4.0, 2.0),
        exchange: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> tuple[float, ...]:
        """Target of the hedge by the signals alone, before rounding, hysteresis, limits and cash.

        Parameters
        ----------
        score : float
            Hedge score H, 0..1; counts with the quorum only.
        quick_ratio : float
            Quick ratio over its median; NaN where it is not known.
        quorum : bool
            At least two groups of signals stand.
        press : float
            Steps added to the outer multiplier in the present cash press.
        shift : bool
            Beta-vega is shifted outward.
        scale : float
            What the caps leave.
        base : sequence of float
            Base sizes of the layers, short tenor to long.
        exchange : sequence of float
            Outer contracts with the beta-vega of one contract of each layer.

        Returns
        -------
        tuple of float
            Multiplier of each layer's base size.
        """
        text = json.dumps(self._encode())
        found = _core.policy_multipliers(
            text, score, quick_ratio, quorum, press, shift, scale, list(base), list(exchange)
        )
        return tuple(found)

    def only(self, *switches: str) -> AdaptivePolicy:
        """Copy with these rules on and all others off.

        Parameters
        ----------
        *switches : str
            Names out of :data:`SWITCHES`; none for the bare schedule.

        Returns
        -------
        AdaptivePolicy
            The changed copy.

        Raises
        ------
        ConfigError
            When a name is not known.
        """
        _known(switches)
        changes: dict[str, Any] = {name: name in switches for name in SWITCHES}
        return dataclasses.replace(self, **changes)

    def without(self, *switches: str) -> AdaptivePolicy:
        """Copy with these rules off.

        Parameters
        ----------
        *switches : str
            Names out of :data:`SWITCHES`.

        Returns
        -------
        AdaptivePolicy
            The changed copy.

        Raises
        ------
        ConfigError
            When a name is not known.
        """
        _known(switches)
        changes: dict[str, Any] = dict.fromkeys(switches, False)
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class MotionPolicy(Part):
    """Every bar re-struck to the delta of each layer, in contracts with the beta-vega of its base size.

    Parameters
    ----------
    delta_tolerance : float
        A strike is kept while its forward delta is within this of the layer's.

    Raises
    ------
    ConfigError
        When the tolerance breaks its rule.
    """

    delta_tolerance: float = 0.0

    def _encode(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def tagged(self) -> dict[str, Any]:
        """Encode for the core under the name of the class.

        Returns
        -------
        dict
            One key, the name.
        """
        return {"motion": self._encode()}


@dataclass(frozen=True)
class BreakoutPolicy(Part):
    """Condors are closed and sold anew around the index whenever it closes outside of its recent range.

    Parameters
    ----------
    range_sessions : int
        Sessions of the range.

    Raises
    ------
    ConfigError
        When the number breaks its rule.
    """

    range_sessions: int = 20

    def _encode(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def tagged(self) -> dict[str, Any]:
        """Encode for the core under the name of the class.

        Returns
        -------
        dict
            One key, the name.
        """
        return {"breakout": self._encode()}


def _known(switches: tuple[str, ...]) -> None:
    for name in switches:
        if name not in SWITCHES:
            raise ConfigError(
                "RUL030", "AdaptivePolicy", "switch", repr(name), f"one of {', '.join(SWITCHES)}"
            )
