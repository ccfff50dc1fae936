"""How good a detector must be before an adaptive hedge beats a static one."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from alvh._episodes import FairSignals, IntradayConfig
    from alvh.market import Market

__all__ = ["SkillCurve", "skill_curve"]

_BOOKS = ("static_phased", "adaptive", "unhedged_phased")
_QUANTITIES = ("drawdown_reduction", "pnl_difference", "hedge_cost_difference")
_ENDS = ("", "_low", "_high")
# 90 % quantile over the median of the delay of the detector as measured (tools/measure_fair_skill.py).
_TAIL = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class SkillCurve:
    """The adaptive hedge against the static one on the same condors and paths, by the skill of its detector.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per skill: ``recall``, ``delay`` [s], ``false_alarms`` [a session], ``measured`` (the detector as it was
        measured; its recall and delay depend on the displacement and are NaN here), and of the adaptive book against
        the static one ``drawdown_reduction`` (fraction), ``pnl_difference`` [USD a path], ``hedge_cost_difference``
        (fraction of capital a year), each with ``_low`` and ``_high`` (95 %, over paths).
    break_even : float
        Lowest recall from which on the adaptive book has the smaller mean maximum drawdown at the first delay and
        number of false alarms, by linear interpolation; NaN where it has at no recall or at all of them.
    """

    table: pd.DataFrame
    break_even: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the drawdown reduction against recall, a line per delay and false alarms, the measured skill across.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        from alvh._figures import COLOURS, GREY, new_axes, tidy

        ax = new_axes() if ax is None else ax
        swept = self.table[~self.table["measured"]]
        for index, ((delay, alarms), rows) in enumerate(_groups(swept)):
            colour = COLOURS[index % len(COLOURS)]
            low, value, high = (
                100.0 * rows[f"drawdown_reduction{end}"].to_numpy() for end in ("_low", "", "_high")
            )
            ax.plot(
                rows["recall"],
                value,
                "o-",
                color=colour,
                label=f"{delay:g} s, {alarms:g} false alarms a session",
            )
            ax.fill_between(rows["recall"], low, high, color=colour, alpha=0.15, linewidth=0)
        for value in 100.0 * self.table.loc[self.table["measured"], "drawdown_reduction"].to_numpy():
            ax.axhline(value, color="black", linestyle="--", linewidth=1.0, label="detector as measured")
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        ax.set_xlabel("recall of the detector")
        ax.set_ylabel("drawdown reduction against static, %")
        ax.legend(frameon=False, fontsize=8)
        tidy(ax)
        return ax


def skill_curve(
    recalls: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    delays: Sequence[float] = (30.0,),
    false_alarms: Sequence[float] = (1.9,),
    *,
    market: Market | None = None,
    intraday: IntradayConfig | None = None,
    fair: FairSignals | None = None,
    n_paths: int = 2_000,
    years: float = 1.0,
    steps_per_day: int = 13,
    seed: int = 0,
    n_jobs: int | None = None,
    marks: Literal["model", "surface"] = "model",
) -> SkillCurve:
    """Sweep recall, delay and false alarms of the detector that the adaptive hedge listens to.

    Every skill sees the same paths of the market, and both books hold condors by the same rules, so that a difference
    is one of the hedge.

    Parameters
    ----------
    recalls : sequence of float
        Probabilities, ascending, that a fast move raises an alarm, whatever its size.
    delays : sequence of float
        Median seconds from onset to alarm; the 90 % quantile is three times that.
    false_alarms : sequence of float
        Alarms a session without a fast move.
    market : Market, optional
        The model; :meth:`alvh.Market.default` by default.
    intraday : IntradayConfig, optional
        Episodes inside a day; its defaults by default.
    fair : FairSignals, optional
        The signals; its skill is what counts as measured.
    n_paths : int
        Paths of each skill.
    years, steps_per_day, seed, n_jobs, marks
        As for :func:`alvh.simulate`, which warms signals up before the books begin.

    Returns
    -------
    SkillCurve
        One row per skill and one of the detector as measured.

    Raises
    ------
    ConfigError
        ``SKC001`` an empty sequence, or recalls that do not ascend; and what the simulation refuses.
    """
    import pandas as pd

    from alvh import books
    from alvh._episodes import FairSignals, IntradayConfig
    from alvh._simulate import simulate

    for name, values in (("recalls", recalls), ("delays", delays), ("false_alarms", false_alarms)):
        if not len(values):
            raise ConfigError("SKC001", "skill_curve", name, "nothing", "at least one number")
    if any(b <= a for a, b in itertools.pairwise(recalls)):
        raise ConfigError("SKC001", "skill_curve", "recalls", repr(list(recalls))[:40], "ascending numbers")
    fair = FairSignals() if fair is None else fair
    episodes = IntradayConfig() if intraday is None else intraday
    measured = fair.skill or {}
    keys: list[dict[str, Any]] = [
        {"recall": np.nan, "delay": np.nan, "false_alarms": np.nan, "measured": True}
    ]
    worlds = [fair]
    for delay, alarms, recall in itertools.product(delays, false_alarms, recalls):
        keys.append({"recall": recall, "delay": delay, "false_alarms": alarms, "measured": False})
        changes = {"recall": recall, "delay": delay, "delay_p90": _TAIL * delay}
        rows = [{**row, **changes} for row in measured["rows"]]
        skill = {**measured, "rows": rows, "false_alarms": [{"vix": 0.0, "per_day": alarms}]}
        worlds.append(fair.replace(skill=skill))
    found = []
    for key, world in zip(keys, worlds, strict=True):
        study = simulate(
            books.named(*_BOOKS),
            market,
            n_paths,
            years,
            steps_per_day,
            seed,
            n_jobs,
            record_paths=0,
            marks=marks,
            intraday=episodes,
            fair=world,
        )
        row: Any = study.paired("static_phased").loc["adaptive"]
        found.append(
            key | {f"{name}{end}": float(row[f"{name}{end}"]) for name in _QUANTITIES for end in _ENDS}
        )
    table = pd.DataFrame(found)
    return SkillCurve(table, _break_even(table[~table["measured"]]))


def _groups(swept: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    return list(swept.groupby(["delay", "false_alarms"], sort=False))


def _break_even(swept: pd.DataFrame) -> float:
    """Recall at which the reduction crosses zero for good."""
    rows = _groups(swept)[0][1]
    recall, gain = (
        rows["recall"].to_numpy(dtype=np.float64),
        rows["drawdown_reduction"].to_numpy(dtype=np.float64),
    )
    losing = np.flatnonzero(gain <= 0.0)
    if not losing.size or losing[-1] == len(gain) - 1:
        return float("nan")
    i = losing[-1]
    return float(recall[i] + (recall[i + 1] - recall[i]) * -gain[i] / (gain[i + 1] - gain[i]))
