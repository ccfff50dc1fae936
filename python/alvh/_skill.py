"""How well the detector sees, by clock and displacement: measured on the labelled order flow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._alarm_score import is_confirmed
from alvh._arguments import is_real, shown
from alvh.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from alvh._alarm_score import Stage
    from alvh._order_flow import OrderFlow
    from alvh.ignition import IgnitionConfig

__all__ = ["DetectorSkill", "SkillRow"]

# Hours of a tape by clock: room for some ten episodes with their retrace windows.
_HOURS = {1: 2.0, 15: 10.0, 120: 24.0}
_SESSION_HOURS = 6.5


@dataclass(frozen=True)
class SkillRow:
    """Skill at one clock and one range of displacements.

    Attributes
    ----------
    clock : int
        Unit of the clock [seconds].
    low, high : float
        Displacements from `low` to below `high` [standard deviations of the mid over one unit].
    found, of : int
        Ignitions that were found, and all.
    delay, delay_p90 : float
        Median and 90 % quantile of the time from the ignition until the alarm was known [seconds]; infinite without
        any.
    """

    clock: int
    low: float
    high: float
    found: int
    of: int
    delay: float
    delay_p90: float

    @property
    def recall(self) -> float:
        """Share that was found; NaN without any."""
        return self.found / self.of if self.of else math.nan

    @property
    def recall_interval(self) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        return _core.wilson_interval(self.found, self.of)


@dataclass(frozen=True)
class DetectorSkill:
    """Recall and delay of the detector by clock and displacement, and its false alarms.

    It is what a simulation lets its hedge see of an ignition: :meth:`recall` whether, :meth:`delay` when, and
    :attr:`false_alarms_per_day` how often for nothing.

    Attributes
    ----------
    rows : tuple of SkillRow
        Recall and delay, by clock and displacement.
    false_alarms : tuple of int
        False alarms on the tapes of each clock, those at decoys left out: decoys are far denser there than in markets.
    hours : tuple of float
        Lengths of those tapes [hours].
    clocks : tuple of int
        The clocks, in the order of `false_alarms` and `hours` [seconds].
    stage : {"early", "confirmed"}
        Which alarms were scored.
    config_hash : str
        Hash of the detector's configuration.
    seeds : tuple of int
        Seeds of the labelled flow.
    """

    rows: tuple[SkillRow, ...]
    false_alarms: tuple[int, ...]
    hours: tuple[float, ...]
    clocks: tuple[int, ...]
    stage: str
    config_hash: str
    seeds: tuple[int, ...]

    def _row(self, clock: int, displacement: float) -> SkillRow:
        for row in self.rows:
            if row.clock == clock and row.low <= displacement < row.high:
                return row
        known = ", ".join(str(each) for each in self.clocks)
        got = f"clock {clock}, displacement {displacement}"
        raise ConfigError("LAB014", "DetectorSkill", "key", got, f"one of clocks {known}, displacement >= 0")

    def recall(self, clock: int, displacement: float) -> float:
        """Probability that an ignition is found; NaN where none was measured.

        Parameters
        ----------
        clock : int
            Unit of its clock [seconds].
        displacement : float
            Its size [standard deviations of the mid over one unit].
        """
        return self._row(clock, displacement).recall

    def recall_interval(self, clock: int, displacement: float) -> tuple[float, float]:
        """95 % Wilson interval of :meth:`recall`."""
        return self._row(clock, displacement).recall_interval

    def delay(self, clock: int, displacement: float) -> float:
        """Median time from the ignition until the alarm is known [seconds]; infinite where none was found."""
        return self._row(clock, displacement).delay

    @property
    def false_alarms_per_day(self) -> float:
        """False alarms in a session of 6.5 h of background flow, all clocks together, over all tapes."""
        return sum(self.false_alarms) / sum(self.hours) * _SESSION_HOURS

    @property
    def false_alarms_interval(self) -> tuple[float, float]:
        """Its exact 95 % Poisson interval."""
        from alvh._ignition_calibration import poisson_interval

        low, high = poisson_interval(sum(self.false_alarms))
        scale = _SESSION_HOURS / sum(self.hours)
        return low * scale, high * scale

    def to_frame(self) -> pd.DataFrame:
        """One row a clock and range: found, of, recall with its interval, delay."""
        import pandas as pd

        records = []
        for row in self.rows:
            low, high = row.recall_interval
            records.append(
                {
                    "clock": row.clock,
                    "from": row.low,
                    "to": row.high,
                    "found": row.found,
                    "of": row.of,
                    "recall": row.recall,
                    "recall_low": low,
                    "recall_high": high,
                    "delay": row.delay,
                    "delay_p90": row.delay_p90,
                }
            )
        return pd.DataFrame(records)

    @classmethod
    def measure(
        cls,
        config: IgnitionConfig | None = None,
        *,
        seeds: Iterable[int] | None = None,
        clocks: Iterable[int] = (1, 15, 120),
        bins: Iterable[float] = (0.0, 5.0, 10.0, 20.0, math.inf),
        instruments: Iterable[str] = ("index_future",),
        styles: Iterable[Literal["a", "b"]] = ("a", "b"),
        hours: float | None = None,
        stage: Stage = "early",
    ) -> DetectorSkill:
        """Measure on the labelled order flow of :func:`alvh.bench.order_flow`.

        Parameters
        ----------
        config : IgnitionConfig, optional
            The detector; the default one if none.
        seeds : iterable of int, optional
            Seeds of the flow; by default those of ``alvh.bench.REPORTING_SEEDS``.
        clocks : iterable of int
            Clocks of the ignitions [seconds]: 1, 15, 120.
        bins : iterable of float
            Ends of the ranges of displacement [standard deviations of the mid over one unit], ascending.
        instruments, styles : iterable of str
            Flows to measure on.
        hours : float, optional
            Length of each tape [hours]; by default 2, 10 and 24 h for the three clocks.
        stage : {"early", "confirmed"}
            Which alarms.

        Returns
        -------
        DetectorSkill
            Counts, from which recall and intervals follow.

        Raises
        ------
        ConfigError
            ``LAB015``: ranges that do not ascend; and what :func:`alvh.bench.order_flow` raises.
        """
        from alvh import bench
        from alvh.ignition import checked

        detector = checked(config)
        is_confirmed(stage, "DetectorSkill")
        chosen = tuple(bench.REPORTING_SEEDS if seeds is None else seeds)
        bounds = tuple(bins)
        ends = tuple(float(end) for end in bounds if is_real(end) or end == math.inf)
        names, forms = tuple(instruments), tuple(styles)
        if len(ends) < len(bounds) or len(ends) < 2 or any(not a < b for a, b in itertools.pairwise(ends)):
            raise ConfigError(
                "LAB015", "DetectorSkill", "bins", shown(bounds), "at least two ascending numbers"
            )
        rows: list[SkillRow] = []
        false_alarms, lengths, units = [], [], tuple(int(clock) for clock in clocks)
        for clock in units:
            length = _HOURS.get(clock, 2.0) if hours is None else float(hours)

            def flows(clock: int = clock, length: float = length) -> Iterable[OrderFlow]:
                for seed in chosen:
                    for name in names:
                        for form in forms:
                            yield bench.order_flow(seed, length, instrument=name, style=form, clock=clock)

            total = bench.merged(bench.detector_score(flow, detector, stage=stage) for flow in flows())
            found = total.found
            for low, high in itertools.pairwise(ends):
                latency = found["latency"][(found["displacement"] >= low) & (found["displacement"] < high)]
                delays = latency.dropna().to_numpy()
                row = (len(delays), len(latency), _quantile(delays, 0.5), _quantile(delays, 0.9))
                rows.append(SkillRow(clock, low, high, *row))
            false_alarms.append(int(total.counts["false_background"]))
            lengths.append(float(total.counts["hours"]))
        return cls(tuple(rows), tuple(false_alarms), tuple(lengths), units, stage, detector.hash, chosen)

    def __repr__(self) -> str:
        low, high = self.false_alarms_interval
        return (
            f"DetectorSkill({self.stage}, clocks {self.clocks}, "
            f"{sum(row.found for row in self.rows)} of {sum(row.of for row in self.rows)} ignitions, "
            f"{self.false_alarms_per_day:.1f} [{low:.1f}, {high:.1f}] false alarms a day)"
        )


def _quantile(values: Any, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else math.inf
