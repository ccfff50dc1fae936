"""The command line: ``alvh study``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from alvh._files import write_whole
from alvh.errors import AlvhError, InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alvh.study import Study

__all__ = ["main"]

_INTERRUPTED = 130
_USER_ERROR = 2
_SERIES = {
    "spx": "S&P 500 index, daily OHLC or closes",
    "vix": "VIX index",
    "vx": "VIX futures: a folder of exchange files, a VX1..VX8 table or Parquet",
    "vix9d": "VIX9D index",
    "vix3m": "VIX3M index",
    "vix6m": "VIX6M index",
    "vvix": "VVIX index",
    "skew": "SKEW index",
    "rates": "Treasury bill rates",
    "settlement": "settlement values of SPX and VIX options",
    "spy": "SPY exchange-traded fund, to mend stale opens",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line, not a page of usage.
        self.exit(_USER_ERROR, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 1 for a defect of the library, 2 for an error of the user, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        _study(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`alvh study | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except InternalError as error:
        return _fail(f"{error}; this is a defect of alvh, please report it", 1)
    except AlvhError as error:
        return _fail(str(error), _USER_ERROR)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return _fail(f"{where}{error.strerror or error}", _USER_ERROR)
    except ModuleNotFoundError as error:
        return _fail(
            f"{error.name} is not installed; install alvh with its extra: 'alvh[study]'", _USER_ERROR
        )
    return 0


def _fail(message: str, status: int) -> int:
    print("alvh:", " ".join(message.split()), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    import alvh

    parser = _Parser(prog="alvh", description="Iron-condor books with and without a VIX hedge, measured.")
    parser.add_argument("--version", action="version", version=f"alvh {alvh.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    study = commands.add_parser(
        "study",
        help="replay books over recorded history",
        description="Replay books over recorded history; without files, over the demonstration.",
    )
    for name, text in _SERIES.items():
        study.add_argument(f"--{name}", metavar="FILE", help=text)
    study.add_argument(
        "--chain", metavar="FILE", help="option quotes of your own; without them marks are modelled"
    )
    study.add_argument(
        "--chain-format", metavar="NAME", help="layout of the chain: cboe, optionsdx, canonical, ..."
    )
    study.add_argument(
        "--books", metavar="A,B", default="unhedged,static", help="books to compare (default: %(default)s)"
    )
    study.add_argument(
        "--seed", type=_natural, default=0, metavar="N", help="seed of the bootstrap (default: 0)"
    )
    study.add_argument(
        "--replicates",
        type=_natural,
        default=2000,
        metavar="N",
        help="bootstrap paths (default: %(default)s)",
    )
    where = study.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="DIR", help="folder for the picture and the JSON results")
    where.add_argument(
        "--png", metavar="FILE", default="alvh-study.png", help="picture (default: %(default)s)"
    )
    study.add_argument("--json", action="store_true", help="print machine-readable results only")
    study.set_defaults(parser=study)
    return parser


def _natural(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**64:
        raise ValueError
    return value


def _study(arguments: argparse.Namespace) -> None:
    picture = _picture_path(arguments)
    history = _history(arguments)
    # With --json the standard output holds nothing but JSON.
    remarks = sys.stderr if arguments.json else sys.stdout
    print(history.note, file=remarks, flush=True)

    study = _backtest(arguments, history)
    text = study.to_json()
    print(text if arguments.json else _report(study))
    study.plot.save(picture)
    print(f"equity and drawdown: {picture}", file=remarks)
    if arguments.out is not None:
        path = write_whole(picture.with_suffix(".json"), lambda stream: stream.write(f"{text}\n".encode()))
        print(f"results: {path}", file=remarks)


def _picture_path(arguments: argparse.Namespace) -> Path:
    """Where the picture goes, found out before the work starts."""
    if arguments.out is not None:
        folder = Path(arguments.out)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "alvh-study.png"
    picture = Path(arguments.png)
    if not picture.parent.is_dir():
        arguments.parser.error(f"argument --png: no folder {picture.parent}")
    if picture.is_dir():
        arguments.parser.error(f"argument --png: {picture} is a folder; use --out")
    return picture


def _history(arguments: argparse.Namespace) -> Any:
    import alvh

    files = {name: getattr(arguments, name) for name in _SERIES if getattr(arguments, name) is not None}
    if not files and arguments.chain is None:
        return alvh.History.demo()
    missing = [f"--{name}" for name in ("spx", "vix") if name not in files]
    if missing:
        arguments.parser.error(f"{' and '.join(missing)} missing: a history needs at least --spx and --vix")
    return alvh.History.load(**files)


def _backtest(arguments: argparse.Namespace, history: Any) -> Study:
    import alvh

    if arguments.chain is None:
        if arguments.chain_format is not None:
            arguments.parser.error("argument --chain-format: needs --chain")
        marks = alvh.marks.surface(history)
    else:
        if arguments.chain_format is None:
            arguments.parser.error("argument --chain: needs --chain-format")
        marks = alvh.marks.quotes(alvh.Chain.read(arguments.chain, format=arguments.chain_format))
    books = alvh.books.named(*(name.strip() for name in arguments.books.split(",")))
    study: Study = alvh.backtest(
        books, history, marks=marks, seed=arguments.seed, replicates=arguments.replicates
    )
    return study


def _report(study: Study) -> str:
    lines = ["", repr(study)]
    sentences = study.sentences()
    if sentences:
        lines += ["", f"Against {study.base} (95 % intervals, same days resampled for both):", *sentences]
        lines += _apart(study)
    sensitivity = study.sensitivity_lines()
    if sensitivity:
        lines += ["", *sensitivity]
    return "\n".join([*lines, "", *_event_lines(study), ""])


def _apart(study: Study) -> list[str]:
    hypothetical = study.summary()["hypothetical_hedge_pnl"]
    return [
        f"{book}: {amount:,.0f} USD of its hedge P&L is hypothetical (before VIX options, 2006-02-24)."
        for book, amount in hypothetical.items()
        if amount != 0.0
    ]


def _event_lines(study: Study) -> list[str]:
    events = study.events()
    books = study.books
    width = max(14, *(len(book) + 2 for book in books))
    lines = [f"{'P&L in event windows, USD':<34}" + "".join(f"{book:>{width}}" for book in books)]
    skipped: dict[str, list[str]] = {}
    for name, rows in events.groupby("event", sort=False):
        if rows["skipped"].iloc[0]:
            skipped.setdefault(rows["skipped"].iloc[0], []).append(str(name))
            continue
        label = f"{rows['start'].iloc[0]:%Y-%m-%d} {name}"
        lines.append(f"{label:<34}" + "".join(f"{amount:>{width},.0f}" for amount in rows["pnl"]))
    return lines + [f"{reason}: {', '.join(names)}" for reason, names in skipped.items()]
