"""The adaptive rules: against their twins, one by one, and what none of them may ever do."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alvh import _core, books, policy
from alvh.books import Book, IronCondor
from alvh.errors import ConfigError
from alvh.history import History
from alvh.policy import CONDOR_SWITCHES, HEDGE_SWITCHES, SWITCHES, AdaptivePolicy
from alvh.signals import SignalConfig
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated
import policy_twin
from engine_twin import Market, compare

EARLY = SignalConfig(warm_up=40)
SERIES = ("equity", "cash", "margin", "excess", "open_condors", "attribution")
CONDOR = IronCondor(dte=45, entry=5, contracts=10, vix_gate="none", exit_dte=None)


def exogenous(history: History, seed: int) -> History:
    """Add made-up signals of the book, breadth and events: an alarm and a thin book now and then."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    n = len(history)
    days = pd.DatetimeIndex(np.asarray(history.columns["day"]).astype("datetime64[D]"))
    fires = rng.random(n) < 0.1
    frame = pd.DataFrame(
        {
            "net_advances": rng.normal(0, 800, n),
            "quick_ratio_relative": np.where(rng.random(n) < 0.3, rng.uniform(0.1, 0.9, n), 1.0),
            "armed": (rng.random(n) < 0.15).astype(float),
            "ignited": fires.astype(float),
            "ignition_score": np.where(fires, rng.uniform(50, 100, n), 0.0),
        },
        index=days,
    )
    return history.with_signals(frame)


def wild(seed: int, n: int = 260) -> History:
    return exogenous(generated.history(seed, n, start="2012-06-01", futures=seed % 2 == 0), seed)


def book(rules: AdaptivePolicy, name: str = "b", **changes: Any) -> Book:
    made = Book(CONDOR, books.layered_hedge(), name=name, rules=dataclasses.replace(rules, signals=EARLY))
    return made.replace(**changes)


def run(history: History, *wanted: Book) -> dict[str, Any]:
    return _core.backtest(history.source(), [each.encode() for each in wanted], None)


# ---- the pure target

numbers = st.floats(0.0, 1.0)
ratios = st.one_of(st.just(math.nan), st.floats(0.0, 2.0))
policies = st.builds(
    AdaptivePolicy,
    sizing=st.booleans(),
    automatic_vega=st.booleans(),
    automatic_vega_exception=st.booleans(),
    press=st.booleans(),
    time_shift_hedge=st.booleans(),
    caps=st.booleans(),
    core_share=st.floats(0.5, 1.0),
    multiplier_max=st.floats(1.0, 3.0),
)
targets = st.fixed_dictionaries(
    {
        "score": numbers,
        "quick_ratio": ratios,
        "quorum": st.booleans(),
        "press": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        "shift": st.booleans(),
        "scale": st.floats(0.0, 1.0),
        "base": st.tuples(st.floats(1.0, 40.0), st.floats(1.0, 40.0), st.floats(1.0, 40.0)),
        "exchange": st.tuples(st.just(1.0), st.floats(0.05, 1.0), st.floats(0.05, 1.0)),
    }
)


@given(policies, targets)
@settings(max_examples=300, deadline=None)
def test_the_target_equals_its_twin(rules, at):
    assert list(rules.multipliers(**at)) == pytest.approx(policy_twin.multipliers(rules, **at), abs=1e-12)


def beta_vega(rules: AdaptivePolicy, at: dict[str, Any]) -> float:
    found = rules.multipliers(**at)
    return sum(m * base * ratio for m, base, ratio in zip(found, at["base"], at["exchange"], strict=True))


@given(policies, targets, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=300, deadline=None)
def test_a_higher_score_and_less_depth_never_mean_less_hedge(rules, at, more, less):
    higher = at | {"score": at["score"] + more * (1.0 - at["score"])}
    assert beta_vega(rules, higher) >= beta_vega(rules, at) - 1e-9
    thinner = at | {"quick_ratio": at["quick_ratio"] * less}
    assert beta_vega(rules, thinner) >= beta_vega(rules, at) - 1e-9
    confirmed = at | {"quorum": True}
    assert beta_vega(rules, confirmed) >= beta_vega(rules, at) - 1e-9
    assert min(rules.multipliers(**at)) >= rules.core_share >= 0.5


