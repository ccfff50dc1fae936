"""The command line: ``alvh study``, ``simulate``, ``report``, ``detect``, ``presets``, ``doctor``.

Exit status: 0 success; 1 a defect of the library, or nobody reads the output; 2 an error of the user (arguments, files,
data, a missing extra); 130 after Ctrl-C. No status other than 0 leaves a file that is not whole.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from alvh import _cli_bench, _cli_detect, _cli_doctor, _cli_presets, _cli_report, _cli_simulate
from alvh._claims import claim_lines
from alvh._files import write_whole
from alvh._job import flags_of, write_manifest
from alvh.errors import AlvhError, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alvh.study import Study

__all__ = ["main"]

_INTERRUPTED = 130
_USER_ERROR = 2
_SERIES = {
    "spx": "S&P 500, daily OHLC or closes (needed)",
    "vix": "VIX, daily OHLC or closes (needed)",
    "vx": "VIX futures: a folder of exchange files, or a VX1..VX8 table",
    "vix9d": "VIX9D",
    "vix3m": "VIX3M",
    "vix6m": "VIX6M",
    "vvix": "VVIX",
    "skew": "SKEW",
    "rates": "bill or funds rates",
    "settlement": "official AM settlements of the S&P 500 (SET)",
    "vix_settlement": "official settlements of VIX options (VRO)",
    "spy": "SPY, open and close: mends stale opens of the index",
    "bars": "intraday bars: time, spot, and vix, vx1.. if you have them",
}
# Names of alvh.chain.FORMATS, kept here so that --help does not load the reader; a test compares them.
_CHAIN_FORMATS = ("canonical", "cboe", "optionsdx", "eod", "wide")
_BOOKS = (
    "unhedged",
    "static",
    "motion",
    "adaptive",
    "adaptive_uncapped",
    "adaptive_hedge",
    "static_phased",
    "placebo",
    "unhedged_phased",
    "promoter",
    "single_vx_future",
    "etf_overlay",
    "spx_puts",
    "condor_index",
    "vix_tail_hedge",
)
_NOT_QUOTED = {
    "uncovered": "no quotes that day",
    "no_quote": "no quote of the leg",
    "off_close": "before the close",
}
_WIDTH = 100


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
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return _USER_ERROR
    try:
        if getattr(arguments, "job", None) is not None:
            given = sys.argv[1:] if argv is None else list(argv)
            command, rest = given[0], given[1:]
            # What stands on the command line comes later and wins.
            arguments = parser.parse_args([command, *flags_of(arguments.job), *rest])
        arguments.run(arguments)
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
            f"{error.name} is not installed; install alvh with its extra: 'alvh[{_extra(error.name)}]'",
            _USER_ERROR,
        )
    return 0


def _fail(message: str, status: int) -> int:
    print("alvh:", " ".join(message.split()), file=sys.stderr)
    return status


def _extra(module: str | None) -> str:
    return "report" if module == "plotly" else "study"


def _parser() -> _Parser:
    import alvh

    parser = _Parser(
        prog="alvh",
        description="Iron-condor books with and without a VIX hedge, measured; momentum ignition in order books.",
    )
    parser.add_argument("--version", action="version", version=f"alvh {alvh.__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="study|simulate|report|detect|presets|doctor|bench", parser_class=_Parser
    )
    study = commands.add_parser(
        "study",
        help="replay books over recorded history; `alvh study --help` lists its options",
        description="Replay books over recorded history. Without files it runs on the demonstration.",
    )
    _study_options(study)
    output = study.add_argument_group("output")
    where = output.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="DIR", help="folder for picture, JSON results and their manifest")
    where.add_argument(
        "--png", metavar="FILE", default="alvh-study.png", help="picture (default: %(default)s)"
    )
    output.add_argument("--json", action="store_true", help="print JSON and nothing else on standard output")
    study.set_defaults(parser=study, run=_study)
    report = commands.add_parser(
        "report",
        help="the same study as one offline page",
        description="Replay books over recorded history and write one page that works offline.",
    )
    _study_options(report)
    _cli_report.add_output(report)
    report.set_defaults(parser=report, run=lambda arguments: _cli_report.run(arguments, _run_study))
    _cli_simulate.add_parser(commands)
    _cli_detect.add_parser(commands)
    _cli_presets.add_parser(commands)
    _cli_doctor.add_parser(commands)
    _cli_bench.add_parser(commands)
    return parser


def _study_options(study: argparse.ArgumentParser) -> None:
    """Add what decides a study: market, books, run."""
    data = study.add_argument_group(
        "market data", "CSV (also .gz, .zip) or Parquet; docs/own-data.md has the layouts"
    )
    for name, text in _SERIES.items():
        metavar = "PATH" if name == "vx" else "FILE"
        data.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=text)
    data.add_argument("--bars-tz", metavar="ZONE", help="time zone of bar times that have none")
    data.add_argument(
        "--rates-unit", choices=("auto", "percent", "decimal"), help="unit of --rates (default: auto)"
    )
    data.add_argument(
        "--missing",
        choices=("raise", "flag", "drop"),
        help="sessions without a VIX close: stop, carry the last one on (default), leave out",
    )
    quotes = study.add_argument_group(
        "option quotes", "without them a smile built from the indices stands in"
    )
    quotes.add_argument("--chain", metavar="FILE", help="option quotes of your own")
    quotes.add_argument("--chain-format", choices=_CHAIN_FORMATS, help="layout of --chain")
    run = study.add_argument_group("study")
    run.add_argument(
        "--books",
        metavar="A,B",
        default="unhedged,static,adaptive",
        help=f"of {', '.join(_BOOKS)}, presets, TOML and JSON files of books (default: %(default)s)",
    )
    run.add_argument(
        "--min-sessions",
        type=_at_least(1),
        default=252,
        metavar="N",
        help="refuse a shorter history (default: %(default)s)",
    )
    run.add_argument(
        "--seed",
        type=_at_least(0),
        default=0,
        metavar="N",
        help="seed of the intervals (default: %(default)s)",
    )
    run.add_argument(
        "--replicates",
        type=_at_least(0),
        default=2000,
        metavar="N",
        help="resampled paths behind the intervals (default: %(default)s)",
    )
    run.add_argument("--job", metavar="FILE", help="TOML that says all this; flags beside it win")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = -1
        if not least <= value < 2**64:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from {least} on")
        return value

    return number


def _study(arguments: argparse.Namespace) -> None:
    picture = _picture_path(arguments)
    history = _history(arguments)
    # With --json the standard output holds nothing but JSON.
    remarks = sys.stderr if arguments.json else sys.stdout
    # The first line says what the data cannot cover, all of it: it is not broken.
    covers, *stand_ins = history.note.splitlines()
    print("\n".join([covers, *(_wrapped(line) for line in stand_ins)]), file=remarks, flush=True)

    study = _backtest(arguments, history)
    text = study.to_json() if arguments.json or arguments.out is not None else ""
    print(text if arguments.json else _report(study))
    study.plot.save(picture)
    print(f"equity and drawdown: {picture}", file=remarks)
    if arguments.out is not None:
        path = write_whole(picture.with_suffix(".json"), lambda stream: stream.write(f"{text}\n".encode()))
        print(f"results: {path}", file=remarks)
        manifest = write_manifest(picture.parent, [picture, path], study.provenance)
        print(f"manifest: {manifest}", file=remarks)


def _run_study(arguments: argparse.Namespace) -> Study:
    return _backtest(arguments, _history(arguments))


def _picture_path(arguments: argparse.Namespace) -> Path:
    """Where the picture goes, found out before the work starts."""
    if arguments.out is not None:
        folder = Path(arguments.out)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "alvh-study.png"
    picture = Path(arguments.png)
    if not picture.parent.is_dir():
        arguments.parser.error(f"argument --png: no folder {picture.parent}")
    if not os.access(picture.parent, os.W_OK):
        arguments.parser.error(f"argument --png: cannot write to {picture.parent}")
    if picture.is_dir():
        arguments.parser.error(f"argument --png: {picture} is a folder; use --out")
    return picture


def _history(arguments: argparse.Namespace) -> Any:
    import alvh

    settings = ("rates_unit", "bars_tz", "missing")
    given = {name: value for name in (*_SERIES, *settings) if (value := getattr(arguments, name)) is not None}
    if not given and arguments.chain is None:
        return alvh.History.demo()
    missing = [f"--{name}" for name in ("spx", "vix") if name not in given]
    if missing:
        arguments.parser.error(f"{' and '.join(missing)} missing: a history needs at least --spx and --vix")
    for setting, series in (("rates_unit", "rates"), ("bars_tz", "bars")):
        if setting in given and series not in given:
            arguments.parser.error(f"argument --{setting.replace('_', '-')}: needs --{series}")
    return alvh.History.load(**given)


def _backtest(arguments: argparse.Namespace, history: Any) -> Study:
    import alvh

    if arguments.chain is None:
        if arguments.chain_format is not None:
            arguments.parser.error("argument --chain-format: needs --chain")
        marks: Any = alvh.marks.surface(history)
    else:
        if arguments.chain_format is None:
            arguments.parser.error("argument --chain: needs --chain-format")
        marks = alvh.marks.quotes(alvh.Chain.read(arguments.chain, format=arguments.chain_format))
    books = _cli_presets.books_of(arguments.books)
    study: Study = alvh.backtest(
        books,
        history,
        marks=marks,
        seed=arguments.seed,
        replicates=arguments.replicates,
        min_sessions=arguments.min_sessions,
    )
    return study


def _report(study: Study) -> str:
    parts = [[study.table(portfolio_margin=True)]]
    sentences = study.sentences()
    if sentences:
        head = f"Against {study.base} (95 % intervals, same days resampled for both):"
        parts.append([head, *(_wrapped(sentence) for sentence in sentences)])
    parts.append([_wrapped(line) for line in claim_lines(study)])
    remarks = [*_apart(study), *study.incident_lines(), *_marks_lines(study)]
    parts.append([_wrapped(line) for line in remarks])
    parts.append(study.sensitivity_lines())
    parts.append(_event_lines(study))
    return "\n" + "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _marks_lines(study: Study) -> list[str]:
    """Say how many marks rest on the user's quotes; nothing for a study without any."""
    counts = study.quality["marks"]
    if "answered" not in counts:
        return []
    reasons = "; ".join(f"{text} {counts[key]:,}" for key, text in _NOT_QUOTED.items() if counts.get(key))
    rest = f"; the surface stands in for the rest ({reasons})" if reasons else ""
    closes = (
        "End-of-day quotes are for the close: a study on quotes trades there only, never at 09:30 or 11:00."
    )
    return [f"option marks: {counts['answered']:,} from the chain{rest}.", closes]


def _wrapped(text: str) -> str:
    """Break lines at 100 columns; what goes on is indented by two."""
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def _apart(study: Study) -> list[str]:
    hypothetical = study.summary()["hypothetical_hedge_pnl"]
    return [
        f"{book}: {amount:,.0f} USD of its hedge P&L is hypothetical (before VIX options, 2006-02-24)."
        for book, amount in hypothetical.items()
        if amount != 0.0
    ]


def _event_lines(study: Study) -> list[str]:
    from alvh._study_text import text_table

    labels: list[str] = []
    rows: list[list[str]] = []
    skipped: dict[str, list[str]] = {}
    for name, event in study.events().groupby("event", sort=False):
        if event["skipped"].iloc[0]:
            skipped.setdefault(event["skipped"].iloc[0], []).append(str(name))
            continue
        labels.append(f"{event['start'].iloc[0]:%Y-%m-%d} {name}")
        rows.append([f"{amount:,.0f}" for amount in event["pnl"]])
    lines = text_table("P&L in event windows, USD", labels, study.books, rows) if rows else []
    return lines + [_wrapped(f"{reason}: {', '.join(names)}") for reason, names in skipped.items()]
