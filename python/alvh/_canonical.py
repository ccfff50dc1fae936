"""One text for one value: the JSON that is signed and chained.

Keys in the order of their code points, no white space, ASCII with escapes for all else, integers without plus sign or
leading zeros, other numbers as the shortest decimal that reads back to the same double in Python's form (``0.5``,
``1e-07``), no NaN, no infinity, no negative zero. Close to RFC 8785, which differs in numbers and in escaping.
"""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["decode", "encode", "fault"]

# Nothing that is signed or chained is deeper.
_DEEPEST = 32


def encode(value: Any) -> bytes:
    """Write a value in its one form.

    Parameters
    ----------
    value : dict, list, str, int, float, bool or None
        What is written.

    Returns
    -------
    bytes
        ASCII.

    Raises
    ------
    ValueError
        When the value has no such form.
    """
    _check(value, 0)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def decode(data: bytes) -> Any:
    """Read a value, if the bytes are its one form.

    Parameters
    ----------
    data : bytes
        What :func:`encode` writes.

    Returns
    -------
    object
        The value.

    Raises
    ------
    ValueError
        When the bytes are no JSON, repeat a key, or are another form of their value.
    """
    try:
        value = json.loads(data.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_constant)
        again = encode(value)
    except RecursionError:
        raise ValueError(f"nesting deeper than {_DEEPEST}") from None
    if again != data:
        place = next(
            (i for i, (a, b) in enumerate(zip(again, data, strict=False)) if a != b),
            min(len(again), len(data)),
        )
        raise ValueError(f"another form of its value at byte {place}")
    return value


def fault(error: ValueError) -> str:
    """Say in one short line of ASCII what is wrong with a text.

    Parameters
    ----------
    error : ValueError
        From :func:`decode`.

    Returns
    -------
    str
        The reason.
    """
    return " ".join(str(error).encode("ascii", "backslashreplace").decode().split())[:80]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key twice")
    return result


def _no_constant(text: str) -> Any:
    raise ValueError(f"the number {text}")


def _check(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"nesting deeper than {_DEEPEST}")
    if isinstance(value, dict):
        for key, each in value.items():
            if type(key) is not str:
                raise ValueError(f"the key {key!r}")
            _check(key, depth)
            _check(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check(each, depth + 1)
    elif type(value) is float:
        if not math.isfinite(value) or (value == 0.0 and math.copysign(1.0, value) < 0.0):
            raise ValueError(f"the number {value}")
    elif type(value) is str:
        value.encode("utf-8")  # a lone surrogate is no text
    elif value is not None and type(value) not in (bool, int):
        raise ValueError(f"a value of type {type(value).__name__}")