def test_golden_targets():
    rules = AdaptivePolicy()
    assert rules.multipliers() == (1.0, 1.0, 1.0)
    assert rules.multipliers(0.4) == pytest.approx((1.4, 1.2, 1.2))
    assert rules.multipliers(0.4, 0.5) == pytest.approx((2.0, 1.8, 1.8))
    assert rules.multipliers(0.4, 0.3, quorum=False) == pytest.approx((1.5, 1.5, 1.5))
    assert rules.multipliers(0.0, press=0.25) == pytest.approx((1.25, 1.0, 1.0))
    assert rules.multipliers(shift=True, exchange=(1.0, 0.5, 0.25)) == pytest.approx((1.15625, 0.75, 0.75))
    assert rules.multipliers(scale=0.1) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("contracts", "sizes"), [(10, (4, 4, 2)), (25, (10, 10, 5))])
def test_published_sizes(contracts, sizes):
    history = generated.history(1, 60, start="2012-06-01", futures=True)
    condor = IronCondor(contracts=contracts)
    raw = run(history, books.adaptive(condor, 2_000_000.0))
    frame = raw["decisions"]
    opened = [raw["rules"][rule] == "layer.open" for rule in frame["rule"]]
    assert tuple(int(x) for x in np.asarray(frame["after"])[opened][:3]) == sizes


# ---- the daily policy

TWINNED = AdaptivePolicy().without("caps", "second_engine", *CONDOR_SWITCHES)


@pytest.mark.parametrize("seed", [1, 2, 4, 7])
def test_the_daily_policy_equals_its_twin_to_the_cent(seed):
    history = wild(seed)
    rules = dataclasses.replace(TWINNED, expansion_gate=True, recycle_gain=0.6)
    wanted = book(rules, capital=2_000_000.0)
    raw = run(history, wanted)
    twin = policy_twin.AdaptiveTwin(wanted, Market(history), history)
    compare(raw, 0, twin.run())
    seen = {raw["rules"][rule] for rule in raw["decisions"]["rule"]}
    assert {"hedge.sizing", "hedge.time_shift", "hedge.automatic_vega_exception"} <= seen


def test_the_twin_finds_a_changed_rule():
    history = wild(2)
    wanted = book(TWINNED, capital=2_000_000.0)
    twin = policy_twin.AdaptiveTwin(wanted, Market(history), history).run()
    for other in (
        {"shift_vix": 17.0},
        {"hysteresis": 0.3},
        {"changes": 1},
        {"recycle_gain": 0.3},
        {"outer_slope": 0.6},
    ):
        changed = wanted.replace(rules=dataclasses.replace(wanted.rules, **other))
        with pytest.raises(AssertionError, match="engine"):
            compare(run(history, changed), 0, twin)


# ---- what no rule may do


def test_with_every_rule_off_it_is_the_static_book_to_the_cent():
    history = wild(3)
    static = Book(CONDOR, books.layered_hedge(), name="static")
    raw = run(history, static, book(AdaptivePolicy().only(), "off"))
    for name in SERIES:
        assert np.array_equal(raw[name][0], raw[name][1]), name


RULES_OF = {
    "sizing": {"hedge.sizing"},
    "automatic_vega": {"hedge.automatic_vega"},
    "automatic_vega_exception": {"hedge.automatic_vega_exception"},
    "press": {"hedge.press"},
    "time_shift_hedge": {"hedge.time_shift", "hedge.time_shift_back"},
    "recycling": {"hedge.recycle"},
    "sell_ladder": {"hedge.sell_ladder"},
    "normalisation": {"hedge.normalise"},
    "caps": {"hedge.caps"},
    "second_engine": {"sleeve.feed", "sleeve.buy", "sleeve.sell"},
    "trim": {"condor.trim"},
    "time_shift_condor": {"condor.time_shift", "condor.time_shift_back"},
    "expansion_gate": {"condor.expansion_gate"},
    "fair_value_shift": {"condor.fair_value"},
}
OWN = set().union(*RULES_OF.values())


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_alone_makes_no_decision_but_its_own(switch):
    assert set(RULES_OF) == set(SWITCHES)
    seen: set[str] = set()
    for seed in (3, 4):
        raw = run(wild(seed), book(AdaptivePolicy().only(switch)))
        seen |= {raw["rules"][rule] for rule in raw["decisions"]["rule"]} & OWN
        trades = {raw["rules"][rule] for rule in raw["trades"]["rule"]} & OWN
        assert trades <= RULES_OF[switch]
    assert seen <= RULES_OF[switch]
    off = run(wild(3), book(dataclasses.replace(AdaptivePolicy(), sell_ladder=True).without(switch)))
    assert not {off["rules"][rule] for rule in off["decisions"]["rule"]} & RULES_OF[switch]


