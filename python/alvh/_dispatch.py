"""Getting chunks computed: here, or by any executor, whatever it does on the way."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from typing import TYPE_CHECKING

from alvh._arguments import shown
from alvh._chunks import Chunk, Damaged, compute
from alvh.errors import AlvhError, ExecutorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from alvh._chunks import Plan

__all__ = ["Dispatcher"]

# Seconds between two looks at Ctrl-C where waiting itself cannot be interrupted.
_WAIT = 0.1


class Dispatcher:
    """Computes pieces of a plan and hands them over as they are finished, each exactly once.

    Parameters
    ----------
    plan : Plan
        What is simulated.
    executor : concurrent.futures.Executor, optional
        Who does it; None is this process.
    n_jobs : int
        Threads of one chunk.
    retries : int
        How often a chunk is asked for again when the executor fails.
    saves : bool
        Whether finished chunks are saved: no worker of a pool then starts another one before its last one is, so that
        a killed run loses at most one a worker.
    """

    def __init__(self, plan: Plan, executor: Executor | None, n_jobs: int, retries: int, saves: bool) -> None:
        self.plan = plan
        self.executor = executor
        self.n_jobs = n_jobs
        self.retries = retries
        workers = getattr(executor, "_max_workers", None)
        # How many workers a cluster has is not known: it gets everything at once.
        self.window = workers if saves and isinstance(workers, int) else None
        # Answers that were no use: the executor failed, or gave another chunk than the one asked for.
        self.failures = 0

    def run(self, pieces: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], Chunk, bytes]]:
        """Compute pieces in any order.

        Parameters
        ----------
        pieces : list of (int, int)
            First path and number of paths.

        Yields
        ------
        tuple
            The piece, its chunk and its bytes.

        Raises
        ------
        ExecutorError
            ``RUN020`` naming the chunk whose retries are used up.
        """
        if self.executor is None:
            for piece in pieces:
                content = compute(*self._item(piece))
                yield piece, Chunk.decode(content), content
            return
        yield from self._scatter(self.executor, pieces)

    def _item(self, piece: tuple[int, int]) -> tuple[str, int, int, int, int]:
        return self.plan.configuration.json, self.plan.seed, *piece, self.n_jobs

    def _scatter(
        self, executor: Executor, pieces: list[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], Chunk, bytes]]:
        attempts = dict.fromkeys(pieces, 0)
        pending: dict[Future[bytes], tuple[int, int]] = {}

        def submit(piece: tuple[int, int]) -> None:
            while True:
                try:
                    pending[executor.submit(compute, *self._item(piece))] = piece
                    return
                except Exception as error:
                    self._failed(piece, attempts, error)

        try:
            waiting = deque(pieces)
            while waiting or pending:
                while waiting and (self.window is None or len(pending) < self.window):
                    submit(waiting.popleft())
                finished = concurrent.futures.wait(pending, _WAIT, concurrent.futures.FIRST_COMPLETED).done
                for future in finished:
                    piece = pending.pop(future)
                    try:
                        content = future.result()
                        chunk = self._accepted(piece, content)
                    except AlvhError:
                        # The same arguments fail the same way everywhere.
                        raise
                    except (Exception, concurrent.futures.CancelledError) as error:
                        self._failed(piece, attempts, error)
                        submit(piece)
                        continue
                    yield piece, chunk, content
        finally:
            for future in pending:
                future.cancel()

    def _accepted(self, piece: tuple[int, int], content: bytes) -> Chunk:
        if not isinstance(content, bytes):
            raise Damaged(f"a {type(content).__name__}")
        chunk = Chunk.decode(content)
        asked = (self.plan.configuration.digest, self.plan.seed, *piece)
        if (chunk.configuration, chunk.seed, chunk.first, chunk.count) != asked:
            raise Damaged(f"paths {chunk.first}..{chunk.first + chunk.count - 1}")
        return chunk

    def _failed(
        self, piece: tuple[int, int], attempts: dict[tuple[int, int], int], error: BaseException
    ) -> None:
        """Count a failure; give up where the retries are used up."""
        self.failures += 1
        attempts[piece] += 1
        if attempts[piece] > self.retries:
            first, count = piece
            got = f"{type(error).__name__} {shown(str(error), 120)}"
            where = f"paths {first}..{first + count - 1}"
            hint = "finished chunks stay in the folder, when there is one"
            expected = f"the chunk within {self.retries + 1} attempts"
            raise ExecutorError("RUN020", "simulate", "executor", got, expected, where, hint) from error
