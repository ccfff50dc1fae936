"""The report of a study: one page that needs no network, no server and no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alvh._files import write_whole

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from alvh.ignition import Signal
    from alvh.study import Study

__all__ = ["write"]


def write(study: Study, path: str | os.PathLike[str], signal: Signal | None = None) -> Path:
    """Write the report of a study.

    Parameters
    ----------
    study : Study
        What to report.
    path : str or path-like
        File to write; it appears whole or not at all.
    signal : Signal, optional
        Episodes of momentum ignition to show beside it.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    ModuleNotFoundError
        Without plotly, which is in the extra ``alvh[report]``.
    OSError
        When the folder does not exist or cannot be written to.
    """
    from alvh.report.page import page

    text = page(study, signal)
    return write_whole(path, lambda stream: stream.write(text.encode()))
