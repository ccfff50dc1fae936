"""The five baselines again, slowly: a loop over cells of 10 ms with NumPy, written from their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CELL, WARM_UP, COOL_DOWN = 10_000_000, 300 * 10**9, 5 * 10**9
NAMES = ("vpin", "drift_burst", "push_z", "return_z", "ultrafast")


def imbalances(arrays: dict[str, Any]) -> tuple[Any, Any]:
    """Order-flow imbalance of the best level at whole books, and the mid, by event."""
    whole = (arrays["flags"] & 128) != 0
    bid, ask = arrays["bid_price"][:, 0], arrays["ask_price"][:, 0]
    bid_size, ask_size = arrays["bid_size"][:, 0], arrays["ask_size"][:, 0]
    rows = np.flatnonzero(whole)
    e = np.zeros(len(whole))
    now, before = rows[1:], rows[:-1]
    e[now] = (
        np.where(bid[now] >= bid[before], bid_size[now], 0)
        - np.where(bid[now] <= bid[before], bid_size[before], 0)
        - np.where(ask[now] <= ask[before], ask_size[now], 0)
        + np.where(ask[now] >= ask[before], ask_size[before], 0)
    )
    mid = np.full(len(whole), math.nan)
    mid[rows] = 0.5 * (bid[rows] + ask[rows])
    return e, mid


def statistics(arrays: dict[str, Any]) -> tuple[Any, Any]:
    """Times at which cells became known to have ended, and the statistics of those cells."""
    ts, price, size = arrays["ts"], arrays["price"], arrays["size"]
    is_trade = arrays["action"] == ord("T")
    sign = np.where(arrays["side"] == ord("B"), 1.0, -1.0)
    e, mids = imbalances(arrays)
    cells = ts // CELL
    starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
    first_trade = int(ts[is_trade][0])
    volume = bucket = filled = signed = 0.0
    gaps: list[float] = []
    run = {"direction": 0, "count": 0, "ts": 0, "from": 0, "last": 0}
    push = rate = weight = drift = squares = variance = variance_weight = 0.0
    mean = held = second_mid = math.nan
    closed = second = None
    known, out = [], []
    for start, stop in zip(starts, [*starts[1:], len(ts)], strict=True):
        for i in range(start, stop):
            if not is_trade[i]:
                continue
            volume += size[i]
            if bucket == 0.0 and ts[i] - first_trade >= WARM_UP:
                bucket = max(volume / 50.0, 1.0)
            left = float(size[i]) if bucket > 0.0 else 0.0
            while left > 0.0:
                part = min(left, bucket - filled)
                filled, signed, left = filled + part, signed + sign[i] * part, left - part
                if filled >= bucket:
                    gaps = [*gaps, abs(signed)][-50:]
                    filled = signed = 0.0
            if run["last"] == 0:
                run.update(ts=ts[i], last=price[i])
                run["from"] = price[i]
            elif price[i] != run["last"]:
                way = 1 if price[i] > run["last"] else -1
                if way == run["direction"] and ts[i] - run["ts"] <= 1_500_000_000:
                    run["count"] += 1
                else:
                    run.update(direction=way, count=1, ts=ts[i])
                    run["from"] = run["last"]
                run["last"] = price[i]
        if stop == len(ts):
            break
        seen = mids[start:stop]
        seen = seen[~np.isnan(seen)]
        mid = seen[-1] if len(seen) else held
        cell = int(cells[start])
        dt = 0.0 if closed is None else (cell - closed) * 0.01
        slow = math.exp(-dt / 60.0)
        push = push * math.exp(-dt / 0.25) + e[start:stop].sum()
        rate = rate * slow + (e[start:stop] ** 2).sum()
        weight = weight * slow + 1.0 - slow
        moved = 0.0 if closed is None else mid - held
        mean = mid if closed is None else mean * math.exp(-dt) + held * (1.0 - math.exp(-dt))
        drift = drift * math.exp(-dt) + moved
        squares = squares * math.exp(-dt / 5.0) + moved**2
        if second != cell // 100:
            if second is not None:
                keep = math.exp(-(cell // 100 - second) / 300.0)
                variance = variance * keep + (mid - second_mid) ** 2 * (1.0 - math.exp(-1.0 / 300.0))
                variance_weight = variance_weight * keep + 1.0 - keep
            second, second_mid = cell // 100, mid
        held, closed = mid, cell
        sigma = max(math.sqrt(variance / variance_weight), 0.5) if variance_weight > 0.0 else 0.5
        fresh = cell * CELL - run["ts"] <= 1_500_000_000
        share = (
            run["direction"] * abs(run["last"] - run["from"]) / (0.008 * run["from"]) if run["from"] else 0.0
        )
        known.append(int(ts[stop]))
        out.append(
            (
                sum(gaps) / (50.0 * bucket) if len(gaps) == 50 else 0.0,
                math.sqrt(2.0) * drift / math.sqrt(squares / 5.0) if squares > 0.0 else 0.0,
                push / math.sqrt(rate / (60.0 * weight) * 0.125) if rate > 0.0 and weight > 0.0 else 0.0,
                (mid - mean) / (sigma * math.sqrt(0.5)),
                share if run["count"] >= 10 and fresh else 0.0,
            )
        )
    return np.array(known), np.array(out)


def alarms(known: Any, values: Any, start: int, threshold: float) -> list[int]:
    """Crossings of a threshold from below, five seconds apart at least, none in the first five minutes."""
    found: list[int] = []
    was_above = False
    for ts, value in zip(known, values, strict=True):
        if ts - start < WARM_UP:
            continue
        is_above = abs(value) >= threshold
        if is_above and not was_above and (not found or ts >= found[-1] + COOL_DOWN):
            found.append(int(ts))
        was_above = is_above
    return found
