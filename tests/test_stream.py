"""The detector as a stream: the same as over a whole tape at any chunking, through pickling, and under misuse."""

from __future__ import annotations

import copy
import itertools
import pickle
import signal
import struct
import threading
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import errors
from hypothesis import given, settings
from hypothesis import strategies as st

START = 1_700_000_000_000_000_000
# Loose enough that random flow goes through every stage.
LOOSE = alvh.IgnitionConfig(
    warm_up=0.01,
    volume_ratio=0.5,
    push_z=1.0,
    velocity_z=0.1,
    thinning=2.0,
    move_bp=0.0,
    cascade_bp=0.0,
    cascade_sigma=0.5,
    alarm_score=0.0,
)
CODES = {letter: ord(letter) for letter in "ABCMNTFRHOX"}


def flow(seed: int, n: int, feed: str = "orders") -> dict[str, np.ndarray]:
    """Random adds, cancels, modifies and trades around a random walk, with now and then something odd."""
    rng = np.random.default_rng(seed)
    # Orders that are left behind by the walk are soon replaced by others of their id; levels are not.
    steps = rng.integers(-1, 2, n) * (rng.random(n) < 0.01) if feed == "orders" else np.zeros(n, np.int64)
    middle = 20_000 + np.cumsum(steps)
    side = rng.integers(0, 2, n)
    away = rng.integers(0, 15, n)
    action = rng.choice([CODES[a] for a in "AACMTTN"], n).astype(np.uint8)
    action[rng.random(n) < 0.0002] = CODES["R"]
    columns = {
        "ts": START + np.cumsum(rng.integers(0, 20_000_000, n)),
        "action": action,
        "side": np.where(side == 0, CODES["B"], CODES["A"]).astype(np.uint8),
        "price": np.where(side == 0, middle - away, middle + 1 + away),
        "size": rng.integers(1, 30, n),
        "flags": np.where(rng.random(n) < 0.9, 128, 0).astype(np.uint8),
    }
    if feed == "orders":
        columns["order_id"] = rng.integers(1, 60, n).astype(np.uint64)
    columns["participant"] = rng.integers(0, 5, n).astype(np.uint64)
    return columns


