"""The skill curve: same paths for every skill, and where the adaptive hedge breaks even."""

from __future__ import annotations

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh._skill_curve import SkillCurve, _break_even
from alvh.errors import ConfigError
from raw_result import raw_result

RUN = {"n_paths": 24, "years": 1.5, "steps_per_day": 6, "seed": 3}


@pytest.fixture(scope="module")
def curve() -> SkillCurve:
    return alvh.skill_curve((0.0, 1.0), **RUN)


def test_a_row_per_skill_and_one_as_measured(curve):
    assert curve.table["measured"].tolist() == [True, False, False]
    assert curve.table["recall"].tolist()[1:] == [0.0, 1.0]
    for name in ("drawdown_reduction", "pnl_difference", "hedge_cost_difference"):
        assert (curve.table[f"{name}_low"] <= curve.table[f"{name}_high"]).all()


def test_skill_changes_what_the_hedge_does_and_nothing_else(curve):
    again = alvh.skill_curve((0.0, 1.0), **RUN)
    pd.testing.assert_frame_equal(curve.table, again.table)
    assert curve.table["pnl_difference"].nunique() > 1


def table(gains: list[float]) -> pd.DataFrame:
    recall = np.linspace(0.0, 1.0, len(gains))
    return pd.DataFrame({"recall": recall, "delay": 30.0, "false_alarms": 1.9, "drawdown_reduction": gains})


@pytest.mark.parametrize(
    ("gains", "expected"),
    [([-0.1, 0.1], 0.5), ([-0.3, 0.1, -0.1, 0.1], 5 / 6), ([0.1, 0.2], np.nan), ([-0.2, -0.1], np.nan)],
)
def test_break_even_is_where_the_gain_turns_for_good(gains, expected):
    assert _break_even(table(gains)) == pytest.approx(expected, nan_ok=True)


def test_picture_marks_the_measured_skill(curve):
    ax = alvh.Study(raw_result(60), replicates=0).plot.skill(curve)
    labels = [line.get_label() for line in ax.get_lines()]
    assert "detector as measured" in labels
    assert "30 s, 1.9 false alarms a session" in labels


@pytest.mark.parametrize("arguments", [{"recalls": ()}, {"recalls": (0.5, 0.5)}, {"delays": ()}])
def test_wrong_sweeps_are_refused(arguments):
    with pytest.raises(ConfigError, match="SKC001 skill_curve"):
        alvh.skill_curve(**arguments)
