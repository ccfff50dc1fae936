"""Books as TOML and JSON: both ways without loss, comments, and errors that name the path."""

from __future__ import annotations

import builtins
import dataclasses
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from alvh import _configuration as configuration
from alvh import books
from alvh.books import Book, HedgeLayer, IronCondor, LayeredHedge
from alvh.errors import ConfigError
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([generated.random_book, generated.special_book]))
def test_random_books_come_back_equal(seed, make):
    book = make(seed, "größer \"b\" 'c' \\ #")
    assert Book.from_toml(book.to_toml()) == book
    assert Book.from_json(book.to_json()) == book
    two = (book, make(seed + 1, "other"))
    assert books.from_toml(books.to_toml(two)) == two
    assert books.from_json(books.to_json(two)) == two


def test_named_books_come_back_equal():
    everything = books.named()
    assert books.from_toml(books.to_toml(everything)) == everything
    assert books.from_json(books.to_json(everything)) == everything


def test_a_short_text_with_comments_takes_defaults():
    text = """
    # The account.
    name = "mine"
    capital = 250_000      # an integer will do
    [condor]
    wing_width = 50
    exit_dte = "none"      # holds to settlement
    [[hedge.layers]]
    name = "outer"
    dte = 30
    weight = 4
    """
    want = Book(
        IronCondor(wing_width=50.0, exit_dte=None),
        LayeredHedge((HedgeLayer("outer", dte=30, weight=4.0),)),
        capital=250_000.0,
        name="mine",
    )
    assert Book.from_toml(text) == want


def changed(**changes: object) -> str:
    data = configuration.to_dict(books.static())
    data["hedge"]["layers"][1] |= changes
    import json

    return json.dumps(data)


