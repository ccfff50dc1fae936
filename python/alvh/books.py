"""Books: what is sold, what protects it, how much capital stands behind it, what trading costs.

Every field is checked by the core when an object is made; a :class:`~alvh.errors.ConfigError` names the field.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from alvh import _configuration as configuration
from alvh._part import Part, seconds
from alvh._signal_config import SignalConfig
from alvh.errors import ConfigError
from alvh.policy import CONDOR_SWITCHES, AdaptivePolicy, BreakoutPolicy, MotionPolicy

if TYPE_CHECKING:
    from alvh.study import Study

__all__ = [
    "Book",
    "CostConfig",
    "HedgeLayer",
    "IndexPortfolio",
    "IronCondor",
    "LayeredHedge",
    "adaptive",
    "adaptive_hedge",
    "adaptive_uncapped",
    "condor_index",
    "controls",
    "etf_overlay",
    "from_json",
    "from_toml",
    "layered_hedge",
    "motion",
    "named",
    "names",
    "placebo",
    "promoter",
    "single_vx_future",
    "spx_puts",
    "static",
    "static_phased",
    "to_json",
    "to_toml",
    "unhedged",
    "unhedged_phased",
    "vix_tail_hedge",
]

Tier = Literal["conservative", "balanced", "aggressive"]
VixGate = Literal["strict", "lenient", "none"]
Expiries = Literal["monthly", "weekly"]


@dataclass(frozen=True)
class IronCondor(Part):
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
            "entry_seconds": seconds("IronCondor", "entry_time", self.entry_time),
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
class HedgeLayer(Part):
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
    instrument : {"vix_call", "vix_call_spread", "vix_future", "vix_note", "spx_put"}
        What the layer holds. The note is the daily-rebalanced holding of the first two VIX futures.
    short_delta : float or None
        Forward delta of the sold call of a call spread.
    expiries : {"monthly", "weekly"}
        Monthly VIX expiries, or weekly ones too from their listing in October 2015.
    premium_by_future : tuple of (float, float), optional
        Instead of `weight`: rows (level of the VIX future [points], share of equity spent on premium); the first row
        whose level the future does not exceed applies. Evaluated on VIX expiry days.
    strike_offset : float or None
        Strike this many points above VIX, instead of `delta`.
    strike_level : float or None
        Strike level [points], instead of `delta`.
    notional_share : float or None
        Instead of `weight`: premium of a purchase as a share of the condors' notional, which is wing width times
        100 USD times the condors that the weights count.
    equity_share : float or None
        Instead of `weight`, for the note: share of equity held in it, set anew on monthly VIX expiry days.
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
    instrument: Literal["vix_call", "vix_call_spread", "vix_future", "vix_note", "spx_put"] = "vix_call"
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
    equity_share: float | None = None

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
            "equity_share": self.equity_share,
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
class LayeredHedge(Part):
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
            "trade_seconds": seconds("LayeredHedge", "trade_time", self.trade_time),
            "budget": self.budget,
        }


@dataclass(frozen=True)
class IndexPortfolio(Part):
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
class CostConfig(Part):
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
class Book(Part):
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
    rules : AdaptivePolicy, MotionPolicy, BreakoutPolicy or None
        Rules on top of the schedule; None: the schedule alone.

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
    rules: AdaptivePolicy | MotionPolicy | BreakoutPolicy | None = None

    def _encode(self) -> dict[str, Any]:
        encoded = {
            "name": self.name,
            "capital": self.capital,
            "condor": self.condor._encode() if self.condor else None,
            "hedge": self.hedge._encode() if self.hedge else None,
            "portfolio": self.portfolio._encode() if self.portfolio else None,
            "costs": self.costs._encode(),
            "margin_stress": self.margin_stress,
            "cash_earns_rate": self.cash_earns_rate,
        }
        # Without rules the encoding, and with it every hash of a configuration, is what it was before there were any.
        return encoded if self.rules is None else encoded | {"rules": self.rules.tagged()}

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
    return Book(condor or IronCondor(), layered_hedge(), capital=capital, name="static")


def layered_hedge() -> LayeredHedge:
    """Build the 4/4/2 hedge: VIX calls of 0.50 delta at 30, 110 and 220 days.

    Returns
    -------
    LayeredHedge
        The layers "outer", "middle", "inner".
    """
    return LayeredHedge(
        layers=(
            HedgeLayer("outer", dte=30, delta=0.50, weight=4),
            HedgeLayer("middle", dte=110, delta=0.50, weight=4),
            HedgeLayer("inner", dte=220, delta=0.50, weight=2),
        )
    )


def adaptive(
    condor: IronCondor | None = None, capital: float = 500_000.0, policy: AdaptivePolicy | None = None
) -> Book:
    """Build the steward: the 4/4/2 hedge under all adaptive rules, caps included.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].
    policy : AdaptivePolicy, optional
        Rules; default: all of them.

    Returns
    -------
    Book
        The book "adaptive".
    """
    rules = policy or AdaptivePolicy()
    return Book(condor or IronCondor(), layered_hedge(), capital=capital, name="adaptive", rules=rules)


def adaptive_uncapped(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the adaptive hedge without the caps on its carry and on stressed beta.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "adaptive_uncapped".
    """
    book = adaptive(condor, capital, AdaptivePolicy().without("caps"))
    return book.replace(name="adaptive_uncapped")


