"""Alarms held against the labels of order flow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._arguments import shown
from alvh._order_flow import OrderFlow
from alvh.errors import ConfigError, DataError
from alvh.ignition import IgnitionConfig, Signal, checked, native

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Score", "Stage", "detector_score", "is_confirmed", "labelled", "merged", "score"]

Stage = Literal["early", "confirmed"]
_BINS = (0.0, 5.0, 10.0, 15.0, math.inf)
_Alarms = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int8]"]


def _signal_alarms(signal: Signal, confirmed_too: bool) -> _Alarms:
    raw = signal._raw["episodes"]
    unit = np.array(signal.config.clocks)[raw["clock"]]
    reverted = _core.IGNITION_OUTCOMES.index("reverted")
    confirmed = np.where(raw["outcome"] == reverted, raw["end"], 0)
    return _core.merge_alarms(unit, raw["side"], raw["detected"], confirmed)[confirmed_too]


def _alarm_arrays(alarms: Any, confirmed: bool) -> _Alarms:
    if isinstance(alarms, Signal):
        return _signal_alarms(alarms, confirmed)
    try:
        if isinstance(alarms, tuple) and len(alarms) == 3:
            columns = (np.asarray(alarms[0]), np.asarray(alarms[1]), np.asarray(alarms[2]))
        else:
            times = np.asarray(alarms)
            columns = (times, times, np.zeros(times.shape, np.int8))
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            "LAB010", "score", "alarms", shown(alarms), "a signal, or times in order [ns]"
        ) from None
    for name, column in zip(("ts", "known", "side"), columns, strict=True):
        if (
            column.ndim != 1
            or column.shape != columns[0].shape
            or (len(column) and column.dtype.kind not in "iM")
        ):
            raise DataError(
                "LAB010", "score", name, f"{column.dtype} of shape {column.shape}", "n integers [ns]"
            )
    ts, known = (np.ascontiguousarray(column.astype("M8[ns]").astype(np.int64)) for column in columns[:2])
    if len(ts) and (np.diff(ts) < 0).any():
        raise DataError("LAB011", "score", "ts", "times that go back", "alarms in the order of time")
    if len(ts) and not np.isin(columns[2], (-1, 0, 1)).all():
        raise DataError("LAB010", "score", "side", "another number", "+1, -1 or 0")
    return ts, known, np.ascontiguousarray(columns[2].astype(np.int8))


def labelled(flow: Any, source: str) -> OrderFlow:
    """Return the flow, or say that it is none."""
    if not isinstance(flow, OrderFlow):
        raise ConfigError("LAB019", source, "flow", type(flow).__name__, "an OrderFlow of alvh.bench")
    return flow


def is_confirmed(stage: Any, source: str) -> bool:
    """Whether the confirmed alarms are meant, and not the early ones."""
    if not isinstance(stage, str) or stage not in ("early", "confirmed"):
        raise ConfigError("LAB018", source, "stage", shown(stage), "early or confirmed")
    return stage == "confirmed"


def _interval(count: int, total: int) -> tuple[float, float]:
    return _core.wilson_interval(count, total)


@dataclass(frozen=True, eq=False)
class Score:
    """Alarms held against labels, over one tape or several.

    An alarm in ``[ignition - 0.5 s, end]`` of an ignition is true; the first one finds it, later ones are repeats,
    which count neither as true nor as false, nor do alarms at unclear labels: ignitions that by chance did not come
    back, informed moves that did. All others are false, those at decoys among them.
    """

    _tally: _core.Tally

    @property
    def counts(self) -> dict[str, float]:
        """Hits, hits on the wrong side, repeats, ignored ones, false alarms by where they fell, decoys, hours."""
        return self._tally.totals()

    @property
    def found(self) -> pd.DataFrame:
        """One row an ignition: ``clock``, ``displacement`` [sigma of the clock], ``latency`` [s], ``share``."""
        import pandas as pd

        names = ("clock", "displacement", "latency", "share")
        return pd.DataFrame(dict(zip(names, self._tally.found(), strict=True)))

    @property
    def false_alarms(self) -> int:
        """All false alarms."""
        return int(sum(value for name, value in self.counts.items() if name.startswith("false_")))

    @property
    def precision(self) -> float:
        """True alarms over all but repeats; NaN without any."""
        return self._tally.precision()

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        hits = int(self.counts["hits"])
        return _interval(hits, hits + self.false_alarms)

    def recall(self, low: float = 0.0, high: float = math.inf) -> float:
        """Share of the ignitions of `low` to below `high` sigma that were found; NaN without any."""
        count, total = self._tally.recall(low, high)
        return count / total if total else math.nan

    def recall_interval(self, low: float = 0.0, high: float = math.inf) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        return _interval(*self._tally.recall(low, high))

    def by_displacement(self, bins: Sequence[float] = _BINS) -> pd.DataFrame:
        """Recall by displacement [sigma of the clock]: found, of, recall, its 95 % interval."""
        import pandas as pd

        rows = []
        for low, high in itertools.pairwise(bins):
            count, total = self._tally.recall(low, high)
            ends = _interval(count, total)
            rows.append((low, high, count, total, count / total if total else math.nan, *ends))
        return pd.DataFrame(
            rows, columns=["from", "to", "found", "of", "recall", "recall_low", "recall_high"]
        )

    def latency(self, quantile: float = 0.5) -> float:
        """Quantile of the time from the ignition until the alarm was known [s]."""
        return self._tally.latency(quantile)

    def share_made(self, quantile: float = 0.5) -> float:
        """Quantile of the share of the move that had been made by then."""
        return self._tally.share(quantile)

    @property
    def false_per_session(self) -> float:
        """False alarms in 6.5 hours."""
        return self._tally.false_per_session()

    @property
    def false_per_session_interval(self) -> tuple[float, float]:
        """Its exact 95 % Poisson interval."""
        from alvh._ignition_calibration import poisson_interval

        sessions = float(self.counts["hours"]) / 6.5
        low, high = poisson_interval(self.false_alarms)
        return low / sessions, high / sessions

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall: the criterion that every detector's one scalar is chosen by."""
        return self._tally.f1()

    def precision_at(self, ignitions_per_session: float) -> float:
        """Precision where true ignitions are as rare as given, decoys as in the background: none [1/6.5 h].

        False alarms outside the simulated decoys stay as they are; true alarms follow the rate.
        """
        true = ignitions_per_session * self.recall()
        false = self.counts["false_background"] * 6.5 / self.counts["hours"]
        return true / (true + false) if true + false > 0.0 else math.nan

    def summary(self) -> dict[str, float]:
        """Give the row of the table: precision, recall, latency, false alarms, with intervals."""
        low, high = self.precision_interval
        recall = self.recall_interval()
        large = self.recall_interval(10.0)
        counts = self.counts
        return {
            "precision": self.precision,
            "precision_low": low,
            "precision_high": high,
            "recall": self.recall(),
            "recall_low": recall[0],
            "recall_high": recall[1],
            "recall_10": self.recall(10.0),
            "recall_10_low": large[0],
            "recall_10_high": large[1],
            "latency": self.latency(),
            "latency_p90": self.latency(0.9),
            "share_made": self.share_made(),
            "false_per_session": self.false_per_session,
            "false_background": counts["false_background"] * 6.5 / counts["hours"],
            "f1": self.f1,
        }

    def __add__(self, other: Score) -> Score:
        return merged([self, other])

    def __repr__(self) -> str:
        (low, high), (rlow, rhigh) = self.precision_interval, self.recall_interval()
        return (
            f"Score(precision {self.precision:.3f} [{low:.3f}, {high:.3f}], "
            f"recall {self.recall():.3f} [{rlow:.3f}, {rhigh:.3f}], beyond 10 sigma {self.recall(10.0):.3f}, "
            f"latency {self.latency():.2f} s (p90 {self.latency(0.9):.2f}), "
            f"{self.false_per_session:.1f} false alarms in 6.5 h)"
        )


