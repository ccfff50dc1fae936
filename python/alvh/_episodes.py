"""Ignition episodes inside a day, fair signals of simulated worlds, and days that happened as scripts."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from alvh._skill import DetectorSkill
    from alvh.market import Market

__all__ = ["FairSignals", "IntradayConfig", "Scenario", "ScenarioSession", "scenario", "scenarios"]

_EPOCH = np.datetime64("1970-01-01")
_Pair = tuple[float, float]


def _plain(source: str, name: str, value: Any) -> Any:
    """Return a number, a pair of numbers or a name as it goes into JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(source, f"{name}[{i}]", part) for i, part in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ConfigError("CFG431", source, name, repr(value), "a finite number")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


@dataclass(frozen=True)
class IntradayConfig:
    """The intraday layer: how often episodes come, how large they are, what they do to quotes.

    An episode is a decomposition of a jump of the model, or leaves nothing: closes stay what they are without it.
    ``docs/episodes.md`` has the status and the source of every number.

    Parameters
    ----------
    ignition_share : float
        Probability that a jump is an ignition; the others are news.
    retained, retained_concentration : float
        Mean share of an ignition's displacement that stays until the close, and a + b of its beta law.
    pure_rate : float
        Pure episodes a year at a VIX of 20, in proportion to VIX.
    pure_scale, pure_tail : float
        Smallest displacement of a pure episode [daily standard deviations] and tail exponent of its Pareto law.
    pure_down : float
        Probability that a pure episode goes down.
    reignition, reignition_seconds : float
        Mean number of pure episodes that an ignition or a pure episode sets off, and mean time until then [seconds].
    largest : float
        Largest displacement [log points], unless the jump itself is larger.
    rise_seconds, rise_spread : float
        Median time from onset to peak [seconds] and standard deviation of its logarithm.
    acceleration : float
        a of (exp(a t/T) - 1)/(exp(a) - 1).
    reversion_seconds : float
        Time constant of the way back [seconds].
    vix_beta : float
        Log move of VIX per log move of the index against its sign.
    fast_share : float
        Share of the excess of VIX that decays with the price; the rest fades until the close.
    quote_noise, quote_noise_scale : float
        Largest quote noise on spot VIX [log points], and the displacement at which it is two thirds of that.
    quote_noise_half_life : tuple of float
        Bounds of its half-life [seconds].
    spread : tuple of float
        Bounds of the spread multiplier at the peak.
    pass_through : {"low", "middle", "high"}
        How far VIX futures follow the transient part of VIX.
    rebalancing : float
        Largest shock on the first two VIX futures at the close [log points]; 0 leaves daily marks untouched.
    u_shape : float
        Depth of the U-shape of variance over the session; 0 is flat.
    fine_seconds, coarse_seconds : int
        Steps inside an episode and on the rest of its day [seconds].
    fine_tail : float
        Time constants of the way back that count as inside.

    Raises
    ------
    ConfigError
        A field is not a number or breaks its rule (``CFG402`` to ``CFG405``, ``CFG431``).
    """

    ignition_share: float = 0.25
    retained: float = 0.375
    retained_concentration: float = 40.0
    pure_rate: float = 6.0
    pure_scale: float = 1.0
    pure_tail: float = 3.0
    pure_down: float = 0.65
    reignition: float = 0.5
    reignition_seconds: float = 1800.0
    largest: float = 0.20
    rise_seconds: float = 270.0
    rise_spread: float = 0.15
    acceleration: float = 3.0
    reversion_seconds: float = 480.0
    vix_beta: float = 4.3
    fast_share: float = 0.7
    quote_noise: float = 0.7
    quote_noise_scale: float = 0.10
    quote_noise_half_life: _Pair = (1800.0, 3600.0)
    spread: _Pair = (3.0, 6.0)
    pass_through: Literal["low", "middle", "high"] = "middle"
    rebalancing: float = 0.0
    u_shape: float = 0.0
    fine_seconds: int = 5
    coarse_seconds: int = 60
    fine_tail: float = 2.0

    def __post_init__(self) -> None:
        _core.check_intraday(self.to_json())

    def to_json(self) -> str:
        """Return the fields as JSON, which the core reads."""
        plain = {f.name: _plain("IntradayConfig", f.name, getattr(self, f.name)) for f in fields(self)}
        return json.dumps(plain)

    def replace(self, **changes: Any) -> IntradayConfig:
        """Copy with other fields."""
        _known("IntradayConfig", self, changes)
        return dataclasses.replace(self, **changes)


