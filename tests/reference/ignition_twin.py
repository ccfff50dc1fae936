"""The ignition detector again, slow and obvious: plain loops over plain numbers, written from docs/detector.md.

Input is a list of :class:`Step`: one event and the whole book after it. Nothing is shared with the library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

BID, ASK, NONE = "B", "A", "N"
LAST, SNAPSHOT, GAP = 128, 32, 4
MISSING = (None, 0)
CELLS = 100
NAN = math.nan


@dataclass(frozen=True)
class Step:
    """An event; `bids` and `asks` are (price, size) of the best levels after it, best first."""

    ts: int
    action: str
    side: str
    price: int | None
    size: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    flags: int = LAST
    participant: int = 0


def level(side: tuple[tuple[int, int], ...], k: int) -> tuple[int | None, int]:
    return side[k] if k < len(side) else MISSING


def depth(side: tuple[tuple[int, int], ...], n: int) -> int:
    return sum(size for _, size in side[:n])


def side_flow(old: tuple[int | None, int], new: tuple[int | None, int], sign: int) -> int:
    """Size that arrived less size that left on one side of one level; `sign` is -1 for asks (better is lower)."""
    worst = -math.inf
    before = worst if old[0] is None else sign * old[0]
    after = worst if new[0] is None else sign * new[0]
    flow = 0
    if after >= before:
        flow += new[1]
    if after <= before:
        flow -= old[1]
    return flow


def side_lost(old: tuple[int | None, int], new: tuple[int | None, int], sign: int) -> int:
    worst = -math.inf
    before = worst if old[0] is None else sign * old[0]
    after = worst if new[0] is None else sign * new[0]
    if after < before:
        return old[1]
    return max(old[1] - new[1], 0) if after == before else 0


class Average:
    """Exponentially weighted sum with time constant `tau` (in units), moved on by cells."""

    def __init__(self, tau: float) -> None:
        self.tau, self.sum, self.weight = tau, 0.0, 0.0

    def decay(self, cells: int) -> float:
        return math.exp(-cells / (CELLS * self.tau))

    def shots(self, cells: int, x: float) -> None:
        """`x` came in the first of the cells that ended, and enters at its end."""
        self.sum = self.sum * self.decay(cells) + x * self.decay(cells - 1)
        self.weight = 1.0 - (1.0 - self.weight) * self.decay(cells)

    @property
    def rate(self) -> float:
        return self.sum / (self.tau * self.weight)


@dataclass
class Totals:
    imbalance: float = 0.0
    squares: float = 0.0
    multi: float = 0.0
    bought: float = 0.0
    sold: float = 0.0
    unsigned: float = 0.0
    aggressors: int = 0
    messages: int = 0
    lost: float = 0.0
    high: float = 0.0
    low: float = 0.0
    swept: int = 0


@dataclass
class Book:
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()

    @property
    def two_sided(self) -> bool:
        return bool(self.bids) and bool(self.asks)

    @property
    def mid(self) -> float:
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def spread(self) -> float:
        return self.asks[0][0] - self.bids[0][0]


class Clock:
    def __init__(self, config: dict[str, Any], i: int) -> None:
        self.config, self.i = config, i
        self.multiple = round(config["clocks"][i] / config["clocks"][0])
        self.cell = 0
        self.pending = Totals()
        f, m, s = config["tau_fast"], config["tau_mid"], config["tau_slow"]
        self.fast = {name: Average(f) for name in ("imbalance", "volume", "aggressors", "multi", "signed")}
        self.mid_sums = {name: Average(m) for name in ("volume", "lost", "high", "low", "change")}
        self.slow = {
            name: Average(s) for name in ("squares", "volume", "aggressors", "messages", "bought", "sold")
        }
        self.squares_5, self.change_5, self.squares_25 = Average(5.0), Average(5.0), Average(25.0)
        self.mean_fast = self.mean_mid = self.last_mid = self.unit_mid = 0.0
        self.has_mid = False
        self.depths = [0.0, 0.0]
        self.unit: int | None = None
        self.variance = self.variance_weight = 0.0
        self.swept = 0
        self.book = Book()
        self.extremes: dict[int, tuple[int, int]] = {}
        self.extreme_unit = 0
        self.now: tuple[int, int] | None = None
        self.windows: list[int] = []
        self.window: int | None = None
        self.count = 0
        self.baseline: float | None = None

    # Trade prices -------------------------------------------------------------------------------------------------
    def new_extreme(self, price: int) -> tuple[bool, bool]:
        before = [v for unit, v in self.extremes.items() if self.extreme_unit - 60 < unit < self.extreme_unit]
        high = max((v[0] for v in before), default=None)
        low = min((v[1] for v in before), default=None)
        self.now = (price, price) if self.now is None else (max(self.now[0], price), min(self.now[1], price))
        return high is not None and price > high, low is not None and price < low

    def advance_extremes(self, unit: int) -> None:
        if unit > self.extreme_unit:
            if self.now is not None:
                self.extremes[self.extreme_unit] = self.now
            self.extreme_unit, self.now = unit, None
            self.extremes = {u: v for u, v in self.extremes.items() if u > unit - 60}

    # Cells --------------------------------------------------------------------------------------------------------
    def close(self, cell: int, book: Book) -> None:
        cells, total = cell - self.cell, self.pending
        self.pending = Totals()
        volume = total.bought + total.sold + total.unsigned
        change = book.mid - self.last_mid if self.has_mid else 0.0
        shots = {
            "imbalance": total.imbalance,
            "volume": volume,
            "aggressors": total.aggressors,
            "multi": total.multi,
            "signed": total.bought - total.sold,
            "lost": total.lost,
            "high": total.high,
            "low": total.low,
            "change": change,
            "squares": total.squares,
            "messages": total.messages,
            "bought": total.bought,
            "sold": total.sold,
        }
        for group in (self.fast, self.mid_sums, self.slow):
            for name, average in group.items():
                average.shots(cells, shots[name])
        self.squares_5.shots(cells, change * change)
        self.change_5.shots(cells, change)
        self.squares_25.shots(cells, change * change)
        if self.has_mid:
            for name, tau in (("mean_fast", self.config["tau_fast"]), ("mean_mid", self.config["tau_mid"])):
                g = math.exp(-cells / (CELLS * tau))
                setattr(self, name, getattr(self, name) * g + book.mid * (1 - g))
        else:
            self.mean_fast = self.mean_mid = self.unit_mid = book.mid
            self.has_mid = True
        g = math.exp(-cells / (CELLS * self.config["tau_slow"]))
        for k, side in enumerate((book.bids, book.asks)):
            self.depths[k] = self.depths[k] * g + depth(side, 3) * (1 - g)
        if total.aggressors > 0:
            self.swept = total.swept
        self.count += total.aggressors
        unit = cell // CELLS
        if unit != self.unit:
            self.end_unit(unit, book.mid)
        self.last_mid, self.book, self.cell = book.mid, book, cell

    def end_unit(self, unit: int, mid: float) -> None:
        tau = self.config["tau_sigma"]
        if self.unit is not None:
            g = math.exp(-(unit - self.unit) / tau)
            moved = mid - self.unit_mid
            self.variance = self.variance * g + moved * moved * (1 - math.exp(-1 / tau))
            self.variance_weight = self.variance_weight * g + 1 - g
        window = unit // 2
        if self.window is None:
            self.window = window
        passed = window - self.window
        if passed > 0:
            self.windows = (self.windows + [self.count] + [0] * min(passed - 1, 100))[-100:]
            self.count = 0
            n = self.branching()
            if not math.isnan(n):
                step = 1 - math.exp(-min(passed, 100) * 2 / 1800)
                self.baseline = n if self.baseline is None else self.baseline + (n - self.baseline) * step
        self.window = window
        self.unit, self.unit_mid = unit, mid

    def branching(self) -> float:
        if len(self.windows) < 100 or sum(self.windows) == 0:
            return NAN
        mean = sum(self.windows) / 100
        variance = max(sum(x * x for x in self.windows) / 100 - mean * mean, 0.0)
        return 1 - 1 / math.sqrt(max(variance / mean, 1.0))

    # Features -----------------------------------------------------------------------------------------------------
    @property
    def sigma(self) -> float:
        if self.variance_weight == 0:
            return 0.5
        return max(math.sqrt(self.variance / self.variance_weight), 0.5)

    @property
    def distance(self) -> float:
        return self.last_mid - self.mean_mid

    @property
    def push_z(self) -> float:
        a = self.slow["squares"].rate
        return self.fast["imbalance"].sum / math.sqrt(a * self.config["tau_fast"] / 2) if a > 0 else 0.0

    @property
    def burst(self) -> float:
        return self.fast["volume"].rate / self.slow["volume"].rate if self.slow["volume"].sum > 0 else 0.0

    @property
    def velocity_z(self) -> float:
        return self.distance / (self.sigma * math.sqrt(self.config["tau_mid"] / 2))

    @property
    def acceleration(self) -> float:
        fast = (self.last_mid - self.mean_fast) / self.config["tau_fast"]
        return fast - self.distance / self.config["tau_mid"]

    def thinning(self, k: int) -> float:
        mean = self.depths[k] / self.slow["volume"].weight
        return depth((self.book.bids, self.book.asks)[k], 3) / mean if mean > 0 else 1.0

    @property
    def cascade_share(self) -> float:
        volume = self.mid_sums["volume"].sum
        return max(self.mid_sums["high"].sum, self.mid_sums["low"].sum) / volume if volume > 0 else 0.0

    @property
    def fade_share(self) -> float:
        lost, taken = self.mid_sums["lost"].sum, self.mid_sums["volume"].sum
        return (lost - min(taken, lost)) / lost if lost > 0 else NAN

    @property
    def trade_burst_z(self) -> float:
        rate, tau = self.slow["aggressors"].rate, self.config["tau_fast"]
        sd = math.sqrt(rate * tau / 2)
        expected = rate * tau * self.fast["aggressors"].weight
        return (self.fast["aggressors"].sum - expected) / sd if sd > 0 else 0.0

    def quick(self) -> tuple[float, float]:
        found = []
        for side, taken in ((self.book.bids, "sold"), (self.book.asks, "bought")):
            need = 10 * self.slow[taken].rate
            found.append(depth(side, 5) / need if need > 0 else math.inf)
        return found[0], found[1]

    def features(self) -> dict[str, float]:
        book = self.book

        def ratio(a: float, b: float) -> float:
            return (a - b) / (a + b) if a + b > 0 else NAN

        def drift(total: Average, squares: Average, h: float) -> float:
            variance = squares.sum / (5 * h)
            return math.sqrt(2 * h) * (total.sum / h) / math.sqrt(variance) if variance > 0 else 0.0

        bid, ask = book.bids[0][1], book.asks[0][1]
        quick = self.quick()
        branching = self.branching()
        return {
            "mid": book.mid,
            "spread": book.spread,
            "order_flow_imbalance": self.fast["imbalance"].sum,
            "multi_level_imbalance": self.fast["multi"].sum,
            "push_z": self.push_z,
            "queue_imbalance": ratio(bid, ask),
            "depth_imbalance": ratio(depth(book.bids, 10), depth(book.asks, 10)),
            "microprice": (book.asks[0][0] * bid + book.bids[0][0] * ask) / (bid + ask) - book.mid
            if bid + ask > 0
            else NAN,
            "thinning_bid": self.thinning(0),
            "thinning_ask": self.thinning(1),
            "quick_ratio_bid": quick[0],
            "quick_ratio_ask": quick[1],
            "fade_share": self.fade_share,
            "order_to_trade": self.slow["messages"].sum / self.slow["aggressors"].sum
            if self.slow["aggressors"].sum > 0
            else NAN,
            "sigma": self.sigma,
            "velocity_z": self.velocity_z,
            "acceleration": self.acceleration,
            "volume_burst": self.burst,
            "trade_burst_z": self.trade_burst_z,
            "cascade_share": self.cascade_share,
            "levels_swept": float(self.swept),
            "drift_burst": drift(self.mid_sums["change"], self.squares_5, 1.0),
            "drift_burst_slow": drift(self.change_5, self.squares_25, 5.0),
            "branching_ratio": branching,
            "branching_change": NAN if math.isnan(branching) else branching - self.baseline,
        }


class Traders:
    """Volume bought and sold by each participant."""

    def __init__(self) -> None:
        self.volume: dict[int, list[float]] = {}
        self.total = [0.0, 0.0]

    def print(self, who: int, size: int, sign: int) -> None:
        way = 0 if sign > 0 else 1
        self.volume.setdefault(who, [0.0, 0.0])[way] += size
        self.total[way] += size


@dataclass
class Run:
    """An alarm on its way to an outcome."""

    number: int
    episode: dict[str, Any]
    traders: Traders
    # Sum and number of the volume rates seen up to the peak, and after it.
    push: list[float] = field(default_factory=lambda: [0.0, 0])
    back: list[float] = field(default_factory=lambda: [0.0, 0])


@dataclass
class Machine:
    stage: str = "idle"
    held_since: tuple[int, int] | None = None
    onset: tuple[int, int] = (0, -1)
    armed_at: int = 0
    idle_until: int | None = None
    traders: Traders = field(default_factory=Traders)
    run: Run | None = None
    watched: list[Run] = field(default_factory=list)


class Twin:
    """Run :meth:`step` over events; then read `episodes`, `transitions`, `rows` (features after each event)."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.cell_ns = round(config["clocks"][0] * 1e9 / CELLS)
        self.clocks = [Clock(config, i) for i in range(3)]
        self.machines = [Machine() for _ in range(3)]
        self.warm_until = [0, 0, 0]
        self.episodes: list[dict[str, Any]] = []
        self.transitions: list[tuple[Any, ...]] = []
        self.rows: list[list[dict[str, float]]] = []
        self.book = Book()
        self.known_book = Book()
        self.last_seen = Book()
        self.totals = Totals()
        self.started = self.halted = self.gap = False
        self.rebasing = self.whole = True
        self.scorable = False
        self.touched = False
        self.cell: int | None = None
        self.open_until: int | None = None
        self.last_ts: int | None = None
        self.n = 0
        self.aggressor: tuple[int, str] | None = None
        self.sweep_price: int | None = None
        self.sweep_levels = 0
        self.quality: dict[str, int] = {}

    def flag(self, name: str) -> None:
        self.quality[name] = self.quality.get(name, 0) + 1

    # One event ------------------------------------------------------------------------------------------------------
    def step(self, step: Step) -> None:
        cell = step.ts // self.cell_ns
        if self.whole and (self.cell is None or cell > self.cell):
            self.end_cells(step.ts, cell)
        self.last_ts = step.ts
        self.totals.messages += 1
        book = Book(step.bids, step.asks)
        if book != self.last_seen:
            self.touched = True
        self.last_seen = book
        if step.action == "T":
            self.trade(step)
        elif step.action == "H":
            self.flag("halt")
            self.halted = True
            self.abandon_all(step.ts)
        elif step.action == "O":
            self.halted, self.rebasing = False, True
            self.open_until = step.ts + round(self.config["open_mask"] * 1e9)
            self.abandon_all(step.ts)
        elif step.action == "R":
            self.flag("clear")
            self.recover(step.ts)
            self.rebasing = True
        elif step.action == "X":
            self.flag("cross")
        if step.flags & SNAPSHOT:
            if step.flags & LAST:
                self.flag("snapshot")
                self.recover(step.ts)
            self.rebasing = True
        elif step.flags & GAP and not self.gap:
            self.flag("gap")
            self.gap = True
            self.abandon_all(step.ts)
        self.whole = bool(step.flags & LAST)
        if self.whole and (self.touched or (self.rebasing and book.two_sided)):
            self.touched = False
            self.book_is_whole(book)
        self.n += 1
        self.rows.append([clock.features() for clock in self.clocks] if self.started else [])

    def recover(self, ts: int) -> None:
        if self.gap:
            self.gap, self.rebasing = False, True
            self.warm_until = [ts + self.warm_up(i) for i in range(3)]

    def warm_up(self, i: int) -> int:
        return round(self.config["warm_up"] * self.config["tau_slow"] * self.config["clocks"][i] * 1e9)

    def book_is_whole(self, book: Book) -> None:
        old, self.book = self.book, book
        if self.rebasing:
            self.judge(book)
            if book.two_sided:
                self.rebasing = False
                for clock in self.clocks:
                    clock.has_mid = False
            return
        for k in range(10):
            bids, asks = (level(old.bids, k), level(book.bids, k)), (level(old.asks, k), level(book.asks, k))
            e = side_flow(*bids, 1) - side_flow(*asks, -1)
            self.totals.multi += e / (k + 1)
            if k == 0:
                self.totals.imbalance += e
                self.totals.squares += e * e
                self.totals.lost += side_lost(*bids, 1) + side_lost(*asks, -1)
                if bids[0] != bids[1] or asks[0] != asks[1]:
                    self.judge(book)

    def judge(self, book: Book) -> None:
        self.scorable = book.two_sided and book.spread > 0
        if not book.two_sided:
            self.flag("one_sided")
        elif not self.scorable:
            self.flag("crossed" if book.spread < 0 else "locked")

    def trade(self, step: Step) -> None:
        sign = {BID: 1, ASK: -1}.get(step.side, 0)
        if sign > 0:
            self.totals.bought += step.size
        elif sign < 0:
            self.totals.sold += step.size
        else:
            self.totals.unsigned += step.size
            self.flag("unsigned_trade")
        if sign and step.participant:
            for machine in self.machines:
                if machine.stage == "armed":
                    machine.traders.print(step.participant, step.size, sign)
                for run in [machine.run, *machine.watched]:
                    if run is not None:
                        run.traders.print(step.participant, step.size, sign)
        if self.aggressor != (step.ts, step.side):
            self.aggressor, self.sweep_levels = (step.ts, step.side), 1
            self.totals.aggressors += 1
        elif step.price != self.sweep_price:
            self.sweep_levels += 1
        self.sweep_price = step.price
        self.totals.swept = max(self.totals.swept, self.sweep_levels)
        if step.price is None:
            return
        for clock in self.clocks:
            is_high, is_low = clock.new_extreme(step.price)
            if is_high and sign > 0:
                clock.pending.high += step.size
            if is_low and sign < 0:
                clock.pending.low += step.size

    # The end of cells -------------------------------------------------------------------------------------------------
    def end_cells(self, ts: int, cell: int) -> None:
        self.cell = cell
        if self.book.two_sided:
            self.known_book = self.book
        elif not self.started:
            self.totals = Totals()
            for clock in self.clocks:
                clock.pending.high = clock.pending.low = 0.0
            return
        if not self.started:
            self.started = True
            self.last_ts = ts
            for i, clock in enumerate(self.clocks):
                clock.cell = cell // clock.multiple - 1
                clock.advance_extremes(clock.cell // CELLS)
                self.warm_until[i] = ts + self.warm_up(i)
        stale_ns = round(self.config["stale_after"] * 1e9)
        pause = ts - self.last_ts
        if pause > stale_ns:
            self.flag("stale")
        masked = any(start <= ts < end for start, end in self.config["masks"])
        shut = self.gap or self.halted or masked or (self.open_until is not None and ts < self.open_until)
        live = not shut and pause <= stale_ns and self.scorable
        total, self.totals = self.totals, Totals()
        for i, clock in enumerate(self.clocks):
            mine = clock.pending
            for name in vars(total):
                if name == "swept":
                    mine.swept = max(mine.swept, total.swept)
                elif name not in ("high", "low"):
                    setattr(mine, name, getattr(mine, name) + getattr(total, name))
            own = cell // clock.multiple
            if own > clock.cell:
                clock.close(own, self.known_book)
                clock.advance_extremes(own // CELLS)
                if shut:
                    self.abandon(i, ts)
                elif live and ts >= self.warm_until[i]:
                    self.machine_step(i, ts)
            if pause > stale_ns * clock.multiple:
                clock.has_mid = False

    # The state machine ------------------------------------------------------------------------------------------------
    def seconds(self, i: int, name: str) -> int:
        return round(self.config[name] * self.config["clocks"][i] * 1e9)

    def log(self, i: int, ts: int, run: Run | None = None, score: float = 0.0) -> None:
        side, number, outcome = 0, -1, "open"
        if run is not None:
            side, number, outcome = run.episode["side"], run.number, run.episode["outcome"]
            score = run.episode["score"]
        stage = self.machines[i].stage
        self.transitions.append((ts, self.n, self.config["clocks"][i], side, stage, number, outcome, score))

    def abandon_all(self, ts: int) -> None:
        for i in range(3):
            self.abandon(i, ts)

    def abandon(self, i: int, ts: int) -> None:
        machine = self.machines[i]
        machine.held_since = None
        while machine.watched:
            run = machine.watched.pop()
            self.finish(i, ts, run, "expired")
            self.log(i, ts, run)
        if machine.run is not None:
            self.settle(i, ts, "expired")
        elif machine.stage == "armed":
            machine.stage = "idle"
            self.log(i, ts)

    def score(self, i: int, direction: int) -> float:
        clock, config = self.clocks[i], self.config
        consumed = 1 if direction > 0 else 0
        features = (
            min(max(clock.push_z * direction, 0.0), 30.0),
            min(max(clock.velocity_z * direction, 0.0), 20.0),
            math.log(1 + min(max(clock.trade_burst_z, 0.0), 60.0)),
            min(max(clock.thinning(consumed), 0.0), 2.0),
            0.5 if math.isnan(clock.fade_share) else clock.fade_share,
        )
        x = (
            sum(w * f for w, f in zip(config["score_weights"], features, strict=True))
            - config["score_offset"]
        )
        return 100 / (1 + math.exp(-x))

    def machine_step(self, i: int, ts: int) -> None:
        machine, clock, config = self.machines[i], self.clocks[i], self.config
        for run in list(machine.watched):
            outcome = self.follow(i, ts, run)
            if outcome is not None:
                machine.watched.remove(run)
                self.finish(i, ts, run, outcome)
                self.log(i, ts, run)
        may_alarm = machine.idle_until is None or ts >= machine.idle_until
        if machine.stage == "idle":
            quiet = abs(clock.distance) <= max(config["arm_move_ticks"], clock.book.spread / 2 + 0.5)
            if clock.burst >= config["volume_ratio"][i] and quiet:
                machine.held_since = machine.held_since or (ts, self.n)
                if ts - machine.held_since[0] >= self.seconds(i, "arm_hold"):
                    machine.onset, machine.armed_at, machine.stage = machine.held_since, ts, "armed"
                    machine.traders = Traders()
                    self.log(i, ts)
            else:
                machine.held_since = None
            if may_alarm:
                self.may_ignite(i, ts)
        elif machine.stage == "armed":
            if may_alarm:
                self.may_ignite(i, ts)
            if machine.stage == "armed" and ts - machine.armed_at > self.seconds(i, "arm_timeout"):
                machine.stage, machine.held_since = "idle", None
                self.log(i, ts)
        else:
            self.lead(i, ts)

    def lead(self, i: int, ts: int) -> None:
        """The run that holds the stage of the clock."""
        machine, clock = self.machines[i], self.clocks[i]
        run = machine.run
        assert run is not None
        episode, d = run.episode, run.episode["side"]
        for name, value, best in (
            ("push_z", clock.push_z * d, max),
            ("velocity_z", clock.velocity_z * d, max),
            ("volume_burst", clock.burst, max),
            ("thinning", clock.thinning(1 if d > 0 else 0), min),
            ("cascade_share", clock.cascade_share, max),
            ("levels_swept", float(clock.swept), max),
            ("score", self.score(i, d), max),
        ):
            episode[name] = best(episode[name], value)
        outcome = self.follow(i, ts, run)
        if outcome is not None:
            self.settle(i, ts, outcome)
        elif machine.stage == "ignited" and episode["cascade"][1] >= 0:
            machine.stage = "cascade"
            self.log(i, ts, run)
        elif machine.stage == "cascade" and ts - episode["peak"][0] >= self.seconds(i, "cool_down"):
            machine.stage, machine.held_since, machine.run = "idle", None, None
            self.log(i, ts, run)
            machine.watched.append(run)
            if len(machine.watched) > 8:
                oldest = machine.watched.pop(0)
                self.finish(i, ts, oldest, "expired")
                self.log(i, ts, oldest)

    def may_ignite(self, i: int, ts: int) -> None:
        machine, clock, config = self.machines[i], self.clocks[i], self.config
        was_armed = machine.stage == "armed"
        factor = 1.0 if was_armed else config["idle_factor"]
        push = clock.push_z
        d = 1 if push > 0 else -1
        consumed = 1 if d > 0 else 0
        ignites = (
            abs(push) >= config["push_z"][i] * factor
            and d * clock.velocity_z >= config["velocity_z"][i] * factor
            and d * clock.acceleration > 0
            and d * clock.fast["signed"].sum > 0
            and clock.thinning(consumed) <= config["thinning"]
            and abs(clock.distance) >= config["move_bp"][i] * 1e-4 * abs(clock.book.mid)
            and self.score(i, d) >= config["alarm_score"][i]
        )
        if not ignites:
            return
        now = (ts, self.n)
        episode = {
            "clock": config["clocks"][i],
            "side": d,
            "outcome": "open",
            "was_armed": was_armed,
            "onset": machine.onset if was_armed else now,
            "detected": now,
            "cascade": (0, -1),
            "peak": now,
            "end": (0, -1),
            "reference_price": clock.mean_mid,
            "detected_price": clock.book.mid,
            "peak_price": clock.book.mid,
            "end_price": NAN,
            "retrace": 0.0,
            "score": self.score(i, d),
            "push_z": abs(push),
            "velocity_z": d * clock.velocity_z,
            "volume_burst": clock.burst,
            "thinning": clock.thinning(consumed),
            "cascade_share": clock.cascade_share,
            "levels_swept": float(clock.swept),
            "branching_jump": NAN,
            "sigma": clock.sigma,
            "participant": 0,
            "participant_share": NAN,
            "participant_reversal": NAN,
        }
        machine.run = Run(len(self.episodes), episode, machine.traders if was_armed else Traders())
        machine.traders, machine.stage = Traders(), "ignited"
        self.episodes.append(episode)
        self.log(i, ts, machine.run)

    def follow(self, i: int, ts: int, run: Run) -> str | None:
        """Move a run on by a cell; its outcome if it has one now."""
        clock, config, episode = self.clocks[i], self.config, run.episode
        d, mid = episode["side"], clock.book.mid
        if (mid - episode["peak_price"]) * d > 0:
            episode["peak"], episode["peak_price"] = (ts, self.n), mid
            run.push = [run.push[0] + run.back[0], run.push[1] + run.back[1]]
            run.back = [0.0, 0]
        part = run.push if episode["peak"][0] == ts else run.back
        part[0] += clock.mid_sums["volume"].sum / config["tau_mid"]
        part[1] += 1
        moved = (episode["peak_price"] - episode["reference_price"]) * d
        episode["retrace"] = (episode["peak_price"] - mid) * d / moved if moved > 0 else 0.0
        if episode["cascade"][1] < 0:
            enough = max(
                config["cascade_ticks"],
                config["cascade_sigma"][i] * episode["sigma"],
                config["cascade_bp"] * 1e-4 * abs(episode["reference_price"]),
            )
            if moved >= enough:
                episode["cascade"] = (ts, self.n)
                episode["branching_jump"] = clock.features()["branching_change"]
            elif ts - episode["detected"][0] > self.seconds(i, "cascade_window"):
                return "expired"
        elif ts - episode["peak"][0] > round(config["retrace_windows"][i] * 1e9):
            return "continued"
        elif episode["retrace"] >= config["retrace_share"] and self.is_quieter(run):
            return "reverted"
        return None

    @staticmethod
    def is_quieter(run: Run) -> bool:
        # Means compared without a division, so that no steps after the peak are not quieter.
        return run.back[0] * run.push[1] < run.push[0] * run.back[1]

    def settle(self, i: int, ts: int, outcome: str) -> None:
        machine = self.machines[i]
        run = machine.run
        assert run is not None
        self.finish(i, ts, run, outcome)
        machine.idle_until = run.episode["peak"][0] + self.seconds(i, "cool_down")
        machine.run, machine.held_since, machine.stage = None, None, "idle"
        self.log(i, ts, run)

    def finish(self, i: int, ts: int, run: Run, outcome: str) -> None:
        episode, volumes = run.episode, run.traders.volume
        episode["outcome"], episode["end"] = outcome, (ts, self.n)
        episode["end_price"] = self.clocks[i].book.mid
        with_it = 0 if episode["side"] > 0 else 1
        heaviest = max(volumes, key=lambda who: volumes[who][with_it], default=None)
        if heaviest is not None and volumes[heaviest][with_it] > 0:
            volume = volumes[heaviest]
            episode["participant"] = heaviest
            episode["participant_share"] = volume[with_it] / run.traders.total[with_it]
            episode["participant_reversal"] = volume[1 - with_it] / volume[with_it]
