"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> Path:
    """Let `write` fill a file beside `path`, then move it there in one step.

    On any error nothing is left behind.

    Parameters
    ----------
    path : str or path-like
        Where the file goes; an existing file is replaced.
    write : callable
        Takes the open binary file.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    OSError
        When the folder does not exist or cannot be written to.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        # The user knows the target, not the file beside it.
        error.filename = str(target)
        raise
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
        # mkstemp makes the file private; a result is as readable as any new file of this user.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target
