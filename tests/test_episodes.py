"""Episodes inside a day, fair signals, scenarios: the Python side, and the twin."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh import _core
from alvh._skill import SkillRow
from alvh.errors import ConfigError

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import episodes_twin

CLOSE = 57_600
YEARS = 0.7 / 252


def _nodes(jump=(-0.02, 0.03, 1.7157)):
    price, v1, intensity = jump
    return [
        [0.0, 4.6, 0.010, 0.0140, 1.00, 0.0, 0.0, 0.0],
        [0.5, 4.601, 0.012, 0.0139, 1.00, 0.0, 0.0, 0.0],
        [1.0, 4.603 + price, 0.011 + v1, 0.0137, 1.01 + intensity, price, v1, intensity],
    ]


@pytest.mark.parametrize("session", range(12))
def test_every_step_is_that_of_the_twin(session):
    config = alvh.IntradayConfig(pure_rate=300.0, u_shape=0.3)
    market = alvh.Market.default()
    args = (_nodes(), YEARS, CLOSE, 5, 3, session)
    rows, got = _core.episode_session(market.to_json(), config.to_json(), *args)
    squared = _core.market_vix_squared(market.to_json(), 30.0)
    want_rows, want = episodes_twin.session(json.loads(config.to_json()), squared, *args)
    np.testing.assert_allclose(rows, want_rows, rtol=1e-12, atol=1e-15)
    for name, column in want.items():
        np.testing.assert_allclose(got[name], column, rtol=1e-10, atol=1e-13, err_msg=name)


def test_the_twin_sees_many_episodes():
    config = alvh.IntradayConfig(pure_rate=300.0, u_shape=0.3)
    market = alvh.Market.default().to_json()
    counts = [
        len(_core.episode_session(market, config.to_json(), _nodes(), YEARS, CLOSE, 5, 3, session)[0])
        for session in range(12)
    ]
    assert sum(counts) > 24
    assert max(counts) > 2


def test_configurations_are_validated_where_they_are_built():
    assert json.loads(_core.check_intraday("{}")) == json.loads(alvh.IntradayConfig().to_json())
    fair = json.loads(_core.check_fair_signals("{}"))
    assert json.loads(alvh.FairSignals().to_json()) == fair
    for code, build in [
        ("CFG402", lambda: alvh.IntradayConfig(ignition_share=1.5)),
        ("CFG401", lambda: alvh.IntradayConfig(pass_through="none")),
        ("CFG403", lambda: alvh.IntradayConfig(spread=(6.0, 3.0))),
        ("CFG431", lambda: alvh.IntradayConfig(pure_rate=math.nan)),
        ("CFG431", lambda: alvh.IntradayConfig(largest=None)),
        ("CFG432", lambda: alvh.IntradayConfig().replace(pi=0.3)),
        ("CFG412", lambda: alvh.FairSignals(foresight=1.0)),
        ("CFG411", lambda: alvh.FairSignals(skill={"leak": 1})),
        ("CFG421", lambda: alvh.simulation.scenario("crash")),
        ("CFG431", lambda: alvh.simulation.scenario("flash_crash", noise=math.inf)),
    ]:
        with pytest.raises(ConfigError, match=rf"^{code} ") as info:
            build()
        assert "\n" not in str(info.value)


def test_measured_skill_reaches_the_core():
    rows = (
        SkillRow(120, 0.0, 10.0, 3, 10, 80.0, 200.0),
        SkillRow(120, 10.0, math.inf, 0, 10, math.inf, math.inf),
        SkillRow(15, 0.0, math.inf, 5, 10, 8.0, 20.0),
    )
    skill = alvh.DetectorSkill(rows, (12,), (78.0,), (120,), "early", "", (1,))
    fair = alvh.FairSignals().with_skill(skill)
    assert [row["recall"] for row in fair.skill["rows"]] == [0.3, 0.0]
    assert fair.skill["rows"][0]["low"] == 3.0
    assert fair.skill["false_alarms"] == [{"vix": 0.0, "per_day": 1.0}]
    assert fair.skill["armed_per_day"] == alvh.FairSignals().skill["armed_per_day"]


def test_scenarios_play_and_draw():
    assert len(alvh.simulation.scenarios()) == 8
    for name in alvh.simulation.scenarios():
        played = alvh.simulation.scenario(name)
        assert set(played.start) == {"v1", "v2", "intensity"}
        for session in played.sessions:
            assert not session.vix.flags.writeable
            assert (np.diff(session.seconds) > 0).all()
            assert (session.vix_quoted >= session.vix).all()
    day = alvh.simulation.scenario("flash_crash").sessions[0]
    assert str(day.day) == "2010-05-06"
    axes = day.plot()
    assert len(axes.lines) == 1
    assert [str(s.day) for s in alvh.simulation.scenario("volmageddon").sessions] == [
        "2018-02-05",
        "2018-02-06",
    ]


def test_noise_is_that_of_its_seed():
    calm = alvh.simulation.scenario("flash_crash").sessions[0]
    one, again, other = (
        alvh.simulation.scenario("flash_crash", noise=1.0, seed=seed).sessions[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.log_return, again.log_return)
    assert (one.log_return != other.log_return).any()
    assert one.log_return[-1] == calm.log_return[-1]
