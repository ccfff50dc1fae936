"""Order flow with known ignitions, and honest scores of detectors on it.

:func:`order_flow` simulates labelled flow, :func:`transplant` puts ignitions into real books, :func:`score` holds
alarms against labels, :func:`threshold_curve` and :func:`compare` do it for the detector and its baselines. What is
simulated is described in docs/labelled.md.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh.errors import ConfigError, DataError
from alvh.events import Tape
from alvh.ignition import IgnitionConfig, Signal, checked, native

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "BASELINES",
    "INSTRUMENTS",
    "REPORTING_SEEDS",
    "TUNING_SEEDS",
    "OrderFlow",
    "Score",
    "compare",
    "detector_score",
    "flow_fields",
    "merged",
    "order_flow",
    "score",
    "suite",
    "threshold_curve",
    "transplant",
]

BASELINES: tuple[str, ...] = tuple(_core.BASELINES)
"""Detectors of one statistic and one threshold."""

INSTRUMENTS = ("index_future", "stock", "crypto")
"""Built-in instruments."""

TUNING_SEEDS = tuple(range(1, 7))
"""Seeds that thresholds may be chosen on."""

REPORTING_SEEDS = tuple(range(1_001, 1_007))
"""Seeds that results are reported on; nothing was ever chosen on them."""

Stage = Literal["early", "confirmed"]
_KINDS: tuple[str, ...] = tuple(_core.LABEL_KINDS)
# The detector's clocks with their retrace windows, seconds.
_WINDOWS = {1: 60.0, 15: 600.0, 120: 3_600.0}
_LAMBDAS = tuple(float(2.0 ** (i / 4.0)) for i in range(-6, 9))
_THRESHOLDS: dict[str, tuple[float, ...]] = {
    "vpin": tuple(float(x) for x in np.linspace(0.10, 0.80, 24)),
    "drift_burst": tuple(float(x) for x in np.geomspace(2.0, 16.0, 24)),
    "push_z": tuple(float(x) for x in np.geomspace(2.0, 20.0, 24)),
    "return_z": tuple(float(x) for x in np.geomspace(2.0, 20.0, 24)),
    "ultrafast": tuple(float(x) for x in np.geomspace(0.002, 2.0, 24)),
}
_BINS = (0.0, 5.0, 10.0, 15.0, math.inf)


def flow_fields(
    instrument: str = "index_future",
    *,
    style: Literal["a", "b"] = "a",
    clock: int | Sequence[int] = 1,
    **changes: Any,
) -> dict[str, Any]:
    """Give every field of a simulated instrument, to read or to change.

    Parameters
    ----------
    instrument : {"index_future", "stock", "crypto"}
        Deep book with a spread of one tick; thin book with a wider one; tiny tick.
    style : {"a", "b"}
        ``"a"``: Hawkes arrivals, orders one by one, accelerating pushes, exponential decay. ``"b"``: Poisson arrivals
        with bursts, runs of one side, round lots, whole levels requoted, linear pushes, hyperbolic decay.
    clock : int or sequence of int
        Units of the clocks that episodes belong to [seconds]: 1, 15 or 120; none for ordinary flow.
    **changes : Any
        Fields and their values.

    Returns
    -------
    dict
        The fields of `FlowConfig` in docs/labelled.md.

    Raises
    ------
    ConfigError
        ``LAB001``: no such instrument; ``LAB007``: no such clock; ``LAB008``: no such field.
    """
    fields: dict[str, Any] = json.loads(_core.order_flow_preset(instrument))
    fields["style"] = style
    clocks = (clock,) if isinstance(clock, int) else tuple(clock)
    for unit in clocks:
        if unit not in _WINDOWS:
            raise ConfigError("LAB007", "order_flow", "clock", repr(unit), "1, 15 or 120")
    fields["episodes"] = [
        json.loads(_core.order_flow_episodes(float(unit), _WINDOWS[unit])) for unit in clocks
    ]
    for name, value in changes.items():
        if name not in fields:
            raise ConfigError("LAB008", "order_flow", name, "an unknown field", "the documented fields")
        fields[name] = value
    return fields


@dataclass(frozen=True, eq=False)
class OrderFlow:
    """A tape with the labels of what is in it.

    Attributes
    ----------
    tape : Tape
        The events.
    seed : int
        What it was drawn from.
    fields : dict
        What it was simulated with.
    """

    tape: Tape
    seed: int
    fields: dict[str, Any]
    _labels: _core.Labels

    @property
    def labels(self) -> pd.DataFrame:
        """One row an episode, in order.

        ``kind`` (ignition, informed, volume_only, sweep), ``is_true`` (ignition), ``side``, ``clock`` [seconds],
        ``onset`` (volume begins), ``ignition`` (push begins), ``peak``, ``half_back`` (NaT: never), ``end`` (three
        quarters are back, or the window is over) [UTC]; ``reference`` and ``peak_price`` [ticks]; ``displacement``
        [ticks]; ``sigma`` (of one second before the onset) [ticks]; ``displacement_sigma`` (over sigma times the root
        of the clock's unit); ``retrace`` (largest share that came back in the window); ``participant``.
        """
        import pandas as pd

        raw = self._labels.columns()
        columns: dict[str, Any] = {
            "kind": np.array(_KINDS, dtype=object)[raw["kind"]],
            "is_true": raw["kind"] == 0,
            "side": raw["side"],
            "clock": raw["unit"],
        }
        for name in ("onset", "ignition", "peak", "half_back", "end"):
            stamps = raw[name].astype("datetime64[ns]")
            stamps[raw[name] == 0] = np.datetime64("NaT")
            columns[name] = pd.DatetimeIndex(stamps, tz="UTC")
        names = (
            "reference",
            "peak_price",
            "displacement",
            "sigma",
            "displacement_sigma",
            "retrace",
            "participant",
        )
        return pd.DataFrame(columns | {name: raw[name] for name in names})

    @property
    def mid(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Time [ns] and value [ticks] of every change of the mid."""
        return self._labels.mid()

    @property
    def hours(self) -> float:
        """Length [hours]."""
        start, end = self._labels.span()
        return (end - start) / 3.6e12

    @property
    def counts(self) -> dict[str, int]:
        """Arrivals by cause: background trades and quotes, trades against stale quotes, planned orders."""
        return dict(zip(("trades", "quotes", "arbitrage", "planned"), self._labels.counts(), strict=True))

    def __repr__(self) -> str:
        kinds = self._labels.columns()["kind"]
        true = int((kinds == 0).sum())
        return f"OrderFlow({self.tape!r}, seed={self.seed}, {true} ignitions, {len(kinds) - true} decoys)"


def order_flow(
    seed: int,
    hours: float = 6.5,
    *,
    instrument: str = "index_future",
    style: Literal["a", "b"] = "a",
    clock: int | Sequence[int] = 1,
    feed: Literal["levels", "depth", "orders"] = "levels",
    participants: bool = False,
    fields: Mapping[str, Any] | None = None,
) -> OrderFlow:
    """Simulate order flow with labelled ignitions and decoys.

    Half of the episodes are ignitions: two-sided volume at the touch with refills while the price holds, then a
    one-sided burst with quotes pulled and stops triggered by distance, then decay back within the clock's window on
    lower volume. The others are informed moves that stay, volume without a move, and sweeps that refill.

    Parameters
    ----------
    seed : int
        The tape depends on it and on the fields only.
    hours : float
        Length [hours].
    instrument, style, clock
        See :func:`flow_fields`.
    feed : {"levels", "depth", "orders"}
        How the events describe the book: sizes of price levels, ten levels with each event, or orders with ids. The
        flow is the same.
    participants : bool
        Whether events carry participant ids.
    fields : mapping, optional
        All fields, as :func:`flow_fields` gives them; replaces instrument, style and clock.

    Returns
    -------
    OrderFlow
        Tape and labels.

    Raises
    ------
    ConfigError
        ``LAB001`` to ``LAB008``: a field breaks its rule.
    """
    chosen = dict(fields) if fields is not None else flow_fields(instrument, style=style, clock=clock)
    core, labels = _core.simulate_order_flow(
        json.dumps(chosen), _seed(seed), float(hours), feed, participants
    )
    return OrderFlow(Tape(core), int(seed), chosen, labels)


def transplant(
    tape: Any,
    strengths: tuple[float, float] = (2.0, 20.0),
    n: int = 10,
    seed: int = 0,
    *,
    shams: int = 0,
    clock: int = 1,
) -> OrderFlow:
    """Put ignitions into the real book of a tape.

    Between the real events come the igniter's: trades of both sides at the touch, then marketable child orders that
    take the levels which the book really holds. Later prices are shifted by the displacement (accelerating, then
    decaying as in :func:`order_flow`), the consumed side is shown thinner. A sham does the same with no displacement
    and no thinning; the only trace of it are events (action ``N``) that change nothing. What the real price does by
    itself goes on, so that not every ignition comes back: ``labels.retrace`` says which did.

    Parameters
    ----------
    tape : Tape
        Events in columns: LOBSTER, Binance, quotes and trades, arrays. The result carries levels with each event.
    strengths : tuple of two floats
        Smallest and largest displacement [standard deviations of the mid over one unit of the clock].
    n : int
        Number of ignitions.
    seed : int
        What they are drawn from.
    shams : int
        Number of shams among them.
    clock : {1, 15, 120}
        Unit of the clock [seconds].

    Returns
    -------
    OrderFlow
        Tape and labels; shams are of the kind ``"sham"``.

    Raises
    ------
    ConfigError
        ``LAB007``: no such clock; ``LAB012``, ``LAB013``: a number that breaks its rule, or no room for so many.
    SchemaError
        ``EVT010``: a tape of records.
    """
    if clock not in _WINDOWS:
        raise ConfigError("LAB007", "transplant", "clock", repr(clock), "1, 15 or 120")
    low, high = (float(end) for end in strengths)
    for field, count in (("n", n), ("shams", shams)):
        if not 0 <= int(count) <= 1_000_000:
            raise ConfigError("LAB012", "transplant", field, repr(count), "0 to 1000000")
    core, labels = _core.transplant_ignitions(
        native(tape), (low, high), int(n), int(shams), _seed(seed), float(clock), _WINDOWS[clock]
    )
    fields = {"strengths": [low, high], "n": int(n), "shams": int(shams), "clock": clock}
    return OrderFlow(Tape(core), int(seed), fields, labels)


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not 0 <= int(seed) < 2**64:
        raise ConfigError("LAB009", "order_flow", "seed", repr(seed), "an integer in [0, 2^64)")
    return int(seed)


_Alarms = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int8]"]


