"""Slow and obvious twins of the adaptive hedge: its pure target, and its daily life on one path.

Written from the rules, not from the core's code. What is signalled is taken from the readings (they have a twin of
their own); what is done about it is done here: sizes by score, quick ratio, press and shift of time, hysteresis and
limits, normalisation, recycling, the expansion gate.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from alvh import signals
from alvh.books import Book
from alvh.history import History
from alvh.policy import AdaptivePolicy
from engine_twin import OPEN, YEAR, Known, Layer, Leg, Market, Step, Twin, expiry_seconds, nearest_int
from scipy.special import ndtr

DAY = 86_400


def multipliers(
    policy: AdaptivePolicy,
    score: float,
    quick_ratio: float,
    quorum: bool,
    press: float,
    shift: bool,
    scale: float,
    base: tuple[float, ...],
    exchange: tuple[float, ...],
) -> list[float]:
    """Multipliers of the layers, rule by rule as the specification lists them."""
    vega = 1.0
    for row, (level, added) in enumerate(policy.vega_steps):
        is_last = row == len(policy.vega_steps) - 1
        if not quick_ratio < level:
            continue
        if (is_last and policy.automatic_vega_exception) or (policy.automatic_vega and quorum):
            vega += added
    heard = score if policy.sizing and quorum else 0.0
    result = []
    for layer in range(len(base)):
        slope = policy.longer_slope if layer else policy.outer_slope
        value = (1.0 + slope * heard) * vega
        if layer == 0 and policy.press:
            value += press
        result.append(min(max(value, 1.0), policy.multiplier_max))
    if shift and policy.time_shift_hedge and base and base[0] > 0.0:
        for layer in range(1, len(base)):
            if base[layer] > 0.0 and math.isfinite(exchange[layer]):
                contracts = policy.shift_share * result[layer] * base[layer]
                result[layer] -= policy.shift_share * result[layer]
                result[0] += contracts * exchange[layer] / base[0]
    if policy.caps and scale < 1.0:
        result = [value * scale for value in result]
    return [max(value, policy.core_share) for value in result]


class AdaptiveTwin(Twin):
    """One adaptive book over one history; caps, ladder, sleeve and the rules that trade condors are not twinned."""

    def __init__(self, book: Book, market: Market, history: History) -> None:
        super().__init__(book, market)
        assert isinstance(book.rules, AdaptivePolicy)
        assert book.hedge
        self.policy = book.rules
        frame = signals.compute(history, self.policy.signals, every_step=True)
        self.readings: list[dict[str, Any]] = frame.to_dict("records")
        assert len(self.readings) == len(market.steps)
        self.base = tuple(layer.weight for layer in book.hedge.layers)
        n = len(self.base)
        self.applied: dict[str, Any] = {
            "score": 0.0,
            "vega": 0.0,
            "exception": 0.0,
            "press": 0.0,
            "shift": False,
        }
        self.exchange = (math.nan,) * n
        self.multiplier = [1.0] * n
        self.condors_at = [0.0] * n
        self.extra = [0] * n
        self.cost = [0] * n
        self.phase = "calm"
        self.press = 0.0
        self.normalise_due = False
        self.orders: dict[str, Any] = {}
        self.changes: dict[str, Any] = {"day": -1, "ordinary": 0, "armed": 0, "reserved": 0, "last": None}
        self.gate_shut = False
        self.buying: int | None = None

    # ---- sizes

    def target(self, components: dict[str, Any]) -> list[float]:
        vega = 1.0 + components["vega"] + components["exception"]
        out = []
        for layer in range(len(self.base)):
            slope = self.policy.longer_slope if layer else self.policy.outer_slope
            value = (1.0 + slope * components["score"]) * vega + (0.0 if layer else components["press"])
            out.append(min(max(value, 1.0), self.policy.multiplier_max))
        if components["shift"]:
            for layer in range(1, len(self.base)):
                if math.isfinite(self.exchange[layer]):
                    moved = self.policy.shift_share * out[layer]
                    out[layer] -= moved
                    out[0] += moved * self.base[layer] * self.exchange[layer] / self.base[0]
        return [max(value, self.policy.core_share) for value in out]

    def sized(self, layer: int, multiplier: float) -> int:
        assert self.book.hedge
        exact = self.condors_at[layer] / self.book.hedge.per_condors * self.base[layer] * multiplier
        whole = math.ceil(exact) if self.book.hedge.rounding == "ceil" else nearest_int(exact)
        return (max(1, whole) if exact > 0.0 else 0) + self.extra[layer]

    def weighted_contracts(self, weight: float) -> int:
        if self.buying is None:
            return super().weighted_contracts(weight)
        assert self.book.hedge
        exact = self.base_condors() / self.book.hedge.per_condors * weight * self.multiplier[self.buying]
        if exact <= 0.0:
            return 0
        return max(1, math.ceil(exact) if self.book.hedge.rounding == "ceil" else nearest_int(exact))

    def beta_vega(self, step: Step, leg: Leg) -> float:
        vol, _, forward = self.market.rows([step.day], leg.expiry, [leg.strike], "call", "VIX", step.label)
        years = max((leg.expiry * DAY + expiry_seconds(leg) - step.instant) / YEAR, 1e-6)
        sd = float(vol[0]) * math.sqrt(years)
        delta = float(ndtr(math.log(float(forward[0]) / leg.strike) / sd + 0.5 * sd))
        t = max((leg.expiry * DAY + OPEN - step.instant) / YEAR, 0.0)
        return 100.0 * delta * (0.17 + 0.43 * math.exp(-5.0 * t) + 0.40 * math.exp(-40.0 * t))

    # ---- limits

    def admits(self, step: Step, cause: str) -> bool:
        policy = self.policy
        if self.changes["day"] != step.day:
            self.changes = {"day": step.day, "ordinary": 0, "armed": 0, "reserved": 0, "last": None}
        now = self.changes
        if cause == "ignited" and now["reserved"] < policy.reserved_changes:
            return True
        rested = now["last"] is None or step.seconds - now["last"] >= 60 * policy.minutes_between
        is_open = now["ordinary"] < policy.changes - policy.reserved_changes
        return rested and is_open and (cause != "armed" or now["armed"] < policy.armed_changes)

    def count(self, step: Step, cause: str) -> None:
        now = self.changes
        if cause == "ignited" and now["reserved"] < self.policy.reserved_changes:
            now["reserved"] += 1
        else:
            now["ordinary"] += 1
        now["armed"] += cause == "armed"
        now["last"] = step.seconds

    # ---- planning

    def plan_tactics(self, step: Step) -> None:
        reading, policy = self.readings[step.number], self.policy
        gate = True
        if reading["is_warm"]:
            gate = self.plan_hedge(step, reading)
        else:
            self.phase = reading["phase"]
        assert self.known
        tier_open = self.gate_open(step.vix)
        shut = policy.expansion_gate and not gate and tier_open
        self.known.entries_open = tier_open and not shut
        if shut != self.gate_shut and self.book.condor:
            self.gate_shut = shut
            self.decide(step, "condor.expansion_gate", float(shut), float(not shut))

    def plan_hedge(self, step: Step, reading: dict[str, Any]) -> bool:
        policy, phase = self.policy, reading["phase"]
        ignited = bool(reading["ignited"] or reading["cascade"])
        cause = "ignited" if ignited else "armed" if reading["armed"] else "ordinary"
        if phase != "press":
            self.press = 0.0
        elif step.is_close and reading["macd_cross"] > 0:
            self.press = min(self.press + policy.press_step, policy.multiplier_max)
        pressed = step.vix > policy.shift_vix or reading["daily_range"] > policy.shift_range
        shift = (pressed or bool(reading["armed"]) or ignited) and phase != "normalisation"
        gate = {"expansion": step.vix <= policy.gate_vix, "normalisation": step.vix < policy.gate_vix}.get(
            phase, True
        )
        if (self.phase, phase) == ("expansion", "normalisation"):
            self.normalise_due = policy.normalisation
        elif phase != "normalisation":
            self.normalise_due = False
        self.phase = phase
        quorum = reading["standing"] >= policy.signals.quorum
        quick = reading["quick_ratio_relative"]
        *ordinary, (level, added) = policy.vega_steps
        vega = (
            sum((row[1] for row in ordinary if quick < row[0]), 0.0)
            if policy.automatic_vega and quorum
            else 0.0
        )
        alone = added if quick < level else 0.0
        if not policy.automatic_vega_exception:
            vega, alone = vega + (alone if policy.automatic_vega and quorum else 0.0), 0.0
        wanted = {
            "score": reading["score"] if policy.sizing else 0.0,
            "vega": vega,
            "exception": alone,
            "press": self.press if policy.press else 0.0,
            "shift": policy.time_shift_hedge and shift,
        }
        outer = self.layers[0]
        value = sum(holding.value for holding in outer.legs)
        gain = value / self.cost[0] - 1.0 if outer.legs and self.cost[0] > 0 else math.nan
        for due, rule, name in (
            (self.normalise_due, "hedge.normalise", "normalise"),
            (policy.recycling and gain >= policy.recycle_gain, "hedge.recycle", "recycle"),
        ):
            if due:
                if self.admits(step, cause):
                    self.count(step, cause)
                    if name == "normalise":
                        self.normalise_due = False
                    self.orders[name] = True
                    self.decide(step, rule, outer.contracts, outer.contracts)
                    return gate
                break
        if wanted != self.applied:
            self.plan_sizes(step, wanted, cause)
        return gate

    def plan_sizes(self, step: Step, wanted: dict[str, Any], cause: str) -> None:
        if wanted["shift"] and not self.applied["shift"]:
            own = [
                self.beta_vega(step, layer.legs[0].leg) if layer.legs else math.nan for layer in self.layers
            ]
            self.exchange = tuple(x / own[0] if own[0] > 0.0 else math.nan for x in own)
        final = self.target(wanted)
        worth = []
        for index, layer in enumerate(self.layers):
            change = abs(self.sized(index, final[index]) - layer.contracts)
            worth.append(layer.contracts > 0 and change >= max(1, self.policy.hysteresis * layer.contracts))
        if not any(worth) or not self.admits(step, cause):
            return
        self.count(step, cause)
        held = [layer.contracts for layer in self.layers]
        now = dict(self.applied)
        back = "hedge.time_shift" if wanted["shift"] else "hedge.time_shift_back"
        rules = {
            "score": "hedge.sizing",
            "vega": "hedge.automatic_vega",
            "exception": "hedge.automatic_vega_exception",
            "press": "hedge.press",
            "shift": back,
        }
        sizes: dict[int, tuple[int, str]] = {}
        for name, rule in rules.items():
            if now[name] == wanted[name]:
                continue
            now[name] = wanted[name]
            exact = self.target(now)
            for index in (i for i in range(len(held)) if worth[i]):
                after = self.sized(index, exact[index])
                if after != held[index]:
                    self.decide(step, rule, held[index], after)
                    held[index] = after
                    sizes[index] = (after, rule)
        self.applied, self.multiplier = wanted, final
        self.orders["sizes"] = sizes

    # ---- doing

    def execute_tactics(self, step: Step, known: Known) -> None:
        orders, self.orders = self.orders, {}
        assert self.book.hedge
        if orders.get("normalise"):
            gains = [
                self.anew(step, known, i, "hedge.normalise")
                for i in range(len(self.layers))
                if self.layers[i].legs
            ]
            self.recycle(step, gains[0] if gains else 0, "hedge.normalise")
        elif orders.get("recycle"):
            self.recycle(step, self.anew(step, known, 0, "hedge.recycle"), "hedge.recycle")
        trades = self.hedge_day != step.day and self.is_time(step, self.book.hedge.trade_time)
        for index, (wanted, rule) in sorted(orders.get("sizes", {}).items()):
            if not (trades and self.layers[index].due):
                self.change(step, index, wanted, rule)

    def change(self, step: Step, index: int, wanted: int, rule: str) -> int:
        """Trade a layer in what it holds; what it realised in cents."""
        layer = self.layers[index]
        held, cash, fees = layer.contracts, self.cash, self.earned["fees"]
        if held == 0 or wanted == held:
            return 0
        decided = len(self.decisions)
        self.resize_layer(step, index, wanted, rule)
        # The decision was written when it was taken.
        del self.decisions[decided:]
        if layer.contracts == held:
            return 0
        paid = cash - self.cash + (self.earned["fees"] - fees)
        if wanted > held:
            self.cost[index] += paid
            return 0
        sold = nearest_int(self.cost[index] * ((held - wanted) / held))
        self.cost[index] -= sold
        return -paid - sold

    def anew(self, step: Step, known: Known, index: int, rule: str) -> int:
        """Strike a layer anew at its own tenor; what it realised in cents."""
        layer_rule = self.book.hedge.layers[index]  # type: ignore[union-attr]
        layer = self.layers[index]
        roll_dte = layer_rule.roll_dte
        if roll_dte is None:
            roll_dte = layer_rule.dte - min(30, round(0.3 * layer_rule.dte))
        found = self.layer_expiry(step, layer_rule, roll_dte, None)
        if found is None:
            return 0
        if found[1]:
            self.note(step, "substitute_expiry", found[0] - step.day)
        strike = self.layer_strike(step, found[0], layer_rule)
        leg = Leg("VIX", "call", strike, found[0])
        self.buying = index
        wanted = self.weighted_contracts(layer_rule.weight)
        self.buying = None
        if [holding.leg for holding in layer.legs] == [leg]:
            layer.bought, layer.due = step.day, False
            return self.change(step, index, wanted, rule)
        return self.exchange_layer(step, index, leg, wanted, rule)

    def exchange_layer(self, step: Step, index: int, leg: Leg, wanted: int, rule: str) -> int:
        from engine_twin import Holding

        layer = self.layers[index]
        order, old = [], []
        for holding in layer.legs:
            quote = self.market.quote(step, holding.leg)
            if self.no_bid(quote):
                self.note(step, "no_sale_at_zero_bid", holding.contracts)
                self.stranded.append(holding)
            else:
                order.append((holding.leg, -holding.contracts, quote))
                old.append(holding)
        new = [Holding(leg, 0, self.book.hedge.layers[index].name)]  # type: ignore[union-attr]
        order.append((leg, wanted, self.market.quote(step, leg)))
        position = self.position()
        self.decide(step, rule, layer.contracts, wanted)
        realised = -self.cost[index]
        for place, (holding, fill) in enumerate(
            zip([*old, *new], self.fill(step, order, patient=True), strict=True)
        ):
            self.trade(step, holding, fill, position, rule)
            paid = fill.contracts * nearest_int(fill.price * 10_000.0)
            if place < len(old):
                realised -= paid
            else:
                self.cost[index] = paid
        self.layers[index] = Layer(new, leg.expiry, position, wanted, bought=step.day)
        self.condors_at[index], self.extra[index] = float(self.base_condors()), 0
        return realised

    def buy_layer(self, step: Step, known: Known, index: int) -> None:
        trades = len(self.trades)
        before = self.layers[index]
        self.buying = index
        super().buy_layer(step, known, index)
        self.buying = None
        layer = self.layers[index]
        if layer is before:
            return
        bought = [
            trade for trade in self.trades[trades:] if layer.legs and trade[4:6] == layer.legs[0].leg[2:4]
        ]
        self.cost[index] = sum(
            trade[6] * nearest_int(trade[8] * 10_000.0) for trade in bought if trade[6] > 0
        )
        self.condors_at[index], self.extra[index] = float(self.base_condors()), 0

    def recycle(self, step: Step, gain: int, rule: str) -> None:
        longer = [i for i in range(1, len(self.layers)) if self.layers[i].legs and self.base[i] > 0]
        weights = sum(self.base[i] for i in longer)
        if gain <= 0 or not weights:
            return
        for index in longer:
            layer = self.layers[index]
            quote = self.market.quote(step, layer.legs[0].leg)
            price = quote.mid + quote.half * self.book.costs.spread_scale + 0.1
            fee = max(self.fee(step, price, complex_) for complex_ in (False, True))
            each = max(nearest_int(price * 10_000.0) + fee, 1)
            more = math.floor(self.policy.recycle_share * gain * self.base[index] / weights / each)
            if more > 0:
                held = layer.contracts
                self.decide(step, rule, held, held + more)
                self.change(step, index, held + more, rule)
                self.extra[index] += more

    def fee(self, step: Step, price: float, complex_: bool) -> int:
        from alvh import _core

        return int(_core.fee_cents(self.book.costs.fee_preset, "vix_option", step.day, price, 1, complex_))


def largest_changes(decisions: list[tuple[Any, ...]], rules: set[str]) -> int:
    """Most moments of one session at which one of the rules decided."""
    by_day: dict[int, set[int]] = {}
    for day, seconds, rule, _, _ in decisions:
        if rule in rules:
            by_day.setdefault(day, set()).add(seconds)
    return max((len(times) for times in by_day.values()), default=0)


__all__ = ["AdaptiveTwin", "largest_changes", "multipliers", "np"]
