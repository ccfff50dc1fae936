"""The published readings of the hedge: complete, what they say they are, and on the command line."""

from __future__ import annotations

import dataclasses
import json
import sys
from itertools import pairwise
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh import _core, books, presets
from alvh.cli import main
from alvh.errors import ConfigError
from alvh.history import History

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated
from engine_twin import Market, Twin, compare

NAMES = (
    "442-30-110-220",
    "442-otm-ladder",
    "442-notional-pct",
    "40-40-20-short",
    "40-40-20-1week",
    "442-weekly-roll",
    "staged-futures",
    "vix_tail_hedge",
)


def run(history: History, *wanted: books.Book) -> dict:
    return _core.backtest(history.source(), [book.encode() for book in wanted], None)


def bought(raw: dict, number: int) -> dict[str, list[dict]]:
    """Purchases of a book by layer."""
    trades = raw["trades"]
    rows: dict[str, list[dict]] = {}
    for i in np.flatnonzero((trades["book"] == number) & (trades["contracts"] > 0)):
        row = {name: trades[name][i] for name in ("day", "product", "strike", "expiry", "contracts", "mid")}
        rows.setdefault(raw["buckets"][trades["bucket"][i]], []).append(row)
    return rows


def test_all_readings_are_there_with_their_sources():
    assert presets.names() == NAMES
    assert [book.name for book in presets.named()] == list(NAMES)
    for preset in presets.describe():
        assert preset.says
        assert preset.choices
        assert preset.source.startswith("https://www.") or preset.source == "Cboe, VXTH index rules"
        assert preset.status in ("PUB", "PUB?", "STD")
    with pytest.raises(
        ConfigError, match=r"^CFG064 presets\.named name: got '442', expected one of 442-30-110-220, "
    ):
        presets.named("442")
    # What they share is shared.
    condor = alvh.IronCondor(contracts=5, wing_width=25.0)
    for book in presets.named(*NAMES[:-1], condor=condor, capital=2e6):
        assert (book.condor, book.capital) == (condor, 2e6)
    assert presets.named("vix_tail_hedge") == (books.vix_tail_hedge(),)
    assert presets.named(NAMES[0])[0].hedge == books.static().hedge


def test_presets_come_back_from_text():
    assert books.from_toml(books.to_toml(presets.named())) == presets.named()
    assert books.from_json(books.to_json(presets.named())) == presets.named()


@pytest.fixture(scope="module")
def history():
    return generated.history(6, 220, start="2016-02-01", futures=True)


@pytest.fixture(scope="module")
def raw(history):
    return run(history, *presets.named())


def test_presets_equal_their_twins_to_the_cent(history, raw):
    market = Market(history)
    for number, book in enumerate(presets.named()):
        compare(raw, number, Twin(book, market).run())
        assert bought(raw, number), book.name


def test_the_ladder_is_above_vix(history, raw):
    rows = bought(raw, NAMES.index("442-otm-ladder"))
    vix = dict(zip(history.columns["day"].tolist(), history.columns["vix_close"].tolist(), strict=True))
    for layer, offset in (("outer", 5.0), ("middle", 8.0)):
        for row in rows[layer]:
            # Strikes are listed every half point to five points.
            assert abs(row["strike"] - vix[row["day"]] - offset) <= 2.5
    assert {row["strike"] for row in rows["inner"]} == {32.5}
    assert [rows[layer][0]["contracts"] for layer in ("outer", "middle", "inner")] == [40, 40, 20]


def test_shares_of_the_notional_are_spent(raw, history):
    rows = bought(raw, NAMES.index("442-notional-pct"))
    spot = dict(zip(history.columns["day"].tolist(), history.columns["spx_close"].tolist(), strict=True))
    for layer, share in (("outer", 0.04), ("middle", 0.04), ("inner", 0.02)):
        first = rows[layer][0]
        paid = first["contracts"] * first["mid"] * 100
        wanted = share * 0.02 * spot[first["day"]] * 100 * presets.CONDORS
        # Whole contracts, and the index of the step before.
        assert 0.97 * wanted - first["mid"] * 100 <= paid <= 1.03 * wanted


def test_budgets_are_spent_over_the_year_and_not_more(raw, history):
    for name in ("40-40-20-short", "40-40-20-1week"):
        number = NAMES.index(name)
        rows = bought(raw, number)
        spent = {
            layer: sum(row["contracts"] * row["mid"] * 100 for row in listed if row["product"] == "VIX")
            for layer, listed in rows.items()
        }
        days = history.columns["day"]
        years = (days[-1] - days[0]) / 365
        budget = 0.015 * max(raw["equity"][number]) * years
        for layer, share in (("outer", 0.4), ("middle", 0.4), ("inner", 0.2)):
            if layer == "outer" and name == "40-40-20-1week":
                assert {row["product"] for row in rows[layer]} == {"VX"}
                continue
            # The last purchase reaches beyond the end of the history.
            ahead = 0.015 * max(raw["equity"][number]) * 75 / 365
            assert 0.3 * share * budget < spent[layer] <= share * (budget + ahead)


