"""Order flow with known ignitions, and honest scores of detectors on it.

:func:`order_flow` simulates labelled flow, :func:`transplant` puts ignitions into real books, :func:`score` holds
alarms against labels, :func:`threshold_curve` and :func:`compare` do it for the detector and its baselines. What is
simulated is described in docs/labelled.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._alarm_score import Score, Stage, detector_score, labelled, merged, score
from alvh._arguments import is_real, shown
from alvh._order_flow import OrderFlow, flow_fields, order_flow, transplant
from alvh.errors import ConfigError
from alvh.ignition import IgnitionConfig, checked, native

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BASELINES",
    "INSTRUMENTS",
    "REPORTING_SEEDS",
    "TUNING_SEEDS",
    "OrderFlow",
    "Score",
    "Stage",
    "choose",
    "compare",
    "detector_score",
    "flow_fields",
    "merged",
    "order_flow",
    "report",
    "score",
    "suite",
    "table_of",
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

_FACTORS = tuple(float(2.0 ** (i / 4.0)) for i in range(-6, 9))
_THRESHOLDS: dict[str, tuple[float, ...]] = {
    "vpin": tuple(float(x) for x in np.linspace(0.10, 0.80, 24)),
    "drift_burst": tuple(float(x) for x in np.geomspace(2.0, 16.0, 24)),
    "push_z": tuple(float(x) for x in np.geomspace(2.0, 20.0, 24)),
    "return_z": tuple(float(x) for x in np.geomspace(2.0, 20.0, 24)),
    "ultrafast": tuple(float(x) for x in np.geomspace(0.002, 2.0, 24)),
}


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
    factors: Sequence[float] = _FACTORS,
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

    Raises
    ------
    ConfigError
        ``LAB019``: no labelled flow; ``LAB020``: no such baseline; ``LAB021``: settings that are no numbers above 0.
    """
    import pandas as pd

    if thresholds is not None and not isinstance(thresholds, Mapping):
        raise ConfigError("LAB020", "bench", "thresholds", shown(thresholds), "a mapping by baseline")
    chosen = _THRESHOLDS if thresholds is None else thresholds
    scores = _scores(flows, checked(config), _settings(factors, "factors"), chosen)
    index = pd.MultiIndex.from_tuples(scores, names=["detector", "setting"])
    return pd.DataFrame([each.summary() for each in scores.values()], index=index)


def _scores(
    flows: Iterable[OrderFlow],
    config: IgnitionConfig,
    factors: tuple[float, ...],
    thresholds: Mapping[str, Sequence[float]],
) -> dict[tuple[str, float], Score]:
    if not isinstance(flows, Iterable):
        raise ConfigError("LAB019", "bench", "flows", shown(flows), "OrderFlows of alvh.bench")
    for name, settings in (("factors", factors), *thresholds.items()):
        if name != "factors" and name not in BASELINES:
            raise ConfigError("LAB020", "bench", "thresholds", shown(name), ", ".join(BASELINES))
        _settings(settings, name)
    totals: dict[tuple[str, float], _core.Tally] = {}

    def add(name: str, setting: float, flow: OrderFlow, alarms: Any) -> None:
        tally = _core.score_alarms(flow._labels, *alarms)
        totals.setdefault((name, setting), _core.Tally()).merge(tally)

    lists = [list(map(float, thresholds.get(name, ()))) for name in BASELINES]
    for flow in flows:
        tape = native(labelled(flow, "bench").tape)
        rows = _core.ignition_alarms(tape, config.to_json(), list(factors))
        for stage in (0, 1):
            for factor, row in zip(factors, rows, strict=True):
                add(("early", "confirmed")[stage], factor, flow, row[stage])
        if any(lists):
            found = _core.baseline_alarm_lists(tape, lists)
            for name, settings, alarms in zip(BASELINES, lists, found, strict=True):
                for setting, each in zip(settings, alarms, strict=True):
                    add(name, setting, flow, each)
    if not totals:
        raise ConfigError("LAB019", "bench", "flows", "no flow or no setting", "at least one of each")
    return {key: Score(tally) for key, tally in totals.items()}


