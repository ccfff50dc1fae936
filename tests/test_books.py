"""Books as objects: every rule with its message, copies, comparison, published numbers."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import alvh
import numpy as np
import pytest
from alvh import _core, books, signals
from alvh.books import Book, CostConfig, HedgeLayer, IndexPortfolio, IronCondor, LayeredHedge
from alvh.errors import AlvhError, ConfigError
from alvh.history import History
from hypothesis import given, settings
from hypothesis import strategies as st

CALL = HedgeLayer("outer", dte=30, weight=4)


def hedge(*layers: HedgeLayer, **options: object) -> LayeredHedge:
    return LayeredHedge(layers, **options)  # type: ignore[arg-type]


REFUSED = {
    "CFG001": (lambda: IronCondor(dte=731), "IronCondor dte: got 731, expected 0 <= dte <= 730"),
    "CFG002": (
        lambda: IronCondor(short_delta=0.2, target_credit=1.0),
        "IronCondor short_delta: got 2 strike rules, expected exactly one of short_delta, daily_range_multiple, "
        "target_credit",
    ),
    "CFG003": (
        lambda: IronCondor(short_delta=0.5),
        "IronCondor short_delta: got 0.5, expected 0 < short_delta < 0.5",
    ),
    "CFG004": (
        lambda: IronCondor(daily_range_multiple=0.0),
        "IronCondor daily_range_multiple: got 0, expected 0.001..100",
    ),
    "CFG005": (
        lambda: IronCondor(target_credit=0.01),
        "IronCondor target_credit: got 0.01, expected 0.05..10000 points",
    ),
    "CFG006": (
        lambda: IronCondor(wing_width=5, long_delta=0.05),
        "IronCondor wing_width: got wing_width and long_delta, expected at most one of them",
    ),
    "CFG007": (lambda: HedgeLayer("a", dte=30, delta=1.0), "HedgeLayer delta: got 1, expected 0 < delta < 1"),
    "CFG008": (
        lambda: IronCondor(wing_width=0.5),
        "IronCondor wing_width: got 0.5, expected 1..10000 points",
    ),
    "CFG009": (
        lambda: IronCondor(long_delta=0.16),
        "IronCondor long_delta: got 0.16, expected 0 < long_delta < short_delta",
    ),
    "CFG010": (lambda: IronCondor(contracts=0), "IronCondor contracts: got 0, expected 1..1000000"),
    "CFG011": (
        lambda: IronCondor(collateral_multiple=0.5),
        "IronCondor collateral_multiple: got 0.5, expected 1..1000000",
    ),
    "CFG012": (lambda: IronCondor(entry=-3), "IronCondor entry: got -3, expected 1..10000 sessions"),
    "CFG013": (
        lambda: IronCondor(entry_time="09:29"),
        "IronCondor entry_time: got 34140, expected 09:30..16:00",
    ),
    "CFG014": (
        lambda: IronCondor(profit_target=1.01),
        "IronCondor profit_target: got 1.01, expected 0 < profit_target <= 1",
    ),
    "CFG015": (lambda: IronCondor(stop=0.0), "IronCondor stop: got 0, expected 0.01..10000 credits"),
    "CFG016": (lambda: IronCondor(exit_dte=45), "IronCondor exit_dte: got 45, expected 0 <= exit_dte < dte"),
    "CFG017": (lambda: IronCondor(max_risk=0.0), "IronCondor max_risk: got 0, expected 0 < max_risk <= 1"),
    "CFG018": (
        lambda: IronCondor(min_credit=1.0),
        "IronCondor min_credit: got 1, expected 0 <= min_credit < 1",
    ),
    "CFG019": (
        lambda: IronCondor(dte_tolerance=-1),
        "IronCondor dte_tolerance: got -1, expected 0..730 days",
    ),
    "CFG020": (
        lambda: HedgeLayer("a b", dte=30),
        'HedgeLayer name: got "a b", expected 1..32 of a-z A-Z 0-9 _',
    ),
    "CFG021": (
        lambda: HedgeLayer("fees", dte=30),
        "HedgeLayer name: got fees, expected a name that is no P&L bucket of its own",
    ),
    "CFG022": (lambda: HedgeLayer("a", dte=401), "HedgeLayer dte: got 401, expected 1 <= dte <= 400"),
    "CFG023": (
        lambda: HedgeLayer("a", dte=30, roll_dte=30),
        "HedgeLayer roll_dte: got 30, expected 0 <= roll_dte < dte",
    ),
    "CFG024": (
        lambda: HedgeLayer("a", dte=30, weight=-1.0),
        "HedgeLayer weight: got -1, expected 0 <= weight <= 1000000",
    ),
    "CFG025": (
        lambda: HedgeLayer("a", dte=30, premium_by_future=((30.0, 0.01), (15.0, 0.0))),
        "HedgeLayer premium_by_future: got [(30.0, 0.01), (15.0, 0.0)], expected rows (level, share) with ascending "
        "levels > 0 and shares in [0, 1]",
    ),
    "CFG026": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_future", premium_by_future=((30.0, 0.01),)),
        "HedgeLayer instrument: got a future or note, expected a VIX call or call spread where size is a premium",
    ),
    "CFG027": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_call_spread", short_delta=0.6),
        "HedgeLayer short_delta: got 0.6, expected 0 < short_delta < delta",
    ),
    "CFG028": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_call_spread"),
        "HedgeLayer short_delta: got None, expected 0 < short_delta < delta",
    ),
    "CFG030": (lambda: hedge(), "LayeredHedge layers: got 0, expected 1..16 layers"),
    "CFG031": (
        lambda: hedge(CALL, per_condors=0.0),
        "LayeredHedge per_condors: got 0, expected 0 < per_condors",
    ),
    "CFG032": (
        lambda: hedge(CALL, trade_time="16:01"),
        "LayeredHedge trade_time: got 57660, expected 09:30..16:00",
    ),
    "CFG033": (lambda: hedge(CALL, CALL), 'LayeredHedge layers: got "outer" twice, expected different names'),
    "CFG050": (
        lambda: Book(IronCondor(), name="two\nlines"),
        'Book name: got "two\\nlines", expected 1..64 printable characters',
    ),
    "CFG051": (lambda: Book(IronCondor(), capital=999.0), "Book capital: got 999, expected 1e3..1e12 USD"),
    "CFG052": (
        lambda: Book(),
        "Book condor: got an empty book, expected a condor, a hedge or a portfolio",
    ),
    "CFG053": (lambda: Book(IronCondor(), margin_stress=0.9), "Book margin_stress: got 0.9, expected 1..10"),
    "CFG054": (lambda: IndexPortfolio(1.1), "IndexPortfolio weight: got 1.1, expected 0 <= weight <= 1"),
    "CFG055": (
        lambda: Book(hedge=LayeredHedge((HedgeLayer("outer", dte=30, weight=4),))),
        "Book hedge: got layers sized per condor without a condor, "
        "expected a condor, or layers sized by premium_by_future or budget_share",
    ),
    "CFG029": (
        lambda: HedgeLayer("a", dte=30, weight=1, budget_share=0.5),
        "HedgeLayer weight: got weight and budget_share, expected one rule of size",
    ),
    "CFG034": (
        lambda: HedgeLayer("a", dte=30, notional_share=1.5),
        "HedgeLayer notional_share: got 1.5, expected 0 <= notional_share <= 1",
    ),
    "CFG035": (
        lambda: HedgeLayer("a", dte=30, budget_share=-0.5),
        "HedgeLayer budget_share: got -0.5, expected 0 <= budget_share <= 1",
    ),
    "CFG036": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_note", budget_share=0.5),
        "HedgeLayer instrument: got the note, expected a VIX call, call spread or future where size is a share of "
        "the budget",
    ),
    "CFG037": (
        lambda: HedgeLayer("a", dte=30, strike_offset=201.0),
        "HedgeLayer strike_offset: got 201, expected -100..200 points",
    ),
    "CFG038": (
        lambda: HedgeLayer("a", dte=30, strike_level=0.0),
        "HedgeLayer strike_level: got 0, expected 1..300 points",
    ),
    "CFG039": (
        lambda: HedgeLayer("a", dte=30, strike_level=20.0, strike_offset=5.0),
        "HedgeLayer strike_level: got strike_offset and strike_level, expected at most one of them",
    ),
    "CFG040": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_future", strike_offset=5.0),
        "HedgeLayer strike_offset: got a strike for a future or note, expected a VIX call or call spread where a "
        "strike is given",
    ),
    "CFG041": (
        lambda: HedgeLayer("a", dte=30, roll_every=0),
        "HedgeLayer roll_every: got 0, expected 1..400 days",
    ),
    "CFG042": (
        lambda: HedgeLayer("a", dte=30, vix_rise=0.0),
        "HedgeLayer vix_rise: got 0, expected 0.01..200 points",
    ),
    "CFG043": (
        lambda: HedgeLayer("a", dte=30, vix_rise=4.0, rise_sessions=-3),
        "HedgeLayer rise_sessions: got 0, expected 1..252",
    ),
    "CFG044": (
        lambda: hedge(CALL, budget=0.02),
        "LayeredHedge budget: got 0.02, expected a budget if and only if a layer has a budget_share",
    ),
    "CFG045": (
        lambda: hedge(HedgeLayer("a", dte=30, budget_share=0.5), budget=1.5),
        "LayeredHedge budget: got 1.5, expected 0 <= budget <= 1 of equity a year",
    ),
    "CFG046": (
        lambda: hedge(
            HedgeLayer("a", dte=30, budget_share=0.75), HedgeLayer("b", dte=60, budget_share=0.5), budget=0.02
        ),
        "LayeredHedge layers: got 1.25, expected budget shares that sum to at most 1",
    ),
    "CFG056": (
        lambda: Book(
            IronCondor(long_delta=0.05), LayeredHedge((HedgeLayer("a", dte=30, notional_share=0.04),))
        ),
        "Book hedge: got notional_share with wings by long_delta, "
        "expected a condor with wings by width: their width is the notional",
    ),
    "CFG061": (
        lambda: books.named("motion!"),
        "books.named name: got 'motion!', expected one of "
        "unhedged, static, motion, adaptive, adaptive_uncapped, adaptive_hedge, static_phased, placebo, "
        "unhedged_phased, promoter, single_vx_future, etf_overlay, spx_puts, condor_index, vix_tail_hedge",
    ),
    "CFG064": (
        lambda: HedgeLayer("a", dte=30, instrument="vix_note", equity_share=1.5),
        "HedgeLayer equity_share: got 1.5, expected 0 <= equity_share <= 1",
    ),
    "CFG065": (
        lambda: HedgeLayer("a", dte=30, equity_share=0.5),
        "HedgeLayer instrument: got an option or a future, expected the note where size is a share of equity",
    ),
    "CFG097": (lambda: IronCondor(dte="45"), "IronCondor dte: got '45', expected an integer"),
    "CFG098": (
        lambda: IronCondor(entry_time="9.30"),
        "IronCondor entry_time: got '9.30', expected a time of day HH:MM, New York",
    ),
    "CFG099": (
        lambda: HedgeLayer("a", dte=30, premium_by_future=((float("nan"), 0.1),)),
        "HedgeLayer premium_by_future: got ((nan, 0.1),), expected a finite number",
    ),
    "CFG201": (
        lambda: CostConfig(package_fraction=-0.1),
        "CostConfig package_fraction: got -0.1, expected 0 <= package_fraction <= 1",
    ),
    "CFG202": (
        lambda: CostConfig(legged_fraction=1.1),
        "CostConfig legged_fraction: got 1.1, expected 0 <= legged_fraction <= 1",
    ),
    "CFG203": (
        lambda: CostConfig(spread_scale=-1.0),
        "CostConfig spread_scale: got -1, expected 0 <= spread_scale <= 100",
    ),
}


@pytest.mark.parametrize("code", REFUSED)
def test_every_rule_is_refused_with_one_line(code):
    make, text = REFUSED[code]
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == f"{code} {text}"
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (ConfigError, str(caught.value))


def test_all_codes_of_books_have_a_case():
    from pathlib import Path

    root = Path(__file__).parents[1]
    text = "".join(
        (root / name).read_text()
        for name in ("rust/core/src/book.rs", "python/alvh/books.py", "rust/core/src/costs/mod.rs")
    )
    used = {word for word in text.replace('"', " ").split() if word.startswith("CFG") and len(word) == 6}
    assert used - set(REFUSED) == {"CFG000"}


def test_a_part_inside_a_book_is_named_by_its_path():
    book = json.loads(books.static().encode())
    book["hedge"]["layers"][1]["delta"] = 2.0
    with pytest.raises(
        ConfigError, match=r"^CFG007 HedgeLayer hedge\.layers\[1\]\.delta: got 2, expected 0 < delta < 1$"
    ):
        _core.check_part("Book", json.dumps(book))


@pytest.mark.parametrize(
    "make",
    [
        lambda: IronCondor(entry_time=570),
        lambda: IronCondor(entry=True),
        lambda: IronCondor(entry=2**40),
        lambda: IronCondor(contracts=1.5),
        lambda: IronCondor(contracts=True),
        lambda: IronCondor(dte=None),
        lambda: IronCondor(dte=10**30),
        lambda: IronCondor(tier="a\nb"),
        lambda: IronCondor(entry="monthly"),
        lambda: IronCondor(expiries=None),
        lambda: IronCondor(short_delta={}),
        lambda: IronCondor(short_delta=object()),
        lambda: IronCondor(entry_time="²:00"),
        lambda: IronCondor(entry_time=" 9:30"),
        lambda: HedgeLayer("a", dte="30"),
        lambda: HedgeLayer("a", dte=30, short_delta=0.2),
        lambda: HedgeLayer("a", dte=30, premium_by_future=5),
        lambda: HedgeLayer("a", dte=30, premium_by_future=((1.0,),)),
        lambda: LayeredHedge(5),
        lambda: LayeredHedge((1,)),
        lambda: IndexPortfolio("x"),
        lambda: IndexPortfolio(float("nan")),
        lambda: Book(5),
        lambda: Book(IronCondor(), costs=None),
        lambda: Book(IronCondor(), name=5),
        lambda: Book(IronCondor(), name="\ud800"),
        lambda: Book(IronCondor(), capital=10**400),
        lambda: Book(IronCondor(), capital=float("inf")),
        lambda: Book(IronCondor(), cash_earns_rate=1),
        lambda: CostConfig(fee_preset="free"),
    ],
)
def test_wrong_types_are_config_errors_of_one_line(make):
    with pytest.raises(ConfigError, match=r"^CFG0\d\d \w+ \w+: got .*, expected .*$") as caught:
        make()
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_and_lists_become_plain_values():
    condor = IronCondor(dte=np.int64(45), short_delta=np.float64(0.16), contracts=np.int32(10))
    assert condor == IronCondor()
    assert hash(condor) == hash(IronCondor())
    assert type(condor.dte) is int
    listed = LayeredHedge(list(books.static().hedge.layers))  # type: ignore[arg-type, union-attr]
    assert listed == books.static().hedge
    assert hash(listed) == hash(books.static().hedge)
    assert Book(IronCondor(), capital=500_000).encode() == Book(IronCondor(), capital=500_000.0).encode()


ALL = [
    *books.named(),
    Book(portfolio=IndexPortfolio(0.5), name="index"),
    Book(
        IronCondor(dte=1, target_credit=1.15, entry=3, exit_dte=None, stop=2.0),
        hedge(
            HedgeLayer("spread", dte=60, instrument="vix_call_spread", short_delta=0.2, weight=1),
            HedgeLayer("future", dte=30, instrument="vix_future", weight=1, expiries="weekly"),
            HedgeLayer("note", dte=30, instrument="vix_note", weight=1),
            rounding="ceil",
        ),
        costs=CostConfig(fee_preset="cboe_customer"),
    ),
]


@pytest.mark.parametrize("book", ALL, ids=lambda book: book.name)
def test_books_survive_copies_and_compare_by_value(book):
    for again in (pickle.loads(pickle.dumps(book)), copy.copy(book), copy.deepcopy(book), book.replace()):
        assert again == book
        assert hash(again) == hash(book)
        assert again.encode() == book.encode()
        assert repr(again) == repr(book)
    assert eval(repr(book), vars(books) | vars(signals)) == book
    assert _core.book_hash(book.encode()) == _core.book_hash(pickle.loads(pickle.dumps(book)).encode())
    other = book.replace(capital=book.capital + 1)
    assert other != book
    assert other.capital == book.capital + 1
    assert _core.book_hash(other.encode()) != _core.book_hash(book.encode())
    with pytest.raises(dataclasses.FrozenInstanceError):
        book.capital = 1.0
    with pytest.raises(ConfigError, match="CFG051"):
        book.replace(capital=-1.0)
    with pytest.raises(TypeError):
        book.replace(capitol=1.0)


def test_defaults_are_the_published_numbers():
    condor = IronCondor()
    assert (condor.dte, condor.short_delta, condor.max_risk, condor.min_credit) == (45, 0.16, 0.10, 0.06)
    static = books.static()
    assert static.condor == books.unhedged().condor
    assert static.hedge is not None
    layers = json.loads(static.encode())["hedge"]["layers"]
    assert [(x["dte"], x["roll_dte"], x["delta"], x["sizing"]) for x in layers] == [
        (30, 21, 0.5, {"weight": 4.0}),
        (110, 80, 0.5, {"weight": 4.0}),
        (220, 190, 0.5, {"weight": 2.0}),
    ]
    assert static.hedge.per_condors == 10
    assert (static.costs.package_fraction, static.costs.legged_fraction) == (0.4, 0.8)
    assert {"unhedged", "static", "condor_index", "vix_tail_hedge"} < set(books.names())
    assert books.named("static") == (static,)


def test_two_books_of_one_name_and_no_book_are_refused():
    history = History.demo()
    with pytest.raises(
        ConfigError, match=r'^CFG060 books name: got "unhedged" twice, expected different names$'
    ):
        alvh.backtest([books.unhedged(), books.unhedged()], history)
    with pytest.raises(ConfigError, match=r"^CFG062 backtest books: got none, expected at least one book$"):
        alvh.backtest([], history)


def test_an_unknown_part_is_a_defect_of_the_library():
    with pytest.raises(AlvhError, match="INT001"):
        _core.check_part("Condor", "{}")


finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**40), 10**40)
values = st.none() | st.booleans() | finite | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_object_either_exists_or_is_refused_as_configuration(data):
    part = data.draw(
        st.sampled_from([IronCondor, HedgeLayer, LayeredHedge, IndexPortfolio, CostConfig, Book])
    )
    names = [field.name for field in dataclasses.fields(part)]
    given_fields = data.draw(
        st.dictionaries(st.sampled_from(names), values | st.lists(values, max_size=3), max_size=4)
    )
    if part is HedgeLayer:
        given_fields = {"name": "a", "dte": 30} | given_fields
    if part is LayeredHedge:
        given_fields = {"layers": (CALL,)} | given_fields
    message, made = "", None
    try:
        made = part(**given_fields)
    except ConfigError as error:
        message = str(error)
    assert len(message.splitlines()) == (made is None)
    assert made == pickle.loads(pickle.dumps(made))
    assert made is None or hash(made) == hash(dataclasses.replace(made))
