"""Order-flow imbalance per unit of depth, bulk VPIN and fits of self-exciting arrivals."""

from __future__ import annotations

import math

import alvh
import numpy as np
import pytest
from alvh import _core
from alvh.errors import ConfigError, DataError
from alvh.ignition import arrivals, bulk_vpin, fit_hawkes
from reference import order_flow_twin as twin
from scipy import optimize, stats

TRUE = {"baseline": 1.3, "branching": 0.6, "decay": 4.0}


@pytest.fixture(scope="module")
def tape():
    return alvh.bench.order_flow(seed=5, hours=0.02, instrument="stock", feed="depth").tape


@pytest.mark.parametrize(("levels", "window"), [(1, "2s"), (3, "500ms"), (10, "10s")])
def test_normalised_imbalance_equals_its_definition(tape, levels, window):
    found = alvh.order_flow_imbalance(tape, levels, normalise=window)
    nanoseconds = {"2s": 2 * 10**9, "500ms": 5 * 10**8, "10s": 10**10}[window]
    expected = twin.normalised_imbalance(tape.to_arrays(), levels, nanoseconds)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.nanstd(found) > 0.1


def test_normalised_imbalance_does_not_see_what_follows(tape):
    whole = alvh.order_flow_imbalance(tape, 5, normalise="3s")
    arrays = tape.to_arrays()
    cut = arrays["ts"][len(arrays["ts"]) // 2]
    head = tape.slice(0, int(np.searchsorted(arrays["ts"], cut)))
    np.testing.assert_array_equal(alvh.order_flow_imbalance(head, 5, normalise="3s"), whole[: head.n_events])


def test_ten_times_the_lots_are_the_same_pressure():
    ts = 1_700_000_000_000_000_000 + np.arange(400) * 10**8
    rng = np.random.default_rng(3)
    action, side = np.full(400, "M"), np.where(np.arange(400) % 2, "A", "B")
    price = np.where(np.arange(400) % 2, 101, 100)
    size = rng.integers(1, 50, 400)
    both = [
        alvh.order_flow_imbalance(
            alvh.from_arrays(ts, action, side, price, size * lots, tick_size=1.0),
            normalise="5s",
        )
        for lots in (1, 10)
    ]
    assert np.isfinite(both[0]).sum() > 390
    np.testing.assert_allclose(*both, rtol=1e-12)


@pytest.mark.parametrize("window", ["soon", "0s", "-1s", 5, True, "NaT"])
def test_windows_are_checked(tape, window):
    with pytest.raises(ConfigError, match=r"^IGN061 order_flow_imbalance normalise: got "):
        alvh.order_flow_imbalance(tape, normalise=window)


def trades(size, price):
    ts = 1_700_000_000_000_000_000 + np.arange(len(size)) * 10**6
    return alvh.from_arrays(ts, np.full(len(size), "T"), np.full(len(size), "B"), price, size, tick_size=0.01)


@pytest.mark.parametrize(("bucket", "buckets", "bars"), [(100, 5, 10), (97, 3, 7), (40, 1, 1), (64, 20, 4)])
def test_bulk_vpin_equals_its_definition(bucket, buckets, bars):
    rng = np.random.default_rng(bucket)
    size = rng.integers(1, 60, 1_000)
    price = 10_000 + np.cumsum(rng.integers(-2, 3, 1_000))
    frame = bulk_vpin(trades(size, price), bucket, buckets=buckets, bars=bars)
    bought, vpin = twin.bulk_vpin(size, price, bucket, buckets, bars)
    np.testing.assert_allclose(frame["bought"], bought, rtol=0, atol=1e-12)
    np.testing.assert_allclose(frame["vpin"], vpin, rtol=0, atol=1e-12)
    assert frame["vpin"].isna().sum() == buckets - 1
    filled = np.searchsorted(np.cumsum(size), bucket * np.arange(1, len(bought) + 1))
    np.testing.assert_array_equal(frame["event"], filled)
    np.testing.assert_array_equal(frame.index.asi8, 1_700_000_000_000_000_000 + filled * 10**6)


def test_bulk_vpin_does_not_see_what_follows_and_does_not_look_at_sides(tape):
    rng = np.random.default_rng(1)
    size, price = rng.integers(1, 60, 2_000), 10_000 + np.cumsum(rng.integers(-2, 3, 2_000))
    whole = bulk_vpin(trades(size, price), 100)
    head = bulk_vpin(trades(size[:1_200], price[:1_200]), 100)
    np.testing.assert_array_equal(head.to_numpy(), whole.to_numpy()[: len(head)])
    # Every trade is a buyer's: with true signs this were 1.
    assert whole["vpin"].iloc[-1] < 0.9
    assert 0.0 < bulk_vpin(tape, 200, buckets=5)["vpin"].iloc[-1] < 1.0


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("IGN062", {"bucket": 0}),
        ("IGN062", {"bucket": 10.5}),
        ("IGN063", {"buckets": 0}),
        ("IGN063", {"buckets": 1_001}),
        ("IGN064", {"bars": 101}),
        ("IGN064", {"bucket": 5, "bars": 6}),
    ],
)
def test_buckets_are_checked(tape, code, change):
    with pytest.raises(ConfigError, match=rf"^{code} bulk_vpin "):
        bulk_vpin(tape, **({"bucket": 100} | change))


