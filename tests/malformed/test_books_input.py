"""Whatever text the core is given as a part of a book: a typed error of one line, never a panic."""

from __future__ import annotations

import json

import pytest
from alvh import _core, books
from alvh.errors import ConfigError
from hypothesis import given, settings
from hypothesis import strategies as st

PARTS = ("IronCondor", "HedgeLayer", "LayeredHedge", "CostConfig", "IndexPortfolio", "Book")
garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def refused(part: str, text: str) -> bool:
    try:
        _core.check_part(part, text)
    except ConfigError as error:
        message = str(error)
        assert message.startswith(("CFG", "SIG", "RUL"))
        assert len(message.splitlines()) == 1
        assert ": got " in message
        assert ", expected " in message
        return True
    return False


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PARTS), garbage)
def test_garbage_is_refused(part, value):
    # No garbage is a whole part: each has required fields. Only defaults of costs make an empty object one.
    assert refused(part, json.dumps(value)) or (part == "CostConfig" and isinstance(value, dict))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PARTS), st.text(max_size=60))
def test_text_that_is_no_json_is_refused(part, text):
    assert refused(part, text) or part == "CostConfig"


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_one_wrong_place_in_a_good_book(data):
    good = json.loads(data.draw(st.sampled_from(books.named())).encode())
    path = data.draw(st.sampled_from([each for each in paths(good) if each]))
    bad = json.loads(json.dumps(good))
    place = bad
    for key in path[:-1]:
        place = place[key]
    if data.draw(st.booleans()):
        place[path[-1]] = data.draw(garbage)
    else:
        del place[path[-1]]
    refused("Book", json.dumps(bad))


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"a":' * 5_000, "1e999", '"\\ud800"', "\0", "{}" * 2]
)
def test_deep_and_broken_texts(text):
    for part in PARTS:
        assert refused(part, text) or part == "CostConfig"
