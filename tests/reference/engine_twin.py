"""A slow and obvious twin of the engine: one book on one daily history, in plain Python and integers.

Written from the rules (order of events, strikes, sizes, margin, settlement), not from the core's code. It takes only
primitives that have twins of their own from the core: marks of the surface, half-spreads, ticks, fees, package fills,
the initial margin of a VIX future, the calendar and what a bar's steps look like. Everything else is done here, by
scanning what is listed and by adding up cash.

Equity is cash plus the value of what is held; a session's P&L of a bucket is the change of the value held in it plus
the cash that its trades moved at the middle of the market. Nothing is carried over from the core's ledger.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from alvh import _core
from alvh.books import Book
from alvh.history import History
from scipy.special import ndtr

DAY = 86_400
YEAR = 365.0 * DAY
OPEN = 34_200
CLOSE = 57_600
EPOCH = dt.date(1970, 1, 1).toordinal()
PACKAGE_TICK = 5
BUCKETS = (
    "short_put",
    "long_put",
    "short_call",
    "long_call",
    "portfolio",
    "interest",
    "fees",
    "slippage",
)
KINDS = {
    "SPX": "spx_option",
    "SPXW": "spx_option",
    "VIX": "vix_option",
    "VX": "vix_future",
    "NOTE": "vix_note",
    "INDEX": "spx_index",
}
MULTIPLIER = {"SPX": 100.0, "SPXW": 100.0, "VIX": 100.0, "VX": 1000.0, "NOTE": 1.0, "INDEX": 1.0}
# Response of the other indices to VIX, and how the core carries them inside a session.
LOG_BETA_VIX9D = 1.5


class Leg(NamedTuple):
    product: str
    right: str
    strike: float
    expiry: int


class Quote(NamedTuple):
    mid: float
    half: float


class Fill(NamedTuple):
    leg: Leg
    contracts: int
    quote: Quote
    price: float
    fee: int


def nearest_int(x: float) -> int:
    """Round half away from zero, exactly."""
    whole = math.trunc(x)
    return whole + (int(math.copysign(1, x)) if abs(x - whole) >= 0.5 else 0)


def cents(leg: Leg, points: float) -> int:
    """Value of one contract at a price in points."""
    return nearest_int(points * MULTIPLIER[leg.product] * 100.0)


def civil(day: int) -> dt.date:
    return dt.date.fromordinal(day + EPOCH)


def monthly_expiries(product: str, day: int, around: int) -> list[int]:
    return [int(x) for x in _core.calendar_expiries(product, day - around, day + around, False)]


def is_monthly_expiry(product: str, day: int) -> bool:
    return day in monthly_expiries(product, day, 1)


SESSIONS = [
    int(x) for x in _core.calendar_sessions(int(np.datetime64("1990-01-02", "D").astype(int)), 24_000)
]
SESSION_INDEX = {day: index for index, day in enumerate(SESSIONS)}


def expiry_seconds(leg: Leg) -> int:
    if leg.product == "SPXW":
        return int(_core.calendar_close_seconds(np.array([leg.expiry], dtype=np.int64))[0])
    return OPEN


@dataclass
class Step:
    number: int
    day: int
    session: int
    seconds: int
    spot: float
    vix: float
    label: str
    is_close: bool
    rate: float
    vix9d: float
    dividend_yield: float

    @property
    def instant(self) -> int:
        return self.day * DAY + self.seconds


class Market:
    """Steps, marks and settlements of one daily history."""

    def __init__(self, history: History) -> None:
        self.source = history.source()
        columns = history.columns
        raw = self.source.steps()
        n = len(raw["day"])
        self.sessions = [int(x) for x in columns["day"]]
        number = {day: i for i, day in enumerate(self.sessions)}

        def value(name: str, session: int) -> float:
            return float(columns[name][session]) if name in columns else math.nan

        self.steps: list[Step] = []
        for i in range(n):
            day = int(raw["day"][i])
            session = number[day]
            first = i == 0 or raw["day"][i - 1] != day
            last = i == n - 1 or raw["day"][i + 1] != day
            vix = float(raw["vix"][i])
            rate = value("rate", session if last else max(session - 1, 0))
            if last:
                vix9d = value("vix9d_close", session)
            elif session:
                before = float(columns["vix_close"][session - 1])
                vix9d = value("vix9d_close", session - 1) * math.exp(LOG_BETA_VIX9D * math.log(vix / before))
            else:
                vix9d = math.nan
            carry = value("dividend_yield", session)
            self.steps.append(
                Step(
                    number=i,
                    day=day,
                    session=session,
                    seconds=int(raw["seconds"][i]),
                    spot=float(raw["spot"][i]),
                    vix=vix,
                    label="close" if last else "open" if first else "mid_morning",
                    is_close=last,
                    rate=0.0 if math.isnan(rate) else rate,
                    vix9d=vix9d,
                    dividend_yield=0.0 if math.isnan(carry) else carry,
                )
            )
        self.labels = {(step.day, step.label) for step in self.steps}
        settlements = self.source.settlements()
        self.spx_settlement = [float(x) for x in settlements["spx"]]
        self.spx_source = [int(x) for x in settlements["spx_source"]]
        self.vix_settlement = [float(x) for x in settlements["vix"]]
        self.vix_source = [int(x) for x in settlements["vix_source"]]
        self.high = [value("spx_high", i) for i in range(len(self.sessions))]
        self.low = [value("spx_low", i) for i in range(len(self.sessions))]
        self.closes = [float(x) for x in columns["spx_close"]]
        self._series: dict[Leg, dict[tuple[int, str], float]] = {}
        self._smiles: dict[tuple[Any, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._grids: dict[tuple[int, str, int], np.ndarray] = {}
        self._note: list[float] | None = None

    def rows(self, step_day: Any, expiry: Any, strike: Any, right: str, product: str, label: str) -> Any:
        day, last, level = np.broadcast_arrays(
            np.asarray(step_day, np.int32), np.asarray(expiry, np.int32), np.asarray(strike, np.float64)
        )
        return _core.smile_rows(
            self.source, *(np.ascontiguousarray(x) for x in (day, last, level)), right, product, label
        )

    def mid(self, step: Step, leg: Leg, held: bool = True) -> float:
        if leg.product == "INDEX":
            return step.spot
        if leg.product == "NOTE":
            return self.note()[step.number]
        series = self._series.get(leg, {})
        if (step.day, step.label) not in series:
            if not held:
                rows = self.rows([step.day], leg.expiry, [leg.strike], leg.right, leg.product, step.label)
                return float(rows[1][0])
            self._series[leg] = series
            # One look-up for the life of the leg: every value still belongs to its own day only.
            days = [day for day in self.sessions if step.day <= day <= leg.expiry]
            for label in ("open", "mid_morning", "close"):
                if leg.product == "VX":
                    values = self.rows(days, leg.expiry, [1.0], "call", "VIX", label)[2]
                else:
                    values = self.rows(days, leg.expiry, [leg.strike], leg.right, leg.product, label)[1]
                series |= {(day, label): float(x) for day, x in zip(days, values, strict=True)}
        return series[step.day, step.label]

    def quote(self, step: Step, leg: Leg, held: bool = True) -> Quote:
        mid = self.mid(step, leg, held)
        width = _core.half_spread(
            KINDS[leg.product], np.array([mid]), leg.product != "SPXW", step.spot, step.day, step.vix
        )
        return Quote(mid, float(width[0]))

    def future(self, step: Step, expiry: int) -> float:
        return self.mid(step, Leg("VX", "", math.nan, expiry))

    def grid(self, step: Step, product: str, expiry: int) -> np.ndarray:
        """Every listed strike of an expiry, found by asking for all of them."""
        key = (step.number, product, expiry)
        if key in self._grids:
            return self._grids[key]
        if product == "VIX":
            underlying, targets = step.vix, np.arange(0.5, 250.0, 0.25)
        else:
            underlying, targets = step.spot, np.arange(0.05 * step.spot, 2.5 * step.spot, 0.5)
        found = _core.calendar_snap_strikes(product, step.day, expiry, underlying, targets, "nearest")
        self._grids[key] = np.unique(found)
        return self._grids[key]

    def smile(self, step: Step, product: str, expiry: int, right: str) -> tuple[np.ndarray, np.ndarray]:
        """Listed strikes and their absolute forward deltas."""
        key = (step.number, product, expiry, right)
        if key not in self._smiles:
            strikes = self.grid(step, product, expiry)
            vol, _, forward = self.rows([step.day], expiry, strikes, right, product, step.label)
            seconds = expiry_seconds(Leg(product, right, 0.0, expiry))
            years = max((expiry * DAY + seconds - step.instant) / YEAR, 1e-6)
            sd = vol * math.sqrt(years)
            d1 = np.log(forward / strikes) / sd + 0.5 * sd
            self._smiles[key] = strikes, ndtr(d1 if right == "call" else -d1)
        return self._smiles[key]

    def by_delta(self, step: Step, product: str, expiry: int, right: str, delta: float) -> float:
        strikes, deltas = self.smile(step, product, expiry, right)
        return float(strikes[int(np.argmin(np.abs(deltas - delta)))])

    def snap(self, step: Step, product: str, expiry: int, target: float) -> float:
        """Nearest listed strike, the lower of two equally near."""
        strikes = self.grid(step, product, expiry)
        return float(strikes[int(np.argmin(np.abs(strikes - target)))])

    def note(self) -> list[float]:
        """Level of the first two futures, rebalanced at every close, 100 at the start."""
        if self._note is None:
            levels, level, closed, held = [], 100.0, 100.0, None
            for step in self.steps:
                if held is not None:
                    (one, two), weight, value, since = held
                    now = (1.0 - weight) * self.future(step, two)
                    if weight > 0.0:
                        # A future that settles this morning has left the basket the day before.
                        now = weight * self.future(step, one) + now
                    bills = math.expm1(step.rate * (step.day - since) / 365.0)
                    level = closed * (now / value + bills)
                if step.is_close:
                    ahead = [day for day in monthly_expiries("VIX", step.day, 100) if day > step.day]
                    past = [day for day in monthly_expiries("VIX", step.day, 100) if day <= step.day]
                    one, two, start = ahead[0], ahead[1], past[-1]
                    period = [day for day in SESSIONS if start <= day < one]
                    left = [day for day in period if day > step.day]
                    weight = len(left) / len(period)
                    value = weight * self.future(step, one) + (1.0 - weight) * self.future(step, two)
                    closed, held = level, ((one, two), weight, value, step.day)
                levels.append(level)
            self._note = levels
        return self._note


@dataclass
class Holding:
    """One leg of a position: contracts, its bucket, the last value that equity included, futures' reference."""

    leg: Leg
    contracts: int
    bucket: str
    price: int = 0
    reference: int = 0

    @property
    def is_future(self) -> bool:
        return self.leg.product == "VX"

    @property
    def value(self) -> int:
        return self.contracts * (self.price - (self.reference if self.is_future else 0))


