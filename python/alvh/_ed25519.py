"""Whether 32 bytes are a public key that may sign: a check at enrolment, in plain integer arithmetic.

Decoding after RFC 8032 section 5.1.3 (doi:10.17487/RFC8032): a canonical y below p, a point on the curve, no second
encoding of x = 0. Keys of small order verify signatures that nobody made; keys with a part of small order verify under
one equation and fail under another (doi:10.1007/978-3-030-64357-7_4, doi:10.1109/SP40001.2021.00042). Libraries that
verify need not refuse such keys, so enrolment does. Nothing here is secret: time may depend on the key.
"""

from __future__ import annotations

import functools

__all__ = ["ORDER", "SMALL_ORDER", "key_fault"]

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
# Order of the subgroup of the base point, RFC 8032 section 5.1.
ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = (0, 1)

# The eight canonical encodings of points of order 1, 2, 4, 4, 8, 8, 8, 8; a test computes them from the curve.
SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)

_Point = tuple[int, int]


def _decode(encoded: bytes) -> _Point | str:
    """Find the point of an encoding, or say what is wrong with it."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return "not canonical: y >= p"
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT % _P
    if x * x % _P != square:
        return "not a point of the curve"
    if x == 0 and sign:
        return "not canonical: the sign of x = 0"
    return (_P - x if x & 1 != sign else x), y


def _add(one: _Point, two: _Point) -> _Point:
    (x1, y1), (x2, y2) = one, two
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P) % _P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P) % _P
    return x, y


def _times(factor: int, point: _Point) -> _Point:
    total = _IDENTITY
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


@functools.lru_cache(maxsize=256)
def key_fault(encoded: bytes) -> str:
    """Say why a public key may not be enrolled.

    Parameters
    ----------
    encoded : bytes
        Public key.

    Returns
    -------
    str
        Reason, empty for a key of prime order in its one encoding.
    """
    if len(encoded) != 32:
        return f"{len(encoded)} bytes"
    if encoded in SMALL_ORDER:
        return "a point of small order"
    point = _decode(encoded)
    if isinstance(point, str):
        return point
    return "" if _times(ORDER, point) == _IDENTITY else "a point with a part of small order"