def _settings(values: Any, name: str) -> tuple[float, ...]:
    settings = tuple(values) if isinstance(values, list | tuple | np.ndarray) else (None,)
    if not all(is_real(value) and value > 0.0 for value in settings):
        raise ConfigError("LAB021", "bench", name, shown(values), "a sequence of numbers above 0")
    return tuple(float(value) for value in settings)


def choose(
    flows: Iterable[OrderFlow], config: IgnitionConfig | None = None, *, factors: Sequence[float] = _FACTORS
) -> dict[str, float]:
    """Choose each detector's one scalar: that of the largest F1, the smallest of equals.

    Parameters
    ----------
    flows : iterable of OrderFlow
        Labelled tapes that nothing is reported on.
    config : IgnitionConfig, optional
        The detector.
    factors : sequence of float
        Settings of the detector to choose from; those of the baselines are fixed grids.

    Returns
    -------
    dict of str to float
        Setting by detector: the baselines, "early" and "confirmed".

    Raises
    ------
    ConfigError
        ``LAB019``: no labelled flow; ``LAB021``: factors that are no numbers above 0.
    """
    scores = _scores(flows, checked(config), _settings(factors, "factors"), _THRESHOLDS)
    best: dict[str, float] = {}
    for name, setting in scores:
        if name not in best or scores[name, setting].f1 > scores[name, best[name]].f1:
            best[name] = setting
    return best


def report(
    flows: Iterable[OrderFlow], chosen: Mapping[str, float], config: IgnitionConfig | None = None
) -> dict[tuple[str, float], Score]:
    """Score every detector at its setting, and ours as configured.

    Parameters
    ----------
    flows : iterable of OrderFlow
        Labelled tapes that nothing was chosen on.
    chosen : mapping of str to float
        What :func:`choose` gave.
    config : IgnitionConfig, optional
        The detector.

    Returns
    -------
    dict of tuple to Score
        By name and setting; "early, as configured" and "confirmed, as configured" are those of factor 1.

    Raises
    ------
    ConfigError
        ``LAB019``: no labelled flow; ``LAB022``: a detector without a setting in `chosen`.
    """
    for name in (*BASELINES, "early", "confirmed"):
        if not isinstance(chosen, Mapping) or name not in chosen:
            raise ConfigError("LAB022", "report", "chosen", f"no setting of {name}", "what choose gave")
    settings = {name: (chosen[name],) for name in BASELINES}
    own = tuple(sorted({1.0, chosen["early"], chosen["confirmed"]}))
    found = _scores(flows, checked(config), own, settings)
    scores = {(name, chosen[name]): found[name, chosen[name]] for name in BASELINES}
    for stage in ("early", "confirmed"):
        scores[stage, chosen[stage]] = found[stage, chosen[stage]]
        scores[f"{stage}, as configured", 1.0] = found[stage, 1.0]
    return scores


def table_of(scores: Mapping[tuple[str, float], Score]) -> pd.DataFrame:
    """Give scores as a frame, indexed by detector and setting: the columns of :meth:`Score.summary`."""
    import pandas as pd

    index = pd.MultiIndex.from_tuples(list(scores), names=["detector", "setting"])
    return pd.DataFrame([each.summary() for each in scores.values()], index=index)


def compare(
    tuning: Iterable[OrderFlow],
    reporting: Iterable[OrderFlow],
    config: IgnitionConfig | None = None,
    *,
    factors: Sequence[float] = _FACTORS,
) -> pd.DataFrame:
    """Choose each detector's scalar on some tapes, report on others: :func:`choose`, then :func:`report`.

    Parameters
    ----------
    tuning, reporting : iterable of OrderFlow
        Labelled tapes without a seed in common.
    config : IgnitionConfig, optional
        The detector.
    factors : sequence of float
        Settings of the detector to choose from.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``detector`` and the chosen ``setting``.
    """
    return table_of(report(reporting, choose(tuning, config, factors=factors), config))
