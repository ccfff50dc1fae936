"""Books: what is sold, what protects it, how much capital stands behind it, what trading costs.

Every field is checked by the core when an object is made; a :class:`~alvh.errors.ConfigError` names the field.
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from alvh import _configuration as configuration
from alvh import _core
from alvh.errors import ConfigError

__all__ = [
    "Book",
    "CostConfig",
    "HedgeLayer",
    "IndexPortfolio",
    "IronCondor",
    "LayeredHedge",
    "condor_index",
    "from_json",
    "from_toml",
    "named",
    "names",
    "static",
    "to_json",
    "to_toml",
    "unhedged",
    "vix_tail_hedge",
]

Tier = Literal["conservative", "balanced", "aggressive"]
VixGate = Literal["strict", "lenient", "none"]
Expiries = Literal["monthly", "weekly"]


_KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (numbers.Integral, "an integer"),
    float: (numbers.Real, "a number"),
    str: (str, "a string"),
    types.NoneType: (types.NoneType, "None"),
}
# Integers of the core.
_LARGEST = 2**31


def _described(hint: Any) -> str:
    """Say what a field of this type takes."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_described(each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return "a tuple"
    return _KINDS[hint][1] if hint in _KINDS else str(hint.__name__)


def _native(value: Any, hint: Any) -> Any:
    """Return a value in the built-in type of its field; raises TypeError when it has another one."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for each in parts:
            try:
                return _native(value, each)
            except TypeError:
                continue
    elif origin is Literal:
        if isinstance(value, str) and value in parts:
            return str(value)
    elif origin is tuple:
        if isinstance(value, (tuple, list)):
            hints = [parts[0]] * len(value) if parts[-1] is ... else parts
            if len(hints) == len(value):
                return tuple(_native(each, part) for each, part in zip(value, hints, strict=True))
    elif hint in _KINDS:
        is_flag = isinstance(value, bool)
        if isinstance(value, _KINDS[hint][0]) and (hint is bool) == is_flag:
            if hint is types.NoneType:
                return None
            native = hint(value)
            if hint is int and abs(native) >= _LARGEST:
                raise TypeError
            return native
    elif isinstance(value, hint):
        return value
    raise TypeError


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _seconds(owner: str, name: str, text: str) -> int:
    hours, colon, minutes = text.partition(":")
    is_time = colon and (hours + minutes).isdecimal() and len(hours) <= 2 and len(minutes) == 2
    if not (is_time and hours and int(minutes) < 60):
        raise ConfigError("CFG098", owner, name, repr(text), "a time of day HH:MM, New York")
    return int(hours) * 3600 + int(minutes) * 60


class _Part(configuration.Part):
    """A frozen part of a book: encodes itself for the core, which checks it."""

    def _encode(self) -> dict[str, Any]:
        raise AssertionError  # every part defines its own encoding

    def __post_init__(self) -> None:
        owner = type(self).__name__
        part: Any = type(self)
        for name, hint in configuration.hints(part).items():
            given = getattr(self, name)
            try:
                value = _native(given, hint)
            except (TypeError, OverflowError):
                raise ConfigError("CFG097", owner, name, repr(given), _described(hint)) from None
            if not _is_finite(value):
                raise ConfigError("CFG099", owner, name, repr(given), "a finite number")
            object.__setattr__(self, name, value)
        _core.check_part(owner, json.dumps(self._encode()))


@dataclass(frozen=True)
class IronCondor(_Part):
    """A short iron condor on the S&P 500 and the rules of its life.

    Short strikes by exactly one of `short_delta`, `daily_range_multiple` and `target_credit`; long strikes by
    `wing_width` or `long_delta`.

    Parameters
    ----------
    dte : int
        Target calendar days to expiry; the nearest listed expiry is taken, the later of two equally near.
    dte_tolerance : int or None
        An entry is skipped when the nearest listed expiry misses `dte` by more days than this. Default: never.
    short_delta : float or None
        Absolute forward delta of the short strikes, in (0, 0.5). Default 0.16 unless another strike rule is given.
    wing_width : float or None
        Distance of the long from the short strikes [index points]. Default 2 % of spot on the strike grid.
    long_delta : float or None
        Absolute forward delta of the long strikes, instead of a width.
    daily_range_multiple : float or None
        Distance of the short strikes from spot in expected daily ranges (0.6 VIX9D + 0.4 HV20)/sqrt(252).
    target_credit : float or None
        Net credit [index points]; the short strikes walk towards spot in steps of 5 points until it is met.
    contracts : int
        Contracts of one entry.
    collateral_multiple : float or None
        Sizes an entry as equity over this multiple of one condor's maximum loss, instead of `contracts`.
    entry : {"roll", "session", "flat"} or int
        On the monthly expiry day of SPX options, every session, whenever no condor is open, or every n sessions.
    entry_time : str
        Time of day of the entry, ``"HH:MM"`` New York.
    expiries : {"monthly", "weekly"}
        AM-settled third Fridays only, or every listed expiry.
    profit_target : float or None
        Closes when this share of the credit is earned.
    stop : float or None
        Closes when the loss reaches this multiple of the credit.
    exit_dte : int or None
        Closes at this many calendar days to expiry; None holds to settlement.
    max_risk : float
        Risk of one entry (width less credit) as a share of equity; contracts shrink to it.
    min_credit : float
        An entry with a credit below this share of the wing width is skipped.
    tier : {"conservative", "balanced", "aggressive"}
        Published tier; decides with `vix_gate` at which VIX a condor may be sold.
    vix_gate : {"strict", "lenient", "none"}
        Strict: below 15 all tiers, 15 to 20 conservative and balanced, above 20 none. Lenient: below 20 all.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    dte: int = 45
    short_delta: float | None = None
    wing_width: float | None = None
    long_delta: float | None = None
    daily_range_multiple: float | None = None
    target_credit: float | None = None
    contracts: int = 10
    collateral_multiple: float | None = None
    entry: str | int = "roll"
    entry_time: str = "16:00"
    expiries: Expiries = "weekly"
    profit_target: float | None = 0.50
    stop: float | None = None
    exit_dte: int | None = 21
    max_risk: float = 0.10
    min_credit: float = 0.06
    tier: Tier = "balanced"
    vix_gate: VixGate = "strict"
    dte_tolerance: int | None = None

    def __post_init__(self) -> None:
        if self.short_delta is None and self.daily_range_multiple is None and self.target_credit is None:
            object.__setattr__(self, "short_delta", 0.16)
        super().__post_init__()

    def _encode(self) -> dict[str, Any]:
        sizing: dict[str, float] = {"contracts": self.contracts}
        if self.collateral_multiple is not None:
            sizing = {"collateral": self.collateral_multiple}
        return {
            "dte": self.dte,
            "dte_tolerance": self.dte_tolerance,
            "short_delta": self.short_delta,
            "daily_range_multiple": self.daily_range_multiple,
            "target_credit": self.target_credit,
            "wing_width": self.wing_width,
            "long_delta": self.long_delta,
            "sizing": sizing,
            "entry": {"every": self.entry} if isinstance(self.entry, int) else self.entry,
            "entry_seconds": _seconds("IronCondor", "entry_time", self.entry_time),
            "expiries": self.expiries,
            "profit_target": self.profit_target,
            "stop": self.stop,
            "exit_dte": self.exit_dte,
            "max_risk": self.max_risk,
            "min_credit": self.min_credit,
            "tier": self.tier,
            "vix_gate": self.vix_gate,
        }


