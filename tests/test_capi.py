"""The C functions: the same as the stream, from ctypes and from a compiled loop, and safe with bad handles."""

from __future__ import annotations

import ctypes
import math
import threading

import alvh
import numpy as np
import pytest
from alvh import capi, errors
from alvh.ignition import STAGES

START = 1_700_000_000_000_000_000
LOOSE = alvh.IgnitionConfig(
    warm_up=0.01, volume_ratio=0.5, push_z=1.0, velocity_z=0.1, thinning=2.0, move_bp=0.0
)


def columns(n: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    side = rng.integers(0, 2, n)
    away = rng.integers(0, 12, n)
    return (
        START + np.cumsum(rng.integers(0, 20_000_000, n)),
        rng.choice([ord(letter) for letter in "AACMTT"], n),
        np.where(side == 0, ord("B"), ord("A")),
        np.where(side == 0, 20_000 - away, 20_001 + away),
        rng.integers(1, 30, n),
        rng.integers(1, 60, n).astype(np.uint64),
        np.where(rng.random(n) < 0.9, 128, 0),
    )


def expected(events: tuple[np.ndarray, ...]) -> tuple[list[int], float]:
    detector = alvh.IgnitionDetector(LOOSE)
    stages = [
        detector.update(ts, action, side, price, size, order_id, flags)
        for ts, action, side, price, size, order_id, flags in zip(
            *(each.tolist() for each in events), strict=True
        )
    ]
    assert len(set(stages)) >= 2, "the flow shows nothing"
    return stages, detector.score


def test_steps_from_ctypes_are_the_stream() -> None:
    events = columns(5_000)
    stages, score = expected(events)
    handle = capi.new(LOOSE)
    try:
        found = [capi.step(handle, *row) for row in zip(*(each.tolist() for each in events), strict=True)]
        assert found == stages
        assert capi.score(handle) == score
    finally:
        assert capi.free(handle) == 0


def test_steps_from_a_numba_loop_are_the_stream() -> None:
    numba = pytest.importorskip("numba")
    step, score_of = capi.step, capi.score

    @numba.njit
    def run(handle, ts, action, side, price, size, order_id, flags, stages):  # type: ignore[no-untyped-def]
        for i in range(len(ts)):
            stages[i] = step(handle, ts[i], action[i], side[i], price[i], size[i], order_id[i], flags[i])
        return score_of(handle)

    events = columns(5_000)
    stages, score = expected(events)
    found = np.empty(len(stages), np.int64)
    handle = capi.new(LOOSE)
    try:
        assert run(np.uint64(handle), *events, found) == score
        assert found.tolist() == stages
    finally:
        assert capi.free(handle) == 0


def test_the_declarations_work_in_cffi() -> None:
    ffi = pytest.importorskip("cffi").FFI()
    ffi.cdef(capi.CDEF)
    library = ffi.dlopen(capi.library())
    handle = library.alvh_ignition_new(ffi.NULL, 0, 0)
    assert handle != 0
    assert library.alvh_ignition_step(handle, START, ord("A"), ord("B"), 100, 5, 1, capi.LAST) == 0
    assert library.alvh_ignition_score(handle) == 0.0
    assert library.alvh_ignition_free(handle) == 0


def test_bad_handles_give_codes() -> None:
    good = (START, ord("A"), ord("B"), 100, 5, 1, 128)
    handle = capi.new()
    for bad in (0, 1 << 20, handle + 1, handle + (1 << 32), 2**64 - 1, 0xDEADBEEF):
        assert capi.step(bad, *good) == capi.BAD_HANDLE
        assert math.isnan(capi.score(bad))
        assert capi.free(bad) == capi.BAD_HANDLE
    assert capi.step(handle, *good) == STAGES.index("idle")
    assert capi.free(handle) == 0
    assert capi.step(handle, *good) == capi.BAD_HANDLE
    assert capi.free(handle) == capi.BAD_HANDLE
    again = capi.new()
    assert again != handle
    assert capi.step(handle, *good) == capi.BAD_HANDLE, "an old handle is not that of a new detector"
    assert capi.free(again) == 0


def test_refused_events_change_nothing() -> None:
    handle = capi.new()
    try:
        assert capi.step(handle, START, ord("A"), ord("B"), 100, 5, 1, 128) == 0
        for bad in [
            (START - 1, ord("A"), ord("B"), 100, 5, 1, 128),
            (5, ord("A"), ord("B"), 100, 5, 1, 128),
            (START, 256, ord("B"), 100, 5, 1, 128),
            (START, -1, ord("B"), 100, 5, 1, 128),
            (START, ord("A"), 1 << 40, 100, 5, 1, 128),
            (START, ord("A"), ord("B"), 2**60, 5, 1, 128),
            (START, ord("A"), ord("B"), 100, -5, 1, 128),
            (START, ord("A"), ord("B"), 100, 5, 1, 256),
        ]:
            assert capi.step(handle, *bad) == capi.REFUSED
        assert capi.step(handle, START, ord("C"), ord("B"), 100, 5, 1, 128) == 0
    finally:
        capi.free(handle)


def test_new_refuses_what_is_no_configuration() -> None:
    with pytest.raises(errors.ConfigError, match=r"^IGN039 capi\.new feed"):
        capi.new(feed="depth")
    with pytest.raises(errors.ConfigError, match=r"^IGN023 "):
        capi.new("config")  # type: ignore[arg-type]
    library = ctypes.CDLL(capi.library())
    raw = library.alvh_ignition_new
    raw.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]
    raw.restype = ctypes.c_uint64
    for text, feed in [(b"{}x", 0), (b"\xff\xfe", 0), (b"[]", 0), (None, 2), (None, -1)]:
        assert raw(text, len(text or b""), feed) == 0


def test_the_number_of_detectors_is_bounded() -> None:
    handles = []
    try:
        handles.extend(capi.new() for _ in range(alvh._core.CAPI_SLOTS))
        assert len(set(handles)) == alvh._core.CAPI_SLOTS
        with pytest.raises(errors.LimitError, match=r"^IGN043 capi\.new"):
            capi.new()
    finally:
        assert {capi.free(handle) for handle in handles} == {0}


def test_threads_on_one_handle_get_codes_and_nothing_hangs() -> None:
    handle = capi.new()
    codes: set[int] = set()

    def run() -> None:
        for i in range(20_000):
            codes.add(capi.step(handle, START, ord("A"), ord("B"), 100 - i % 50, 5, i % 64, 128))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert codes <= {0, capi.BUSY}
    assert capi.free(handle) == 0
