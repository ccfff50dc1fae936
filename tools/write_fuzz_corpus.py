"""Write the first inputs of the fuzz targets: small files, made up, nothing of them measured on a market."""

from __future__ import annotations

import sys
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))
import dbn_files

ROOT = Path(__file__).parents[1]
# Bits of the byte before the file (fuzz_targets/dbn.rs).
INSTRUMENT, SYMBOL, SCHEMA, TICK, EVENT_TIME, RAISE = 1, 2, 4, 8, 16, 32


def dbn() -> dict[str, bytes]:
    """Files of every schema, version and compression, and what callers say about them."""
    inputs = {f"{schema}": bytes([0]) + dbn_files.file(schema, 3) for schema in dbn_files.SCHEMAS}
    inputs["version-1"] = bytes([TICK]) + dbn_files.file("mbo", 3, 1)
    inputs["send-time"] = bytes([EVENT_TIME]) + dbn_files.file("mbp-1", 3, 2, ts_out=True)
    records = b"".join(dbn_files.record("mbp-1", i) for i in range(3))
    inputs["fragment"] = bytes([SCHEMA | TICK | 2 << 6]) + records
    two = b"".join(dbn_files.record("trades", i, instrument_id=7 + i % 2) for i in range(4))
    inputs["instruments"] = bytes([INSTRUMENT | TICK]) + dbn_files.metadata(schema="trades") + two
    inputs["refused"] = bytes([SYMBOL | RAISE]) + dbn_files.metadata(schema="trades") + two
    mixed = dbn_files.metadata(schema=None) + dbn_files.record() + dbn_files.status() + records
    inputs["mixed"] = bytes([SCHEMA | TICK]) + mixed
    packed = zstandard.compress(dbn_files.file("mbo", 3))
    inputs["packed"] = bytes([TICK]) + packed
    inputs["frames"] = bytes([TICK]) + b"".join(
        zstandard.compress(part) for part in (dbn_files.metadata(), dbn_files.record(), dbn_files.record(i=1))
    )
    return inputs


def main() -> None:
    """Write every input to rust/fuzz/corpus."""
    for target, inputs in {"dbn": dbn()}.items():
        folder = ROOT / "rust" / "fuzz" / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)
        print(f"{target}: {len(inputs)} inputs, {sum(map(len, inputs.values())):,} bytes")


if __name__ == "__main__":
    main()
