"""Write what each rule earned into its page of docs/rules: `python tools/measure_rules.py DAILY_FOLDER`.

The folder holds the daily files of docs/own-data.md. The ablation is `alvh.ablate` on the default adaptive book.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import alvh

ROOT = Path(__file__).parents[1]


def history(folder: Path) -> alvh.History:
    """Read the daily files."""
    return alvh.History.load(
        folder / "spx_ohlcv.csv",
        folder / "vix.csv",
        vx=folder / "vx1_to_vx8.csv",
        vix9d=folder / "vix9d.csv",
        vix3m=folder / "vix3m.csv",
        vvix=folder / "vvix.csv",
        skew=folder / "skew.csv",
    )


def sentence(row: dict[str, float | str], span: str) -> str:
    """Say what a rule earned."""
    if row["verdict"] == "idle":
        return f"{span}: idle, switching it off changed nothing."
    earned, low, high = (float(row[f"earned{end}"]) / 1e3 for end in ("", "_low", "_high"))
    count = int(row["decisions"])
    drawdown, shortfall = (-100 * float(row[name]) for name in ("drawdown_saved", "shortfall_saved"))
    return (
        f"{span}: {earned:,.1f} kUSD [{low:,.1f}, {high:,.1f}] on 500 kUSD, {count:,} decisions, maximum drawdown "
        f"{drawdown:+.1f} %, expected shortfall {shortfall:+.1f} % "
        f"against the book without it: {row['verdict']}."
    )


def main() -> None:
    """Measure and write."""
    market = history(Path(sys.argv[1]))
    frame = alvh.ablate(alvh.books.adaptive(), market)
    span = f"Real history {market.first} to {market.last}, surface marks, prices only as signals"
    for name, row in frame.to_dict("index").items():
        page = ROOT / "docs" / "rules" / f"{name}.md"
        if not page.exists():
            continue
        text = page.read_text(encoding="utf-8")
        block = f"<!-- earned: {name} -->\n{sentence(row, span)}\n<!-- end -->"
        page.write_text(
            re.sub(r"<!-- earned: .*? -->.*?<!-- end -->", lambda _, new=block: new, text, flags=re.DOTALL),
            encoding="utf-8",
        )
    print(frame.round(3).to_string())


if __name__ == "__main__":
    main()