def depth_flow(seed: int, n: int, k: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    columns = flow(seed, n, "levels")
    rng = np.random.default_rng(seed + 1)
    touch = 20_000 + np.cumsum(rng.integers(-1, 2, n) * (rng.random(n) < 0.1))
    bid = touch[:, None] - np.arange(k)
    ask = touch[:, None] + 1 + np.arange(k)
    sizes = rng.integers(1, 50, (2, n, k))
    return columns, [bid, ask, sizes[0], sizes[1]]


def batch(columns: dict[str, np.ndarray], config: alvh.IgnitionConfig = LOOSE, **more: object) -> alvh.Signal:
    tape = alvh._core.Tape.from_columns(
        "test",
        1.0,
        1.0,
        *(columns[name] for name in ("ts", "action", "side", "flags", "price", "size")),
        order_id=columns.get("order_id"),
        participant=columns.get("participant"),
        **more,
    )
    from alvh.ignition import Signal

    return Signal(_Ticks(), config, alvh._core.ignition_detect(tape, config.to_json(), None))


class _Ticks:
    tick_size = 1.0


def assert_same(found: alvh.Signal, expected: alvh.Signal, *, least: int = 3) -> None:
    """Every column equal bit by bit."""
    for part in ("episodes", "transitions", "timeline"):
        mine, theirs = found._raw[part], expected._raw[part]
        assert list(mine) == list(theirs)
        for name in mine:
            assert mine[name].dtype == theirs[name].dtype
            assert mine[name].tobytes() == theirs[name].tobytes(), f"{part}.{name}"
    assert found.quality == expected.quality
    assert found.events == expected.events
    assert len(found._raw["transitions"]["time"]) >= least


def rows(columns: dict[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    return {name: column[start:stop] for name, column in columns.items()}


def feed_one_by_one(detector: alvh.IgnitionDetector, columns: dict[str, np.ndarray]) -> None:
    names = list(columns)
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        detector.update(**dict(zip(names, row, strict=True)))


@pytest.mark.parametrize("feed", ["orders", "levels"])
def test_events_one_by_one_are_the_batch(feed: str) -> None:
    columns = flow(1, 20_000, feed)
    detector = alvh.IgnitionDetector(LOOSE, feed=feed)
    feed_one_by_one(detector, columns)
    expected = batch(columns)
    assert_same(detector.signal, expected, least=30)
    assert detector.n_events == 20_000
    assert detector.stage in ("idle", "armed", "ignited", "cascade")
    assert len(detector.stages) == 3
    assert 0.0 <= detector.score <= 100.0
    pd.testing.assert_frame_equal(detector.episodes, expected.episodes)
    assert len(detector.episodes) > 3


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    feed=st.sampled_from(["orders", "levels", "depth"]),
    cuts=st.lists(st.integers(0, 6_000), max_size=6),
    by_pickle=st.lists(st.booleans(), min_size=7, max_size=7),
)
def test_any_chunking_with_pickling_between_is_the_batch(
    seed: int, feed: str, cuts: list[int], by_pickle: list[bool]
) -> None:
    n = 6_000
    levels: list[np.ndarray] = []
    if feed == "depth":
        columns, levels = depth_flow(seed, n, 1 + seed % 10)
    else:
        columns = flow(seed, n, feed)
    detector = alvh.IgnitionDetector(LOOSE, feed=feed)
    edges = [0, *sorted(cuts), n]
    for (start, stop), pickled in zip(itertools.pairwise(edges), by_pickle, strict=False):
        block = rows(columns, start, stop)
        detector.update_batch(**block, levels=[each[start:stop] for each in levels] if levels else None)
        if pickled:
            detector = pickle.loads(pickle.dumps(detector))
    expected = batch(columns, levels=levels or None)
    assert_same(detector.signal, expected)


def test_a_block_beyond_the_copying_size_is_the_same() -> None:
    columns = flow(8, 30_000)
    detector = alvh.IgnitionDetector(LOOSE)
    detector.update_batch(**columns)
    assert_same(detector.signal, batch(columns), least=30)


def test_what_is_known_does_not_change_when_more_follows() -> None:
    columns = flow(4, 20_000)
    detector = alvh.IgnitionDetector(LOOSE)
    detector.update_batch(**rows(columns, 0, 9_000))
    before = {name: column.copy() for name, column in detector.columns()["transitions"].items()}
    detector.update_batch(**rows(columns, 9_000, 20_000))
    after = detector.columns()["transitions"]
    assert len(after["time"]) > len(before["time"]) > 20
    for name, column in before.items():
        assert column.tobytes() == after[name][: len(column)].tobytes()


def test_state_dict_restores_config_feed_and_bits() -> None:
    columns = flow(5, 8_000, "levels")
    detector = alvh.IgnitionDetector(LOOSE, feed="levels", tick_size=0.25)
    detector.update_batch(**rows(columns, 0, 4_000))
    other = alvh.IgnitionDetector()
    other.load_state_dict(detector.state_dict())
    third, fourth = copy.copy(detector), copy.deepcopy(detector)
    for each in (detector, other, third, fourth):
        each.update_batch(**rows(columns, 4_000, 8_000))
        assert each.config == LOOSE
        assert each.tick_size == 0.25
        assert each.state_dict() == detector.state_dict()
    assert_same(other.signal, batch(columns))


def test_nan_and_infinity_survive() -> None:
    detector = alvh.IgnitionDetector(LOOSE)
    detector.update_batch(**flow(6, 3_000))
    before = detector.features(0)
    assert any(np.isnan(value) for value in before.values())
    after = pickle.loads(pickle.dumps(detector)).features(0)
    assert struct.pack(f"{len(before)}d", *before.values()) == struct.pack(f"{len(after)}d", *after.values())


def test_a_damaged_or_foreign_state_is_refused_and_nothing_changes() -> None:
    detector = alvh.IgnitionDetector(LOOSE)
    detector.update_batch(**flow(6, 500))
    state = detector.state_dict()
    content = state["state"]
    bad: list[object] = [
        {},
        {**state, "layout": 2},
        {**state, "state": content[:-1]},
        {**state, "state": content + b"x"},
        {**state, "state": b""},
        {**state, "state": "text"},
        {**state, "tick_size": -1.0},
        None,
        7,
    ]
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        bad.append({**state, "state": bytes(damaged)})
    for each in bad:
        with pytest.raises(errors.DecodeError, match=r"^IGN004 state"):
            detector.load_state_dict(each)  # type: ignore[arg-type]
    assert detector.state_dict() == state


# Records of Databento's binary encoding, packed by hand.


def mbo(row: tuple[int, ...], *, instrument: int = 7, tick: int = 250_000_000, extra: bytes = b"") -> bytes:
    ts, action, side, flags, price, size, order_id = row
    length = (56 + len(extra)) // 4
    head = struct.pack("<BBHIqQqI", length, 0xA0, 1, instrument, ts - 5, order_id, price * tick, size)
    return head + struct.pack("<BBBBqiI", flags, 0, action, side, ts, 0, 0) + extra


def mbp(row: tuple[int, ...], levels: np.ndarray, *, instrument: int = 7, tick: int = 250_000_000) -> bytes:
    ts, action, side, flags, price, size = row
    k = levels.shape[1]
    kind, length = (0x0A, 92) if k == 10 else (0x01, 20)
    head = struct.pack("<BBHIqqI", length, kind, 1, instrument, ts - 5, price * tick, size)
    head += struct.pack("<BBBBqiI", action, side, flags, 0, ts, 0, 0)
    pairs = [
        struct.pack("<qqIIII", int(b) * tick, int(a) * tick, int(x), int(y), 1, 1) for b, a, x, y in levels.T
    ]
    return head + b"".join(pairs)


def test_records_of_orders_are_the_events() -> None:
    columns = flow(9, 8_000)
    del columns["participant"]
    order = ("ts", "action", "side", "flags", "price", "size", "order_id")
    detector = alvh.IgnitionDetector(LOOSE, tick_size=0.25)
    for i, row in enumerate(zip(*(columns[name].tolist() for name in order), strict=True)):
        record = mbo(row, extra=b"\0" * 8 if i % 3 == 0 else b"")
        detector.update_record(memoryview(record) if i % 2 else record)
    assert_same(detector.signal, batch(columns))


@pytest.mark.parametrize("k", [1, 10])
def test_records_of_depth_are_the_events(k: int) -> None:
    columns, levels = depth_flow(10, 6_000, k)
    del columns["participant"]
    order = ("ts", "action", "side", "flags", "price", "size")
    detector = alvh.IgnitionDetector(LOOSE, feed="depth", tick_size=0.25)
    stacked = np.stack(levels)
    for i, row in enumerate(zip(*(columns[name].tolist() for name in order), strict=True)):
        detector.update_record(mbp(row, stacked[:, i]))
    assert_same(detector.signal, batch(columns, levels=levels))


def test_the_clock_of_records_is_a_choice() -> None:
    row = (START, CODES["A"], CODES["B"], 128, 100, 5, 1)
    for time, ts in [("receive", START), ("event", START - 5)]:
        detector = alvh.IgnitionDetector(tick_size=0.25, time=time)
        detector.update_record(mbo(row))
        assert detector.columns()["end"] == ts


def test_records_that_cannot_be_used_are_refused() -> None:
    good = mbo((START, CODES["A"], CODES["B"], 128, 100, 5, 1))
    detector = alvh.IgnitionDetector(tick_size=0.25)
    detector.update_record(good)
    before = detector.state_dict()
    other_length = bytes([13]) + good[1:]
    for record, code, kind in [
        (b"", "IGN031", errors.DecodeError),
        (good[:-1], "IGN031", errors.DecodeError),
        (good + b"\0" * 4, "IGN031", errors.DecodeError),
        (other_length, "IGN031", errors.DecodeError),
        (mbp((START, 65, 66, 128, 100, 5), np.ones((4, 1))), "IGN031", errors.DecodeError),
        (mbo((START, 65, 66, 128, 100, 5, 1), instrument=8), "IGN032", errors.DataError),
        (mbo((START, 65, 66, 128, 100, 5, 1), tick=250_000_001), "IGN033", errors.DataError),
        (mbo((START - 1, 65, 66, 128, 100, 5, 1)), "IGN001", errors.DataError),
        (mbo((1, 65, 66, 128, 100, 5, 1)), "IGN002", errors.DataError),
        (object(), "IGN038", errors.SchemaError),
    ]:
        with pytest.raises(kind, match=rf"^{code} "):
            detector.update_record(record)
    assert detector.state_dict() == before
    with pytest.raises(errors.ConfigError, match=r"^IGN034 "):
        alvh.IgnitionDetector().update_record(good)
    for length in range(len(good)):
        with pytest.raises(errors.DecodeError, match=r"^IGN031 "):
            detector.update_record(good[:length])


def test_wrong_arguments_name_themselves() -> None:
    detector = alvh.IgnitionDetector()
    good = {"ts": START, "action": "A", "side": "B", "price": 100, "size": 5, "order_id": 1}
    for name, value in [
        ("ts", 1.5),
        ("ts", 2**63),
        ("action", "AB"),
        ("action", 256),
        ("side", None),
        ("price", "1"),
        ("size", None),
        ("order_id", -1),
        ("flags", 300),
    ]:
        with pytest.raises(errors.SchemaError, match=rf"^IGN038 IgnitionDetector {name}: "):
            detector.update(**{**good, name: value})
    for name, value in [("ts", 5), ("size", -1), ("price", 2**60)]:
        with pytest.raises(errors.DataError, match=r"^IGN002 "):
            detector.update(**{**good, name: value})
    assert detector.n_events == 0
    for arguments in [
        {"feed": "trades"},
        {"feed": 3},
        {"feed": "x\ny"},
        {"tick_size": 10**400},
        {"tick_size": True},
        {"time": ["event"]},
        {"tick_size": "1"},
        {"tick_size": 0.0},
        {"time": "now"},
    ]:
        with pytest.raises(errors.ConfigError, match=r"^IGN0(30|39|44|45) [^\n]*$") as caught:
            alvh.IgnitionDetector(**arguments)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    with pytest.raises(errors.ConfigError, match=r"^IGN041 "):
        detector.features(3)
    with pytest.raises(errors.ConfigError, match=r"^IGN040 "):
        alvh.IgnitionDetector(feed="depth").update(**good)


def test_a_streamed_signal_says_that_it_has_no_tape() -> None:
    detector = alvh.IgnitionDetector(LOOSE)
    detector.update_batch(**flow(11, 2_000))
    signal = detector.signal
    assert len(signal.episodes) > 0
    for call in (lambda: signal.evidence(0), lambda: signal.plot(0)):
        with pytest.raises(
            errors.ConfigError, match=r"^IGN028 Signal tape: got an IgnitionDetector, expected a tape"
        ):
            call()
    assert "stream: ignition score" in signal.plot().figure.get_suptitle()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["ts", "action", "side", "price", "size", "order_id"])
def test_masked_values_are_refused_and_whole_masked_arrays_are_not(name: str) -> None:
    columns = flow(11, 200)
    whole = {**columns, name: np.ma.masked_array(columns[name])}
    detector = alvh.IgnitionDetector()
    with pytest.raises(errors.SchemaError, match=rf"^IGN046 update_batch {name}: got masked values"):
        detector.update_batch(**{**columns, name: np.ma.masked_array(columns[name], np.arange(200) == 7)})
    assert detector.n_events == 0
    detector.update_batch(**whole)
    assert detector.n_events == 200
    masked = {**columns, name: np.ma.masked_array(columns[name], np.arange(200) == 7)}
    with pytest.raises(errors.DataError, match=rf"^ARR021 arrays:7 {name}: got a masked value"):
        alvh.from_arrays(**masked, tick_size=0.25)


def test_blocks_of_other_types_are_converted_or_refused() -> None:
    columns = flow(11, 200)
    expected = alvh.IgnitionDetector(LOOSE)
    expected.update_batch(**columns)
    for other in (
        {name: column.astype(np.int64) for name, column in columns.items()},
        {name: column.tolist() for name, column in columns.items()},
        {name: np.repeat(column, 2)[::2] for name, column in columns.items()},
        {
            **columns,
            "action": [chr(code) for code in columns["action"]],
            "side": columns["side"].astype("i2"),
        },
        {name: pd.Series(column) for name, column in columns.items()},
    ):
        detector = alvh.IgnitionDetector(LOOSE)
        detector.update_batch(**other)
        assert detector.state_dict() == expected.state_dict()
    for name, column, code in [
        ("price", columns["price"] + 0.5, "IGN046"),
        ("action", columns["action"].astype(int) + 256, "IGN046"),
        ("order_id", columns["price"] * -1, "IGN046"),
        ("size", columns["size"][:-1], "IGN042"),
        ("size", columns["size"][None], "IGN046"),
        ("flags", None, None),
        ("ts", "now", "IGN046"),
        ("side", ["bid"] * 200, "IGN046"),
    ]:
        detector = alvh.IgnitionDetector(LOOSE)
        if code is None:
            detector.update_batch(**{**columns, name: column})
            continue
        with pytest.raises(errors.SchemaError, match=rf"^{code} update_batch {name}: "):
            detector.update_batch(**{**columns, name: column})
        assert detector.n_events == 0
    with pytest.raises(errors.ConfigError, match=r"^IGN040 "):
        alvh.IgnitionDetector(feed="depth").update_batch(**columns)
    with pytest.raises(errors.SchemaError, match=r"^IGN046 update_batch levels"):
        alvh.IgnitionDetector(feed="depth").update_batch(**columns, levels=[columns["price"]] * 4)


def test_after_close_every_call_is_refused() -> None:
    detector = alvh.IgnitionDetector(tick_size=0.25)
    detector.update_batch(**flow(1, 10))
    detector.close()
    detector.close()
    block = flow(1, 10)
    for call in (
        lambda: detector.update(START, "A", "B", 1, 1),
        lambda: detector.update_record(mbo((START, 65, 66, 128, 1, 1, 1))),
        lambda: detector.update_batch(**block),
        lambda: detector.stage,
        lambda: detector.score,
        lambda: detector.signal,
        lambda: detector.state_dict(),
        lambda: pickle.dumps(detector),
    ):
        with pytest.raises(errors.ConfigError, match=r"^IGN035 "):
            call()
    assert "after close" in repr(detector)


def detector_is_empty(detector: alvh.IgnitionDetector) -> bool:
    while True:
        try:
            return detector.n_events == 0
        except errors.ConfigError:
            continue


def test_two_threads_at_once_raise_and_nothing_hangs() -> None:
    columns = flow(2, 300_000)
    detector = alvh.IgnitionDetector(LOOSE)
    refused: list[str] = []
    done = threading.Event()

    def intrude() -> None:
        while not done.is_set():
            try:
                detector.score  # noqa: B018
            except errors.ConfigError as error:
                refused.append(error.code)

    threads = [threading.Thread(target=intrude) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while detector_is_empty(detector):
            try:
                detector.update_batch(**columns)
            except errors.ConfigError as error:
                refused.append(error.code)
    finally:
        done.set()
        for thread in threads:
            thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert set(refused) == {"IGN036"}
    assert_same(detector.signal, batch(columns))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_call_from_inside_another_is_refused() -> None:
    detector = alvh.IgnitionDetector(LOOSE)
    codes: list[str] = []

    def intrude(*_: object) -> None:
        try:
            detector.update(START, "A", "B", 1, 1)
        except errors.AlvhError as error:
            codes.append(error.code)

    columns = flow(3, 2_000_000)
    before = signal.signal(signal.SIGALRM, intrude)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        detector.update_batch(**columns)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert "IGN036" in codes
    assert detector.n_events >= 2_000_000


def test_an_interrupt_stops_a_long_block() -> None:
    detector = alvh.IgnitionDetector(LOOSE)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    columns = flow(3, 2_000_000)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            detector.update_batch(**columns)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.needs_shared_data
def test_real_orders_one_by_one_are_one_block(shared_data: Path) -> None:
    databento = pytest.importorskip("databento")
    path = next((shared_data / "books" / "dbn_es").glob("*_mbo_*"))
    store = databento.DBNStore.from_bytes(path.read_bytes())
    records = [record for record in store if record.rtype == 0xA0]
    assert len(records) > 1_000
    one = alvh.IgnitionDetector(LOOSE, tick_size=0.25)
    for record in records:
        one.update_record(bytes(record))
    array = store.to_ndarray()
    price = array["price"]
    ticks = np.where(price == 2**63 - 1, price, price // 250_000_000)
    many = alvh.IgnitionDetector(LOOSE)
    many.update_batch(
        array["ts_recv"].astype(np.int64),
        array["action"].view(np.uint8),
        array["side"].view(np.uint8),
        ticks,
        array["size"].astype(np.int64),
        array["order_id"].copy(),
        array["flags"].copy(),
    )
    assert one.signal.quality == many.signal.quality
    assert one.n_events == many.n_events == len(records)
    assert one.features(0)["mid"] == many.features(0)["mid"] > 0