def overspent(raw: dict[str, Any]) -> list[int]:
    """Sessions in which nothing but purchases of the hedge made cash less margin negative."""
    trades, days = raw["trades"], np.asarray(raw["day"])
    condor = np.asarray(trades["bucket"]) < 4
    by_condors = set(np.asarray(trades["day"])[condor].tolist()) | set(
        np.asarray(raw["condors"]["closed"]).tolist()
    )
    hedged = (
        set(np.asarray(trades["day"])[~condor & (np.asarray(trades["contracts"]) > 0)].tolist()) - by_condors
    )
    places = [int(np.searchsorted(days, day)) for day in sorted(hedged)]
    excess = raw["excess"][0]
    before = [raw["cash"][0, at - 1] - raw["margin"][0, at - 1] if at else raw["capital"][0] for at in places]
    return [at for at, was in zip(places, before, strict=True) if excess[at] < min(0.0, was) - 1.0]


@pytest.mark.parametrize("seed", range(6))
def test_no_hedge_purchase_makes_free_cash_negative(seed):
    history = wild(seed, 200)
    condor = dataclasses.replace(CONDOR, contracts=3, max_risk=1.0, entry="flat")
    rules = dataclasses.replace(AdaptivePolicy(), recycle_gain=0.3, sell_ladder=True)
    for capital in (3_000.0, 15_000.0, 60_000.0):
        raw = run(history, book(rules, capital=capital, condor=condor))
        assert len(raw["trades"]["day"]) > 10
        assert not overspent(raw), capital


def test_a_book_without_the_limit_overspends():
    condor = dataclasses.replace(CONDOR, contracts=3, max_risk=1.0, entry="flat")
    spent = [
        overspent(run(wild(seed, 200), Book(condor, books.layered_hedge(), capital=3_000.0, name="static")))
        for seed in range(6)
    ]
    assert any(spent)


@pytest.mark.parametrize("seed", [5, 6])
def test_at_most_three_changes_a_session_and_never_below_half_of_the_core(seed):
    raw = run(wild(seed), book(AdaptivePolicy(), capital=2_000_000.0))
    frame = raw["decisions"]
    moments: dict[int, set[int]] = {}
    changing = {
        "hedge.sizing",
        "hedge.automatic_vega",
        "hedge.automatic_vega_exception",
        "hedge.press",
        "hedge.caps",
    }
    changing |= {"hedge.time_shift", "hedge.time_shift_back"}
    half = {"outer": 2, "middle": 2, "inner": 1}
    for day, seconds, rule, after, inputs in zip(
        *(frame[name] for name in ("day", "seconds", "rule", "after", "inputs")), strict=True
    ):
        name = raw["rules"][rule]
        if name in changing:
            moments.setdefault(int(day), set()).add(int(seconds))
            assert after >= half[json.loads(inputs)["layer"]]
    assert moments
    assert max(map(len, moments.values())) <= 3


def test_every_input_of_a_decision_is_json():
    raw = run(wild(4), book(dataclasses.replace(AdaptivePolicy(), sell_ladder=True)))
    for text in raw["decisions"]["inputs"]:
        assert isinstance(json.loads(text), dict), text


# ---- causality


@pytest.mark.parametrize("seed", [11, 12])
def test_cuts_change_nothing_before_them(seed):
    history = wild(seed, 150)
    wanted = [
        book(dataclasses.replace(AdaptivePolicy(), sell_ladder=True), "a"),
        books.placebo(CONDOR, delay=10),
    ]
    full = run(history, *wanted)
    assert len(set(full["decisions"]["rule"])) > 6
    for k in np.random.default_rng(seed).integers(45, len(history), 40):
        part = run(history.cut(int(k)), *wanted)
        last = int(history.columns["day"][k - 1])
        for name in SERIES:
            assert np.array_equal(part[name], full[name][..., : int(k)]), (name, k)
        for name in ("trades", "decisions", "events"):
            keep = np.asarray(full[name]["day"]) <= last
            for column, values in part[name].items():
                assert list(values) == [
                    x for x, kept in zip(full[name][column], keep, strict=True) if kept
                ] or (
                    np.asarray(values).dtype.kind == "f"
                    and np.array_equal(values, np.asarray(full[name][column])[keep], equal_nan=True)
                ), (name, column, k)