@dataclass(frozen=True)
class HedgeLayer(_Part):
    """One maturity of the hedge.

    Parameters
    ----------
    name : str
        Name of the layer and of its P&L bucket.
    dte : int
        Target calendar days to expiry at purchase.
    delta : float
        Absolute forward delta of the strike, in (0, 1).
    weight : float
        Contracts per `LayeredHedge.per_condors` condors.
    roll_dte : int or None
        Rolls at this many calendar days to expiry; 0 holds to settlement. Default: `dte` less 30 % of it, at most
        30 days less (30 -> 21, 110 -> 80, 220 -> 190).
    instrument : {"vix_call", "vix_call_spread", "vix_future", "vix_note"}
        What the layer holds. The note is the daily-rebalanced holding of the first two VIX futures.
    short_delta : float or None
        Forward delta of the sold call of a call spread.
    expiries : {"monthly", "weekly"}
        Monthly VIX expiries, or weekly ones too from their listing in October 2015.
    premium_by_future : tuple of (float, float), optional
        Instead of `weight`: rows (level of the VIX future [points], share of equity spent on premium); the first row
        whose level the future does not exceed applies. Evaluated on VIX expiry days.
    strike_offset : float or None
        Strike this many points above the VIX future of the same expiry, instead of `delta`.
    strike_level : float or None
        Strike level [points], instead of `delta`.
    notional_share : float or None
        Instead of `weight`: premium of a purchase as a share of the condors' notional, which is wing width times
        100 USD times the condors that the weights count.
    budget_share : float or None
        Instead of `weight`: share of `LayeredHedge.budget`. A purchase spends equity x budget x share x days/365, where
        the days are those until the roll. A VIX future costs no premium: as many are bought as have the delta of the
        calls of strike delta `delta` which the premium would buy.
    roll_every : int or None
        Rolls this many calendar days after its purchase as well; such a roll may keep the expiry.
    vix_rise : float or None
        Holds the layer only while VIX stands this many points above its lowest close of `rise_sessions` sessions; sold
        when less than half of them are left.
    rise_sessions : int
        Sessions of `vix_rise`, the latest included.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    name: str
    dte: int
    delta: float = 0.50
    weight: float = 0.0
    roll_dte: int | None = None
    instrument: Literal["vix_call", "vix_call_spread", "vix_future", "vix_note"] = "vix_call"
    short_delta: float | None = None
    expiries: Expiries = "monthly"
    premium_by_future: tuple[tuple[float, float], ...] = ()
    strike_offset: float | None = None
    strike_level: float | None = None
    notional_share: float | None = None
    budget_share: float | None = None
    roll_every: int | None = None
    vix_rise: float | None = None
    rise_sessions: int = 20

    def _encode(self) -> dict[str, Any]:
        roll_dte = self.roll_dte
        if roll_dte is None:
            roll_dte = self.dte - min(30, round(0.3 * self.dte))
        is_spread = self.instrument == "vix_call_spread"
        if is_spread != (self.short_delta is not None):
            rule = "0 < short_delta < delta" if is_spread else "None: only a call spread sells a call"
            raise ConfigError("CFG028", "HedgeLayer", "short_delta", repr(self.short_delta), rule)
        instrument: str | dict[str, float | None] = self.instrument
        if is_spread:
            instrument = {"vix_call_spread": self.short_delta}
        rules = {
            "weight": self.weight or None,
            "premium_by_future": self.premium_by_future or None,
            "notional_share": self.notional_share,
            "budget_share": self.budget_share,
        }
        sizing = {name: value for name, value in rules.items() if value is not None}
        if len(sizing) > 1:
            raise ConfigError("CFG029", "HedgeLayer", "weight", " and ".join(sizing), "one rule of size")
        rise = None
        if self.vix_rise is not None:
            rise = {"points": self.vix_rise, "sessions": max(self.rise_sessions, 0)}
        return {
            "name": self.name,
            "instrument": instrument,
            "dte": self.dte,
            "delta": self.delta,
            "strike_offset": self.strike_offset,
            "strike_level": self.strike_level,
            "sizing": sizing or {"weight": 0.0},
            "roll_dte": roll_dte,
            "roll_every": self.roll_every,
            "expiries": self.expiries,
            "vix_rise": rise,
        }


@dataclass(frozen=True)
class LayeredHedge(_Part):
    """Long VIX layers of staggered maturities.

    Parameters
    ----------
    layers : tuple of HedgeLayer
        Layers, short tenor to long.
    per_condors : float
        Weights are contracts per this many condors.
    rounding : {"nearest", "ceil"}
        Rounding of contracts; an active layer has at least one.
    trade_time : str
        Time of day at which the hedge trades, ``"HH:MM"`` New York.
    budget : float or None
        Premium that may be spent in a year, as a share of equity; layers claim it by their `budget_share`.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    layers: tuple[HedgeLayer, ...]
    per_condors: float = 10.0
    rounding: Literal["nearest", "ceil"] = "nearest"
    trade_time: str = "16:00"
    budget: float | None = None

    def _encode(self) -> dict[str, Any]:
        return {
            "layers": [layer._encode() for layer in self.layers],
            "per_condors": self.per_condors,
            "rounding": self.rounding,
            "trade_seconds": _seconds("LayeredHedge", "trade_time", self.trade_time),
            "budget": self.budget,
        }


