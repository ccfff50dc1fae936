"""Draws the pictures of the gallery when the documentation is built: what the library draws, nothing made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alvh

FOLDER = Path(__file__).parent / "_generated"
SEED = 7


def draw(app: Any) -> None:
    """Write one PNG a picture and one report."""
    FOLDER.mkdir(exist_ok=True)
    history = alvh.History.demo()
    study = alvh.backtest(alvh.books.named("unhedged", "static"), history, seed=SEED, replicates=500)
    for name in ("equity", "drawdown", "attribution", "layers", "frontier", "phases"):
        axes = getattr(study.plot, name)()
        if name in ("equity", "drawdown"):
            axes.legend(frameon=False)
        axes.figure.savefig(FOLDER / f"{name}.png", dpi=120)
    static = Path(app.outdir)
    static.mkdir(parents=True, exist_ok=True)
    study.report(static / "example-report.html")


def setup(app: Any) -> dict[str, bool]:
    """Connect the drawing to the start of a build."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
