"""Thresholds of the ignition detector from ordinary hours of the instrument itself."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._arguments import is_real, shown
from alvh._ignition_config import IgnitionConfig, instant
from alvh.errors import ConfigError, DataError
from alvh.ignition import OUTCOMES, native

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration", "calibrate", "poisson_interval", "scaled"]

# Factors of the thresholds that are tried, 1/4 to 8, six a doubling. Those below 1 are never taken: they are there to
# see the tail of the rate where the thresholds themselves are never crossed.
_FACTORS = tuple(float(2.0 ** (i / 6.0)) for i in range(-12, 19))
_ONE = _FACTORS.index(1.0)
_SCALED = ("push_z", "velocity_z", "cascade_sigma")
_LEVEL = 0.95
# Fewer alarms than this are too few to take their count for the rate: the tail through the other factors is.
_LEAST_COUNT = 5


@dataclass(frozen=True)
class Calibration:
    """How thresholds were found: rates of alarms by factor, over hours that are taken for ordinary.

    Attributes
    ----------
    factor : float
        What `push_z`, `velocity_z` and `cascade_sigma` were multiplied by.
    hours : float
        Scored time of the tape [hours].
    hours_per_day : float
        Hours of a day [hours].
    targets : tuple of two floats
        Early alarms and confirmed events wanted at most [1/day].
    factors : tuple of float
        Factors that were tried.
    early, confirmed : tuple of int
        Alarms at each factor, and how many of them were confirmed.
    expected : tuple of two floats
        Rates at the factor taken, as measured or extrapolated [1/day].
    is_met : bool
        Whether `expected` meets the targets; otherwise the largest factor was taken.
    basis : tuple of two str
        For each rate what it rests on: "counted", "extrapolated" or "bound".
    """

    factor: float
    hours: float
    hours_per_day: float
    targets: tuple[float, float]
    factors: tuple[float, ...]
    early: tuple[int, ...]
    confirmed: tuple[int, ...]
    expected: tuple[float, float]
    is_met: bool
    basis: tuple[str, str]

    @property
    def curve(self) -> pd.DataFrame:
        """Counts and rates by factor.

        Columns ``early``, ``early_per_day`` with ``_low`` and ``_high`` (exact 95 % Poisson interval), and the same
        for ``confirmed``.
        """
        import pandas as pd

        days = self.hours / self.hours_per_day
        columns: dict[str, Any] = {}
        for name, counts in (("early", self.early), ("confirmed", self.confirmed)):
            bounds = np.array([poisson_interval(n) for n in counts]) / days
            columns[name] = counts
            columns[f"{name}_per_day"] = np.array(counts) / days
            columns[f"{name}_per_day_low"], columns[f"{name}_per_day_high"] = bounds.T
        return pd.DataFrame(columns, index=pd.Index(self.factors, name="factor"))

    def sentences(self) -> list[str]:
        """Say in words what was done, and what so much tape can and cannot show."""
        days = self.hours / self.hours_per_day
        said = [
            f"Thresholds times {self.factor:.3g}: push_z, velocity_z and cascade_sigma (and the weights of push and "
            f"velocity in the score over it), from {_duration(self.hours)} of scored tape taken for ordinary "
            f"({days:.3g} days of {self.hours_per_day:g} h)."
        ]
        at = self.factors.index(self.factor)
        named = (("early alarms", self.early), ("confirmed events", self.confirmed))
        for (name, counts), target, rate, basis in zip(
            named, self.targets, self.expected, self.basis, strict=True
        ):
            low, high = (bound / days for bound in poisson_interval(counts[at]))
            how = {
                "counted": "counted",
                "extrapolated": "by an exponential tail through the counts",
                "bound": "the upper end of the interval, as there were too few to extrapolate",
            }[basis]
            # No verdict: the factor was chosen on these very hours, and what was chosen on looks better than it is.
            said.append(
                f"{name}: {counts[at]} at this factor; {_rate(rate)} a day expected ({how}), wanted at "
                f"most {target:g}; 95 % interval of a count like this {_rate(low)} to {_rate(high)} a day."
            )
        said.append(
            "The factor was chosen on these hours: only hours it was not chosen on can show that a target is met."
        )
        need = -math.log((1.0 - _LEVEL) / 2.0) / self.targets[1] * self.hours_per_day
        if self.hours < need:
            said.append(
                f"Even without a single confirmed event it takes {_duration(need)} of tape to show a rate of "
                f"{self.targets[1]:g} a day; this part of the tape is too short for that."
            )
        if not self.is_met:
            said.append(
                f"No factor up to {self.factors[-1]:g} can be said to meet both targets: the smallest without an alarm "
                "on this tape was taken, or the largest where all have some."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return {
            "factor": self.factor,
            "hours": self.hours,
            "hours_per_day": self.hours_per_day,
            "alarms_per_day": {
                "target": self.targets[0],
                "expected": self.expected[0],
                "basis": self.basis[0],
            },
            "confirmed_per_day": {
                "target": self.targets[1],
                "expected": self.expected[1],
                "basis": self.basis[1],
            },
            "is_met": self.is_met,
            "curve": self.curve.reset_index().to_dict(orient="records"),
        }


def _duration(hours: float) -> str:
    if hours >= 48.0:
        return f"{hours / 24.0:.3g} days"
    return f"{hours:.3g} hours" if hours >= 1.0 else f"{hours * 60.0:.3g} minutes"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100.0 else f"{rate:.2g}"


def poisson_interval(count: int, level: float = _LEVEL) -> tuple[float, float]:
    """Exact two-sided interval of a Poisson mean after one count (Garwood 1936, doi:10.1093/biomet/28.3-4.437).

    Parameters
    ----------
    count : int
        What was counted.
    level : float, optional
        Level of confidence.

    Returns
    -------
    tuple of two floats
        Lower and upper end.
    """
    tail = (1.0 - level) / 2.0

    def at_most(mean: float, n: int) -> float:
        """Probability of at most n events."""
        term = total = math.exp(-mean)
        for k in range(1, n + 1):
            term *= mean / k
            total += term
        return total

    def solve(n: int, wanted: float) -> float:
        low, high = 0.0, n + 10.0 + 10.0 * math.sqrt(n + 1.0)
        for _ in range(100):
            middle = (low + high) / 2.0
            low, high = (middle, high) if at_most(middle, n) > wanted else (low, middle)
        return (low + high) / 2.0

    if count > 500:
        # The cube-root approximation of Wilson and Hilferty is good to 1e-4 here, and exp(-mean) would underflow.
        z, n = 1.959963984540054, float(count)
        upper = (n + 1.0) * (1.0 - 1.0 / (9.0 * (n + 1.0)) + z / (3.0 * math.sqrt(n + 1.0))) ** 3
        return n * (1.0 - 1.0 / (9.0 * n) - z / (3.0 * math.sqrt(n))) ** 3, upper
    return (0.0 if count == 0 else solve(count - 1, 1.0 - tail)), solve(count, tail)


def _rates(
    counts: npt.NDArray[np.int64], days: float, least: int
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Rate a day at each factor, and what it rests on.

    As counted where there are at least `least`. Below that an exponential in the factor, fitted where there are counts
    (beyond the factors at which alarms crowd each other out, if two are left); without a fit the count, or the upper
    end of its interval when it is 0.
    """
    factors = np.array(_FACTORS)
    rates = counts / days
    basis = ["counted"] * counts.size
    used = (counts > 0) & (counts <= max(counts.max() / 2.0, 1.0))
    if np.unique(counts[used]).size < 2:
        used = counts > 0
    slope = 0.0
    if np.unique(counts[used]).size >= 2:
        # The variance of the logarithm of a count is about one over the count.
        weights = np.sqrt(counts[used].astype(float))
        slope, intercept = np.polyfit(factors[used], np.log(rates[used]), 1, w=weights)
    for i in np.flatnonzero(counts < least):
        if slope < 0.0:
            rates[i], basis[i] = math.exp(intercept + slope * factors[i]), "extrapolated"
        elif counts[i] == 0:
            rates[i], basis[i] = poisson_interval(0)[1] / days, "bound"
    return rates, basis


