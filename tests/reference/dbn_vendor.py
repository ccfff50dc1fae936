"""What the vendor's decoder makes of a file, in a process of its own: it was seen to panic on broken ones."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from typing import Any, BinaryIO

NO_PRICE = 2**63 - 1


def rows_of(data: bytes) -> list[tuple[Any, ...]]:
    """Records as (rtype, instrument, ts_recv, ts_event, action, side, flags, price, size, order id, levels)."""
    import databento_dbn
    import zstandard

    if data.startswith(b"\x28\xb5\x2f\xfd"):
        # As the vendor's own store of files does.
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    decoder = databento_dbn.DBNDecoder()
    decoder.write(data)
    rows = []
    for record in decoder.decode()[1:]:
        levels = [
            (level.bid_px, level.ask_px, level.bid_sz, level.ask_sz)
            for level in getattr(record, "levels", ())
        ]
        rows.append(
            (
                int(record.rtype),
                record.instrument_id,
                getattr(record, "ts_recv", 0),
                record.ts_event,
                str(getattr(record, "action", "N")),
                str(getattr(record, "side", "N")),
                int(getattr(record, "flags", 0)),
                getattr(record, "price", 0),
                getattr(record, "size", 0),
                getattr(record, "order_id", 0),
                levels,
            )
        )
    return rows


class Vendor:
    """The vendor's decoder behind a pipe; started again when it dies."""

    def __init__(self) -> None:
        self.deaths = 0
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def rows(self, data: bytes) -> list[tuple[Any, ...]] | str:
        """Records of a file, or how the decoder failed."""
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        try:
            send(into, data)
            return pickle.loads(receive(out))
        except (EOFError, OSError):
            self.close()
            self.deaths += 1
            self._start()
            return "died"

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        self._process.kill()
        self._process.wait()


def send(stream: BinaryIO, data: bytes) -> None:
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError
    (length,) = struct.unpack("<I", head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def serve() -> None:
    while True:
        try:
            data = receive(sys.stdin.buffer)
        except EOFError:
            return
        answer: object
        try:
            answer = rows_of(data)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        except BaseException as panic:
            # A panic of the decoder is no Exception.
            answer = f"panic {type(panic).__name__}"
        send(sys.stdout.buffer, pickle.dumps(answer))


if __name__ == "__main__":
    serve()
