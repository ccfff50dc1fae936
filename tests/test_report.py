"""The report: one page, whole in a real browser, and nothing in it that a string could break."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.report.answer import caveats
from alvh.report.facts import Facts
from alvh.report.markup import data_block, number, numbers, plotly_text, usd
from alvh.report.page import page
from browser import browser
from raw_result import raw_result

_BREAKERS = (
    "<img src=x onerror=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "<!--<script>",
    "</title></style><b>bold</b>",
    '" onmouseover="window.pwned=1',
    "' onload='window.pwned=1",
    "<a href='javascript:window.pwned=1'>link</a>",
    "<svg onload=window.pwned=1>",
    "&lt;i&gt;&#60;i&#62;",
    "%{y} %{customdata[0]} <br> <sub>x</sub>",
    "]]><![CDATA[<u>",
    "javascript:window.pwned=1",
    "{{7*7}} ${7*7} \\u003cscript\\u003e",
    "\u202egnp.\u2028\u2029\x00\x08end",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "@c0",
    "__proto__",
    "<style>*{display:none}</style>",
    "<base href='https://example.org/'>",
    "x" * 300,
)
HOSTILE = [f"{breaker}{i:03d}" for i in range(10) for breaker in _BREAKERS]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.links: list[str] = []
        self.keys: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.found[tag] += 1
        values = dict(attrs)
        assert not any(name.startswith("on") for name in values), values
        self.keys.add(values.get("id", ""))
        if tag == "a":
            self.links.append(values["href"])


def elements(text: str) -> _Elements:
    parser = _Elements()
    parser.feed(text)
    return parser


def named_study(names: list[str]) -> alvh.Study:
    """Put the names in every field of a study that holds text."""
    rest = iter(names)
    base = raw_result(1_300, ("unhedged", "static", "a", "b"), first_day="2014-01-02")
    books = ["unhedged", *(next(rest) for _ in range(3))]
    base["books"] = books
    base["buckets"] = [next(rest) if 4 <= i < 7 else name for i, name in enumerate(base["buckets"])]
    base["rules"] = [next(rest) for _ in base["rules"]]
    base["event_kinds"] = [next(rest) for _ in base["event_kinds"]]
    base["flags"] = {next(rest): 3 for _ in range(30)}
    base["marks"] = {next(rest): 5 for _ in range(20)}
    base["trades"]["rule"] = base["trades"]["rule"] + 2
    provenance = {next(rest): next(rest) for _ in range(20)}
    base["provenance"] = {**base["provenance"], **provenance, "seed": next(rest), "version": next(rest)}
    fills = pd.DataFrame({book: [2e3, -1e3] for book in books}, index=[0.0, 0.5])
    labels = [next(rest) for _ in range(40)]
    variants = pd.DataFrame({book: np.arange(40.0) for book in books}, index=labels)
    note = "\n".join(f"- {next(rest)}" for _ in range(30)).replace("\u2028", " ").replace("\u2029", " ")
    days = base["day"].astype("datetime64[D]").astype("datetime64[ns]")
    market = pd.DataFrame({"spx": 2_000.0, "vix": 15.0}, index=pd.DatetimeIndex(days))
    return alvh.Study(base, note, slippage=fills, sensitivity=variants, market=market, replicates=30)


PLAIN = [f"name{i}" for i in range(len(HOSTILE))]


@pytest.fixture(scope="module")
def study() -> alvh.Study:
    return alvh.backtest(alvh.books.named("unhedged", "static"), alvh.History.demo(), replicates=200)


@pytest.fixture(scope="module")
def path(study, tmp_path_factory):
    return study.report(tmp_path_factory.mktemp("report") / "alvh.html")


def test_page_is_one_file_below_eight_megabytes(path):
    text = path.read_text(encoding="utf-8")
    assert 4_000_000 < len(text.encode()) < 8_000_000
    assert text.count("plotly.js v") <= 2
    found = elements(text)
    assert {"link", "img", "iframe", "base"}.isdisjoint(found.found)
    assert "src=" not in re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert list(path.parent.iterdir()) == [path]


def test_sections_are_there_and_linked(path):
    found = elements(path.read_text(encoding="utf-8"))
    assert found.found["section"] == 17
    targets = {link.removeprefix("#") for link in found.links}
    assert all(link.startswith("#") for link in found.links)
    assert len(targets) >= 17
    assert targets <= found.keys


def test_first_screen_has_verdict_cost_event_and_caveat(study, path):
    text = path.read_text(encoding="utf-8")
    card = text[text.index('<div class="card">') : text.index("<nav")]
    row = study.claims().query("claim == 'drawdown reduction' and book == 'static'").iloc[0]
    assert row["verdict"] in card
    assert f"{100 * study.summary().loc['static', 'hedge_cost']:.2f} % a year" in card.replace("\u00a0", " ")
    events = study.events().query("book == 'static'")
    assert events.loc[events["pnl"].idxmin(), "event"] in card
    assert "Prices are modelled, not quoted" in card
    assert "education" in text[: text.index("<nav")].lower()


def test_same_study_gives_the_same_page(study, path):
    assert page(study) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("turn", range(4))
def test_hostile_strings_add_no_element(turn):
    turned = HOSTILE[turn * 50 :] + HOSTILE[: turn * 50]
    text, plain = page(named_study(turned)), page(named_study(PLAIN))
    assert elements(text).found == elements(plain).found
    assert "pwned=1>" not in text


def test_a_string_that_is_not_escaped_is_seen(monkeypatch):
    monkeypatch.setattr("alvh.report.markup.escape", lambda value, quote=True: value)
    with pytest.raises(AssertionError):
        test_hostile_strings_add_no_element(0)


def test_a_simulation_has_a_page_too(tmp_path):
    study = alvh.simulate(
        alvh.books.named("unhedged", "static"),
        n_paths=64,
        years=0.25,
        seed=5,
        marks="surface",
        record_paths=24,
    )
    text = study.report(tmp_path / "simulated.html").read_text(encoding="utf-8")
    found = elements(text)
    assert found.found["section"] == 17
    assert {"figure-ends", "figure-falls", "figure-equity", "figure-difference"} <= found.keys
    card = text[text.index('<div class="card">') : text.index("<nav")].replace("\u00a0", " ")
    assert usd(-study.summary().loc["static", "pnl_shortfall_95"]) in card
    assert "A model, not the market" in card
    claims = study.claims().query("book == 'static'")
    assert set(claims["sample"]) == {"64 simulated paths of 63 sessions"}
    assert claims["coverage"].isna().all()


def test_rules_that_never_woke_are_the_biggest_caveat():
    history = alvh.History.demo().between("2016-01-04", "2016-12-30")
    books = alvh.books.named("unhedged", "adaptive")
    short = alvh.backtest(books, history, replicates=0, min_sessions=100)
    assert caveats(Facts(short))[0][0] == "The adaptive rules never acted"
    longer = alvh.backtest(books, alvh.History.demo().between("2016-01-04", "2017-12-29"), replicates=0)
    assert "The adaptive rules never acted" not in dict(caveats(Facts(longer)))


def test_data_blocks_cannot_be_ended():
    value = {"a": HOSTILE}
    block = data_block("x", value)
    inner = re.fullmatch(r'<script type="application/json" id="data-x">(.*)</script>', block, re.S)[1]
    assert not set("<>&") & set(inner)
    assert json.loads(inner) == value
    with pytest.raises(ValueError, match="Out of range"):
        data_block("x", float("nan"))


def test_numbers_are_those_of_strict_json():
    assert numbers([1.234, np.nan, np.inf, -0.001]) == [1.23, None, None, 0.0]
    assert (number(np.nan), number(-0.04), number(1234.56, 1)) == ("n/a", "0.0", "1,234.6")
    assert (usd(12.4), usd(-1_250.0), usd(3.4e6)) == ("12 USD", "-1.2 k USD", "3.40 M USD")
    assert plotly_text("a<b>&\x00\u202e") == "a&lt;b&gt;&amp;"


def test_page_in_a_browser(path):
    with browser() as chromium:
        for width, height in ((375, 812), (1440, 900)):
            for scheme in ("light", "dark"):
                tab = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                said, asked = [], []
                tab.on("console", lambda message, said=said: said.append(message.text))
                tab.on("pageerror", lambda error, said=said: said.append(str(error)))
                tab.on("request", lambda request, asked=asked: asked.append(request.url))
                tab.goto(path.as_uri())
                tab.wait_for_selector("html[data-drawn]", timeout=60_000)
                assert said == []
                assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
                drawn = tab.evaluate(
                    "[...document.querySelectorAll('.figure')].map(f => f.querySelectorAll('.main-svg').length)"
                )
                assert len(drawn) >= 14
                assert min(drawn) >= 1
                # Nothing sticks out sideways, and the answer is on the first screen.
                assert tab.evaluate("document.documentElement.scrollWidth") == width
                assert tab.locator(".tile").count() == 4
                for tile in tab.locator(".tile").all():
                    box = tile.bounding_box()
                    assert box["y"] + box["height"] <= height
                assert tab.evaluate("document.documentElement.dataset.look") == scheme
                tab.close()


def test_keyboard_explorer_and_look(path):
    with browser() as chromium:
        tab = chromium.new_page(viewport={"width": 1000, "height": 800}, color_scheme="light")
        tab.goto(path.as_uri())
        tab.wait_for_selector("html[data-drawn]", timeout=60_000)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        tab.keyboard.press("Enter")
        assert tab.url.endswith("#claims")
        tab.focus("#explorer-choice")
        before = tab.inner_text("#explorer-words")
        tab.keyboard.press("ArrowDown")
        tab.wait_for_function(
            "before => document.getElementById('explorer-words').innerText !== before", arg=before
        )
        tab.focus("#look")
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
        tab.wait_for_function("document.documentElement.dataset.look === 'dark'")
        for link in tab.locator("nav a").all():
            target = link.get_attribute("href")
            link.click()
            assert tab.url.endswith(target)
            assert tab.locator(target).count() == 1
        tab.close()


def test_hostile_strings_in_a_browser(tmp_path):
    kinds = {}
    with browser() as chromium:
        for name, strings in (("plain", PLAIN), ("hostile", HOSTILE)):
            file = named_study(strings).report(tmp_path / f"{name}.html")
            tab = chromium.new_page(viewport={"width": 1200, "height": 900})
            said, asked = [], []
            tab.on("console", lambda message, said=said: said.append(message.text))
            tab.on("pageerror", lambda error, said=said: said.append(str(error)))
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.goto(file.as_uri())
            tab.wait_for_selector("html[data-drawn]", timeout=60_000)
            assert said == []
            assert len(asked) == 1
            assert tab.evaluate("window.pwned === undefined")
            kinds[name] = tab.evaluate(
                """() => {
                    const all = [...document.querySelectorAll('*')];
                    const drawn = all.filter(e => e.closest('.figure'));
                    const outside = e => !e.closest('.figure') && !e.closest('svg') && e.id !== 'js-plotly-tester';
                    const rest = all.filter(outside).length;
                    const tags = [...new Set(drawn.map(e => e.tagName))].sort();
                    const risky = all.filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length;
                    return {rest, drawn: tags, risky};
                }"""
            )
            tab.close()
    assert kinds["plain"]["rest"] == kinds["hostile"]["rest"]
    assert set(kinds["hostile"]["drawn"]) <= set(kinds["plain"]["drawn"])
    assert kinds["hostile"]["risky"] == 0
