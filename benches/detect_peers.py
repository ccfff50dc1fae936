"""What peers of the detector do with the same records: features in numba and polars, hftbacktest's book, nautilus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TICK = 250_000_000


@numba.njit
def is_other(words: Any, i: int, k: int) -> bool:
    """Whether level k is another than in the record before: one branch."""
    j = 6 + 4 * k
    bid, ask, size = (
        words[i, j] ^ words[i - 1, j],
        words[i, j + 1] ^ words[i - 1, j + 1],
        words[i, j + 2] ^ words[i - 1, j + 2],
    )
    return (bid | ask | size) != 0


@numba.njit
def imbalance(words: Any, halves: Any, i: int, k: int) -> int:
    """Order-flow imbalance of level k (Cont, Kukanov, Stoikov 2014, non-strict)."""
    bid, was_bid, ask, was_ask = (
        words[i, 6 + 4 * k],
        words[i - 1, 6 + 4 * k],
        words[i, 7 + 4 * k],
        words[i - 1, 7 + 4 * k],
    )
    e = np.int64(bid >= was_bid) * np.int64(halves[i, 16 + 8 * k])
    e -= np.int64(bid <= was_bid) * np.int64(halves[i - 1, 16 + 8 * k])
    e -= np.int64(ask <= was_ask) * np.int64(halves[i, 17 + 8 * k])
    e += np.int64(ask >= was_ask) * np.int64(halves[i - 1, 17 + 8 * k])
    return e


@numba.njit
def features_by_event(words: Any, halves: Any, letters: Any) -> Any:
    """The features of the table in docs, moved on at every record: four exponentials each."""
    fast, mid, slow, mean_fast, mean_mid = np.zeros(4), np.zeros(2), np.zeros(5), 0.0, 0.0
    depth3 = np.zeros(2)
    out = np.zeros(12)
    last = words[0, 1]
    for i in range(1, len(words)):
        dt = (words[i, 1] - last) * 1e-9
        last = words[i, 1]
        g_fast, g_mid, g_slow = np.exp(-dt / 0.25), np.exp(-dt), np.exp(-dt / 60.0)
        e, multi = 0, 0.0
        for k in range(10):
            if is_other(words, i, k):
                change = imbalance(words, halves, i, k)
                multi += change / (k + 1)
                if k == 0:
                    e = change
        bought = sold = 0.0
        if letters[i, 28] == 84:
            if letters[i, 29] == 66:
                bought = float(halves[i, 6])
            else:
                sold = float(halves[i, 6])
        price = 0.5 * (words[i, 6] + words[i, 7]) / TICK
        mean_fast = mean_fast * g_fast + price * (1 - g_fast)
        mean_mid = mean_mid * g_mid + price * (1 - g_mid)
        fast[0] = fast[0] * g_fast + e
        fast[1] = fast[1] * g_fast + multi
        fast[2] = fast[2] * g_fast + bought + sold
        fast[3] = fast[3] * g_fast + bought - sold
        mid[0] = mid[0] * g_mid + bought + sold
        mid[1] = mid[1] * g_mid + abs(e)
        slow[0] = slow[0] * g_slow + e * e
        slow[1] = slow[1] * g_slow + bought
        slow[2] = slow[2] * g_slow + sold
        bids = asks = 0
        three = five = (0, 0)
        for k in range(10):
            bids += np.int64(halves[i, 16 + 8 * k])
            asks += np.int64(halves[i, 17 + 8 * k])
            if k == 2:
                three = (bids, asks)
            if k == 4:
                five = (bids, asks)
        depth3[0] = depth3[0] * g_slow + three[0] * (1 - g_slow)
        depth3[1] = depth3[1] * g_slow + three[1] * (1 - g_slow)
        best_bid, best_ask = float(halves[i, 16]), float(halves[i, 17])
        out[0] = fast[0] / np.sqrt(slow[0] / 60.0 * 0.125 + 1e-9)
        out[1] = fast[1]
        out[2] = (best_bid - best_ask) / (best_bid + best_ask)
        out[3] = (bids - asks) / (bids + asks)
        out[4] = out[2] * 0.5 * (words[i, 7] - words[i, 6]) / TICK
        out[5] = three[0] / depth3[0]
        out[6] = three[1] / depth3[1]
        out[7] = five[0] / (slow[2] / 6.0 + 1e-9)
        out[8] = five[1] / (slow[1] / 6.0 + 1e-9)
        out[9] = (price - mean_fast) / 0.25 - (price - mean_mid)
        out[10] = price - mean_mid
        out[11] = (fast[2] * 60.0) / ((slow[1] + slow[2]) * 0.25 + 1e-9)
    return out


@numba.njit
def features_by_cell(words: Any, halves: Any, letters: Any) -> Any:
    """The same on the core's lattice: whole totals at every record, the weighted sums every 10 ms."""
    fast, slow, mean_fast, mean_mid = np.zeros(4), np.zeros(3), 0.0, 0.0
    depth3 = np.zeros(2)
    out = np.zeros(12)
    cell = words[0, 1] // 10_000_000
    end = (cell + 1) * 10_000_000
    e_sum, squares, multi, bought, sold = 0, 0, 0.0, 0, 0
    for i in range(1, len(words)):
        ts = words[i, 1]
        if ts >= end:
            dt = (ts // 10_000_000 - cell) * 0.01
            cell = ts // 10_000_000
            end = (cell + 1) * 10_000_000
            g_fast, g_mid, g_slow = np.exp(-dt / 0.25), np.exp(-dt), np.exp(-dt / 60.0)
            price = 0.5 * (words[i - 1, 6] + words[i - 1, 7]) / TICK
            mean_fast = mean_fast * g_fast + price * (1 - g_fast)
            mean_mid = mean_mid * g_mid + price * (1 - g_mid)
            fast[0] = fast[0] * g_fast + e_sum
            fast[1] = fast[1] * g_fast + multi
            fast[2] = fast[2] * g_fast + bought + sold
            fast[3] = fast[3] * g_fast + bought - sold
            slow[0] = slow[0] * g_slow + squares
            slow[1] = slow[1] * g_slow + bought
            slow[2] = slow[2] * g_slow + sold
            e_sum, squares, multi, bought, sold = 0, 0, 0.0, 0, 0
            bids = asks = 0
            three = five = (0, 0)
            for k in range(10):
                bids += np.int64(halves[i - 1, 16 + 8 * k])
                asks += np.int64(halves[i - 1, 17 + 8 * k])
                if k == 2:
                    three = (bids, asks)
                if k == 4:
                    five = (bids, asks)
            depth3[0] = depth3[0] * g_slow + three[0] * (1 - g_slow)
            depth3[1] = depth3[1] * g_slow + three[1] * (1 - g_slow)
            best_bid, best_ask = float(halves[i - 1, 16]), float(halves[i - 1, 17])
            out[0] = fast[0] / np.sqrt(slow[0] / 60.0 * 0.125 + 1e-9)
            out[1] = fast[1]
            out[2] = (best_bid - best_ask) / (best_bid + best_ask)
            out[3] = (bids - asks) / (bids + asks)
            out[4] = out[2] * 0.5 * (words[i - 1, 7] - words[i - 1, 6]) / TICK
            out[5] = three[0] / depth3[0]
            out[6] = three[1] / depth3[1]
            out[7] = five[0] / (slow[2] / 6.0 + 1e-9)
            out[8] = five[1] / (slow[1] / 6.0 + 1e-9)
            out[9] = (price - mean_fast) / 0.25 - (price - mean_mid)
            out[10] = price - mean_mid
            out[11] = (fast[2] * 60.0) / ((slow[1] + slow[2]) * 0.25 + 1e-9)
        for k in range(10):
            if is_other(words, i, k):
                change = imbalance(words, halves, i, k)
                multi += change / (k + 1)
                if k == 0:
                    e_sum += change
                    squares += change * change
        if letters[i, 28] == 84:
            if letters[i, 29] == 66:
                bought += np.int64(halves[i, 6])
            else:
                sold += np.int64(halves[i, 6])
    return out


def polars_features(frame: pl.DataFrame) -> pl.DataFrame:
    """What a data frame can say in one pass of expressions, on columns that are decoded already."""
    multi = pl.lit(0.0)
    for k in range(10):
        bid, ask, bid_size, ask_size = (
            pl.col(f"{name}_{k:02}") for name in ("bid_px", "ask_px", "bid_sz", "ask_sz")
        )
        was = [column.shift(1) for column in (bid, ask, bid_size, ask_size)]
        e = (
            pl.when(bid >= was[0]).then(bid_size).otherwise(0)
            - pl.when(bid <= was[0]).then(was[2]).otherwise(0)
            - pl.when(ask <= was[1]).then(ask_size).otherwise(0)
            + pl.when(ask >= was[1]).then(was[3]).otherwise(0)
        )
        multi = multi + e / (k + 1)
    bids = pl.sum_horizontal(f"bid_sz_{k:02}" for k in range(10))
    asks = pl.sum_horizontal(f"ask_sz_{k:02}" for k in range(10))
    mid = 0.5 * (pl.col("bid_px_00") + pl.col("ask_px_00"))
    volume = pl.when(pl.col("action") == "T").then(pl.col("size")).otherwise(0)
    ts = pl.col("ts")
    return frame.select(
        multi=multi,
        depth_imbalance=(bids - asks) / (bids + asks),
        microprice=(pl.col("ask_px_00") * pl.col("bid_sz_00") + pl.col("bid_px_00") * pl.col("ask_sz_00"))
        / (pl.col("bid_sz_00") + pl.col("ask_sz_00"))
        - mid,
        mean_fast=mid.ewm_mean_by(ts, half_life="173ms"),
        mean_mid=mid.ewm_mean_by(ts, half_life="693ms"),
        volume_slow=volume.ewm_mean_by(ts, half_life="42s"),
        imbalance_fast=multi.fill_null(0).ewm_mean_by(ts, half_life="173ms"),
    )


def frame_of(decoded: np.ndarray[Any, Any]) -> pl.DataFrame:
    """The columns that `polars_features` needs."""
    names = [f"{side}_{what}_{k:02}" for side in ("bid", "ask") for what in ("px", "sz") for k in range(10)]
    columns = {name: decoded[name].astype(np.int64) for name in names}
    columns["size"] = decoded["size"].astype(np.int64)
    columns["ts"] = decoded["ts_event"].astype("datetime64[ns]")
    columns["action"] = decoded["action"].astype("U1")
    return pl.DataFrame(columns)


def hftbacktest_book(raw: np.ndarray[Any, Any]) -> Callable[[], float]:
    """A run of hftbacktest over market by order, looking at the best bid every 100 ms; gives ns an event."""
    import hftbacktest as hft

    records = raw.reshape(-1, 56)
    words, halves = records.view("<i8"), records.view("<u4")
    events = np.zeros(len(records), hft.event_dtype)
    kinds = np.zeros(256, np.uint64)
    for letter, kind in (
        ("A", hft.ADD_ORDER_EVENT),
        ("C", hft.CANCEL_ORDER_EVENT),
        ("M", hft.MODIFY_ORDER_EVENT),
    ):
        kinds[ord(letter)] = kind
    sides = np.where(records[:, 39] == ord("B"), hft.BUY_EVENT, hft.SELL_EVENT).astype(np.uint64)
    events["ev"] = kinds[records[:, 38]] | sides | np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    events["exch_ts"], events["local_ts"] = words[:, 1], words[:, 5]
    events["px"], events["qty"], events["order_id"] = words[:, 3] * 1e-9, halves[:, 8], words[:, 2]
    left: dict[int, int] = {}
    for i, letter in enumerate(records[:, 38].tobytes().decode()):
        order, size = int(words[i, 2]), int(halves[i, 8])
        if letter in "AM":
            left[order] = size
        elif letter == "C" and left[order] > size:
            # It knows whole cancels only: a part of one is a change of the size.
            left[order] -= size
            events["ev"][i] = events["ev"][i] & np.uint64(0xFFFFFFFFFFFFFF00) | np.uint64(
                hft.MODIFY_ORDER_EVENT
            )
            events["qty"][i] = left[order]
    events = events[(records[:, 38] != ord("T")) & (records[:, 38] != ord("F"))]

    @numba.njit
    def run(backtest: Any) -> float:
        total = 0.0
        while backtest.elapse(100_000_000) == 0:
            total += backtest.depth(0).best_bid_tick
        return total

    def once() -> float:
        asset = hft.BacktestAsset().data(events).linear_asset(1.0).constant_order_latency(0, 0)
        asset = asset.l3_fifo_queue_model().no_partial_fill_exchange().trading_value_fee_model(0, 0)
        asset = asset.tick_size(0.25).lot_size(1.0).roi_lb(3_000.0).roi_ub(6_000.0)
        backtest = hft.ROIVectorMarketDepthBacktest([asset])
        start = time.process_time_ns()
        assert run(backtest) > 0
        passed = time.process_time_ns() - start
        backtest.close()
        return passed / len(events)

    once()
    return once


def nautilus_loader(file: bytes, path: Path, count: int) -> Callable[[], float]:
    """The loader of nautilus, which reads compressed files only, to objects; gives ns a record."""
    import zstandard
    from nautilus_trader.adapters.databento.loaders import DatabentoDataLoader
    from nautilus_trader.model.identifiers import InstrumentId

    path.write_bytes(zstandard.compress(file))
    loader, instrument = DatabentoDataLoader(), InstrumentId.from_str("ESH4.XCME")

    def once() -> float:
        start = time.process_time_ns()
        assert len(loader.from_dbn_file(path, instrument_id=instrument)) == count
        return (time.process_time_ns() - start) / count

    once()
    return once