# ---- configuration


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hysteresis": 1.5}, "RUL001"),
        ({"core_share": 0.4}, "RUL002"),
        ({"recycle_share": 0.9}, "RUL003"),
        ({"shift_vix": 0.0}, "RUL004"),
        ({"outer_slope": -1.0}, "RUL005"),
        ({"multiplier_max": 0.5}, "RUL006"),
        ({"fair_value_step": 101.0}, "RUL007"),
        ({"stress_move": 0.1}, "RUL008"),
        ({"sleeve_delta": 0.5}, "RUL009"),
        ({"vega_steps": ((0.5, 0.1), (0.8, 0.1))}, "RUL010"),
        ({"ladder_levels": (50.0, 40.0)}, "RUL011"),
        ({"condor_roll_dte": (7, 1)}, "RUL012"),
        ({"changes": 0}, "RUL013"),
        ({"minutes_between": 2000}, "RUL014"),
        ({"beta_sessions": 1}, "RUL016"),
        ({"carry_condors": 20_000}, "RUL017"),
        ({"condor_roll_sessions": 101}, "RUL018"),
    ],
)
def test_every_number_is_checked(changes, code):
    with pytest.raises(ConfigError, match=f"^{code} AdaptivePolicy "):
        AdaptivePolicy(**changes)


def test_controls_are_checked_and_switches_are_names():
    with pytest.raises(ConfigError, match=r"^RUL021 MotionPolicy delta_tolerance"):
        policy.MotionPolicy(2.0)
    with pytest.raises(ConfigError, match=r"^RUL022 BreakoutPolicy range_sessions"):
        policy.BreakoutPolicy(1)
    with pytest.raises(ConfigError, match=r"^RUL030 AdaptivePolicy switch: got 'caps!'"):
        AdaptivePolicy().without("caps!")
    assert set(HEDGE_SWITCHES) | set(CONDOR_SWITCHES) == set(SWITCHES)


def test_an_adaptive_book_survives_its_text():
    wanted = books.adaptive(policy=AdaptivePolicy(trim_what="condor").without("caps"))
    assert Book.from_json(wanted.to_json()) == wanted
    assert Book.from_toml(wanted.to_toml()) == wanted
    assert books.motion() == Book.from_toml(books.motion().to_toml())


CHEATS = (
    "net_advances",
    "quick_ratio_relative",
    "armed",
    "ignited",
    "ignition_score",
    "spread",
    "float_cap",
    "reit",
    "us_2y",
    "stressed",
)


def cheated(n: int, column: str) -> History:
    """The first n sessions of a made-up history in which one column is that of tomorrow."""
    import pandas as pd

    history = generated.history(21, 170, start="2012-06-01", futures=True)
    rng = np.random.default_rng(21)
    days = np.asarray(history.columns["day"])
    walk = 100.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((3, len(days))), axis=1))
    # Group means must stand now and then, whichever column is alone.
    frame = {
        "net_advances": rng.normal(0, 800, len(days)),
        "quick_ratio_relative": np.where(rng.random(len(days)) < 0.3, rng.uniform(0.1, 0.7, len(days)), 1.0),
        "armed": (rng.random(len(days)) < 0.3).astype(float),
        "ignited": (rng.random(len(days)) < 0.2).astype(float),
        "ignition_score": rng.choice([0.0, 95.0], len(days)),
        "spread": rng.choice([1.0, 6.0], len(days)),
        "float_cap": walk[0],
        "reit": walk[1],
        "us_2y": 2.0 + np.cumsum(rng.standard_t(2, len(days))) * 0.05,
        "stressed": rng.choice([0.0, 1.0], len(days)),
    }
    values = {column: frame[column][:n]}
    # Two sessions ahead: what the book of a session showed is used from the next one on.
    values[column] = np.r_[values[column][2:], np.repeat(values[column][-1], 2)]
    if column == "us_2y":
        values["foreign_2y"] = np.full(n, 1.0)
    index = pd.DatetimeIndex(days[:n].astype("datetime64[D]"))
    user = (column,) if column == "stressed" else ()
    return history.cut(n).with_signals(pd.DataFrame(values, index=index), user=user)


@pytest.mark.parametrize("column", CHEATS)
def test_a_planted_look_at_tomorrow_is_caught(column):
    from alvh.signals import UserSignal

    user = (UserSignal("stressed", "macro", "stressed", (0.0, 1.0)),) if column == "stressed" else ()
    signals = SignalConfig(
        warm_up=40, quorum=1, reit_window=20, rate_differential=(0.1, 1.0), cap_window=5, user=user
    )
    rules = dataclasses.replace(
        AdaptivePolicy(), signals=signals, hysteresis=0.0, changes=50, reserved_changes=1
    )
    wanted = Book(dataclasses.replace(CONDOR, contracts=200), books.layered_hedge(), 1e8, "b", rules=rules)
    full = run(cheated(170, column), wanted)
    found = 0
    for n in range(60, 168, 4):
        part = run(cheated(n, column), wanted)
        keep = np.asarray(full["decisions"]["day"]) <= part["day"][-1]
        said = [x for x, kept in zip(full["decisions"]["inputs"], keep, strict=True) if kept]
        found += said != part["decisions"]["inputs"] or not np.array_equal(
            part["equity"], full["equity"][..., :n]
        )
    assert found >= 1