def labelled(seed, hours):
    """Flow in which the trades are those of one exponential kernel, buyers and sellers together."""
    fields = alvh.bench.flow_fields(
        "stock",
        clock=(),
        trade_rate=TRUE["baseline"],
        branching_same=0.4,
        branching_cross=TRUE["branching"] - 0.4,
        kernel_decay=(TRUE["decay"], 1.0),
        kernel_share=1.0,
        activity=(0.0, 900.0),
        diurnal=1.0,
        parent_orders=0.0,
        arbitrage=0.0,
    )
    return alvh.bench.order_flow(seed, hours, fields=fields)


def test_the_labelled_tape_gives_its_parameters_back():
    for seed in (1, 2, 3):
        flow = labelled(seed, 0.5)
        times = arrivals(flow.tape)
        assert len(times) == flow.counts["trades"]
        fit = fit_hawkes(times)
        assert fit.optimum == "interior"
        assert fit.events == len(times) - 1 == len(fit.residuals)
        for name, true in TRUE.items():
            z = (getattr(fit, name) - true) / getattr(fit, f"{name}_error")
            assert abs(z) < 3.0, (seed, name, z)
        assert fit.ks_p_value > 0.01
        assert fit.ljung_box_p_value > 0.01
        assert fit.log_likelihood > fit.poisson_log_likelihood + 100


def test_sides_are_parts_of_all_arrivals():
    flow = labelled(4, 0.1)
    books = flow.tape.to_arrays()
    is_trade = books["action"] == ord("T")
    for side, letter in (("buy", "B"), ("sell", "A")):
        expected = np.unique(books["ts"][is_trade & (books["side"] == ord(letter))])
        np.testing.assert_array_equal(arrivals(flow.tape, side), expected)
    np.testing.assert_array_equal(arrivals(flow.tape), np.unique(books["ts"][is_trade]))
    for side in ("both", 1):
        with pytest.raises(ConfigError, match=r"^IGN065 arrivals side: got "):
            arrivals(flow.tape, side)


def test_likelihood_and_residuals_equal_the_double_sum():
    times = (arrivals(labelled(6, 0.05).tape) - arrivals(labelled(6, 0.05).tape)[0]) * 1e-9 + 0.5
    end = times[-1] + 1.0
    at = (0.9, 0.5, 3.0)
    value, gradient, _ = _core.hawkes_likelihood(times, end, *at)
    assert value == pytest.approx(twin.hawkes_log_likelihood(times, end, *at), rel=1e-12)
    slopes = optimize.approx_fprime(
        np.array(at), lambda x: twin.hawkes_log_likelihood(times, end, *x), epsilon=1e-7
    )
    np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-3)
    fit = fit_hawkes(times, start=0.0, end=end)
    found = (fit.baseline, fit.branching, fit.decay)
    np.testing.assert_allclose(fit.residuals, twin.hawkes_residuals(times, *found), rtol=1e-9, atol=1e-12)
    assert fit.log_likelihood == pytest.approx(twin.hawkes_log_likelihood(times, end, *found), rel=1e-12)
    ks = stats.kstest(fit.residuals, "expon")
    assert fit.ks == pytest.approx(ks.statistic, abs=1e-12)
    assert fit.ks_p_value == pytest.approx(ks.pvalue, abs=0.01)
    uniform = -np.expm1(-fit.residuals)
    uniform -= uniform.mean()
    n = len(uniform)
    r = np.array([uniform[:-k] @ uniform[k:] for k in range(1, 21)]) / (uniform @ uniform)
    box = n * (n + 2) * np.sum(r**2 / (n - np.arange(1, 21)))
    assert fit.ljung_box == pytest.approx(box, rel=1e-9)
    assert fit.ljung_box_p_value == pytest.approx(stats.chi2(20).sf(box), rel=1e-9)


