"""Columns of every kind that Python knows, as contiguous numpy arrays of the types of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import DataError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNITS", "flags", "identifiers", "letters", "numbers", "times"]

# Nanoseconds in each unit of time.
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
# A missing integer: no time, price or size of the core has this value.
MISSING = np.iinfo(np.int64).min


def _shown(value: object, limit: int = 40) -> str:
    text = " ".join(str(value).split())
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def _plain(values: Any, source: str, field: str) -> Any:
    """Bring one of pandas, polars, pyarrow or numpy to a pandas Series of extension type or a numpy array."""
    library = type(values).__module__.partition(".")[0]
    if library == "pyarrow":
        import pandas as pd

        try:
            values = values.to_pandas(types_mapper=pd.ArrowDtype)
        except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
            raise SchemaError(
                "ARR020", source, field, _shown(error), "an array of one value an event"
            ) from error
        library = "pandas"
    if library == "polars":
        return values
    if library == "pandas":
        values = getattr(values, "array", values)
        numpy_backed = isinstance(getattr(values, "dtype", None), np.dtype)
        return np.asarray(values) if numpy_backed else values
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            "ARR020", source, field, _shown(values), "an array of one value an event"
        ) from error
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.flatnonzero(np.ma.getmaskarray(values))[0])
        raise DataError("ARR021", source, field, "a masked value", "a value", position=str(row))
    return array


def _finished(array: NDArray[Any], dtype: Any, source: str, field: str, ndim: int) -> NDArray[Any]:
    if array.ndim != ndim:
        expected = "one value an event" if ndim == 1 else "events x levels"
        raise SchemaError("ARR022", source, field, f"shape {array.shape}", expected)
    return np.ascontiguousarray(array, dtype=dtype)


def _is_polars(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "polars"


def times(values: Any, unit: str, tz: str | None, source: str) -> tuple[NDArray[np.int64], int]:
    """Bring times to integers since the epoch in UTC, and say how many nanoseconds one of them is.

    Integers are counts of `unit`; stamps with a zone are converted, stamps without one are taken to be in `tz`.

    Raises
    ------
    DataError
        ``TIM015`` a stamp without a zone and no `tz`, ``TIM016`` a local time that does not exist or exists twice.
    SchemaError
        ``ARR023`` neither integers nor stamps.
    """
    values = _plain(values, source, "ts")
    if _is_polars(values):
        values = _polars_times(values)
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        return numbers(values, source, "ts"), UNITS[unit]
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return _stamps(values, tz, source)
    if dtype is not None and not isinstance(dtype, np.dtype):
        if getattr(dtype, "kind", "") in "iu":
            return numbers(values, source, "ts"), UNITS[unit]
        if getattr(dtype, "kind", "") == "M":
            return _index(values, tz, source)
    if isinstance(dtype, np.dtype) and dtype.kind == "O" and values.ndim == 1 and len(values):
        import datetime as dt

        if all(isinstance(value, dt.datetime | np.datetime64) for value in values):
            return _index(values, tz, source)
        if all(isinstance(value, int) for value in values):
            return numbers(values, source, "ts"), UNITS[unit]
    if isinstance(dtype, np.dtype) and values.size == 0:
        return np.empty(0, np.int64), 1
    hint = "a float cannot hold nanoseconds" if getattr(dtype, "kind", "") == "f" else ""
    raise SchemaError("ARR023", source, "ts", f"dtype {dtype}", "int64 or datetime64", hint=hint)


def _polars_times(values: Any) -> Any:
    """Integers as they are, or stamps: a pandas index keeps their zone."""
    import polars as pl

    if isinstance(values.dtype, pl.Datetime):
        counts = values.to_physical().fill_null(MISSING).to_numpy()
        stamps = counts.view(f"M8[{values.dtype.time_unit}]")
        if values.dtype.time_zone is None:
            return stamps
        import pandas as pd

        return pd.DatetimeIndex(stamps).tz_localize("UTC").array
    if values.dtype.is_integer():
        return values.fill_null(MISSING).to_numpy() if values.null_count() else values.to_numpy()
    return values.to_numpy()


def _index(values: Any, tz: str | None, source: str) -> tuple[NDArray[np.int64], int]:
    import pandas as pd

    try:
        index = pd.DatetimeIndex(values)
    except (TypeError, ValueError) as error:
        raise SchemaError(
            "ARR023", source, "ts", _shown(error), "stamps, all with or all without a zone"
        ) from error
    if index.tz is not None:
        index, tz = index.tz_convert("UTC").tz_localize(None), "UTC"
    return _stamps(index.to_numpy(), tz, source)


def _stamps(stamps: NDArray[Any], tz: str | None, source: str) -> tuple[NDArray[np.int64], int]:
    if stamps.ndim != 1:
        raise SchemaError("ARR022", source, "ts", f"shape {stamps.shape}", "one value an event")
    if tz is None:
        raise DataError(
            "TIM015",
            source,
            "ts",
            "times without a zone",
            "a zone",
            hint='pass tz="UTC" or the zone they are in',
        )
    unit = np.datetime_data(stamps.dtype)
    if unit[0] in ("ps", "fs", "as", "generic"):
        raise SchemaError("ARR023", source, "ts", f"dtype {stamps.dtype}", "datetime64[ns] or coarser")
    # Stamps of another age would wrap around in nanoseconds; the core names the first of them.
    sound = ~np.isnat(stamps)
    low, high = (np.datetime64(day).astype(stamps.dtype) for day in ("1990-01-01", "2100-01-01"))
    sound &= (stamps >= low) & (stamps < high)
    if not sound.all():
        row = int(np.flatnonzero(~sound)[0])
        raise DataError("TIM013", source, "ts", str(stamps[row]), "1990..2100", position=str(row))
    if tz != "UTC":
        stamps = _localised(stamps, tz, source)
    return np.ascontiguousarray(stamps.astype("M8[ns]").view(np.int64)), 1


def _localised(stamps: NDArray[Any], tz: str, source: str) -> NDArray[Any]:
    import pandas as pd

    try:
        return pd.DatetimeIndex(stamps).tz_localize(tz).tz_convert("UTC").tz_localize(None).to_numpy()
    except Exception as error:  # pandas raises classes of whatever zone library is there
        raise DataError(
            "TIM016",
            source,
            "ts",
            _shown(error, 90),
            f"times of the zone {tz!r}",
            hint="convert to UTC yourself",
        ) from error


def letters(values: Any, source: str, field: str) -> NDArray[np.uint8]:
    """Bring one-letter codes, as text, bytes, categories or ASCII numbers, to uint8.

    Raises
    ------
    DataError
        ``ARR004`` not one ASCII letter; the core checks which letters there are.
    """
    values = _plain(values, source, field)
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype):
        if values.size == 0:
            return np.empty(0, np.uint8)
        if dtype in (np.uint8, np.int8):
            return _finished(values.view(np.uint8), np.uint8, source, field, 1)
        if dtype in ("S1", "U1"):
            codes = _finished(values, values.dtype.newbyteorder("="), source, field, 1)
            codes = codes.view(np.uint8 if dtype.kind == "S" else np.uint32)
            if dtype.kind == "U" and (codes > 127).any():
                _no_letter(values, int(np.flatnonzero(codes > 127)[0]), source, field)
            return codes.astype(np.uint8, copy=False)
        if dtype.kind not in "SUO":
            raise SchemaError("ARR023", source, field, f"dtype {dtype}", "letters, or uint8 codes of letters")
        if values.ndim != 1:
            raise SchemaError("ARR022", source, field, f"shape {values.shape}", "one value an event")
    if _is_polars(values):
        import polars as pl

        if values.dtype == pl.UInt8 and not values.null_count():
            return np.ascontiguousarray(values.to_numpy())
        values = (
            values.cast(pl.String, strict=False).to_numpy()
            if values.dtype != pl.Binary
            else values.to_numpy()
        )
    elif not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") == "u" and not values.isna().any():
        return np.ascontiguousarray(values.to_numpy(dtype=np.uint8))
    import pandas as pd

    try:
        codes, names = pd.factorize(values)
    except TypeError as error:
        raise SchemaError("ARR023", source, field, _shown(error), "letters") from error
    table = np.zeros(len(names) + 1, np.uint8)
    for i, name in enumerate(names):
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if isinstance(text, str) and len(text) == 1 and text.isascii():
            table[i] = ord(text)
    found = table[codes]
    if not found.all():
        _no_letter(values, int(np.flatnonzero(found == 0)[0]), source, field)
    return found


def _no_letter(values: Any, row: int, source: str, field: str) -> None:
    expected = "A, C, M, T, F, R, N, H, O or X" if field == "action" else "B, A or N"
    raise DataError("ARR004", source, field, _shown(values[row]), expected, position=str(row))


def numbers(values: Any, source: str, field: str, ndim: int = 1) -> NDArray[Any]:
    """Bring a column to int64 (ticks, lots) or float64 (currency, units); a missing integer is the least int64.

    Raises
    ------
    SchemaError
        ``ARR022`` shape, ``ARR023`` another type, ``ARR024`` float16 and float32, which round prices.
    """
    values = _plain(values, source, field)
    if _is_polars(values):
        if values.dtype.is_integer() and values.null_count():
            values = values.fill_null(MISSING)
        values = values.to_numpy()
    dtype = getattr(values, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype):
        kind = getattr(dtype, "kind", "")
        try:
            if kind in "iu":
                values = values.to_numpy(dtype=np.int64, na_value=MISSING)
            elif kind == "f":
                values = values.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                # A missing decimal is no number, as a missing float is.
                values = values.to_numpy(dtype=object, na_value=np.nan if "decimal" in str(dtype) else None)
        except (TypeError, ValueError, OverflowError) as error:  # pyarrow's own errors are of these kinds
            raise SchemaError("ARR023", source, field, _shown(error), "integers or floats") from error
    dtype = values.dtype
    if dtype.kind == "O":
        import pandas as pd

        kind = pd.api.types.infer_dtype(values.ravel(), skipna=True)
        try:
            if kind == "integer" and not any(value is None for value in values.ravel()):
                values = values.astype(np.int64)
            elif kind in ("integer", "floating", "mixed-integer-float", "decimal", "empty"):
                values = values.astype(np.float64)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise SchemaError("ARR023", source, field, _shown(error), "integers or floats") from error
        dtype = values.dtype
    if dtype.kind == "f" and dtype.itemsize < 8:
        raise SchemaError(
            "ARR024",
            source,
            field,
            f"dtype {dtype}",
            "float64 or integers",
            hint="it holds too few digits for prices",
        )
    if dtype.kind not in "iuf":
        raise SchemaError("ARR023", source, field, f"dtype {dtype}", "integers or floats")
    if dtype.kind == "f":
        return _finished(values, np.float64, source, field, ndim)
    if (
        dtype.kind == "u"
        and dtype.itemsize == 8
        and values.size
        and int(values.max()) > np.iinfo(np.int64).max
    ):
        row = int(np.argmax(values))
        raise DataError("ARR008", source, field, str(values.ravel()[row]), "at most 2^45", position=str(row))
    return _finished(values, np.int64, source, field, ndim)


def identifiers(values: Any, source: str, field: str) -> NDArray[np.uint64]:
    """Bring order or participant ids to uint64.

    Raises
    ------
    DataError
        ``ARR005`` a missing or negative id.
    """
    plain = _plain(values, source, field)
    if getattr(plain, "dtype", None) == np.uint64:
        return _finished(np.asarray(plain), np.uint64, source, field, 1)
    if _is_polars(plain) and not plain.null_count() and plain.dtype.is_unsigned_integer():
        return np.ascontiguousarray(plain.to_numpy(), dtype=np.uint64)
    dtype = getattr(plain, "dtype", None)
    if not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") == "u" and not plain.isna().any():
        return np.ascontiguousarray(plain.to_numpy(dtype=np.uint64))
    ids = numbers(plain, source, field)
    if ids.dtype.kind == "f":
        raise SchemaError("ARR023", source, field, f"dtype {ids.dtype}", "integers")
    if (ids < 0).any():
        row = int(np.flatnonzero(ids < 0)[0])
        shown = "no value" if ids[row] == MISSING else str(ids[row])
        raise DataError("ARR005", source, field, shown, "an id of at least 0", position=str(row))
    return ids.astype(np.uint64)


def flags(values: Any, source: str) -> NDArray[np.uint8]:
    """Bring flags to uint8.

    Raises
    ------
    DataError
        ``ARR005`` beyond 8 bits.
    """
    bits = numbers(values, source, "flags")
    if bits.dtype.kind == "f":
        raise SchemaError("ARR023", source, "flags", f"dtype {bits.dtype}", "integers")
    if ((bits < 0) | (bits > 255)).any():
        row = int(np.flatnonzero((bits < 0) | (bits > 255))[0])
        raise DataError("ARR005", source, "flags", str(bits[row]), "0 to 255", position=str(row))
    return bits.astype(np.uint8)