def _known(source: str, config: Any, changes: dict[str, Any]) -> None:
    names = [field.name for field in fields(config)]
    for name in changes:
        if name not in names:
            raise ConfigError("CFG432", source, name, "an unknown field", f"one of {', '.join(names)}")


@dataclass(frozen=True)
class FairSignals:
    """Signals of simulated worlds that do not come from prices of the model: order book, breadth, events.

    They respond to what is seen on the path, on every fast move alike, whatever its label.

    Parameters
    ----------
    skill : dict, optional
        What the order book's alarm sees, see :meth:`with_skill`; None is the skill measured by
        ``tools/measure_fair_skill.py``.
    foresight, foresight_seconds : float
        Probability that the alarm is armed so long before a fast move [seconds], above that of any such window.
    quick_ratio_beta, quick_ratio_noise, quick_ratio_half_life : float
        Fall of the log quick ratio per log of VIX over its 20-session median; standard deviation and half-life
        [seconds] of its noise.
    breadth_slope, breadth_noise : float
        Net advances are tanh(slope r/sigma + noise e).

    Raises
    ------
    ConfigError
        A field is not a number or breaks its rule (``CFG411`` to ``CFG416``, ``CFG431``).
    """

    skill: dict[str, Any] | None = None
    foresight: float = 0.0
    foresight_seconds: float = 600.0
    quick_ratio_beta: float = 1.15
    quick_ratio_noise: float = 0.25
    quick_ratio_half_life: float = 300.0
    breadth_slope: float = 1.0
    breadth_noise: float = 0.648

    def __post_init__(self) -> None:
        object.__setattr__(self, "skill", json.loads(_core.check_fair_signals(self.to_json()))["skill"])

    def to_json(self) -> str:
        """Return the fields as JSON, which the core reads."""
        plain = {
            f.name: _plain("FairSignals", f.name, getattr(self, f.name))
            for f in fields(self)
            if f.name != "skill"
        }
        return json.dumps(plain if self.skill is None else plain | {"skill": self.skill})

    def replace(self, **changes: Any) -> FairSignals:
        """Copy with other fields."""
        _known("FairSignals", self, changes)
        return dataclasses.replace(self, **changes)

    def with_skill(self, skill: DetectorSkill, clock: int = 120, least: float = 3.0) -> FairSignals:
        """Let the alarm see what a detector was measured to see.

        Parameters
        ----------
        skill : DetectorSkill
            Recall and delay by displacement, and false alarms; its single rate of false alarms holds at every VIX.
        clock : int
            Clock of the moves [seconds]; 120 s is that of the episodes' default shape.
        least : float
            Displacement below which nothing was measured [standard deviations over one unit].

        Returns
        -------
        FairSignals
            The copy; how often the alarm is armed stays as it was.
        """
        rows = []
        for row in skill.rows:
            if row.clock != clock or row.of == 0:
                continue
            found = row.found > 0
            rows.append(
                {
                    "low": max(row.low, least),
                    "recall": row.recall,
                    "delay": row.delay if found else 1.0,
                    "delay_p90": row.delay_p90 if found else 1.0,
                }
            )
        rates = [{"vix": 0.0, "per_day": skill.false_alarms_per_day}]
        old = self.skill or {}
        return self.replace(skill={**old, "unit": float(clock), "rows": rows, "false_alarms": rates})


