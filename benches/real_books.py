"""Real samples that detection is measured on: transplants into them, and their own alarms."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alvh
import numpy as np
from alvh import bench
from alvh._ignition_calibration import poisson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOOKS = Path(os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "books"
TAQ = [BOOKS / f"taq/equity__usa__tick__bac__20131007_{name}.zip" for name in ("quote", "trade")]
BINANCE = {name: BOOKS / f"binance/{name}_20240808.gz" for name in ("cm_btcusd_perp", "spot_btcusdt")}
BINS = (2.0, 5.0, 10.0, 15.0, 20.0, math.inf)
SHARE = 0.6


@dataclass(frozen=True)
class Sample:
    """A tape, hours of its day, and how many episodes and shams it has room for at once, how often."""

    name: str
    tape: Any
    day: float
    episodes: tuple[int, int]
    repeats: int

    def calibrated(self) -> alvh.IgnitionConfig:
        """Thresholds from the first part of the tape; 10 early alarms and 1 confirmed a day wanted."""
        return alvh.IgnitionConfig.calibrate(self.tape, hours_per_day=self.day, until=self.boundary)

    @property
    def boundary(self) -> int:
        """Where the part ends that thresholds are calibrated on [ns]."""
        ts = self.tape.to_arrays()["ts"]
        return int(ts[0] + SHARE * (ts[-1] - ts[0]))


def samples() -> Iterator[Sample]:
    """Those that are present."""

    def binance(name: str) -> Callable[[], Any]:
        return lambda: alvh.read_binance(BINANCE[name])

    known: list[tuple[str, list[Path], Callable[[], Any], float, tuple[int, int], int]] = [
        ("BTC perpetual", [BINANCE["cm_btcusd_perp"]], binance("cm_btcusd_perp"), 24.0, (3, 2), 60),
        ("BTC spot", [BINANCE["spot_btcusdt"]], binance("spot_btcusdt"), 24.0, (3, 2), 60),
        ("BAC", TAQ, lambda: alvh.read_taq(*TAQ), 6.5, (60, 40), 5),
    ]
    for name, paths, read, day, episodes, repeats in known:
        if all(path.exists() for path in paths):
            yield Sample(name, read(), day, episodes, repeats)
        else:
            print(f"{name}: no data at {paths[0].parent}")


def show_transplants() -> None:
    """Recall by strength, alarms at shams."""
    print(
        "transplants into real books: 2 to 20 sigma asked for, log-uniform; strengths below are as they came out"
    )
    print(
        "[95 % Wilson, as if every placement were another book]; other false alarms in the 6.5 h are the tape's own"
    )
    for sample in samples():
        config = sample.calibrated()
        report = config.calibration
        assert report is not None
        ignitions, shams = sample.episodes
        flows = [
            bench.transplant(sample.tape, (2.0, 20.0), n=ignitions, shams=shams, seed=seed)
            for seed in range(1, sample.repeats + 1)
        ]
        kinds = sum(flow.labels["kind"].value_counts() for flow in flows)
        print(f"{sample.name}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
        for what, used in (
            ("as configured", None),
            (f"calibrated on the first {SHARE:.0%}, factor {report.factor:.3g}", config),
        ):
            for stage in ("early", "confirmed"):
                score = bench.merged(bench.detector_score(flow, used, stage=stage) for flow in flows)  # type: ignore[arg-type]
                counts, bins = score.counts, []
                for row in score.by_displacement(BINS).itertuples(index=False):
                    low, high, found, of, recall, low_end, high_end = row
                    to = f"to {high:g}" if high < math.inf else "up"
                    bins.append(
                        f"{low:g} {to}: {found:.0f}/{of:.0f} = {recall:.2f} [{low_end:.2f}, {high_end:.2f}]"
                    )
                print(f"  {what}, {stage}: {'; '.join(bins)}")
                print(
                    f"    all {score.recall():.2f}; latency {score.latency():.2f} / {score.latency(0.9):.2f} s; shams "
                    f"{counts['false_sham']:.0f}/{counts['decoys_sham']:.0f}; background "
                    f"{counts['false_background'] * 6.5 / counts['hours']:.1f} in 6.5 h"
                )


def show_own_alarms() -> None:
    """Alarms of the real tapes themselves, all counted as false."""
    print("real tapes, every alarm taken for a false one; rates a day (6.5 h; BTC 24 h) [exact 95 % Poisson]")
    for sample in samples():
        config = sample.calibrated()
        report = config.calibration
        assert report is not None
        for what, used in (
            ("default", alvh.IgnitionConfig()),
            (f"calibrated, factor {report.factor:.3g}", config),
        ):
            signal = alvh.detect(sample.tape, used)
            raw, seconds = signal._raw["episodes"], signal._raw["timeline"]
            reverted = alvh._core.IGNITION_OUTCOMES.index("reverted")
            for part, start in (("whole tape", None), (f"last {1 - SHARE:.0%}", sample.boundary)):
                inside = np.ones(len(raw["detected"]), bool) if start is None else raw["detected"] >= start
                scored = (
                    seconds["is_scored"]
                    if start is None
                    else seconds["is_scored"] & (seconds["known"] >= start)
                )
                minutes = float(scored.sum()) * used.clocks[0] / 60.0
                said = []
                for stage, chosen in (
                    ("early", inside),
                    ("confirmed", inside & (raw["outcome"] == reverted)),
                ):
                    count, days = int(chosen.sum()), minutes / 60.0 / sample.day
                    low, high = (end / days for end in poisson_interval(count))
                    said.append(
                        f"{stage} {count}, {count / days:.3g} a day of {sample.day:g} h [{low:.3g}, {high:.3g}]"
                    )
                print(f"  {sample.name}, {what}, {part}, {minutes:.1f} scored minutes: {'; '.join(said)}")
