"""Writes the output of `alvh study` on the demonstration into README.md; `--check` only says whether it is current."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- sample -->\n", "<!-- end of sample -->"


def sample() -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "alvh", "study"]
        text = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return f"```text\n$ alvh study\n{text.rstrip()}\n```\n"


def main() -> int:
    text = README.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest[rest.index(END) :]
    updated = f"{head}{BEGIN}{sample()}{tail}"
    if "--check" in sys.argv[1:]:
        print(
            "up to date"
            if updated == text
            else "the sample in README.md is stale: run tools/update_readme_sample.py"
        )
        return int(updated != text)
    README.write_text(updated, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