def _bound_by_alarms(
    rates: npt.NDArray[np.float64],
    basis: list[str],
    early_rates: npt.NDArray[np.float64],
    early_basis: list[str],
) -> None:
    """Every confirmed event was an alarm: its rate is at most that of alarms."""
    for i in np.flatnonzero(early_rates < rates):
        rates[i], basis[i] = early_rates[i], early_basis[i]


def _taken(meets: npt.NDArray[np.bool_], early: npt.NDArray[np.int64]) -> tuple[int, bool]:
    """Index of the factor taken, and whether it meets the targets.

    The smallest of at least 1 from which on every one meets both; if there is none, from which on none has an alarm; if
    there is none, the largest.
    """
    is_met = bool(meets[-1])
    from_here = np.flatnonzero(np.logical_and.accumulate((meets if is_met else early == 0)[::-1])[::-1])
    return (max(int(from_here[0]), _ONE) if from_here.size else len(_FACTORS) - 1), is_met


def calibrate(
    tape: Any,
    base: IgnitionConfig,
    early_target: float,
    confirmed_target: float,
    hours_per_day: float,
    until: Any,
) -> IgnitionConfig:
    """See :meth:`alvh.IgnitionConfig.calibrate`."""
    given = (
        ("alarms_per_day", early_target),
        ("confirmed_per_day", confirmed_target),
        ("hours_per_day", hours_per_day),
    )
    for name, value in given:
        if not (is_real(value) and value > 0.0):
            raise ConfigError("IGN021", "calibrate", name, shown(value), "a positive number")
    core = native(tape)
    end = None if until is None else instant(until, "until")
    early, confirmed, hours = [], [], 0.0
    for factor in _FACTORS:
        config = scaled(base, factor)
        found = _core.ignition_detect(core, config.to_json())
        timeline, episodes = found["timeline"], found["episodes"]
        inside = np.ones(timeline["known"].size, bool) if end is None else timeline["known"] < end
        hours = float((timeline["is_scored"] & inside).sum() * base.clocks[0] / 3600.0)
        mine = np.ones(episodes["detected"].size, bool) if end is None else episodes["detected"] < end
        reverted = episodes["outcome"] == OUTCOMES.index("reverted")
        early.append(int(mine.sum()))
        confirmed.append(int((reverted & ((end is None) | (episodes["end"] < (end or 0)))).sum()))
    if hours == 0.0:
        raise DataError(
            "IGN020",
            "calibrate",
            "tape",
            "no second that could be scored",
            f"more than the warm-up of {base.warm_up * base.tau_slow * base.clocks[0]:g} s",
        )
    days = hours / hours_per_day
    rates = [_rates(np.array(counts), days, _LEAST_COUNT) for counts in (early, confirmed)]
    _bound_by_alarms(*rates[1], *rates[0])
    targets = (float(early_target), float(confirmed_target))
    meets = np.all([rate <= target for (rate, _), target in zip(rates, targets, strict=True)], axis=0)
    at, is_met = _taken(meets, np.array(early))
    report = Calibration(
        factor=_FACTORS[at],
        hours=hours,
        hours_per_day=float(hours_per_day),
        targets=targets,
        factors=_FACTORS,
        early=tuple(early),
        confirmed=tuple(confirmed),
        expected=(float(rates[0][0][at]), float(rates[1][0][at])),
        is_met=is_met,
        basis=(rates[0][1][at], rates[1][1][at]),
    )
    return dataclasses.replace(scaled(base, report.factor), calibration=report)


def scaled(base: IgnitionConfig, factor: float) -> IgnitionConfig:
    """Multiply the thresholds in standard deviations by a factor, the score's weights of them by its inverse.

    Parameters
    ----------
    base : IgnitionConfig
        What is scaled.
    factor : float
        Of `push_z`, `velocity_z` and `cascade_sigma`.

    Returns
    -------
    IgnitionConfig
        `base` otherwise.
    """
    thresholds = {name: tuple(factor * x for x in getattr(base, name)) for name in _SCALED}
    # The score stays what it was for a push and a velocity at their thresholds.
    push, velocity, *others = base.score_weights
    return base.replace(**thresholds, score_weights=(push / factor, velocity / factor, *others))