def test_the_weekly_roll_rolls_every_seven_to_ten_days(raw):
    rows = bought(raw, NAMES.index("442-weekly-roll"))
    gaps = np.diff([row["day"] for row in rows["outer"]])
    assert len(gaps) > 25
    # What is bought 28 days out is due at 21; the rest after eight days.
    assert ((gaps >= 7) & (gaps <= 10)).all()
    # The default rolls less than half as often.
    assert len(bought(raw, 0)["outer"]) < 0.5 * len(rows["outer"])


def test_rolls_by_the_calendar_do_not_wait_for_the_days_to_expiry():
    hedge = books.static().hedge
    outer = dataclasses.replace(hedge.layers[1], name="outer", roll_every=8)
    book = books.Book(alvh.IronCondor(contracts=100), dataclasses.replace(hedge, layers=(outer,)))
    history = generated.history(6, 120, start="2016-02-01", futures=True)
    raw = run(history, book)
    days = [row["day"] for row in bought(raw, 0)["outer"]]
    plain = run(history, book.replace(hedge=books.static().hedge))
    assert len(days) > 2 * len(bought(plain, 0)["middle"])
    assert min(np.diff(days)) >= 8
    # Some of them stay in the expiry that they had.
    expiries = [row["expiry"] for row in bought(raw, 0)["outer"]]
    assert any(one == two for one, two in pairwise(expiries))


def staged(vix: list[float]) -> dict:
    columns = generated.columns(50, len(vix), start="2016-02-01", opens=False)
    columns["vix_close"] = np.array(vix)
    (book,) = presets.named("staged-futures", condor=alvh.IronCondor(contracts=100, vix_gate="strict"))
    return run(History(columns), book)


def test_futures_come_in_stages_and_go_again():
    calm, up = [14.0] * 25, [17.9, 18.1, 20.5, 24.5, 24.5, 24.5]
    raw = staged([*calm, *up, 18.9, 16.9, 15.9, 15.9, 15.9, 15.9])
    trades = raw["trades"]
    moves = [
        (raw["buckets"][bucket], int(contracts), int(np.searchsorted(raw["day"], day)))
        for bucket, contracts, day in zip(trades["bucket"], trades["contracts"], trades["day"], strict=True)
        if raw["buckets"][bucket].startswith("stage")
    ]
    # 14 is the lowest of the closes: on at 18, 20 and 24, a session later; off below 16, 17 and 19.
    assert moves[:3] == [("stage1", 33, 27), ("stage2", 28, 28), ("stage3", 28, 29)]
    assert moves[3:] == [("stage3", -28, 32), ("stage2", -28, 33), ("stage1", -33, 34)]
    # Never on without a rise.
    assert not [1 for bucket in staged([14.0] * 40)["trades"]["bucket"] if raw["buckets"][bucket] == "stage1"]


def test_a_budget_is_scaled_with_the_hedge():
    from alvh._backtest import _with_hedge

    (book,) = presets.named("40-40-20-short")
    assert _with_hedge(book, 2.0).hedge.budget == pytest.approx(0.03)
    (book,) = presets.named("442-notional-pct")
    assert [layer.notional_share for layer in _with_hedge(book, 0.5).hedge.layers] == [0.02, 0.02, 0.01]


def test_the_page_says_what_the_presets_say():
    text = (Path(__file__).parents[1] / "docs" / "presets.md").read_text(encoding="utf-8")
    for preset in presets.describe():
        source = f"[source]({preset.source})" if preset.source.startswith("https") else preset.source
        row = f"| `{preset.name}` | {preset.says} ({source}) | {preset.choices} | {preset.status} |"
        assert row in text


# ---- command line


def test_the_command_lists_presets(capsys, tmp_path):
    assert main(["presets"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name}  [" in f"\n{out}" for name in NAMES)
    assert "Not affiliated" in out
    assert max(map(len, out.splitlines())) <= 180  # addresses are not broken
    assert main(["presets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["presets"]
    assert [row["name"] for row in listed] == list(NAMES)
    assert {"says", "source", "status", "choices", "hedge"} <= set(listed[0])
    assert listed[1]["hedge"][0] == "outer: 30 dte, weight 4.0, strike_offset 5.0"
    assert main(["presets", "442-otm-ladder", "--toml"]) == 0
    text = capsys.readouterr().out
    assert books.from_toml(text) == presets.named("442-otm-ladder")
    assert main(["presets", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("alvh: CFG064 ")


def test_a_study_takes_presets_and_files(capsys, tmp_path):
    from alvh._cli_presets import books_of

    file = tmp_path / "mine.toml"
    mine = dataclasses.replace(books.static(), name="mine")
    file.write_text(books.to_toml([mine, books.unhedged()]), encoding="utf-8")
    other = tmp_path / "two.json"
    other.write_text(books.to_json([books.condor_index()]), encoding="utf-8")
    found = books_of(f"static, 442-otm-ladder,{file}, {other}")
    assert found == (
        books.static(),
        *presets.named("442-otm-ladder"),
        mine,
        books.unhedged(),
        books.condor_index(),
    )
    png = tmp_path / "a.png"
    assert main(["study", "--books", f"unhedged,{tmp_path / 'none.toml'}", "--png", str(png)]) == 2
    assert "none.toml" in capsys.readouterr().err