@dataclass
class Condor:
    position: int
    legs: list[Holding]
    contracts: int
    opened: int
    expiry: int
    credit: int
    cash: int
    requirement: int
    low: float
    high: float
    breached_low: bool = False
    breached_high: bool = False
    exit: str = ""


@dataclass
class Layer:
    legs: list[Holding] = field(default_factory=list)
    expiry: int | None = None
    position: int = 0
    contracts: int = 0
    bought: int = 0
    due: bool = False
    told_held: bool = False


@dataclass
class Known:
    """What the step before knew: every order rests on it."""

    step: Step
    equity: int
    hv20: float
    entries_open: bool


class Twin:
    """One book over one history."""

    def __init__(self, book: Book, market: Market) -> None:
        self.book = book
        self.market = market
        self.cash = nearest_int(book.capital * 100.0)
        self.capital = self.cash
        self.condors: list[Condor] = []
        hedge = book.hedge.layers if book.hedge else ()
        self.buckets = [*BUCKETS, *(layer.name for layer in hedge)]
        self.layers = [Layer() for _ in hedge]
        # Layers that wait for a rise of VIX start switched off.
        self.on = [layer.vix_rise is None for layer in hedge]
        self.vix_closes: list[float] = []
        self.stranded: list[Holding] = []
        self.index: Holding | None = None
        self.known: Known | None = None
        self.n_positions = 0
        self.entry_day = self.hedge_day = -1
        self.rebalance_due = book.portfolio is not None
        self.called = False
        self.collateral_contracts = 0
        self.earned = dict.fromkeys(self.buckets, 0)
        self.returns: list[float] = []
        self.low_excess: int | None = None
        self.trades: list[tuple[Any, ...]] = []
        self.closed: list[tuple[Any, ...]] = []
        self.decisions: list[tuple[Any, ...]] = []
        self.incidents: list[tuple[Any, ...]] = []
        self.sessions: list[dict[str, Any]] = []

    # ---- bookkeeping

    def holdings(self) -> list[Holding]:
        held = [leg for condor in self.condors for leg in condor.legs]
        held += [leg for layer in self.layers for leg in layer.legs]
        return held + self.stranded + ([self.index] if self.index else [])

    @property
    def equity(self) -> int:
        return self.cash + sum(holding.value for holding in self.holdings())

    def note(self, step: Step, kind: str, value: float) -> None:
        self.incidents.append((step.day, step.seconds, kind, float(value)))

    def decide(self, step: Step, rule: str, before: float, after: float) -> None:
        self.decisions.append((step.day, step.seconds, rule, float(before), float(after)))

    def position(self) -> int:
        self.n_positions += 1
        return self.n_positions

    def reprice(self, holding: Holding, price: int) -> None:
        self.earned[holding.bucket] += holding.contracts * (price - holding.price)
        holding.price = price

    def collect_variation(self, holding: Holding) -> None:
        self.cash += holding.value
        holding.reference = holding.price

    def trade(self, step: Step, holding: Holding, fill: Fill, position: int, rule: str) -> None:
        """Move cash by a fill; what is held is worth the middle of the market."""
        mid, paid = cents(fill.leg, fill.quote.mid), cents(fill.leg, fill.price)
        if holding.contracts:
            self.reprice(holding, mid)
        if holding.is_future:
            # A future has no price to pay: variation so far, and the spread on what is traded.
            holding.price = mid
            self.collect_variation(holding)
            holding.reference = mid
            self.cash += fill.contracts * (mid - paid)
        else:
            self.cash -= fill.contracts * paid
        holding.price = mid
        holding.contracts += fill.contracts
        slippage = fill.contracts * (mid - paid)
        self.cash -= fill.fee
        self.earned["slippage"] += slippage
        self.earned["fees"] -= fill.fee
        leg = fill.leg
        self.trades.append(
            (
                step.day,
                step.seconds,
                leg.product,
                leg.right if leg.product in ("SPX", "SPXW", "VIX") else "",
                leg.strike,
                leg.expiry,
                fill.contracts,
                fill.quote.mid,
                fill.price,
                fill.fee,
                # The list of trades says what was paid against the middle, the ledger what was earned.
                -slippage,
                holding.bucket,
                position,
                rule,
            )
        )

    def settle(self, holding: Holding, points: float) -> int:
        """Pay out at the settlement value; returns the cash that moved."""
        before = self.cash
        leg = holding.leg
        if leg.right == "call":
            points = max(points - leg.strike, 0.0)
        elif leg.right == "put":
            points = max(leg.strike - points, 0.0)
        self.reprice(holding, cents(leg, points))
        self.cash += holding.value
        return self.cash - before

    # ---- fills

    def no_bid(self, quote: Quote) -> bool:
        return quote.mid - self.book.costs.spread_scale * quote.half <= 0.0

    def fill(self, step: Step, order: list[tuple[Leg, int, Quote]], patient: bool) -> list[Fill]:
        costs = self.book.costs
        fraction = costs.package_fraction if patient else costs.legged_fraction
        sizes = {abs(contracts) for _, contracts, _ in order}
        together = len(order) > 1 and len(sizes) == 1
        prices: list[int] | None = None
        signs = [1 if contracts > 0 else -1 for _, contracts, _ in order]
        halves = [quote.half * costs.spread_scale for _, _, quote in order]
        mids = [quote.mid for _, _, quote in order]
        if together:
            ticks = [_core.tick_hundredths(KINDS[leg.product], step.day, 0.0) for leg, _, _ in order]
            try:
                prices = _core.package_fill(mids, halves, signs, fraction, min([PACKAGE_TICK, *ticks]))[0]
            except Exception:
                prices, together = None, False
        if prices is None:
            prices = []
            for (leg, _, quote), sign, half in zip(order, signs, halves, strict=True):
                tick = _core.tick_hundredths(KINDS[leg.product], step.day, quote.mid)
                try:
                    prices += _core.package_fill([quote.mid], [half], [sign], fraction, tick)[0]
                except Exception:
                    prices.append(tick)
        fills = []
        for (leg, contracts, quote), hundredths in zip(order, prices, strict=True):
            price = hundredths / 100.0
            fee = _core.fee_cents(
                costs.fee_preset, KINDS[leg.product], step.day, price, abs(contracts), together
            )
            fills.append(Fill(leg, contracts, quote, price, fee))
        return fills

    # ---- one step

    def run(self) -> Twin:
        for step in self.market.steps:
            self.accrue(step)
            self.settle_expired(step)
            self.mark(step)
            if self.known is not None:
                self.execute(step, self.known)
            self.conclude(step)
        return self

    def accrue(self, step: Step) -> None:
        if self.known is None:
            return
        before = self.known.step
        years = (step.instant - before.instant) / YEAR
        if self.book.cash_earns_rate:
            interest = nearest_int(self.cash * math.expm1(before.rate * years))
            self.cash += interest
            self.earned["interest"] += interest
        if self.index:
            worth = self.index.contracts * cents(self.index.leg, before.spot)
            dividend = nearest_int(worth * math.expm1(before.dividend_yield * years))
            self.cash += dividend
            self.earned["portfolio"] += dividend

    def settlement(self, step: Step, leg: Leg) -> tuple[float, str] | None:
        """Settlement value of a leg that has expired, and whether it is a stand-in."""
        if leg.product in ("NOTE", "INDEX") or step.day < leg.expiry:
            return None
        if leg.product == "SPXW":
            if step.day == leg.expiry and not step.is_close:
                return None
            return step.spot, "close"
        names = ("series", "close", "future", "open", "etf_open", "close_fallback")
        if leg.product == "SPX":
            return self.market.spx_settlement[step.session], names[self.market.spx_source[step.session]]
        return self.market.vix_settlement[step.session], names[self.market.vix_source[step.session]]

    def tell_settlement(self, step: Step, expiry: int, source: str) -> None:
        stand_ins = {"open": 3, "etf_open": 4, "close_fallback": 5}
        if source in stand_ins:
            self.note(step, "settlement_proxy", stand_ins[source])
        if step.day > expiry:
            self.note(step, "settlement_late", step.day - expiry)

    def settle_expired(self, step: Step) -> None:
        for condor in list(self.condors):
            settled = self.settlement(step, condor.legs[0].leg)
            if settled is None:
                continue
            self.condors.remove(condor)
            self.tell_settlement(step, condor.expiry, settled[1])
            for holding in condor.legs:
                condor.cash += self.settle(holding, settled[0])
            self.close_condor(step, condor, "condor.settlement")
        for index, layer in enumerate(self.layers):
            settled = self.settlement(step, layer.legs[0].leg) if layer.legs else None
            if settled is None:
                continue
            assert layer.expiry is not None
            self.tell_settlement(step, layer.expiry, settled[1])
            for holding in layer.legs:
                self.settle(holding, settled[0])
            self.decide(step, "layer.settlement", layer.contracts, 0)
            self.layers[index] = Layer()
        for holding in list(self.stranded):
            settled = self.settlement(step, holding.leg)
            if settled is not None:
                self.settle(holding, settled[0])
                self.stranded.remove(holding)

    def close_condor(self, step: Step, condor: Condor, rule: str) -> None:
        self.closed.append(
            (
                condor.position,
                condor.opened,
                step.day,
                condor.contracts,
                condor.credit,
                condor.cash,
                condor.requirement - condor.credit,
                rule,
                condor.breached_low and condor.breached_high,
            )
        )

    def mark(self, step: Step) -> None:
        for holding in self.holdings():
            self.reprice(holding, cents(holding.leg, self.market.mid(step, holding.leg)))
            if holding.is_future and step.is_close:
                self.collect_variation(holding)
        low = high = step.spot
        if step.is_close:
            low = min(low, *(x for x in [self.market.low[step.session]] if not math.isnan(x)), low)
            high = max(high, *(x for x in [self.market.high[step.session]] if not math.isnan(x)), high)
            closes = self.market.closes
            if step.session:
                self.returns.append(math.log(closes[step.session] / closes[step.session - 1]))
        for condor in self.condors:
            if condor.opened < step.day:
                condor.breached_low |= low < condor.low
                condor.breached_high |= high > condor.high

    def hv20(self) -> float:
        if len(self.returns) < 20:
            return math.nan
        return float(np.std(self.returns[-20:], ddof=1) * math.sqrt(252.0))

    # ---- orders

    def execute(self, step: Step, known: Known) -> None:
        if self.called:
            while self.condors and self.excess(step) < 0:
                newest = self.condors[-1]
                self.note(step, "forced_close", newest.contracts)
                self.decide(step, "margin.forced_close", newest.contracts, 0)
                self.buy_back(step, newest, "margin.forced_close", patient=False)
            for index, layer in enumerate(self.layers):
                if self.excess(step) < 0 and any(holding.is_future for holding in layer.legs):
                    (holding,) = layer.legs
                    self.note(step, "forced_close", holding.contracts)
                    self.decide(step, "margin.forced_close", holding.contracts, 0)
                    order = [(holding.leg, -holding.contracts, self.market.quote(step, holding.leg))]
                    (fill,) = self.fill(step, order, patient=False)
                    self.trade(step, holding, fill, layer.position, "margin.forced_close")
                    self.layers[index] = Layer()
            self.called = False
        for condor in list(self.condors):
            if condor.exit:
                self.buy_back(step, condor, condor.exit, patient=condor.exit != "condor.stop")
        self.execute_tactics(step, known)
        if self.book.hedge and self.is_time(step, self.book.hedge.trade_time) and self.hedge_day != step.day:
            self.hedge_day = step.day
            self.trade_layers(step, known)
        if (
            self.book.condor
            and self.is_time(step, self.book.condor.entry_time)
            and self.entry_day != step.day
        ):
            self.entry_day = step.day
            self.enter(step, known)
        if self.book.portfolio and self.rebalance_due and step.is_close:
            self.rebalance(step)

    def execute_tactics(self, step: Step, known: Known) -> None:
        """Carry out what rules on top of the schedule planned: none here."""

    def plan_tactics(self, step: Step) -> None:
        """Decide by rules on top of the schedule: none here."""

    @staticmethod
    def is_time(step: Step, text: str) -> bool:
        hours, minutes = text.split(":")
        return step.is_close or step.seconds >= int(hours) * 3600 + int(minutes) * 60

    def buy_back(self, step: Step, condor: Condor, rule: str, patient: bool) -> None:
        self.condors.remove(condor)
        order, sold = [], []
        for holding in condor.legs:
            quote = self.market.quote(step, holding.leg)
            if holding.contracts > 0 and self.no_bid(quote):
                self.note(step, "no_sale_at_zero_bid", holding.contracts)
                self.stranded.append(holding)
            else:
                order.append((holding.leg, -holding.contracts, quote))
                sold.append(holding)
        for holding, fill in zip(sold, self.fill(step, order, patient), strict=True):
            before = self.cash
            self.trade(step, holding, fill, condor.position, rule)
            condor.cash += self.cash - before
        self.close_condor(step, condor, rule)

    # ---- condor

    def is_entry_day(self, day: int) -> bool:
        assert self.book.condor
        schedule = self.book.condor.entry
        if isinstance(schedule, int):
            return SESSION_INDEX[day] % schedule == 0
        if schedule == "roll":
            return is_monthly_expiry("SPX", day)
        return schedule == "session" or not self.condors

    def condor_expiry(self, step: Step) -> tuple[str, int] | None:
        rule = self.book.condor
        assert rule
        candidates = []
        for product in ("SPX", "SPXW") if rule.expiries == "weekly" else ("SPX",):
            for day in _core.calendar_listed(product, step.day, True)[0]:
                today = day == step.day and rule.dte == 0 and product == "SPXW" and not step.is_close
                if day > step.day or today:
                    distance = abs(int(day) - step.day - rule.dte)
                    # Nearest, then the close-settled series, then the later expiry.
                    candidates.append((distance, product != "SPXW", -int(day), product, int(day)))
        if not candidates:
            return None
        return min(candidates)[3:]

    def condor_strikes(
        self, step: Step, product: str, expiry: int, daily_range: float
    ) -> tuple[float, float, float, float] | None:
        """Long put, short put, short call, long call."""
        rule, market = self.book.condor, self.market
        assert rule
        grid = market.grid(step, product, expiry)

        def wings(short_put: float, short_call: float) -> tuple[float, float, float, float] | None:
            if rule.long_delta is not None:
                put = market.by_delta(step, product, expiry, "put", rule.long_delta)
                call = market.by_delta(step, product, expiry, "call", rule.long_delta)
            else:
                width = rule.wing_width if rule.wing_width is not None else 0.02 * step.spot
                put = market.snap(step, product, expiry, short_put - width)
                call = market.snap(step, product, expiry, short_call + width)
                # At least one step of the grid.
                if put >= short_put:
                    put = max((float(x) for x in grid if x < short_put), default=math.nan)
                if call <= short_call:
                    call = min((float(x) for x in grid if x > short_call), default=math.nan)
            return (put, short_put, short_call, call) if put < short_put <= short_call < call else None

        if rule.short_delta is not None:
            return wings(
                market.by_delta(step, product, expiry, "put", rule.short_delta),
                market.by_delta(step, product, expiry, "call", rule.short_delta),
            )
        if math.isnan(daily_range):
            return None
        if rule.daily_range_multiple is not None:
            distance = rule.daily_range_multiple * daily_range / 100.0 * step.spot
            return wings(
                market.snap(step, product, expiry, step.spot - distance),
                market.snap(step, product, expiry, step.spot + distance),
            )
        assert rule.target_credit is not None
        sessions = max(max(expiry - step.day, 1) * 252.0 / 365.0, 1.0)
        start = 3.0 * daily_range / 100.0 * math.sqrt(sessions) * step.spot
        for walk in range(10_000):
            away = start - 5.0 * walk
            if away <= 0.0:
                return None
            found = wings(
                market.snap(step, product, expiry, step.spot - away),
                market.snap(step, product, expiry, step.spot + away),
            )
            if found:
                quotes = [market.quote(step, leg) for leg, _, _ in self.condor_legs(product, expiry, found)]
                credit = quotes[0].mid - quotes[1].mid + quotes[2].mid - quotes[3].mid
                if credit >= rule.target_credit:
                    return found
        raise AssertionError("the walk ends at spot")

    @staticmethod
    def condor_legs(
        product: str, expiry: int, strikes: tuple[float, float, float, float]
    ) -> list[tuple[Leg, int, str]]:
        long_put, short_put, short_call, long_call = strikes
        return [
            (Leg(product, "put", short_put, expiry), -1, "short_put"),
            (Leg(product, "put", long_put, expiry), 1, "long_put"),
            (Leg(product, "call", short_call, expiry), -1, "short_call"),
            (Leg(product, "call", long_call, expiry), 1, "long_call"),
        ]

    def enter(self, step: Step, known: Known) -> None:
        rule = self.book.condor
        assert rule
        if not self.is_entry_day(step.day):
            return
        if not known.entries_open:
            self.note(step, "entry_skipped_vix", known.step.vix)
            return
        found = self.condor_expiry(step)
        if found is None:
            self.note(step, "entry_skipped_no_expiry", rule.dte)
            return
        product, expiry = found
        nine_day = known.step.vix if math.isnan(known.step.vix9d) else known.step.vix9d
        daily_range = (0.6 * nine_day + 0.4 * 100.0 * known.hv20) / math.sqrt(252.0)
        strikes = self.condor_strikes(step, product, expiry, daily_range)
        if strikes is None:
            self.note(step, "entry_skipped_no_strikes", known.step.vix)
            return
        legs = self.condor_legs(product, expiry, strikes)
        order = [(leg, sign, self.market.quote(step, leg)) for leg, sign, _ in legs]
        if any(sign < 0 and self.no_bid(quote) for _, sign, quote in order):
            self.note(step, "entry_skipped_no_strikes", known.step.vix)
            return
        unit = self.fill(step, order, patient=True)
        credit = -sum(fill.contracts * cents(fill.leg, fill.price) for fill in unit)
        fees = sum(fill.fee for fill in unit)
        long_put, short_put, short_call, long_call = strikes
        width = nearest_int(max(short_put - long_put, long_call - short_call) * 10_000.0)
        if credit <= 0 or credit < rule.min_credit * width:
            self.note(step, "entry_skipped_credit", credit / 100.0)
            return
        # The worst payoff of a condor is its wider wing.
        loss = max(width - credit, 1)
        wanted = rule.contracts
        if rule.collateral_multiple is not None:
            wanted = max(math.floor(known.equity / (rule.collateral_multiple * loss)), 0)
            self.collateral_contracts = wanted
        allowed = max(math.floor(rule.max_risk * known.equity / loss), 0)
        if allowed < wanted:
            self.note(step, "risk_cap", wanted - allowed)
        contracts = min(wanted, allowed)
        affordable = max(self.excess(step), 0) // max(width - credit + fees, 1)
        if affordable < contracts:
            self.note(step, "buying_power", contracts - affordable)
            contracts = affordable
        self.decide(step, "condor.entry", 0, contracts)
        if contracts == 0:
            return
        position = self.position()
        fills = self.fill(step, [(leg, sign * contracts, quote) for leg, sign, quote in order], patient=True)
        before = self.cash
        holdings = []
        for (leg, _, bucket), fill in zip(legs, fills, strict=True):
            holding = Holding(leg, 0, bucket)
            self.trade(step, holding, fill, position, "condor.entry")
            holdings.append(holding)
        received = -sum(fill.contracts * cents(fill.leg, fill.price) for fill in fills)
        points = received / (10_000.0 * contracts)
        self.condors.append(
            Condor(
                position=position,
                legs=holdings,
                contracts=contracts,
                opened=step.day,
                expiry=expiry,
                credit=received,
                cash=self.cash - before,
                requirement=width * contracts,
                low=short_put - points,
                high=short_call + points,
            )
        )

    # ---- hedge

    def base_condors(self) -> int:
        target = 0
        if self.book.condor:
            by_collateral = self.book.condor.collateral_multiple is not None
            target = self.collateral_contracts if by_collateral else self.book.condor.contracts
        return max(target, sum(condor.contracts for condor in self.condors))

    def weighted_contracts(self, weight: float) -> int:
        assert self.book.hedge
        exact = self.base_condors() / self.book.hedge.per_condors * weight
        if exact <= 0.0:
            return 0
        return max(1, math.ceil(exact) if self.book.hedge.rounding == "ceil" else nearest_int(exact))

    def trade_layers(self, step: Step, known: Known) -> None:
        assert self.book.hedge
        for index, rule in enumerate(self.book.hedge.layers):
            layer = self.layers[index]
            if not self.on[index]:
                self.drop_layer(step, index)
            elif layer.legs:
                if layer.due:
                    self.buy_layer(step, known, index)
            elif not rule.premium_by_future or is_monthly_expiry("VIX", step.day):
                self.buy_layer(step, known, index)
                self.rebalance_due |= self.book.portfolio is not None

    def drop_layer(self, step: Step, index: int) -> None:
        layer = self.layers[index]
        if not layer.legs:
            return
        order, sold = [], []
        for holding in layer.legs:
            quote = self.market.quote(step, holding.leg)
            if holding.contracts > 0 and self.no_bid(quote):
                self.note(step, "no_sale_at_zero_bid", holding.contracts)
                self.stranded.append(holding)
            else:
                order.append((holding.leg, -holding.contracts, quote))
                sold.append(holding)
        self.decide(step, "layer.resize", layer.contracts, 0)
        for holding, fill in zip(sold, self.fill(step, order, patient=True), strict=True):
            self.trade(step, holding, fill, layer.position, "layer.resize")
        self.layers[index] = Layer()

    def resize_layer(self, step: Step, index: int, wanted: int, name: str) -> None:
        layer = self.layers[index]
        change = wanted - layer.contracts
        if change == 0:
            return
        order = [
            (holding.leg, change if holding.contracts > 0 else -change, self.market.quote(step, holding.leg))
            for holding in layer.legs
        ]
        if any(contracts < 0 and self.no_bid(quote) for _, contracts, quote in order):
            self.note(step, "no_sale_at_zero_bid", change)
            return
        self.decide(step, name, layer.contracts, wanted)
        for holding, fill in zip(layer.legs, self.fill(step, order, patient=True), strict=True):
            self.trade(step, holding, fill, layer.position, name)
        layer.contracts = wanted

    def layer_strike(self, step: Step, expiry: int, rule: Any) -> float:
        if rule.strike_level is not None:
            return self.market.snap(step, "VIX", expiry, rule.strike_level)
        if rule.strike_offset is not None:
            level = max(step.vix + rule.strike_offset, 1.0)
            return self.market.snap(step, "VIX", expiry, level)
        return self.market.by_delta(step, "VIX", expiry, "call", rule.delta)

    def premium(self, step: Step, known: Known, rule: Any, roll_dte: int, expiry: int) -> float:
        """What a layer sized by money may spend, in cents."""
        assert self.book.hedge
        if rule.notional_share is not None:
            assert self.book.condor
            width = self.book.condor.wing_width
            width = 0.02 * known.step.spot if width is None else width
            return float(rule.notional_share * (width * 10_000.0 * self.base_condors()))
        assert self.book.hedge.budget is not None
        days = expiry - step.day - roll_dte
        if rule.roll_every is not None:
            days = min(days, rule.roll_every)
        return float(
            rule.budget_share * (self.book.hedge.budget * known.equity * float(max(days, 1)) / 365.0)
        )

    def layer_expiry(self, step: Step, rule: Any, roll_dte: int, sold: int | None) -> tuple[int, bool] | None:
        weekly = rule.expiries == "weekly"
        listed = [int(day) for day in _core.calendar_listed("VIX", step.day, weekly)[0] if day > step.day]
        good = [day for day in listed if day - step.day > roll_dte and (sold is None or day > sold)]
        if good:
            return min(good, key=lambda day: (abs(day - step.day - rule.dte), -day)), False
        if listed and (sold is None or max(listed) > sold):
            return max(listed), True
        return None

    def buy_layer(self, step: Step, known: Known, index: int) -> None:
        assert self.book.hedge
        rule, layer, market = self.book.hedge.layers[index], self.layers[index], self.market
        sold = layer.expiry if layer.legs else None
        expiry: int | None = None
        roll_dte = 0
        if rule.instrument == "vix_note":
            legs = [(Leg("NOTE", "", math.nan, 2**31 - 1), 1)]
        else:
            roll_dte = rule.roll_dte
            if roll_dte is None:
                roll_dte = rule.dte - min(30, round(0.3 * rule.dte))
            # A roll by the calendar may stay in the same expiry.
            later_than = sold if sold is None or rule.roll_every is None else sold - 1
            found = self.layer_expiry(step, rule, roll_dte, later_than)
            if found is None:
                if not layer.told_held:
                    layer.told_held = True
                    self.note(step, "roll_held", index)
                return
            expiry, substitute = found
            if substitute:
                self.note(step, "substitute_expiry", expiry - step.day)
            if rule.instrument == "vix_future":
                legs = [(Leg("VX", "", math.nan, expiry), 1)]
            else:
                strike = self.layer_strike(step, expiry, rule)
                legs = [(Leg("VIX", "call", strike, expiry), 1)]
                if rule.instrument == "vix_call_spread":
                    assert rule.short_delta is not None
                    upper = market.by_delta(step, "VIX", expiry, "call", rule.short_delta)
                    if upper <= strike:
                        return
                    legs.append((Leg("VIX", "call", upper, expiry), -1))
        quotes = [market.quote(step, leg) for leg, _ in legs]
        if rule.premium_by_future:
            assert expiry is not None
            future = market.future(step, expiry)
            share = next((share for level, share in rule.premium_by_future if future <= level), 0.0)
            price = sum(sign * quote.mid for (_, sign), quote in zip(legs, quotes, strict=True))
            wanted = math.floor(share * known.equity / (max(price, 0.01) * 10_000.0))
        elif rule.notional_share is not None or rule.budget_share is not None:
            assert expiry is not None
            premium = self.premium(step, known, rule, roll_dte, expiry)
            if rule.instrument == "vix_future":
                strikes, deltas = market.smile(step, "VIX", expiry, "call")
                place = int(np.argmin(np.abs(deltas - rule.delta)))
                call = market.quote(step, Leg("VIX", "call", float(strikes[place]), expiry), held=False)
                wanted = math.floor(premium / (max(call.mid, 0.01) * 10_000.0) * deltas[place] / 10.0)
            else:
                price = sum(sign * quote.mid for (_, sign), quote in zip(legs, quotes, strict=True))
                wanted = math.floor(premium / (max(price, 0.01) * 10_000.0))
        else:
            wanted = self.weighted_contracts(rule.weight)
        if rule.instrument == "vix_future":
            # What free cash carries, with what the old contracts tie up.
            free = self.excess(step) + sum(self.initial_margin(step, each) for each in layer.legs)
            each = self.initial_margin(step, Holding(legs[0][0], 1, rule.name))
            carried = max(free, 0) // each
            if carried < wanted:
                self.note(step, "buying_power", wanted - carried)
                wanted = carried
        same = [holding.leg for holding in layer.legs] == [leg for leg, _ in legs]
        if rule.roll_every is not None and wanted > 0 and same:
            layer.bought, layer.due = step.day, False
            self.resize_layer(step, index, wanted, "layer.roll")
            return
        order, old = [], []
        for holding in layer.legs:
            quote = market.quote(step, holding.leg)
            if holding.contracts > 0 and self.no_bid(quote):
                self.note(step, "no_sale_at_zero_bid", holding.contracts)
                self.stranded.append(holding)
            else:
                order.append((holding.leg, -holding.contracts, quote))
                old.append(holding)
        new = [Holding(leg, 0, rule.name) for leg, _ in legs] if wanted > 0 else []
        if new:
            order += [(leg, sign * wanted, quote) for (leg, sign), quote in zip(legs, quotes, strict=True)]
        position = self.position()
        name = "layer.open" if sold is None else "layer.roll"
        self.decide(step, name, layer.contracts, wanted)
        for holding, fill in zip([*old, *new], self.fill(step, order, patient=True), strict=True):
            self.trade(step, holding, fill, position, name)
        self.layers[index] = Layer(
            new, expiry if new else None, position, max(wanted, 0) if new else 0, bought=step.day
        )

    # ---- index holding

    def rebalance(self, step: Step) -> None:
        assert self.book.portfolio
        self.rebalance_due = False
        leg = Leg("INDEX", "", math.nan, 2**31 - 1)
        quote = self.market.quote(step, leg)
        free = self.cash + (self.index.value if self.index else 0)
        price = max(cents(leg, quote.mid + quote.half), 1)
        wanted = max(math.floor(self.book.portfolio.weight * free / price), 0)
        held = self.index.contracts if self.index else 0
        if wanted == held:
            return
        self.decide(step, "portfolio.rebalance", held, wanted)
        self.index = self.index or Holding(leg, 0, "portfolio")
        (fill,) = self.fill(step, [(leg, wanted - held, quote)], patient=True)
        self.trade(step, self.index, fill, 0, "portfolio.rebalance")

    # ---- margin and triggers

    def initial_margin(self, step: Step, holding: Holding) -> int:
        if not holding.is_future:
            return 0
        assert holding.leg.expiry is not None
        months = max((holding.leg.expiry - step.day) // 30 + 1, 1)
        each = _core.vx_initial_margin_cents(step.day, self.market.mid(step, holding.leg), months)
        return abs(holding.contracts) * math.ceil(each * self.book.margin_stress)

    def requirement(self, step: Step) -> int:
        total = sum(condor.requirement for condor in self.condors)
        return total + sum(self.initial_margin(step, each) for layer in self.layers for each in layer.legs)

    def excess(self, step: Step) -> int:
        """Cash less requirements plus the variation of futures that is not in cash yet."""
        variation = sum(holding.value for holding in self.holdings() if holding.is_future)
        return self.cash - self.requirement(step) + variation

    def gate_open(self, vix: float) -> bool:
        rule = self.book.condor
        if rule is None or rule.vix_gate == "none":
            return True
        if rule.vix_gate == "lenient":
            return vix < 20.0
        return vix < 15.0 or (vix <= 20.0 and rule.tier in ("conservative", "balanced"))

    def conclude(self, step: Step) -> None:
        requirement, excess = self.requirement(step), self.excess(step)
        self.low_excess = excess if self.low_excess is None else min(self.low_excess, excess)
        if excess < 0 and requirement > 0:
            self.called = True
            self.note(step, "margin_call", excess / 100.0)
        rule = self.book.condor
        for condor in self.condors:
            if condor.exit or rule is None:
                continue
            gain = condor.credit + sum(holding.value for holding in condor.legs)
            if rule.stop is not None and gain <= -rule.stop * condor.credit:
                condor.exit = "condor.stop"
            elif rule.profit_target is not None and gain >= rule.profit_target * condor.credit:
                condor.exit = "condor.profit_target"
            elif rule.exit_dte is not None and condor.expiry - step.day <= rule.exit_dte:
                condor.exit = "condor.exit_dte"
            if condor.exit:
                self.decide(step, condor.exit, condor.contracts, 0)
        for layer, layer_rule in zip(
            self.layers, self.book.hedge.layers if self.book.hedge else (), strict=True
        ):
            roll_dte = layer_rule.roll_dte
            if roll_dte is None:
                roll_dte = layer_rule.dte - min(30, round(0.3 * layer_rule.dte))
            if layer.expiry is not None and roll_dte > 0 and layer.expiry - step.day <= roll_dte:
                layer.due = True
            if layer_rule.roll_every is not None and layer.legs:
                layer.due |= step.day - layer.bought >= layer_rule.roll_every
        if step.is_close:
            self.vix_closes.append(step.vix)
        for index, layer_rule in enumerate(self.book.hedge.layers if self.book.hedge else ()):
            if layer_rule.vix_rise is not None and self.vix_closes:
                rise = step.vix - min(self.vix_closes[-layer_rule.rise_sessions :])
                self.on[index] = rise >= layer_rule.vix_rise / (2 if self.on[index] else 1)
        self.known = Known(step, self.equity, self.hv20(), self.gate_open(step.vix))
        self.plan_tactics(step)
        if step.is_close:
            self.sessions.append(
                {
                    "equity": self.equity,
                    "cash": self.cash,
                    "margin": requirement,
                    "excess": self.low_excess,
                    "open": sum(condor.contracts for condor in self.condors),
                    "pnl": [self.earned[name] for name in self.buckets],
                }
            )
            self.earned = dict.fromkeys(self.buckets, 0)
            self.low_excess = None


def as_cents(values: Any) -> list[int]:
    return [nearest_int(float(x) * 100.0) for x in values]


def compare(raw: dict[str, Any], number: int, twin: Twin) -> None:
    """Fail on the first difference between the engine's book and its twin: to the cent, trade by trade."""
    buckets, rules, kinds = raw["buckets"], raw["rules"], raw["event_kinds"]

    def rows(frame: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
        mine = np.flatnonzero(np.asarray(frame["book"]) == number)
        columns = [[frame[name][i] for i in mine] for name in names]
        return list(zip(*columns, strict=True))

    def same(what: str, got: list[Any], want: list[Any]) -> None:
        for i, (a, b) in enumerate(zip(got, want, strict=False)):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                is_nan = isinstance(y, float) and math.isnan(y) and math.isnan(x)
                assert is_nan or x == y, f"{what} {i}: engine {a}, twin {b}"
        assert len(got) == len(want), f"{what}: engine {len(got)}, twin {len(want)}: {(got + want)[-1]}"

    same(
        "decision",
        [
            (int(day), int(seconds), rules[rule], float(before), float(after))
            for day, seconds, rule, before, after in rows(
                raw["decisions"], "day", "seconds", "rule", "before", "after"
            )
        ],
        twin.decisions,
    )
    names = (
        "day",
        "seconds",
        "product",
        "right",
        "strike",
        "expiry",
        "contracts",
        "mid",
        "price",
        "fee_cents",
        "slippage_cents",
        "bucket",
        "position",
        "rule",
    )
    # The middle of the note is worked out by other sums in the twin: equal to the cent, not to the bit.
    trades = [
        (*row[:7], round(float(row[7]), 6), *row[8:11], buckets[row[11]], int(row[12]), rules[row[13]])
        for row in rows(raw["trades"], *names)
    ]
    same("trade", trades, [(*row[:7], round(row[7], 6), *row[8:]) for row in twin.trades])
    condors = [
        (*row[:7], rules[row[7]], bool(row[8]))
        for row in rows(
            raw["condors"],
            "position",
            "opened",
            "closed",
            "contracts",
            "credit_cents",
            "pnl_cents",
            "max_loss_cents",
            "exit_rule",
            "double_breach",
        )
    ]
    same("condor", condors, twin.closed)
    incidents = [
        (int(day), int(seconds), kinds[kind], round(float(value), 6))
        for day, seconds, kind, value in rows(raw["events"], "day", "seconds", "kind", "value")
        # Whether a product was listed is said by the marks, not decided by the engine.
        if kinds[kind] != "hypothetical_hedge"
    ]
    same("incident", incidents, [(*row[:3], round(row[3], 6)) for row in twin.incidents])
    for name in ("equity", "cash", "margin", "excess"):
        got = as_cents(raw[name][number])
        want = [session[name] for session in twin.sessions]
        same(name, [(x,) for x in got], [(x,) for x in want])
    same(
        "open",
        [(int(x),) for x in raw["open_condors"][number]],
        [(session["open"],) for session in twin.sessions],
    )
    for place, bucket in enumerate(twin.buckets):
        got = [(int(x),) for x in raw["attribution"][number, buckets.index(bucket)]]
        same(f"pnl of {bucket}", got, [(session["pnl"][place],) for session in twin.sessions])
