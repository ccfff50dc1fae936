"""Decisions in words."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

from alvh.errors import ConfigError

if TYPE_CHECKING:
    from alvh.study import Study

_NUMBERS = "{before:g} -> {after:g}"
# What each rule did, with the numbers before and after.
_WHAT = {
    "condor.entry": "sold {after:g} condors",
    "condor.profit_target": "takes the profit of {before:g} condors",
    "condor.stop": "stops out {before:g} condors",
    "condor.exit_dte": "closes {before:g} condors at their days to expiry",
    "layer.open": "bought {after:g} contracts of a layer",
    "layer.roll": f"rolled a layer, {_NUMBERS} contracts",
    "layer.resize": f"resized a layer, {_NUMBERS} contracts",
    "layer.settlement": "settled {before:g} contracts of a layer",
    "portfolio.rebalance": f"set the index holding to its weight, {_NUMBERS}",
    "margin.forced_close": "closed {before:g} contracts because of a margin call",
    "hedge.sizing": f"sizes {{layer}} by the hedge score, {_NUMBERS} contracts",
    "hedge.automatic_vega": f"sizes {{layer}} by the thin book of the future, {_NUMBERS} contracts",
    "hedge.automatic_vega_exception": f"sizes {{layer}} by a very thin book, quorum or not, {_NUMBERS} contracts",
    "hedge.press": f"sizes {{layer}} in a cash press, {_NUMBERS} contracts",
    "hedge.time_shift": f"moves beta-vega outward, {{layer}} {_NUMBERS} contracts",
    "hedge.time_shift_back": f"moves beta-vega back inward, {{layer}} {_NUMBERS} contracts",
    "hedge.caps": f"bounds {{layer}} by its carry, {_NUMBERS} contracts",
    "hedge.recycle": f"realises the gain of the outer layer and recycles it, {{layer}} {_NUMBERS} contracts",
    "hedge.sell_ladder": f"sells {{layer}} at a level of VIX, {_NUMBERS} contracts",
    "hedge.normalise": f"strikes the layers anew as volatility normalises, {{layer}} {_NUMBERS} contracts",
    "condor.trim": f"buys back winning contracts in a cash press, {_NUMBERS}",
    "condor.time_shift": f"rolls a threatened condor, {_NUMBERS} days to expiry",
    "condor.time_shift_back": f"rolls a condor back to its tenor, {_NUMBERS} days to expiry",
    "condor.expansion_gate": "lets no condor in while volatility expands",
    "condor.fair_value": f"moves new strikes by the stretch of valuation, {_NUMBERS} points",
    "sleeve.feed": f"gives the second engine its share of a gain, {_NUMBERS} USD",
    "sleeve.buy": "buys {after:g} calls for the second engine",
    "sleeve.sell": "sells {before:g} calls of the second engine",
    "motion.restrike": f"strikes {{layer}} anew, {_NUMBERS} contracts",
    "condor.breakout": "closes {before:g} condors because the index left its range",
}
# What was looked at, in words.
_WHY = {
    "vix": "VIX {:.2f}",
    "daily_range": "expected daily range {:.2f} %",
    "score": "hedge score {:.2f}",
    "standing": "{:.0f} groups standing",
    "quick_ratio": "quick ratio {:.2f} of its median",
    "multiplier": "multiplier {:.2f}",
    "gain": "gain {:,.2f}",
    "stretch": "stretch {:.2f}",
    "level": "level {:.0f}",
    "delta": "delta {:.2f}",
    "dte": "{:.0f} days to expiry",
    "credit": "credit {:,.2f}",
    "equity": "equity {:,.0f} USD",
}


def explain(study: Study, time: Any, book: str | None = None) -> str:
    """Say what was decided on a day or at a time, and why; see :meth:`alvh.Study.explain`."""
    day, seconds = _moment(time)
    if book is not None and book not in study.books:
        raise ConfigError("XPL002", "Study.explain", "book", repr(book), f"one of {', '.join(study.books)}")
    frame = study.decisions()
    found = frame[frame["day"] == str(day)]
    if seconds is not None:
        found = found[found["seconds"] == seconds]
    if book is not None:
        found = found[found["book"] == book]
    if not len(found):
        when = str(day) if seconds is None else f"{day} {_clock(seconds)}"
        return f"{when}: nothing was decided."
    return "\n".join(_line(row) for row in found.to_dict("records"))


def _moment(time: Any) -> tuple[dt.date, int | None]:
    if isinstance(time, dt.datetime):
        text = time.isoformat()
        # A midnight is a day: nothing is ever decided at night.
        text = text[:10] if time.time() == dt.time() else text
    else:
        text = str(time)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "XPL001", "Study.explain", "time", repr(text)[:60], "a date or a time, YYYY-MM-DD[THH:MM[:SS]]"
        ) from None
    if len(text) <= 10:
        return moment.date(), None
    return moment.date(), moment.hour * 3600 + moment.minute * 60 + moment.second


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def _line(row: dict[Any, Any]) -> str:
    try:
        inputs = json.loads(row["inputs"])
    except ValueError:
        inputs = {}
    rule = str(row["rule"])
    what = _WHAT.get(rule, f"{rule}: {_NUMBERS}").format(
        before=row["before"], after=row["after"], layer=f"the {inputs.get('layer', 'outer')} layer"
    )
    if rule == "condor.expansion_gate" and row["after"]:
        what = "lets condors in again"
    why = [
        words.format(inputs[name])
        for name, words in _WHY.items()
        if isinstance(inputs.get(name), (int, float)) and math.isfinite(inputs[name])
    ]
    phase = inputs.get("phase")
    why += [f"phase {phase}"] if isinstance(phase, str) else []
    alarm = inputs.get("alarm")
    why += [f"alarm {alarm}"] if isinstance(alarm, str) and alarm != "none" else []
    reason = f" ({', '.join(why)})" if why else ""
    return f"{str(row['day'])[:10]} {_clock(int(row['seconds']))} {row['book']} {what} [{rule}]{reason}."
