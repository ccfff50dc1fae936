"""What happened to books on one path, as frames: trades, condors, decisions, incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["incident_lines", "incidents", "layers", "records", "trades"]

# Buckets of the attribution; every other bucket is a hedge layer.
CONDOR_LEGS = frozenset(("short_put", "long_put", "short_call", "long_call"))
_NOT_LAYERS = CONDOR_LEGS | {"portfolio", "interest", "fees", "slippage"}
# Kinds of incidents in words: one, several.
INCIDENTS = {
    "margin_call": ("margin call", "margin calls"),
    "forced_close": ("position closed by force", "positions closed by force"),
    "entry_skipped_credit": ("entry skipped (credit)", "entries skipped (credit)"),
    "entry_skipped_vix": ("entry skipped (VIX)", "entries skipped (VIX)"),
    "entry_skipped_no_strikes": ("entry skipped (no strikes)", "entries skipped (no strikes)"),
    "entry_skipped_no_expiry": ("entry skipped (no expiry)", "entries skipped (no expiry)"),
    "risk_cap": ("entry cut by its risk cap", "entries cut by their risk cap"),
    "buying_power": ("entry cut by buying power", "entries cut by buying power"),
    "substitute_expiry": ("substitute expiry", "substitute expiries"),
    "roll_held": ("roll held", "rolls held"),
    "no_sale_at_zero_bid": ("leg without a bid kept", "legs without a bid kept"),
    "settlement_proxy": ("settlement on a stand-in", "settlements on a stand-in"),
    "settlement_late": ("late settlement", "late settlements"),
    "unmarked_leg": ("leg without a mark", "legs without a mark"),
    "caps_bind": ("session with a cap on the hedge", "sessions with a cap on the hedge"),
    "hypothetical_hedge": ("hypothetical hedge trade", "hypothetical hedge trades"),
}
# Day of what does not expire.
_NEVER = np.iinfo(np.int32).max


def layers(raw: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which buckets are hedge layers."""
    return np.array([name not in _NOT_LAYERS for name in raw["buckets"]])


def records(raw: Mapping[str, Any], name: str) -> pd.DataFrame:
    """Turn a table of records into a frame: names for indices, dates for days, USD for cents."""
    import pandas as pd

    columns: dict[str, Any] = {}
    rules = np.asarray(raw["rules"], dtype=object)
    books = np.asarray(raw["books"], dtype=object)
    for key, values in raw[name].items():
        array = np.asarray(values)
        if key == "book":
            columns[key] = books[array]
        elif key in ("rule", "exit_rule"):
            columns[key] = rules[array]
        elif key in ("day", "opened", "closed", "expiry"):
            days = array.astype("datetime64[D]")
            days[array == _NEVER] = np.datetime64("NaT")
            columns[key] = days.astype("datetime64[ns]")
        elif key.endswith("_cents"):
            columns[key.removesuffix("_cents")] = array / 100.0
        else:
            columns[key] = array
    return pd.DataFrame(columns)


def trades(raw: Mapping[str, Any]) -> pd.DataFrame:
    """Every fill with the name of its bucket."""
    frame = records(raw, "trades")
    bucket = np.asarray(raw["buckets"], dtype=object)
    frame["bucket"] = bucket[raw["trades"]["bucket"]]
    return frame


def incidents(raw: Mapping[str, Any]) -> pd.DataFrame:
    """Every incident with its kind in words and, where it has one, its layer."""
    frame = records(raw, "events")
    kinds = np.asarray(raw["event_kinds"], dtype=object)
    frame["kind"] = kinds[raw["events"]["kind"]] if len(frame) else frame["kind"].astype(object)
    frame["layer"] = _incident_layers(raw)
    return frame


def incident_lines(frame: pd.DataFrame, order: list[str]) -> list[str]:
    """Count the incidents of each book in words, one line per book that had any."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for book, kind, layer in zip(frame["book"], frame["kind"], frame["layer"], strict=True):
        layers = counts.setdefault(book, {}).setdefault(kind, {})
        layers[layer] = layers.get(layer, 0) + 1
    lines = []
    for book in (name for name in order if name in counts):
        parts = []
        for kind, layers in counts[book].items():
            total = sum(layers.values())
            one, several = INCIDENTS.get(kind, (kind.replace("_", " "),) * 2)
            which = ", ".join(f"{name} {n:,}" for name, n in layers.items() if name)
            parts.append(f"{total:,} {one if total == 1 else several}" + (f" ({which})" if which else ""))
        lines.append(f"incidents of {book}: {'; '.join(parts)}.")
    return lines


def _incident_layers(raw: Mapping[str, Any]) -> list[str]:
    """Name the layers of incidents: a held roll carries its index, a substitute the days of what it bought."""
    events, trades, kinds = raw["events"], raw["trades"], list(raw["event_kinds"])
    buckets = raw["buckets"]
    bought = np.flatnonzero(layers(raw)[trades["bucket"]] & (trades["contracts"] > 0))
    names: dict[tuple[int, int, int, int], list[str]] = {}
    for row in bought.tolist():
        book, day, seconds = (int(trades[key][row]) for key in ("book", "day", "seconds"))
        days_out = int(trades["expiry"][row]) - day
        names.setdefault((book, day, seconds, days_out), []).append(buckets[trades["bucket"][row]])
    names_found: list[str] = []
    for book, day, seconds, kind, value in zip(
        *(np.asarray(events[key]).tolist() for key in ("book", "day", "seconds", "kind", "value")),
        strict=True,
    ):
        found = ""
        if kinds[kind] == "roll_held":
            hedge = raw["provenance"]["books"][book].get("hedge")
            found = hedge["layers"][int(value)]["name"] if hedge else ""
        elif kinds[kind] == "substitute_expiry":
            same = names.get((book, day, seconds, int(value)), [])
            # Two layers may buy the same expiry on one day: the last one is the longer of them.
            found = same.pop() if same else ""
        names_found.append(found)
    return names_found