@dataclass(frozen=True)
class IndexPortfolio(_Part):
    """A long holding of the S&P 500 with dividends reinvested.

    Parameters
    ----------
    weight : float
        Share of what the hedge leaves, in [0, 1].

    Raises
    ------
    ConfigError
        When the weight breaks its rule.
    """

    weight: float = 1.0

    def _encode(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class CostConfig(_Part):
    """What trading costs.

    Parameters
    ----------
    package_fraction : float
        Share of the summed half-spreads that package orders pay, in [0, 1].
    legged_fraction : float
        Share that legged, stop and forced orders pay, in [0, 1].
    fee_preset : {"retail", "cboe_customer", "none"}
        Dated fee table.
    spread_scale : float
        Multiplier of every half-spread, >= 0.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    package_fraction: float = 0.4
    legged_fraction: float = 0.8
    fee_preset: Literal["retail", "cboe_customer", "none"] = "retail"
    spread_scale: float = 1.0

    def _encode(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Book(_Part):
    """One account.

    Parameters
    ----------
    condor : IronCondor or None
        The condor.
    hedge : LayeredHedge or None
        The hedge.
    capital : float
        Starting capital [USD].
    name : str
        Name, unique within a study.
    portfolio : IndexPortfolio or None
        A long holding of the index.
    costs : CostConfig
        What trading costs.
    margin_stress : float
        Factor on the initial margin of VIX futures, in [1, 10].
    cash_earns_rate : bool
        Whether cash earns the money-market rate of the history.

    Raises
    ------
    ConfigError
        When a field breaks its rule.
    """

    condor: IronCondor | None = None
    hedge: LayeredHedge | None = None
    capital: float = 500_000.0
    name: str = "book"
    portfolio: IndexPortfolio | None = None
    costs: CostConfig = field(default_factory=CostConfig)
    margin_stress: float = 1.0
    cash_earns_rate: bool = True

    def _encode(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "capital": self.capital,
            "condor": self.condor._encode() if self.condor else None,
            "hedge": self.hedge._encode() if self.hedge else None,
            "portfolio": self.portfolio._encode() if self.portfolio else None,
            "costs": self.costs._encode(),
            "margin_stress": self.margin_stress,
            "cash_earns_rate": self.cash_earns_rate,
        }

    def encode(self) -> str:
        """Encode as the core reads it, with every default resolved.

        Returns
        -------
        str
            JSON object.
        """
        return json.dumps(self._encode(), sort_keys=True)

    def to_json(self) -> str:
        """Write the book as JSON, field by field.

        Returns
        -------
        str
            JSON object that :meth:`from_json` reads back to an equal book.
        """
        return configuration.to_json([self], single=True)

    def to_toml(self) -> str:
        """Write the book as TOML, field by field; fields that are None by default are left out.

        Returns
        -------
        str
            TOML document that :meth:`from_toml` reads back to an equal book.

        Raises
        ------
        ConfigError
            When tomli-w, of the extra `toml`, is not installed.
        """
        return configuration.to_toml([self], single=True)

    @classmethod
    def from_json(cls, text: str) -> Book:
        """Read a book from JSON.

        Parameters
        ----------
        text : str
            JSON object with the fields of a book; what is left out has its default.

        Returns
        -------
        Book
            The book.

        Raises
        ------
        ConfigError
            With the path of the field, such as ``hedge.layers[1].delta``.
        """
        (book,) = configuration.from_json(text, cls, single=True)
        return book

    @classmethod
    def from_toml(cls, text: str) -> Book:
        """Read a book from TOML.

        Parameters
        ----------
        text : str
            Document with the fields of a book; what is left out has its default, ``"none"`` stands for None.

        Returns
        -------
        Book
            The book.

        Raises
        ------
        ConfigError
            With the path of the field, such as ``hedge.layers[1].delta``.
        """
        (book,) = configuration.from_toml(text, cls, single=True)
        return book

    def replace(self, **changes: Any) -> Book:
        """Copy with some fields changed.

        Parameters
        ----------
        **changes
            Fields of the book.

        Returns
        -------
        Book
            The changed copy.
        """
        return dataclasses.replace(self, **changes)


def to_json(books: Iterable[Book]) -> str:
    """Write several books as JSON.

    Parameters
    ----------
    books : iterable of Book
        Books.

    Returns
    -------
    str
        JSON object with a list ``books``.
    """
    return configuration.to_json(books)


def from_json(text: str) -> tuple[Book, ...]:
    """Read several books from JSON.

    Parameters
    ----------
    text : str
        JSON object with a list ``books``.

    Returns
    -------
    tuple of Book
        Books, in order.

    Raises
    ------
    ConfigError
        With the path of the field, such as ``books[0].hedge.layers[1].delta``.
    """
    return configuration.from_json(text, Book)


def to_toml(books: Iterable[Book]) -> str:
    """Write several books as TOML.

    Parameters
    ----------
    books : iterable of Book
        Books.

    Returns
    -------
    str
        TOML document with an array of tables ``books``.

    Raises
    ------
    ConfigError
        When tomli-w, of the extra `toml`, is not installed.
    """
    return configuration.to_toml(books)


def from_toml(text: str) -> tuple[Book, ...]:
    """Read several books from TOML.

    Parameters
    ----------
    text : str
        TOML document with an array of tables ``books``.

    Returns
    -------
    tuple of Book
        Books, in order.

    Raises
    ------
    ConfigError
        With the path of the field, such as ``books[0].hedge.layers[1].delta``.
    """
    return configuration.from_toml(text, Book)


def unhedged(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the iron condor alone.

    Parameters
    ----------
    condor : IronCondor, optional
        Default: 45 days, 0.16 delta, wings of 2 % of spot, 10 contracts on each monthly expiry day.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "unhedged".
    """
    return Book(condor or IronCondor(), capital=capital, name="unhedged")


def static(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the iron condor with the static 4/4/2 hedge: it rolls and re-strikes on schedule and never resizes.

    Layers of long VIX calls of 0.50 forward delta, per 10 condors: outer 30 days 4, middle 110 days 4, inner
    220 days 2, rolled at 21, 80 and 190 days (published numbers).

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`, whose condor rules it shares.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "static".
    """
    hedge = LayeredHedge(
        layers=(
            HedgeLayer("outer", dte=30, delta=0.50, weight=4),
            HedgeLayer("middle", dte=110, delta=0.50, weight=4),
            HedgeLayer("inner", dte=220, delta=0.50, weight=2),
        )
    )
    return Book(condor or IronCondor(), hedge, capital=capital, name="static")


def condor_index(capital: float = 100_000_000.0) -> Book:
    """Build the monthly 20/5-delta condor on Treasury-bill collateral, after the rules of Cboe's CNDR index.

    Each third Friday (the session before, where that is a holiday) around 11:00 New York, after the old options
    settled on the opening print, it sells the 20-delta put and call and buys the 5-delta put and call of the next
    month, the listed strikes of closest delta, and holds them to settlement. At each roll it takes as many condors as
    leave ten times their maximum loss (wider wing less credit) in bills, which earn the money-market rate of the
    history. The capital is large so that whole contracts do not matter.

    Sold at the bid and bought at the ask (the whole half-spread), no fees: the published rules that could be found do
    not say at which price options trade, and an hour before the averaging window of the exchange's other indices
    points to quotes. In the middle of the market the book earns 2.8 % a year more (1999-2017). Sources and
    sensitivities are in docs/condor-index.md.

    Parameters
    ----------
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "condor_index".
    """
    condor = IronCondor(
        dte=30,
        short_delta=0.20,
        long_delta=0.05,
        collateral_multiple=10.0,
        entry="roll",
        entry_time="11:00",
        expiries="monthly",
        profit_target=None,
        exit_dte=None,
        max_risk=1.0,
        min_credit=0.0,
        vix_gate="none",
    )
    costs = CostConfig(package_fraction=1.0, legged_fraction=1.0, fee_preset="none")
    return Book(condor, capital=capital, name="condor_index", costs=costs)


def vix_tail_hedge(capital: float = 10_000_000.0) -> Book:
    """Build the S&P 500 with one-month 30-delta VIX calls, after the rules of Cboe's VXTH index.

    On each VIX expiry day it spends on premium 1 % of the portfolio when the VIX future is above 15 and up to 30,
    0.5 % above 30 and up to 50, nothing otherwise; calls are held to settlement.

    Parameters
    ----------
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "vix_tail_hedge".
    """
    schedule = ((15.0, 0.0), (30.0, 0.01), (50.0, 0.005))
    calls = HedgeLayer("vix_calls", dte=30, delta=0.30, roll_dte=0, premium_by_future=schedule)
    return Book(
        hedge=LayeredHedge((calls,)), portfolio=IndexPortfolio(), capital=capital, name="vix_tail_hedge"
    )


_NAMED: dict[str, Callable[[], Book]] = {
    "unhedged": unhedged,
    "static": static,
    "condor_index": condor_index,
    "vix_tail_hedge": vix_tail_hedge,
}


def names() -> tuple[str, ...]:
    """List the books that :func:`named` knows.

    Returns
    -------
    tuple of str
        Names.
    """
    return tuple(_NAMED)


def named(*which: str) -> tuple[Book, ...]:
    """Build books by name.

    Parameters
    ----------
    *which : str
        Names out of :func:`names`; none for all of them.

    Returns
    -------
    tuple of Book
        One book per name.

    Raises
    ------
    ConfigError
        When a name is not known.
    """
    for name in which:
        if name not in _NAMED:
            raise ConfigError("CFG061", "books.named", "name", repr(name), f"one of {', '.join(_NAMED)}")
    return tuple(_NAMED[name]() for name in which or _NAMED)