REFUSED = {
    "value": (
        lambda: Book.from_json(changed(delta=2.0)),
        "CFG007 HedgeLayer hedge.layers[1].delta: got 2, expected 0 < delta < 1",
    ),
    "type": (
        lambda: Book.from_json(changed(dte="110")),
        "CFG097 HedgeLayer hedge.layers[1].dte: got '110', expected an integer",
    ),
    "unknown key with a near one": (
        lambda: Book.from_json(changed(detla=0.5)),
        "CFG081 HedgeLayer hedge.layers[1].detla: got an unknown key, expected one of "
        + ", ".join(field.name for field in dataclasses.fields(HedgeLayer))
        + "; did you mean 'delta'?",
    ),
    "unknown key": (
        lambda: Book.from_toml("xyzzy = 1\n[condor]"),
        "CFG081 Book xyzzy: got an unknown key, expected one of "
        + ", ".join(field.name for field in dataclasses.fields(Book)),
    ),
    "no default": (
        lambda: Book.from_toml("[[hedge.layers]]\nname = 'a'"),
        "CFG082 HedgeLayer hedge.layers[0].dte: got nothing, expected a value: the field has no default",
    ),
    "no table": (
        lambda: Book.from_toml("condor = 3"),
        "CFG080 IronCondor condor: got 3, expected a table of the fields of IronCondor",
    ),
    "no list": (
        lambda: Book.from_toml("[hedge.layers]\nname = 'a'"),
        "CFG083 HedgeLayer hedge.layers: got {'name': 'a'}, expected a list of tables",
    ),
    "of a list": (
        lambda: books.from_toml("[[books]]\n[books.condor]\n[[books]]\n[books.condor]\ndte = 900"),
        "CFG001 IronCondor books[1].condor.dte: got 900, expected 0 <= dte <= 730",
    ),
    "not a list": (
        lambda: books.from_toml("name = 'a'\n[condor]"),
        "CFG085 books books: got 'name', 'condor', expected a list named books and nothing else",
    ),
    "twice in JSON": (
        lambda: Book.from_json('{"name": "a", "name": "b"}'),
        "CFG086 Book name: got the key twice, expected each key once",
    ),
    "no JSON": (
        lambda: Book.from_json('{"name": "a",\n ]'),
        "CFG087 JSON:line 2 column 2 text: got Expecting property name enclosed in double quotes, "
        "expected a JSON document",
    ),
    "no TOML": (
        lambda: Book.from_toml("name = 'a'\ncapital = = 1"),
        "CFG089 TOML:line 2, column 11 text: got Invalid value, expected a TOML document",
    ),
    "not finite": (
        lambda: Book.from_toml("capital = nan\n[condor]"),
        "CFG099 Book capital: got nan, expected a finite number",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_errors_name_the_path(case):
    make, text = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == text


def test_nesting_and_repetition_are_refused():
    for read, text in (
        (Book.from_json, "[" * 100_000),
        (Book.from_json, '{"name":' * 5_000),
        (Book.from_toml, "a = " + "[" * 20_000),
        (Book.from_json, "1" * 5_000),
        (Book.from_toml, "name = 'a'\nname = 'b'"),
    ):
        with pytest.raises(ConfigError):
            read(text)


def test_without_a_writer_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "tomli_w":
            raise ModuleNotFoundError(name="tomli_w")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"^CFG088 .*'alvh\[toml\]'$"):
        books.static().to_toml()
    # Reading needs nothing.
    assert Book.from_toml("[condor]").condor == IronCondor()


garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_wrong_place_is_an_error_of_one_line_or_another_book(data):
    good = configuration.to_dict(data.draw(st.sampled_from(books.named())))
    place, steps = good, data.draw(st.integers(1, 4))
    for step in range(steps):
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            return
        key = data.draw(st.sampled_from(list(keys)))
        if step == steps - 1 or not isinstance(place[key], (dict, list)):
            place[key] = data.draw(garbage)
            break
        place = place[key]
    text = ""
    try:
        book = configuration.from_dict(good, Book)
    except ConfigError as error:
        text = str(error)
    else:
        assert Book.from_json(book.to_json()) == book
    assert len(text.splitlines()) <= 1


# ---- what later parts may need: fields of several classes, tuples of them, None against another default


@dataclass(frozen=True)
class Plain(configuration.Part):
    level: float = 1.0


@dataclass(frozen=True)
class Other(configuration.Part):
    limit: int | None = 3


@dataclass(frozen=True)
class Whole(configuration.Part):
    policy: Plain | Other | None = None
    several: tuple[Plain | Other, ...] = ()
    inner: Other = dataclasses.field(default_factory=Other)


@pytest.mark.parametrize(
    "whole",
    [
        Whole(),
        Whole(Plain(2.0)),
        Whole(Other(None), (Plain(), Other(None), Other(4)), Other(None)),
    ],
)
def test_parts_of_several_classes_come_with_their_kind(whole):
    assert configuration.from_toml(configuration.to_toml([whole]), Whole) == (whole,)
    assert configuration.from_json(configuration.to_json([whole], single=True), Whole, single=True) == (
        whole,
    )
    with pytest.raises(
        ConfigError, match=r"^CFG084 Plain policy\.kind: got 'Third', expected one of Plain, Other$"
    ):
        configuration.from_dict({"policy": {"kind": "Third"}}, Whole)


def test_the_word_for_none_is_no_value_of_any_field():
    """A field that can be None and is not so by default must not take "none" as a string."""
    checked = 0
    for part in (Book, IronCondor, HedgeLayer, LayeredHedge, books.CostConfig, books.IndexPortfolio):
        for field in dataclasses.fields(part):
            hint = configuration.hints(part)[field.name]
            if field.default is None or type(None) not in getattr(hint, "__args__", ()):
                continue
            checked += 1
            with pytest.raises(ConfigError):
                configuration.from_dict({field.name: "none"}, part)
    assert checked >= 2


def test_the_text_is_plain_toml():
    data = tomllib.loads(books.to_toml(books.named("unhedged", "static")))
    assert [book["name"] for book in data["books"]] == ["unhedged", "static"]
    assert data["books"][1]["hedge"]["layers"][2]["weight"] == 2.0