def test_history_without_a_cheat_passes_the_same_test():
    history = wild(8, 170)
    wanted = book(AdaptivePolicy())
    full = run(history, wanted)
    for n in range(60, 168, 12):
        part = run(history.cut(n), wanted)
        keep = np.asarray(full["decisions"]["day"]) <= part["day"][-1]
        assert part["decisions"]["inputs"] == [
            x for x, kept in zip(full["decisions"]["inputs"], keep, strict=True) if kept
        ]


def everything(**changes: Any) -> AdaptivePolicy:
    """All rules, with thresholds that made-up markets reach."""
    loose = {"sell_ladder": True, "trim_earned": 0.05, "recycle_gain": 0.5, "ladder_levels": (15.0, 18.0)}
    return dataclasses.replace(AdaptivePolicy(), **(loose | changes))


@pytest.mark.parametrize("what", ["side", "condor"])
def test_the_money_of_every_rule_follows_from_its_fills(what):
    from test_backtest import Replay

    seen: set[str] = set()
    for seed in (1, 6, 9, 10):
        history = wild(seed)
        wanted = book(everything(trim_what=what), capital=2_000_000.0)
        raw = run(history, wanted)
        seen |= {raw["rules"][rule] for rule in raw["trades"]["rule"]}
        replayed = Replay(wanted, history, Market(history)).equity(raw, 0)
        assert replayed == [round(100.0 * float(x)) for x in raw["equity"][0]]
    needed = {
        "hedge.recycle",
        "hedge.sell_ladder",
        "hedge.normalise",
        "sleeve.buy",
        "sleeve.sell",
        "condor.time_shift",
    }
    assert needed <= seen


def test_a_trim_buys_back_a_quarter_of_the_puts_and_frees_no_more_than_they_held():
    trims: list[Any] = []
    for seed in range(1, 13):
        raw = run(wild(seed), book(everything().only("trim"), capital=2_000_000.0))
        frame = raw["trades"]
        for row in np.flatnonzero(np.asarray(frame["rule"]) == raw["rules"].index("condor.trim")):
            trims.append((raw["buckets"][frame["bucket"][row]], int(frame["contracts"][row])))
    assert {bucket for bucket, _ in trims} == {"short_put", "long_put"}
    assert {abs(contracts) for _, contracts in trims} == {3}


def test_rolled_condors_keep_their_chain_and_their_size():
    raw = run(wild(9), book(everything(), capital=2_000_000.0))
    condors, rules = raw["condors"], raw["rules"]
    rolled = np.asarray([rules[rule].startswith("condor.time_shift") for rule in condors["exit_rule"]])
    assert rolled.sum() >= 3
    chain, position = np.asarray(condors["chain"]), np.asarray(condors["position"])
    assert (chain <= position).all()
    for first in chain[rolled]:
        own = np.flatnonzero(chain == first)
        assert len(own) >= 1
        assert len({int(condors["contracts"][i]) for i in own}) == 1
    later = position[chain < position]
    assert len(later) >= 2


def test_the_sleeve_spends_only_what_it_was_fed():
    raw = run(wild(6), book(everything(), capital=2_000_000.0))
    fed = spent = 0.0
    frame, trades = raw["decisions"], raw["trades"]
    moments = [
        (int(day), int(seconds), 0, float(after - before))
        for day, seconds, rule, before, after in zip(
            *(frame[name] for name in ("day", "seconds", "rule", "before", "after")), strict=True
        )
        if raw["rules"][rule] == "sleeve.feed"
    ]
    bucket = raw["buckets"].index("second_engine")
    for row in np.flatnonzero(np.asarray(trades["bucket"]) == bucket):
        cost = trades["contracts"][row] * trades["price"][row] * 100.0 + trades["fee_cents"][row] / 100.0
        moments.append((int(trades["day"][row]), int(trades["seconds"][row]), 1, float(cost)))
    assert any(kind for *_, kind, _ in moments)
    for _, _, kind, amount in sorted(moments):
        if kind:
            spent += amount
        else:
            fed += amount
        # What settled adds to it as well: a purchase beyond all that ever came in would show all the same.
        assert spent <= fed + 1e-6 + max(0.0, float(raw["attribution"][0, bucket].clip(min=0).sum()) / 100.0)
