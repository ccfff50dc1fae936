"""A made-up result of the engine in the shape that `alvh._core.backtest` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

BUCKETS = [
    "short_put",
    "long_put",
    "short_call",
    "long_call",
    "outer",
    "middle",
    "inner",
    "portfolio",
    "interest",
    "fees",
    "slippage",
]
LAYERS = slice(4, 7)
RULES = ["entry", "settlement", "roll", "profit_target"]
EVENT_KINDS = ["margin_call", "forced_close", "entry_skipped_credit", "entry_skipped_vix", "risk_cap"]


def raw_result(
    n_sessions: int = 1000,
    books: tuple[str, ...] = ("unhedged", "static"),
    seed: int = 1,
    first_day: str = "2014-01-02",
    capital: float = 500_000.0,
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    day = np.busday_offset(first_day, np.arange(n_sessions), roll="forward").astype(np.int64).astype(np.int32)
    n = len(books)
    attribution = np.zeros((n, len(BUCKETS), n_sessions), dtype=np.int64)
    # All books hold the same condors; a common shock hits them and pays the layers of the hedged ones.
    shock = rng.standard_t(3, n_sessions)
    attribution[:, 0] = (31_000 - 80_000 * np.maximum(shock - 0.5, 0)).astype(np.int64)
    attribution[:, 1] = (8_000 * np.maximum(shock, 0) - 2_500).astype(np.int64)
    attribution[:, 2] = rng.integers(-30_000, 33_000, n_sessions)
    attribution[:, 3] = rng.integers(-3_000, 2_500, n_sessions)
    for book, name in enumerate(books):
        if name != "unhedged":
            gain = 12_000 * (book + 1) * np.maximum(shock, 0) - 6_500 * (book + 1)
            attribution[book, LAYERS] = (gain * np.array([[0.5], [0.3], [0.2]])).astype(np.int64)
    attribution[:, 8] = rng.integers(300, 900, n_sessions)

    records: dict[str, list[Any]] = {
        key: [] for key in ("book", "day", "bucket", "position", "contracts", "price")
    }
    for book, name in enumerate(books):
        for number, opened in enumerate(range(0, n_sessions - 30, 21)):
            legs = [0, 1, 2, 3] + ([4, 5, 6] if name != "unhedged" else [])
            for leg in legs:
                row = (
                    book,
                    opened,
                    leg,
                    number if leg < 4 else 10_000 + number,
                    -4 if leg in (0, 2) else 4,
                    2.5,
                )
                for key, value in zip(records, row, strict=True):
                    records[key].append(value)
    column = {
        key: np.array(values, dtype=np.float64 if key == "price" else np.int64)
        for key, values in records.items()
    }
    n_trades = len(column["book"])
    fee = np.full(n_trades, 260, dtype=np.int64)
    slippage = rng.integers(500, 4_000, n_trades)
    np.subtract.at(attribution, (column["book"], 9, column["day"]), fee)
    np.subtract.at(attribution, (column["book"], 10, column["day"]), slippage)
    trades = {
        "book": column["book"].astype(np.int32),
        "day": day[column["day"]],
        "seconds": np.full(n_trades, 36_000, dtype=np.int32),
        "product": ["SPX" if bucket < 4 else "VIX" for bucket in column["bucket"]],
        "right": ["put" if bucket < 2 else "call" for bucket in column["bucket"]],
        "strike": np.full(n_trades, 2000.0),
        "expiry": day[column["day"]] + 45,
        "contracts": column["contracts"].astype(np.int64),
        "mid": column["price"] - 0.1,
        "price": column["price"],
        "multiplier": np.full(n_trades, 100.0),
        "fee_cents": fee,
        "slippage_cents": slippage,
        "bucket": column["bucket"].astype(np.int32),
        "position": column["position"].astype(np.int64),
        "rule": np.zeros(n_trades, dtype=np.int32),
        "flags": np.zeros(n_trades, dtype=np.uint32),
    }

    sold = np.array(
        [(b, o) for b in range(n) for o in range(0, n_sessions - 30, 21)], dtype=np.int64
    ).reshape(-1, 2)
    n_condors = len(sold)
    condors = {
        "book": sold[:, 0].astype(np.int32),
        "position": (sold[:, 1] // 21).astype(np.int64),
        "opened": day[sold[:, 1]],
        "closed": day[sold[:, 1] + 25],
        "contracts": np.full(n_condors, 4, dtype=np.int64),
        "credit_cents": np.full(n_condors, 260_000, dtype=np.int64),
        "pnl_cents": np.where(np.arange(n_condors) % 5 == 0, -100_000, 50_000),
        "max_loss_cents": np.full(n_condors, 1_000_000, dtype=np.int64),
        "exit_rule": np.full(n_condors, 1, dtype=np.int32),
        "double_breach": np.arange(n_condors) % 20 == 0,
        "flags": np.zeros(n_condors, dtype=np.uint32),
    }
    incidents = [(0, 5, 0), (0, 30, 3), (0, 60, 3), (n - 1, 70, 4)] if n_sessions > 70 else []
    book_of, session_of, kind_of = (
        np.array(x, dtype=np.int32) for x in (zip(*incidents, strict=True) if incidents else ((),) * 3)
    )
    equity_cents = round(capital * 100) + np.cumsum(attribution.sum(axis=1), axis=1)
    equity = equity_cents / 100.0
    return {
        "day": day,
        "books": list(books),
        "capital": np.full(n, capital),
        "equity": equity,
        "cash": equity - 1_000.0,
        "buckets": list(BUCKETS),
        "attribution": attribution,
        "margin": np.full((n, n_sessions), 40_000.0),
        "excess": equity - 41_000.0,
        "open_condors": np.full((n, n_sessions), 4, dtype=np.int32),
        "rules": list(RULES),
        "trades": trades,
        "condors": condors,
        "decisions": {
            "book": np.array([n - 1], dtype=np.int32),
            "day": day[:1],
            "seconds": np.array([57_600], dtype=np.int32),
            "rule": np.array([2], dtype=np.int32),
            "before": np.array([0.0]),
            "after": np.array([4.0]),
            "inputs": ['{"vix": 18.0}'],
        },
        "event_kinds": list(EVENT_KINDS),
        "events": {
            "book": book_of,
            "day": day[session_of],
            "seconds": np.full(len(incidents), 57_600, dtype=np.int32),
            "kind": kind_of,
            "value": np.arange(len(incidents), dtype=np.float64),
        },
        "flags": {"stale_open": 3},
        "marks": {"surface": 120},
        "provenance": {
            "seed": 0,
            "version": "0.1.0",
            "config_hash": "aa",
            "data_hash": "bb",
            "books": [{"condor": {"dte": 45}, "capital": capital, "portfolio": None} for _ in books],
        },
    }