@dataclass(frozen=True, eq=False)
class ScenarioSession:
    """One scripted session, step by step; arrays are read-only, one value a step from the open to the close.

    Attributes
    ----------
    day : numpy.datetime64
        Session.
    seconds : ndarray
        Time of day, New York [seconds after midnight].
    log_return : ndarray
        Log of the index over its level at the close before the scenario.
    v1, v2, intensity : ndarray
        State of the model without what is transient.
    transient : ndarray
        What episodes add to the fast variance for minutes.
    vix_state, vix, vix_quoted : ndarray
        VIX of the state alone, with the transient part, and as quoted with quote noise [points].
    spread_multiplier : ndarray
        Multiplier of all spreads.
    rebalancing : ndarray
        Shock on the first two VIX futures [log points].
    """

    day: np.datetime64
    seconds: NDArray[np.int32]
    log_return: NDArray[np.float64]
    v1: NDArray[np.float64]
    v2: NDArray[np.float64]
    intensity: NDArray[np.float64]
    transient: NDArray[np.float64]
    vix_state: NDArray[np.float64]
    vix: NDArray[np.float64]
    vix_quoted: NDArray[np.float64]
    spread_multiplier: NDArray[np.float64]
    rebalancing: NDArray[np.float64]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the index and VIX over the session.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes of the index; those of VIX share its time.
        """
        from alvh._figures import COLOURS, new_axes, tidy

        ax = new_axes() if ax is None else ax
        hours = self.seconds / 3600.0
        ax.plot(hours, 100.0 * np.expm1(self.log_return), color=COLOURS[0], linewidth=1.2)
        tidy(ax)
        ax.set_xlabel("hour, New York")
        ax.set_ylabel("S&P 500, % from the close before", color=COLOURS[0])
        right = ax.twinx()
        right.plot(
            hours, self.vix_quoted, color=COLOURS[1], linewidth=1.0, linestyle=":", label="VIX as quoted"
        )
        right.plot(hours, self.vix, color=COLOURS[1], linewidth=1.2, label="VIX without quote noise")
        right.plot(
            hours, self.vix_state, color=COLOURS[4], linewidth=1.0, linestyle="--", label="VIX of the state"
        )
        right.set_ylabel("VIX, points", color=COLOURS[1])
        right.spines[["top"]].set_visible(False)
        right.legend(frameon=False, fontsize=8, loc="upper left")
        ax.set_title(str(self.day), loc="left", fontsize=10)
        return ax


@dataclass(frozen=True, eq=False)
class Scenario:
    """A day that happened, or some, as a script on top of a market.

    Attributes
    ----------
    name, title : str
        Which, and what happened.
    start : dict of str to float
        State at the close before, for ``Market.replace(**start)``.
    sessions : tuple of ScenarioSession
        Scripted sessions; empty for a mere start.
    """

    name: str
    title: str
    start: dict[str, float]
    sessions: tuple[ScenarioSession, ...]

    def __repr__(self) -> str:
        return f"Scenario({self.name!r}, {self.title}, {len(self.sessions)} scripted sessions)"


def scenarios() -> tuple[str, ...]:
    """List the names that :func:`scenario` knows."""
    return tuple(name for name, _ in _core.scenario_names())


def scenario(
    name: str,
    market: Market | None = None,
    intraday: IntradayConfig | None = None,
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> Scenario:
    """Play a scripted day on a market.

    Parameters
    ----------
    name : str
        One of :func:`scenarios`.
    market : Market, optional
        The model; the default one if none.
    intraday : IntradayConfig, optional
        Shape of the episodes and what they do to quotes.
    noise : float
        Scale of the random part between what is scripted: 1 is the model's, 0 leaves it out.
    seed : int
        Seed of that part.

    Returns
    -------
    Scenario
        State before, and the sessions step by step.

    Raises
    ------
    ConfigError
        ``CFG421`` for an unknown name, ``CFG431`` for a noise that is not a finite number.
    """
    from alvh.market import Market

    chosen = Market.default() if market is None else market
    config = IntradayConfig() if intraday is None else intraday
    scale = _plain("scenario", "noise", noise)
    v1, v2, intensity, played = _core.play_scenario(
        str(name), chosen.to_json(), config.to_json(), scale, seed
    )
    sessions = tuple(
        ScenarioSession(
            day=_EPOCH + np.timedelta64(columns.pop("day"), "D"),
            log_return=columns.pop("log_spot"),
            **columns,
        )
        for columns in played
    )
    start = {"v1": v1, "v2": v2, "intensity": intensity}
    return Scenario(str(name), dict(_core.scenario_names())[name], start, sessions)