def merged(scores: Iterable[Score]) -> Score:
    """Scores of several tapes as one."""
    total = _core.Tally()
    for each in scores:
        if not isinstance(each, Score):
            raise ConfigError("LAB019", "merged", "scores", type(each).__name__, "a Score")
        total.merge(each._tally)
    return Score(total)


def score(alarms: Any, flow: OrderFlow, *, stage: Stage = "early") -> Score:
    """Hold alarms against the labels of a flow.

    Parameters
    ----------
    alarms : Signal or array_like or tuple
        What :func:`alvh.detect` gave, or times [ns since the epoch, or datetime64] in order, or a tuple of times, of
        the moments from which each alarm was known, and of sides (+1, -1, 0: not said).
    flow : OrderFlow
        The labelled tape.
    stage : {"early", "confirmed"}
        Which alarms of a signal. A confirmed alarm is held against the labels at the time of its early one; its latency
        ends when it was confirmed. Alarms of the three clocks on the same side count once while they are within five
        units of the clock of the first.

    Returns
    -------
    Score
        Counts, rates, intervals.

    Raises
    ------
    DataError
        ``LAB010``, ``LAB011``: alarms that are no times, or not in order.
    ConfigError
        ``LAB018``: no such stage; ``LAB019``: no labelled flow.
    """
    labels = labelled(flow, "score")._labels
    return Score(_core.score_alarms(labels, *_alarm_arrays(alarms, is_confirmed(stage, "score"))))


def detector_score(flow: OrderFlow, config: IgnitionConfig | None = None, *, stage: Stage = "early") -> Score:
    """Run the detector over a labelled tape and score it."""
    confirmed = is_confirmed(stage, "detector_score")
    labels = labelled(flow, "detector_score")._labels
    (row,) = _core.ignition_alarms(native(flow.tape), checked(config).to_json(), [1.0])
    return Score(_core.score_alarms(labels, *row[confirmed]))
