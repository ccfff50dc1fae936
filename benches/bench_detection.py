"""Detection on labelled order flow: ours and the baselines, one scalar each chosen on some seeds, shown on others.

Run ``python benches/bench_detection.py [hours] [--fast] [--real]``; `hours` is the length of each simulated tape (4 by
default), ``--fast`` takes two seeds of six, ``--real`` the sections on real samples alone. Style "a" is what the
scalars are chosen on; style "b" (other arrivals, sizes, makers, pushes) only shows whether they transfer.

The budgets are not the same: a baseline has one scalar, while the weights of our score were fitted on seeds 1 to 3 of
styles "a" and "b" (``tools/fit_ignition_score.py``) and its thresholds set by hand, before the one scalar is chosen.

The last sections belong together: alarms on real tapes with default and with calibrated thresholds, and what the same
factors on the thresholds cost in recall, simulated and transplanted. Those on real samples are skipped where the data
of ``ALVH_SHARED_DATA`` are missing.
"""

from __future__ import annotations

import platform
import sys
import time

import alvh
import pandas as pd
import real_books
from alvh import bench
from alvh._ignition_calibration import scaled

COLUMNS = ("precision", "recall", "recall_10", "latency", "latency_p90", "share_made", "false_per_session")

DECOYS = ("informed", "volume_only", "sweep")

# Factors that calibration took on real tapes, and the steps up to them.
FACTORS = (1.0, 2.0, 4.0, 5.66)


def printed(table: pd.DataFrame) -> None:
    """One line a detector, with 95 % intervals of precision and recall."""
    print(f"{'detector':26} {'setting':>8} {'precision':>21} {'recall':>21} {'> 10 sigma':>10} ", end="")
    print(f"{'latency / p90':>14} {'made':>5} {'false / 6.5 h':>13} {'background':>10}")
    for (name, setting), row in table.iterrows():
        ends = [
            f"{row[x]:.2f} [{row[x + '_low']:.2f}, {row[x + '_high']:.2f}]" for x in ("precision", "recall")
        ]
        latency = f"{row['latency']:.2f} / {row['latency_p90']:.2f}"
        print(
            f"{name:26} {setting:8.3g} {ends[0]:>21} {ends[1]:>21} {row['recall_10']:10.2f} {latency:>14} ",
            end="",
        )
        print(f"{row['share_made']:5.2f} {row['false_per_session']:13.1f} {row['false_background']:10.1f}")


def show_factors(seeds: tuple[int, ...], hours: float) -> None:
    """Recall where thresholds are scaled as calibration does it: with the score's weights of push and velocity."""
    print(
        "recall at factors of calibration: all, > 10 sigma [95 % Wilson]; false alarms in 6.5 h, background alone"
    )
    stages: tuple[bench.Stage, ...] = ("early", "confirmed")
    for style in ("a", "b"):
        flows = bench.suite(seeds, hours, styles=(style,))
        for factor in FACTORS:
            config = scaled(alvh.IgnitionConfig(), factor)
            for stage in stages:
                row = bench.merged(
                    bench.detector_score(flow, config, stage=stage) for flow in flows
                ).summary()
                recalls = (
                    f"{row[x]:.3f} [{row[x + '_low']:.3f}, {row[x + '_high']:.3f}]"
                    for x in ("recall", "recall_10")
                )
                print(
                    f"style {style}, factor {factor:4g}, {stage:9}: {', '.join(recalls)}; precision "
                    f"{row['precision']:.3f}; {row['false_per_session']:.1f}, {row['false_background']:.2f}"
                )
    print()


def show_real() -> None:
    """The sections on real samples, with the time that each took."""
    for show in (real_books.show_own_alarms, real_books.show_transplants):
        start = time.perf_counter()
        show()
        print(f"({time.perf_counter() - start:.0f} s)\n")


def main() -> None:
    numbers = [float(word) for word in sys.argv[1:] if not word.startswith("--")]
    hours = numbers[0] if numbers else 4.0
    n = 2 if "--fast" in sys.argv else len(bench.TUNING_SEEDS)
    tuning, reporting = bench.TUNING_SEEDS[:n], bench.REPORTING_SEEDS[:n]
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, alvh {alvh.__version__}"
    )
    if "--real" in sys.argv:
        show_real()
        return
    print(
        f"chosen on seeds {tuning}, shown on seeds {reporting}; {', '.join(bench.INSTRUMENTS)}, {hours:g} h each"
    )
    start = time.perf_counter()
    flow = bench.order_flow(tuning[0], hours)
    elapsed = time.perf_counter() - start
    print(f"simulated {len(flow.tape) / elapsed / 1e6:.2f} million events/s\n")

    flows = (flow for seed in tuning for flow in bench.suite([seed], hours))
    chosen = bench.choose(flows)
    for style, what in (
        ("a", "the style that the scalars were chosen on"),
        ("b", "another style, the same scalars"),
    ):
        flows = (flow for seed in reporting for flow in bench.suite([seed], hours, styles=(style,)))
        scores = bench.report(flows, chosen)
        print(f"style {style}: {what}")
        printed(bench.table_of(scores))
        early, confirmed = scores["early, as configured", 1.0], scores["confirmed, as configured", 1.0]
        for stage, score in (("early", early), ("confirmed", confirmed)):
            counts = score.counts
            of = ", ".join(f"{x} {counts['false_' + x]}/{counts['decoys_' + x]}" for x in DECOYS)
            rare = ", ".join(
                f"{rate:g} a session: {score.precision_at(rate):.3f}" for rate in (10.0, 1.0, 0.01)
            )
            print(
                f"{stage}: alarms at decoys: {of}; repeats {counts['repeats']}; precision where ignitions are {rare}"
            )
        print(early.by_displacement().round(3).to_string(index=False), "\n")
    show_factors(reporting, hours)
    show_real()


if __name__ == "__main__":
    main()
