"""Marks from the market model in history, and the cache of their tables."""

import alvh
import numpy as np
import pytest
from alvh import _tables
from alvh.errors import ConfigError

STRIKES = np.arange(1_850.0, 2_250.0, 25.0)


@pytest.fixture
def market():
    # One factor without jumps: tables in a second.
    return alvh.Market.preset("Broadie-Kaya-Heston-1")


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(_tables, "_KEPT", {})
    monkeypatch.setattr(_tables, "_COUNTS", dict.fromkeys(_tables._COUNTS, 0))
    return _tables._KEPT


def test_damaged_tables_are_computed_again_and_counted(market, fresh, tmp_path):
    marks = alvh.marks.model(market, cache=tmp_path)
    built = marks.tables.to_bytes()
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == built
    for damage in (built[:-1], built[:100], b"", built[:5_000] + b"\x00" + built[5_001:], b"x" + built[1:]):
        if damage == built:
            continue
        fresh.clear()
        file.write_bytes(damage)
        assert marks.tables.to_bytes() == built
        assert file.read_bytes() == built
    fresh.clear()
    assert marks.tables.to_bytes() == built
    counts = alvh.marks.table_counts()
    assert counts["loaded"] == 1
    assert counts["damaged"] == counts["built"] - 1
    assert counts["damaged"] >= 4
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ALVH_CACHE", str(tmp_path / "here"))
    assert _tables.folder() == tmp_path / "here"
    monkeypatch.delenv("ALVH_CACHE")
    assert _tables.folder().name in {"alvh", "Cache"}


def test_a_folder_that_cannot_be_written_is_counted(market, fresh, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert alvh.marks.model(market, cache=blocked).tables.size > 0
    assert alvh.marks.table_counts()["unwritten"] == 1


def test_prices_of_a_history_are_those_of_its_inverted_state(market):
    market = market.with_rates(r=0.0, q=0.0)
    history = alvh.History.demo()
    smiles = alvh.marks.model(market, cache=False).on(history)
    day, expiry = "2016-06-01", "2016-07-22"
    state = market.calibrate(history.between(day, day)).states.iloc[0]
    forward = smiles.forward(day, expiry)
    assert forward == pytest.approx(alvh.marks.surface(history).forward(day, expiry), rel=1e-9)
    years = alvh.calendar.sessions("2016-06-02", expiry).size / 252
    puts = smiles.price(day, expiry, STRIKES, "put")
    calls = smiles.price(day, expiry, STRIKES, "call")
    discount = (calls - puts)[0] / (forward - STRIKES[0])
    np.testing.assert_allclose(calls - puts, discount * (forward - STRIKES), atol=1e-9 * forward)
    direct = market.option_price(forward, STRIKES, years, "put", state) * discount
    np.testing.assert_allclose(puts, direct, atol=6e-5 * forward)


@pytest.mark.needs_shared_data
def test_futures_are_the_quoted_ones(market, shared_data):
    daily = shared_data / "daily"
    history = alvh.History.load(daily / "spx_ohlcv.csv", daily / "vix.csv", vx=daily / "vx1_to_vx8.csv")
    columns = history.between("2016-05-02", "2016-06-30").columns
    smiles = alvh.marks.model(market, cache=False).on(history)
    row = slice(columns["vx_offset"][20], columns["vx_offset"][21])
    day = columns["day"][20].astype("datetime64[D]")
    expiries = columns["vx_expiry"][row].astype("datetime64[D]")
    got = smiles.forward(day, expiries, product="VIX")
    np.testing.assert_allclose(got, columns["vx_settle"][row], rtol=1e-12)
    # Between two quotes lies what the model has there, moved as the quotes are.
    between = smiles.forward(day, expiries[1] + 7, product="VIX")
    assert got[1:3].min() - 0.5 < between < got[1:3].max() + 0.5


def test_the_overlay_scales_vix_options_only(market):
    history = alvh.History.demo()
    plain = alvh.marks.model(market, cache=False).on(history)
    scaled = alvh.marks.model(market, overlay=True, cache=False).on(history)
    day = "2016-06-01"
    assert plain.price(day, "2016-07-22", 2_000.0, "put") == scaled.price(day, "2016-07-22", 2_000.0, "put")
    strikes = np.array([18.0, 25.0, 40.0])
    ratio = scaled.implied_vol(day, "2016-07-20", strikes, product="VIX") / plain.implied_vol(
        day, "2016-07-20", strikes, product="VIX"
    )
    assert (np.diff(ratio) > 0).all()


def test_a_backtest_runs_on_the_model(market):
    history = alvh.History.demo()
    marks = alvh.marks.model(market, cache=False)
    studies = [
        alvh.backtest(alvh.books.named("unhedged", "static"), history, chosen, replicates=50)
        for chosen in (marks, None)
    ]
    assert studies[0].provenance["marks"] == {
        "kind": "model",
        "market_hash": market.digest,
        "overlay": False,
    }
    final = [study.equity().iloc[-1] for study in studies]
    assert np.isfinite(final[0]).all()
    assert (final[0] != final[1]).all()


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"market": "Heston"}, "CFG331"), ({"overlay": 1}, "CFG332"), ({"n_jobs": 0}, "SIM010")],
)
def test_wrong_arguments_are_named(market, changes, code):
    arguments = {"market": market, **changes}
    with pytest.raises(ConfigError, match=code):
        alvh.marks.model(arguments.pop("market"), **arguments)
    with pytest.raises(ConfigError, match="CFG330"):
        _ = alvh.marks.model(market, cache=3).tables