def static_phased(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the static hedge on the condors of the adaptive book: what its hedge rules alone are compared with.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "static_phased".
    """
    book = adaptive(condor, capital, AdaptivePolicy().only(*CONDOR_SWITCHES))
    return book.replace(name="static_phased")


def adaptive_hedge(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the adaptive hedge on the condors of the static book: none of the condor rules acts.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "adaptive_hedge".
    """
    book = adaptive(condor, capital, AdaptivePolicy().without(*CONDOR_SWITCHES))
    return book.replace(name="adaptive_hedge")


def unhedged_phased(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the condors of the adaptive book without any hedge.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "unhedged_phased".
    """
    rules = AdaptivePolicy().only(*CONDOR_SWITCHES)
    return Book(condor or IronCondor(), capital=capital, name="unhedged_phased", rules=rules)


def placebo(
    condor: IronCondor | None = None, capital: float = 500_000.0, delay: int = 126, **switches: bool
) -> Book:
    """Build the adaptive book with exogenous signals of another time: what it gains by them is luck.

    Signals made from prices (VIX, MACD, RSI, term structure, expected range) stay those of the path; all columns that
    come with the market (order book, breadth, macro, events, valuation) are read `delay` sessions late.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].
    delay : int
        Sessions.
    **switches
        Switches of :class:`~alvh.AdaptivePolicy`, so that condor and hedge rules can be tested alone.

    Returns
    -------
    Book
        The book "placebo".
    """
    rules = AdaptivePolicy(signals=SignalConfig(exogenous_delay=delay))
    changes: dict[str, Any] = dict(switches)
    rules = dataclasses.replace(rules, **changes)
    return adaptive(condor, capital, rules).replace(name="placebo")


def motion(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the 4/4/2 hedge re-struck on every bar to 0.50 delta and to the beta-vega of its base size.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "motion".
    """
    book = static(condor, capital)
    return book.replace(name="motion", rules=MotionPolicy())


def promoter(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the unhedged chaser of breakouts that risks 25 % of its equity: the control for margin calls.

    Parameters
    ----------
    condor : IronCondor, optional
        Default: as for :func:`unhedged`; its size becomes a quarter of the equity at risk, at any VIX.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "promoter".
    """
    rule = dataclasses.replace(
        condor or IronCondor(), collateral_multiple=4.0, max_risk=0.25, vix_gate="none", stop=None
    )
    return Book(rule, capital=capital, name="promoter", rules=BreakoutPolicy())


def single_vx_future(condor: IronCondor | None = None, capital: float = 500_000.0) -> Book:
    """Build the condor with one near VIX future per ten condors, rolled at 7 days to expiry.

    One future has about three times the beta-vega of the 4/4/2 hedge: it cannot be bought smaller here.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].

    Returns
    -------
    Book
        The book "single_vx_future".
    """
    layer = HedgeLayer("vx_future", dte=30, weight=1, roll_dte=7, instrument="vix_future")
    return Book(condor or IronCondor(), LayeredHedge((layer,)), capital=capital, name="single_vx_future")


def etf_overlay(
    condor: IronCondor | None = None, capital: float = 500_000.0, equity_share: float = 0.05
) -> Book:
    """Build the condor with a share of equity in the note on the first two VIX futures.

    The note follows the S&P 500 VIX Short-Term Futures index total return, as VXX and VIXY do before their fees.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].
    equity_share : float
        Share of equity in the note, set anew on monthly VIX expiry days.

    Returns
    -------
    Book
        The book "etf_overlay".
    """
    layer = HedgeLayer("vix_note", dte=30, instrument="vix_note", equity_share=equity_share)
    return Book(condor or IronCondor(), LayeredHedge((layer,)), capital=capital, name="etf_overlay")


def spx_puts(
    condor: IronCondor | None = None, capital: float = 500_000.0, outlay: float = 0.015, delta: float = 0.10
) -> Book:
    """Build the condor with SPX puts of a quarter for a fixed outlay a year, held to settlement.

    :func:`alvh.books.controls` builds it with the outlay that another book's hedge had.

    Parameters
    ----------
    condor : IronCondor, optional
        As for :func:`unhedged`.
    capital : float
        Starting capital [USD].
    outlay : float
        Premium a year as a share of equity; default: the middle of the cost that the texts claim, 1 to 2 %.
    delta : float
        Absolute forward delta of the puts.

    Returns
    -------
    Book
        The book "spx_puts".
    """
    layer = HedgeLayer("spx_puts", dte=90, delta=delta, roll_dte=0, instrument="spx_put", budget_share=1.0)
    hedge = LayeredHedge((layer,), budget=outlay)
    return Book(condor or IronCondor(), hedge, capital=capital, name="spx_puts")


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
    "motion": motion,
    "adaptive": adaptive,
    "adaptive_uncapped": adaptive_uncapped,
    "adaptive_hedge": adaptive_hedge,
    "static_phased": static_phased,
    "placebo": placebo,
    "unhedged_phased": unhedged_phased,
    "promoter": promoter,
    "single_vx_future": single_vx_future,
    "etf_overlay": etf_overlay,
    "spx_puts": spx_puts,
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


def controls(study: Study, base: Book, hedged: str = "adaptive") -> tuple[Book, ...]:
    """Build the controls that need a first run: less risk instead of a hedge, and puts for the same money.

    `derisked_pnl` is the base book with its contracts scaled to the mean P&L of the hedged one, `derisked_shortfall`
    to its expected shortfall (95 %, daily); P&L is taken without interest, which does not scale with contracts, and
    contracts are whole, at least one. `spx_puts` spends a year, as a share of the mean equity, what the hedge of the
    hedged book paid for options less what it sold them for.

    Parameters
    ----------
    study : Study
        A run with both books.
    base : Book
        The book without a hedge, as it was run.
    hedged : str
        Name of the hedged book.

    Returns
    -------
    tuple of Book
        `derisked_pnl` (left out where one of the two earned nothing), `derisked_shortfall`, `spx_puts`
        (left out where the hedge sold for more than it paid).

    Raises
    ------
    ConfigError
        When the study has no such book, or the base has no condor of a fixed number.
    """
    from alvh._controls import controls as build

    return build(study, base, hedged)