def test_no_other_optimiser_finds_more():
    times = np.cumsum(np.random.default_rng(8).exponential(size=300)) ** 1.1
    for sample in ((arrivals(labelled(7, 0.05).tape)) * 1e-9, times):
        relative = sample - sample[0] + 0.1
        end = relative[-1]
        fit = fit_hawkes(relative, start=0.0)

        def loss(x, relative=relative, end=end):
            return -_core.hawkes_likelihood(relative, end, *np.exp(x))[0]

        starts = [np.log([len(sample) / end / 2, 0.5, decay]) for decay in (0.01, 0.1, 1.0, 10.0)]
        best = min(optimize.minimize(loss, x, method="Nelder-Mead").fun for x in starts)
        assert fit.log_likelihood >= -best - 1e-3


def test_poisson_arrivals_show_no_excitation():
    times = np.cumsum(np.random.default_rng(2).exponential(size=3_000))
    fit = fit_hawkes(times)
    assert fit.log_likelihood - fit.poisson_log_likelihood < 7.0
    assert fit.branching < 0.1
    assert fit.ks_p_value > 0.01
    # Twice as regular as a Poisson process: nothing excites, and the residuals say that it is none.
    fit = fit_hawkes(times[::2])
    assert fit.optimum == "poisson"
    assert fit.branching == 0.0
    assert math.isnan(fit.decay)
    assert math.isnan(fit.branching_error)
    assert fit.baseline == pytest.approx(fit.events / (times[::2][-1] - times[0]))
    assert fit.ks_p_value < 1e-6


def test_a_changed_clock_is_refused():
    """Hawkes arrivals on a clock that stops now and then are no Hawkes process with one kernel."""
    times = (arrivals(labelled(9, 0.5).tape)) * 1e-9
    times -= times[0]
    phase = times % 10
    warped = times - phase + np.where(phase < 9, phase / 9, 1 + 9 * (phase - 9))
    assert fit_hawkes(times).ks_p_value > 0.01
    fit = fit_hawkes(warped)
    assert min(fit.ks_p_value, fit.ljung_box_p_value) < 1e-3


def test_nanoseconds_and_seconds_are_the_same_fit():
    nanoseconds = arrivals(labelled(10, 0.05).tape)
    one, other = fit_hawkes(nanoseconds), fit_hawkes((nanoseconds - nanoseconds[0]) * 1e-9)
    assert one.branching == pytest.approx(other.branching, rel=1e-9)
    assert one.decay == pytest.approx(other.decay, rel=1e-9)


GOOD = np.arange(100) * 10**9


@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (
            DataError,
            "HWK001 fit_hawkes times: got 50 events, expected at least 51",
            lambda: fit_hawkes(GOOD[:50]),
        ),
        (DataError, "HWK001 fit_hawkes times: got 0 events", lambda: fit_hawkes(GOOD[:0])),
        (
            DataError,
            "HWK002 fit_hawkes:99 times: got inf",
            lambda: fit_hawkes([*range(99), math.inf], end=99.0),
        ),
        (
            DataError,
            "HWK002 fit_hawkes:3 times: got NaN",
            lambda: fit_hawkes([0.0, 1, 2, math.nan, *range(4, 90)]),
        ),
        (DataError, "HWK003 fit_hawkes:1 times: got 0", lambda: fit_hawkes(np.r_[0, GOOD])),
        (DataError, "HWK004 fit_hawkes:0 times: got -1", lambda: fit_hawkes(GOOD, start=10**9)),
        (DataError, "HWK005 fit_hawkes end: got 98 s", lambda: fit_hawkes(GOOD, end=98 * 10**9)),
        (ConfigError, "HWK006 fit_hawkes lags: got 3", lambda: fit_hawkes(GOOD, lags=3)),
        (ConfigError, "HWK006 fit_hawkes lags: got '20'", lambda: fit_hawkes(GOOD, lags="20")),
        (DataError, "HWK007 fit_hawkes times: got ", lambda: fit_hawkes(["a", "b"])),
        (
            DataError,
            "HWK007 fit_hawkes times: got int64 of 2 dimensions",
            lambda: fit_hawkes(GOOD.reshape(10, 10)),
        ),
        (DataError, "HWK007 fit_hawkes times: got ", lambda: fit_hawkes([[1], [2, 3]])),
        (DataError, "HWK007 fit_hawkes times: got ", lambda: fit_hawkes(np.r_[GOOD, 2**63 - 1])),
        (DataError, "HWK002 fit_hawkes:0 times: got NaN", lambda: fit_hawkes(np.full(60, -math.inf))),
        (ConfigError, "HWK008 fit_hawkes start: got 0.5", lambda: fit_hawkes(GOOD, start=0.5)),
        (ConfigError, "HWK008 fit_hawkes end: got nan", lambda: fit_hawkes(GOOD * 1e-9, end=math.nan)),
    ],
)
def test_bad_input_is_named(error, line, call):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(line)