def _signal_alarms(signal: Signal, stage: Stage) -> _Alarms:
    raw = signal._raw["episodes"]
    unit = np.array(signal.config.clocks)[raw["clock"]]
    reverted = _core.IGNITION_OUTCOMES.index("reverted")
    confirmed = np.where(raw["outcome"] == reverted, raw["end"], 0)
    return _core.merge_alarms(unit, raw["side"], raw["detected"], confirmed)[stage == "confirmed"]


def _alarm_arrays(alarms: Any, stage: Stage) -> _Alarms:
    if isinstance(alarms, Signal):
        return _signal_alarms(alarms, stage)
    if isinstance(alarms, tuple) and len(alarms) == 3:
        ts, known, side = alarms
    else:
        ts = known = alarms
        side = np.zeros(len(alarms), np.int8)
    columns = (np.asarray(ts), np.asarray(known), np.asarray(side))
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
    return ts, known, np.ascontiguousarray(columns[2].astype(np.int8))


def _interval(count: int, total: int) -> tuple[float, float]:
    return _core.wilson_interval(count, total)


@dataclass(frozen=True, eq=False)
class Score:
    """Alarms held against labels, over one tape or several.

    An alarm in ``[ignition - 0.5 s, end]`` of an ignition is true; the first one finds it, later ones are repeats,
    which count neither as true nor as false. All others are false, those at decoys among them.
    """

    _tally: _core.Tally

    @property
    def counts(self) -> dict[str, float]:
        """Hits, hits on the wrong side, repeats, false alarms by where they fell, decoys by kind, hours."""
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
    """
    return Score(_core.score_alarms(flow._labels, *_alarm_arrays(alarms, stage)))


def detector_score(flow: OrderFlow, config: IgnitionConfig | None = None, *, stage: Stage = "early") -> Score:
    """Run the detector over a labelled tape and score it."""
    (row,) = _core.ignition_alarms(native(flow.tape), checked(config).to_json(), [1.0])
    return Score(_core.score_alarms(flow._labels, *row[stage == "confirmed"]))


def suite(
    seeds: Iterable[int],
    hours: float = 4.0,
    *,
    instruments: Sequence[str] = INSTRUMENTS,
    styles: Sequence[str] = ("a",),
    clock: int = 1,
) -> list[OrderFlow]:
    """Simulate one tape for each seed, instrument and style."""
    return [
        order_flow(seed, hours, fields=flow_fields(instrument, style=style, clock=clock))  # type: ignore[arg-type]
        for seed in seeds
        for instrument in instruments
        for style in styles
    ]


def threshold_curve(
    flows: Iterable[OrderFlow],
    config: IgnitionConfig | None = None,
    *,
    factors: Sequence[float] = _LAMBDAS,
    thresholds: Mapping[str, Sequence[float]] | None = None,
) -> pd.DataFrame:
    """Score the detector and its baselines at every setting of their one scalar.

    The scalar of the detector is a factor on its thresholds in standard deviations (`push_z`, `velocity_z`,
    `cascade_sigma`), those of the baselines are the thresholds of their statistics.

    Parameters
    ----------
    flows : iterable of OrderFlow
        Labelled tapes; each is looked at once.
    config : IgnitionConfig, optional
        The detector.
    factors : sequence of float
        Settings of the detector.
    thresholds : mapping of str to sequence of float, optional
        Settings of the baselines by name; none of a baseline that is left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``detector`` ("early", "confirmed" or a baseline) and ``setting``: the columns of
        :meth:`Score.summary`.
    """
    import pandas as pd

    scores = _scores(
        flows, checked(config), tuple(factors), dict(_THRESHOLDS if thresholds is None else thresholds)
    )
    index = pd.MultiIndex.from_tuples(scores, names=["detector", "setting"])
    return pd.DataFrame([each.summary() for each in scores.values()], index=index)


def _scores(
    flows: Iterable[OrderFlow],
    config: IgnitionConfig,
    factors: tuple[float, ...],
    thresholds: Mapping[str, Sequence[float]],
) -> dict[tuple[str, float], Score]:
    totals: dict[tuple[str, float], _core.Tally] = {}

    def add(name: str, setting: float, flow: OrderFlow, alarms: _Alarms) -> None:
        tally = _core.score_alarms(flow._labels, *alarms)
        totals.setdefault((name, setting), _core.Tally()).merge(tally)

    lists = [list(map(float, thresholds.get(name, ()))) for name in BASELINES]
    for flow in flows:
        tape = native(flow.tape)
        rows = _core.ignition_alarms(tape, config.to_json(), list(factors))
        for stage in (0, 1):
            for factor, row in zip(factors, rows, strict=True):
                add(("early", "confirmed")[stage], factor, flow, row[stage])
        if any(lists):
            found = _core.baseline_alarm_lists(tape, lists)
            for name, settings, alarms in zip(BASELINES, lists, found, strict=True):
                for setting, each in zip(settings, alarms, strict=True):
                    add(name, setting, flow, each)
    return {key: Score(tally) for key, tally in totals.items()}


def compare(
    tuning: Iterable[OrderFlow],
    reporting: Iterable[OrderFlow],
    config: IgnitionConfig | None = None,
    *,
    factors: Sequence[float] = _LAMBDAS,
) -> pd.DataFrame:
    """Choose each detector's scalar on some tapes, report on others.

    Every detector has the same budget: one scalar, that of the largest F1 on `tuning` (the smallest of equals).

    Parameters
    ----------
    tuning, reporting : iterable of OrderFlow
        Labelled tapes without a seed in common.
    config : IgnitionConfig, optional
        The detector; a row "as configured" shows it at factor 1.
    factors : sequence of float
        Settings of the detector to choose from.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``detector`` and the chosen ``setting``.
    """
    import pandas as pd

    config = checked(config)
    chosen = _scores(tuning, config, tuple(factors), _THRESHOLDS)
    best: dict[str, float] = {}
    for name, setting in chosen:
        if name not in best or chosen[name, setting].f1 > chosen[name, best[name]].f1:
            best[name] = setting
    settings = {name: (best[name],) for name in BASELINES}
    own = tuple(sorted({1.0, best["early"], best["confirmed"]}))
    reported = _scores(reporting, config, own, settings)
    rows = [(name, best[name], reported[name, best[name]]) for name in BASELINES]
    for stage in ("early", "confirmed"):
        rows.append((stage, best[stage], reported[stage, best[stage]]))
        rows.append((f"{stage}, as configured", 1.0, reported[stage, 1.0]))
    index = pd.MultiIndex.from_tuples([row[:2] for row in rows], names=["detector", "setting"])
    return pd.DataFrame([row[2].summary() for row in rows], index=index)
