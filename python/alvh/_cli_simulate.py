"""The command ``alvh simulate``."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from alvh.study import Study

__all__ = ["add_parser"]

_WIDTH = 100
_MOST_SEED = 2**64


def add_parser(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "simulate",
        help="run books over simulated futures of SPX, VIX, VIX futures and VIX options",
        description="Run books over simulated paths of the market model; every number has its standard error.",
    )
    run = parser.add_argument_group("simulation")
    run.add_argument(
        "--books",
        metavar="A,B",
        default="unhedged,static,adaptive",
        help="names, presets, TOML and JSON files of books (default: %(default)s)",
    )
    run.add_argument("--market", metavar="NAME", help="preset of the market model (docs/model.md lists them)")
    run.add_argument("--paths", metavar="N", type=int, default=20_000, help="paths (default: %(default)s)")
    run.add_argument(
        "--years", metavar="X", type=float, default=1.0, help="length of a path (default: %(default)s)"
    )
    run.add_argument(
        "--steps", metavar="N", type=int, default=1, help="steps of a session (default: %(default)s)"
    )
    run.add_argument("--seed", metavar="N", type=int, default=0, help="seed (default: %(default)s)")
    run.add_argument(
        "--start", metavar="DAY", default="2025-01-02", help="first session (default: %(default)s)"
    )
    run.add_argument("--antithetic", action="store_true", help="mirror every second path")
    run.add_argument("--intraday", action="store_true", help="ignition episodes inside a day")
    run.add_argument("--overlay", action="store_true", help="scale the volatility of VIX options as measured")
    run.add_argument("--jobs", metavar="N", type=int, help="threads (default: one per processor)")
    run.add_argument("--folder", metavar="DIR", help="folder for finished chunks")
    run.add_argument("--resume", action="store_true", help="go on with the run in --folder")
    output = parser.add_argument_group("output")
    output.add_argument("--plot", metavar="FILE", help="picture of the outcomes")
    output.add_argument("--json", action="store_true", help="print JSON and nothing else on standard output")
    parser.set_defaults(parser=parser, run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import alvh
    from alvh import _cli_presets
    from alvh._episodes import IntradayConfig

    if arguments.resume and arguments.folder is None:
        arguments.parser.error("argument --resume: needs --folder")
    if arguments.plot is not None and not Path(arguments.plot).parent.is_dir():
        arguments.parser.error(f"argument --plot: no folder {Path(arguments.plot).parent}")
    market = alvh.Market.default() if arguments.market is None else alvh.Market.preset(arguments.market)
    study = alvh.simulate(
        _cli_presets.books_of(arguments.books),
        market,
        n_paths=arguments.paths,
        years=arguments.years,
        steps_per_day=arguments.steps,
        seed=arguments.seed,
        n_jobs=arguments.jobs,
        # A bar is for people: a log gets none.
        progress=sys.stderr.isatty(),
        antithetic=arguments.antithetic,
        start=arguments.start,
        intraday=IntradayConfig() if arguments.intraday else None,
        overlay=arguments.overlay,
        folder=arguments.folder,
        resume=arguments.resume,
    )
    print(study.to_json() if arguments.json else _report(study))
    if arguments.plot is not None:
        path = study.plot.save(arguments.plot)
        print(f"outcomes: {path}", file=sys.stderr if arguments.json else sys.stdout)


def _report(study: Study) -> str:
    parts = [[study.table()]]
    sentences = study.sentences()
    if sentences:
        head = f"Against {study.base} (95 % intervals as ± standard error, the same paths for both):"
        parts.append([head, *(_wrapped(sentence) for sentence in sentences)])
    parts.append([_wrapped(line) for line in study.incident_lines()])
    run = study.quality["run"]
    parts.append(
        [
            f"{run['chunks']} chunks, {run['computed']} computed; {study.raw['marks']['steps']:,} path-steps; "
            f"{study.raw['flags']['clamped']:,} marks clamped to their tables",
            f"digest {study.digest}",
        ]
    )
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
