"""What `import alvh` costs in a fresh process, and how large the wheel is.

usage: python benches/bench_import.py [WHEEL]

Without a wheel only the import is measured. Build one with `python -m maturin build --release`.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 9
HEAVY = ("pandas", "plotly", "matplotlib", "scipy", "pyarrow", "numba")
PROBE = """
import json, sys, time
start = time.process_time()
import alvh
seconds = time.process_time() - start
print(json.dumps([seconds, time.process_time(), sorted({name.split(".")[0] for name in sys.modules})]))
"""


def probe() -> tuple[float, float, list[str]]:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    seconds, total, modules = json.loads(done.stdout)
    return seconds, total, modules


def main() -> None:
    runs = [probe() for _ in range(RUNS)]
    heavy = [name for name in HEAVY if name in runs[0][2]]
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {RUNS} processes")
    print(f"import alvh        {statistics.median(run[0] for run in runs):6.3f} CPU s  (below 0.35)")
    print(f"whole process      {statistics.median(run[1] for run in runs):6.3f} CPU s")
    print(f"heavy modules      {', '.join(heavy) or 'none'}")
    for wheel in sys.argv[1:]:
        print(f"wheel              {Path(wheel).stat().st_size / 1e6:6.2f} MB     (below 4)")


if __name__ == "__main__":
    main()
