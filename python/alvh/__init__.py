"""How a layered VIX hedge really performs on a book of SPX iron condors: measured, beside what is claimed."""

from __future__ import annotations

import importlib
from typing import Any

from alvh import errors
from alvh._core import __version__
from alvh.errors import AlvhError, ConfigError, DataError

# Public name -> module that defines it; loaded on first use so that `import alvh` stays light.
_LAZY: dict[str, str] = {
    "AdaptivePolicy": "alvh.policy",
    "Book": "alvh.books",
    "Chain": "alvh.chain",
    "BreakoutPolicy": "alvh.policy",
    "CostConfig": "alvh.books",
    "DetectorSkill": "alvh._skill",
    "FairSignals": "alvh._episodes",
    "HedgeLayer": "alvh.books",
    "History": "alvh.history",
    "IgnitionConfig": "alvh._ignition_config",
    "IgnitionDetector": "alvh._stream",
    "IndexPortfolio": "alvh.books",
    "IntradayConfig": "alvh._episodes",
    "IronCondor": "alvh.books",
    "LayeredHedge": "alvh.books",
    "Market": "alvh.market",
    "MotionPolicy": "alvh.policy",
    "Signal": "alvh.ignition",
    "SignalConfig": "alvh._signal_config",
    "Study": "alvh.study",
    "Tape": "alvh.events",
    "UserSignal": "alvh._signal_config",
    "ablate": "alvh._ablation",
    "backtest": "alvh._backtest",
    "black76": "alvh.pricing",
    "black76_greeks": "alvh.pricing",
    "black_scholes": "alvh.pricing",
    "black_scholes_greeks": "alvh.pricing",
    "compare": "alvh._compare",
    "detect": "alvh.ignition",
    "features": "alvh.ignition",
    "from_arrays": "alvh.events",
    "from_frame": "alvh.events",
    "implied_vol": "alvh.pricing",
    "merge": "alvh._simulate",
    "option_margin": "alvh.margin",
    "order_flow_imbalance": "alvh.ignition",
    "read_binance": "alvh.feeds",
    "read_dbn": "alvh.dbn",
    "read_lobster": "alvh.feeds",
    "read_taq": "alvh.feeds",
    "simulate": "alvh._simulate",
    "skill_curve": "alvh._skill_curve",
    "sweep": "alvh._sweep",
    "verify_log": "alvh.decisions",
}
_MODULES = frozenset(
    {
        "bench",
        "books",
        "calendar",
        "capi",
        "decisions",
        "events",
        "governance",
        "ignition",
        "marks",
        "policy",
        "presets",
        "report",
        "selection",
        "signals",
        "simulation",
        "statistics",
    }
)

__all__ = ["AlvhError", "ConfigError", "DataError", "__version__", "errors", *_LAZY, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"alvh.{name}")
    else:
        raise AttributeError(f"module 'alvh' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
