"""Questions about arguments of any type, answered without an exception."""

from __future__ import annotations

import math
import numbers
from typing import Any

__all__ = ["is_real", "is_whole", "shown"]


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether it is a whole number, and no bool, from `low` to `high`."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and low <= int(value) <= high


def is_real(value: Any) -> bool:
    """Whether it is a number, and no bool, that is finite as a float."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def shown(value: Any, limit: int = 40) -> str:
    """Its representation on one line, cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a representation may raise anything: Python's own does so for integers of many digits
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
