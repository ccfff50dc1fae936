"""The monthly condor-index book on real data: results, mechanics by hand, and what each assumption is worth.

Run: python tools/study_condor_index.py [DATA_FOLDER]   (default ALVH_SHARED_DATA, else ../shared/data)

Nothing here is fitted to the published index, whose values the repository does not hold. docs/condor-index.md reads
the tables.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import alvh
import numpy as np
import pandas as pd
from alvh import _core

CAPITAL = 100_000_000.0
ENTRY = 39_600
CALENDAR_YEAR = 365.25
WORST = ("2008-09", "2008-10", "2008-11", "2010-05", "2011-08", "2015-08")


def data_folder() -> Path:
    default = os.environ.get("ALVH_SHARED_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    return Path(sys.argv[1] if len(sys.argv) > 1 else default)


def sources(data: Path) -> dict[str, Any]:
    daily = data / "daily"
    return {
        "spx": daily / "spx_ohlcv.csv",
        "vix": daily / "vix.csv",
        "vix9d": daily / "vix9d.csv",
        "vix3m": daily / "vix3m.csv",
        "skew": daily / "skew.csv",
        "rates": data / "macro" / "fed_funds.csv",
        "spy": daily / "spy_daily.csv",
    }


def vx_futures(data: Path) -> list[Any]:
    """One file per contract to August 2014, then the continuous table."""
    table = pd.read_csv(data / "daily" / "vx1_to_vx8.csv")
    dates = next(name for name in table.columns if "date" in name.lower())
    later = table[pd.to_datetime(table[dates]) > pd.Timestamp("2014-08-20")]
    return [*sorted((data / "vx_contracts").glob("CFE_*_VX.csv")), later]


def load(data: Path, without: tuple[str, ...] = (), **changes: Any) -> alvh.History:
    return alvh.History.load(
        **{name: source for name, source in sources(data).items() if name not in without} | changes
    )


def equity_of(book: alvh.Book, history: alvh.History) -> pd.Series:
    return alvh.backtest(book, history, replicates=2).equity().iloc[:, 0]


def monthly(equity: pd.Series, start: float = CAPITAL) -> pd.Series:
    month_end = equity.groupby(equity.index.to_period("M")).last()
    return month_end / month_end.shift(1).fillna(start) - 1.0


def cagr(equity: pd.Series, start: float = CAPITAL) -> float:
    years = (equity.index[-1] - equity.index[0]).days / CALENDAR_YEAR
    return float((equity.iloc[-1] / start) ** (1.0 / years) - 1.0)


def vary(book: alvh.Book, *, costs: dict[str, float] | None = None, **condor: Any) -> alvh.Book:
    """The index book with some fields changed."""
    assert book.condor is not None
    return book.replace(
        condor=dataclasses.replace(book.condor, **condor),
        costs=dataclasses.replace(book.costs, **(costs or {})),
    )


def title(text: str) -> None:
    print(f"\n== {text}")


# --- 1. the book and one assumption at a time ------------------------------------------------------


def describe(history: alvh.History, book: alvh.Book) -> tuple[pd.Series, pd.DataFrame]:
    study = alvh.backtest(book, history, replicates=2)
    equity = study.equity().iloc[:, 0]
    returns = monthly(equity)
    spot = pd.Series(history.columns["spx_close"], index=equity.index)
    market = monthly(spot, float(spot.iloc[0]))
    title(f"condor_index {history.first} to {history.last}")
    print(
        f"return {cagr(equity):.2%} a year, volatility {returns.std() * 12**0.5:.2%}, worst month "
        f"{returns.min():.2%}, best {returns.max():.2%}, months above zero {(returns > 0).mean():.0%}, "
        f"maximum drawdown {(1 - equity / equity.cummax()).max():.1%}, correlation with the S&P 500 "
        f"{returns.corr(market):.2f}"
    )
    yearly = (1 + returns).groupby(returns.index.year).prod() - 1
    print("yearly %  ", "  ".join(f"{year} {value * 100:+.1f}" for year, value in yearly.items()))
    print("ten worst months  ", "  ".join(f"{m} {100 * r:+.1f}" for m, r in returns.nsmallest(10).items()))
    print(
        "named months      ", "  ".join(f"{m} {100 * returns[m]:+.1f}" for m in WORST if m in returns.index)
    )
    condors = study.condors
    unit = condors["credit"] / condors["contracts"] / 100.0
    width = unit + condors["max_loss"] / condors["contracts"] / 100.0
    full = (condors["pnl"] >= condors["credit"] - 0.5).mean()
    lost = (condors["pnl"] <= -condors["max_loss"] + 0.5).mean()
    print(
        f"condors {len(condors)}: full credit {full:.0%}, full loss {lost:.0%}, "
        f"credit {(unit / width).mean():.1%} of the wider wing ({(unit / width).quantile(0.1):.1%}.."
        f"{(unit / width).quantile(0.9):.1%}), mean credit {unit.mean():.2f}, mean width {width.mean():.0f} points"
    )
    trades = study.trades[study.trades["rule"] == "condor.entry"]
    marks = alvh.marks.surface(history)
    vols = marks.implied_vol(
        trades["day"].to_numpy("datetime64[D]"),
        trades["expiry"].to_numpy("datetime64[D]"),
        trades["strike"].to_numpy(float),
        "SPX",
        "mid_morning",
    )
    for bucket, group in trades.assign(vol=vols).groupby("bucket", sort=False):
        print(
            f"  {bucket:<11s} mean implied volatility {group['vol'].mean():.1%}, mean mid {group['mid'].mean():6.2f}, "
            f"paid for the spread {(group['mid'] - group['price']).abs().mean():.2f}"
        )
    return equity, trades


def sensitivity(data: Path, history: alvh.History, book: alvh.Book, equity: pd.Series) -> None:
    """One change at a time, and the correlation of its calendar-month returns with the default's."""
    spx = pd.read_csv(data / "daily" / "spx_ohlcv.csv")
    close_settled = pd.DataFrame({"Date": history.sessions, "Close": history.columns["spx_close"]})
    prior = history.columns["spx_close"].copy()
    prior[1:] = history.columns["spx_close"][:-1]
    prior_settled = pd.DataFrame({"Date": history.sessions, "Close": prior})
    close_only = spx[["Date", "Close"]]
    base = monthly(equity)
    rows: list[tuple[str, pd.Series]] = [("default", equity)]

    def add(name: str, varied: alvh.Book = book, h: alvh.History = history) -> None:
        rows.append((name, equity_of(varied, h)))

    add("entry at the open", vary(book, entry_time="09:30"))
    add("entry at the close", vary(book, entry_time="16:00"))
    add("settled on the close", h=load(data, settlement=close_settled))
    add("settled on the prior close", h=load(data, settlement=prior_settled))
    add("no SPY (stale opens bridged from the day's bar)", h=load(data, ("spy",)))
    add(
        "entry and settlement at the close",
        vary(book, entry_time="16:00"),
        load(data, settlement=close_settled),
    )
    add("close-only S&P 500, no SPY", h=load(data, ("spy",), spx=close_only))
    add("SPX and VIX only", h=load(data, ("vix9d", "vix3m", "skew", "rates", "spy")))
    add("no VIX9D, VIX3M", h=load(data, ("vix9d", "vix3m")))
    add("no SKEW", h=load(data, ("skew",)))
    no_rates = load(data, ("rates",))
    add("no rates", h=no_rates)
    add("dividend yield 1.3 %", h=load(data, dividend_yield=0.013))
    for share in (0.0, 0.25, 0.4, 0.5, 0.75, 1.0):
        add(f"fills at {share:g} of the half-spread", vary(book, costs={"package_fraction": share}))
    electronic = 0.055 * (15 / 12) ** 1.15 / 0.32
    add(
        "electronic widths, whole half-spread",
        vary(book, costs={"package_fraction": 1.0, "spread_scale": electronic}),
    )
    add("short delta .19", vary(book, short_delta=0.19))
    add("short delta .21", vary(book, short_delta=0.21))
    add("long delta .06", vary(book, long_delta=0.06))
    add("collateral 9 times", vary(book, collateral_multiple=9.0))
    add("collateral 11 times", vary(book, collateral_multiple=11.0))
    title(
        "one change at a time (return and volatility a year; correlation of monthly returns with the default)"
    )
    print(f"{'':<50s} return  change  volatility  correlation")
    for name, varied in rows:
        returns = monthly(varied)
        print(
            f"{name:<50s} {cagr(varied):6.2%} {100 * (cagr(varied) - cagr(equity)):+6.2f}  "
            f"{returns.std() * 12**0.5:9.2%}  {returns.corr(base):10.3f}"
        )


# --- 2. the same book as a few lines of NumPy, under other smiles -----------------------------------


def black(right: np.ndarray, forward: np.ndarray, strike: np.ndarray, deviation: np.ndarray) -> tuple:
    """Undiscounted price and absolute forward delta; `right` is +1 for calls, -1 for puts."""
    from scipy.stats import norm

    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    price = right * (forward * norm.cdf(right * d1) - strike * norm.cdf(right * (d1 - deviation)))
    return price, norm.cdf(right * d1)


RIGHT = np.array([-1.0, -1.0, 1.0, 1.0])
SIGN = np.array([-1.0, 1.0, -1.0, 1.0])
DELTA = np.array([0.20, 0.05, 0.20, 0.05])


def twin(history: alvh.History, smile: str, share: float) -> pd.Series:
    """Month-end equity of the index book without the engine; `smile` is surface, linear or flat.

    flat: VIX for every strike. linear: 92 % of VIX at the money, a tenth of it added for each
    30-day standard deviation below the forward and taken off above it, at most three either way.
    """
    steps = history.steps()
    seconds = (steps.index - steps.index.normalize()).total_seconds().to_numpy()
    day = steps.index.tz_localize(None).normalize()
    at_entry = steps[seconds == ENTRY].set_axis(day[seconds == ENTRY])
    closes = steps.groupby(day).last()
    settlement = history.settlements()["spx"]
    expiries = pd.DatetimeIndex(alvh.calendar.spx_expiries(history.first, history.last))
    rate = pd.Series(history.columns.get("rate", np.zeros(len(history))), index=settlement.index)
    marks = alvh.marks.surface(history)
    month_ends = set(closes.groupby(closes.index.to_period("M")).tail(1).index)
    cash, held, last, result = CAPITAL, None, settlement.index[0], {}

    def vols(when: Any, expiry: Any, strike: np.ndarray, time: str, forward: float, vix: float, years: float):
        if smile == "surface":
            return marks.implied_vol(
                np.full(strike.shape, when), np.full(strike.shape, expiry), strike, "SPX", time
            )
        if smile == "flat":
            return np.full(strike.shape, vix / 100.0)
        z = np.clip(np.log(strike / forward) / (vix / 100.0 * np.sqrt(30.0 / 365.0)), -3.0, 3.0)
        return vix / 100.0 * (0.92 - 0.10 * z)

    def value(
        when: pd.Timestamp, clock: float, time: str, row: Any, expiry: Any, strike: np.ndarray
    ) -> tuple:
        years = ((expiry - when).days * 86_400.0 + 34_200.0 - clock) / (365.0 * 86_400.0)
        r = float(rate.shift(1).get(when, 0.0) if clock < 57_600.0 else rate[when])
        r = 0.0 if np.isnan(r) else r
        forward = row["spot"] * np.exp((r - 0.018) * years)
        right = RIGHT if strike.shape == RIGHT.shape else np.sign(strike - forward)
        sd = vols(when.to_datetime64(), expiry.to_datetime64(), strike, time, forward, row["vix"], years)
        price, delta = black(right, forward, strike, sd * np.sqrt(years))
        return np.exp(-r * years) * price, delta, forward

    for date in closes.index:
        r = rate.shift(1).get(date, 0.0)
        cash *= np.exp((0.0 if np.isnan(r) else r) * (date - last).days / 365.0)
        last = date
        if held is not None and date >= held[1]:
            cash += (
                held[2] * 100.0 * float(np.sum(SIGN * np.maximum(RIGHT * (settlement[date] - held[0]), 0.0)))
            )
            held = None
        if date in expiries and date in at_entry.index:
            # The index of the expiry in the calendar gives the next month's, also beyond the history.
            expiry = pd.Timestamp(
                alvh.calendar.spx_expiries(date + pd.Timedelta(days=1), date + pd.Timedelta(days=40))[0]
            )
            row = at_entry.loc[date]
            wanted = np.arange(0.55 * row["spot"], 1.35 * row["spot"], 2.5)
            grid = np.unique(alvh.calendar.snap_strikes("SPX", date, expiry, row["spot"], wanted))
            _, delta, forward = value(date, ENTRY, "mid_morning", row, expiry, grid)
            put = grid < forward
            strike = np.array(
                [
                    grid[side][np.argmin(np.abs(delta[side] - d))]
                    for side, d in zip((put, put, ~put, ~put), DELTA, strict=True)
                ]
            )
            mid, _, _ = value(date, ENTRY, "mid_morning", row, expiry, strike)
            days = int(date.to_datetime64().astype("datetime64[D]").astype(int))
            half = _core.half_spread("spx_option", mid, True, float(row["spot"]), days, float(row["vix"]))
            credit = float(-np.sum(SIGN * mid) - share * np.sum(half))
            width = max(strike[0] - strike[1], strike[3] - strike[2])
            contracts = np.floor(cash / (10.0 * 100.0 * (width - credit)))
            cash += contracts * 100.0 * credit
            held = (strike, expiry, contracts)
        if date in month_ends:
            worth = 0.0
            if held is not None:
                mid, _, _ = value(date, 57_600.0, "close", closes.loc[date], held[1], held[0])
                worth = held[2] * 100.0 * float(np.sum(SIGN * mid))
            result[date] = cash + worth
    return pd.Series(result)


def smiles(history: alvh.History, equity: pd.Series, book: alvh.Book) -> dict[str, pd.Series]:
    twins = {name: twin(history, name, book.costs.package_fraction) for name in ("surface", "linear", "flat")}
    base = monthly(equity)
    title("the book rebuilt in NumPy, under three smiles")
    for name, series in twins.items():
        returns = monthly(series)
        print(
            f"{name:<10s} return {cagr(series):6.2%}  volatility {returns.std() * 12**0.5:6.2%}  correlation "
            f"{returns.corr(base):.4f}  largest monthly difference {(returns - base).abs().max():.2%}"
        )
    return twins


# --- 3. mechanics beside real chains ----------------------------------------------------------------


def show_months(trades: pd.DataFrame, history: alvh.History, entries: tuple[str, ...]) -> None:
    title("trades of three months")
    settlement = history.settlements()
    for day in entries:
        rows = trades[trades["day"] == day]
        if rows.empty:
            continue
        expiry = rows["expiry"].iloc[0]
        put = rows[rows["right"] == "put"].set_index("bucket")["strike"]
        call = rows[rows["right"] == "call"].set_index("bucket")["strike"]
        legs = "  ".join(
            f"{r.contracts:+d} {r.right} {r.strike:g} mid {r.mid:.2f} at {r.price:.2f}"
            for r in rows.itertuples()
        )
        value, source = settlement.loc[expiry, ["spx", "spx_source"]]
        lot = -rows["contracts"].iloc[0]
        credit = float(-(rows["contracts"] * rows["price"]).sum() / lot)
        loss = float(
            np.clip(put["short_put"] - value, 0, put["short_put"] - put["long_put"])
            + np.clip(value - call["short_call"], 0, call["long_call"] - call["short_call"])
        )
        print(f"{day}: {legs}")
        print(
            f"   expires {expiry:%Y-%m-%d} at {value:.2f} ({source}); credit {credit:.2f}, paid out {loss:.2f} points"
        )


def chain_2013(data: Path, history: alvh.History) -> pd.DataFrame:
    """The real chain of 2013-04-19 (end of day, 63 days) beside the surface at the same strikes."""
    wide = pd.read_csv(data / "options" / "spx_2013-04-19.csv")
    marks = alvh.marks.surface(history)
    rows = []
    for side, right, targets in (("p", "put", (0.20, 0.05)), ("c", "call", (0.20, 0.05))):
        chain = wide[(wide[f"bid.{side}"] > 0)].reset_index(drop=True)
        for target in targets:
            quote = chain.loc[(chain[f"delta.{side}"].abs() - target).abs().idxmin()]
            strike = float(quote["strike"])
            mid = 0.5 * (quote[f"bid.{side}"] + quote[f"ask.{side}"])
            vol = marks.implied_vol("2013-04-19", "2013-06-21", strike)
            rows.append(
                {
                    "leg": f"{right} {target}",
                    "strike": strike,
                    "bid": quote[f"bid.{side}"],
                    "ask": quote[f"ask.{side}"],
                    "mid": mid,
                    "surface": marks.price("2013-04-19", "2013-06-21", strike, right),
                    "vol": quote[f"impvol.{side}"] / 100.0,
                    "surface_vol": vol,
                }
            )
    table = pd.DataFrame(rows).set_index("leg")
    credit, modelled = (
        float(table[c].iloc[[0, 2]].sum() - table[c].iloc[[1, 3]].sum()) for c in ("mid", "surface")
    )
    title("real chain of 2013-04-19, expiry 2013-06-21: 20- and 5-delta strikes by the chain's own deltas")
    print(table.round(3).to_string())
    bid_ask = float(table["bid"].iloc[[0, 2]].sum() - table["ask"].iloc[[1, 3]].sum())
    print(f"credit: chain mid {credit:.2f}, surface mid {modelled:.2f}, chain at bid and ask {bid_ask:.2f}")
    return table


def chains_2015(data: Path, history: alvh.History) -> pd.DataFrame:
    """Implied volatilities of 2015-12-22 and -23 at the January and February expiries."""
    marks = alvh.marks.surface(history)
    rows = []
    for day in ("2015-12-22", "2015-12-23"):
        chain = pd.read_csv(data / "options" / f"spx_eod_{day}.csv")
        chain.columns = [name.lstrip("#") for name in chain.columns]
        chain = chain[chain["expiry"].isin([20160115, 20160219]) & chain["delta"].abs().between(0.03, 0.5)]
        for expiry, group in chain.groupby("expiry"):
            when = pd.Timestamp(str(expiry)).to_datetime64()
            model = marks.implied_vol(
                np.full(len(group), np.datetime64(day)),
                np.full(len(group), when),
                group["strike"].to_numpy(float),
            )
            error = 100.0 * (model - group["implied_volatility"].to_numpy(float))
            for right, side in (("put", group["right"] == "P"), ("call", group["right"] == "C")):
                if side.any():
                    rows.append(
                        {
                            "day": day,
                            "expiry": str(expiry),
                            "side": right,
                            "options": int(side.sum()),
                            "mean error": float(error[side].mean()),
                            "median absolute": float(np.median(np.abs(error[side]))),
                        }
                    )
    table = pd.DataFrame(rows)
    title("chains of 2015-12-22 and -23, deltas .03 to .5: surface less vendor implied volatility [points]")
    print(table.round(2).to_string(index=False))
    return table


def spreads(data: Path) -> pd.DataFrame:
    """Half-spreads of the chain of 2013-04-19 at condor deltas, as a share of the mid."""
    wide = pd.read_csv(data / "options" / "spx_2013-04-19.csv")
    sides = []
    for side in "pc":
        part = wide[[f"bid.{side}", f"ask.{side}", f"delta.{side}"]].set_axis(["bid", "ask", "delta"], axis=1)
        sides.append(part[part["bid"] > 0])
    quotes = pd.concat(sides)
    mid, half = (quotes["ask"] + quotes["bid"]) / 2, (quotes["ask"] - quotes["bid"]) / 2
    day = int(np.datetime64("2013-04-19").astype(int))
    model = _core.half_spread("spx_option", mid.to_numpy(float), True, 1555.25, day, 14.97)
    frame = quotes.assign(mid=mid, half=half, model=model, share=half / mid)
    frame["bucket"] = pd.cut(frame["delta"].abs(), [0.02, 0.05, 0.1, 0.2, 0.3])
    table = frame.groupby("bucket", observed=True)[["mid", "half", "model", "share"]].median()
    title("half-spreads of 2013-04-19 by delta: quoted, model, quoted as a share of the mid")
    print(table.round(3).to_string())
    old = 7.5
    for year, spot, vix in ((2001, 1150.0, 25.0), (2003, 1040.0, 17.0)):
        day = int(np.datetime64(f"{year}-10-15").astype(int))
        width = 2 * _core.half_spread("spx_option", np.array([old]), True, spot, day, vix)[0]
        print(
            f"an option of {old} points in {year} (S&P 500 {spot:g}, VIX {vix:g}): {width:.2f} wide, quoted 1 to 1.20"
        )
    return table


# --- 4. close-only history from 1990 and 5. the hedged books ----------------------------------------


def early(data: Path, book: alvh.Book) -> pd.Series:
    rates = sources(data)["rates"]
    history = alvh.History.load(
        data / "daily" / "spx_close_1990.csv", data / "daily" / "vix.csv", rates=rates
    )
    equity = equity_of(book, history)
    live = monthly(equity)
    title("close-only S&P 500 1990-2017, VIX and rates")
    for start, end in (("1990", "1998"), ("1999", "2017")):
        part = live[start:end]
        print(
            f"{start}-{end}: return {(1 + part).prod() ** (12 / len(part)) - 1:.2%} a year, volatility "
            f"{part.std() * 12**0.5:.2%}, worst {part.min():.2%} ({part.idxmin()})"
        )
    return equity


def hedged(data: Path) -> None:
    daily = data / "daily"
    history = load(data, vvix=daily / "vvix.csv", vx=vx_futures(data))
    study = alvh.backtest(alvh.books.named("unhedged", "static", "vix_tail_hedge"), history, replicates=200)
    equity = study.equity()
    title("unhedged, static and vix_tail_hedge 1999-2017")
    summary = study.summary()
    columns = [c for c in ("cagr", "volatility", "max_drawdown", "hedge_cost", "credit_kept") if c in summary]
    print(summary[columns].round(4).to_string())
    years = (equity.index[-1] - equity.index[0]).days / CALENDAR_YEAR
    layers = study.attribution().loc["static", ["outer", "middle", "inner"]]
    print(
        "static: P&L of the layers a year, % of the first capital:",
        "  ".join(f"{name} {100 * v / 500_000 / years:+.2f}" for name, v in layers.items()),
    )
    windows = (("2008", "2008-09-01", "2008-11-28"), ("2010-05", "2010-04-30", "2010-05-28"))
    windows += (("2011-08", "2011-07-29", "2011-08-31"), ("2015-08", "2015-07-31", "2015-08-31"))
    for label, start, end in windows:
        part = equity[start:end]
        gain = part.iloc[-1] / part.iloc[0] - 1
        print(f"{label:<8s}", "  ".join(f"{name} {value:+.2%}" for name, value in gain.items()))
    tail = equity["vix_tail_hedge"]
    spot = pd.Series(history.columns["spx_close"], index=tail.index)
    total = spot * np.exp(0.018 * np.arange(len(spot)) / 252.0)

    def between(series: pd.Series, start: str, end: str) -> float:
        part = series[start:end]
        return cagr(part, float(part.iloc[0]))

    for start, end in (("2006-03-31", "2017-12-29"), ("2009-03-31", "2017-11-30")):
        print(
            f"vix_tail_hedge {start} to {end}: {between(tail, start, end):.2%} a year; S&P 500 with dividends "
            f"{between(total, start, end):.2%}, without {between(spot, start, end):.2%}"
        )
    fall = [
        float((1 - s["2007-10":"2009-06"] / s["2007-10":"2009-06"].cummax()).max())
        for s in (tail, total, spot)
    ]
    print(
        f"maximum drawdown 2007-10 to 2009-06: vix_tail_hedge {fall[0]:.1%}, S&P 500 with dividends {fall[1]:.1%}, "
        f"without {fall[2]:.1%}"
    )


def main() -> None:
    data = data_folder()
    history, book = load(data), alvh.books.condor_index()
    equity, trades = describe(history, book)
    sensitivity(data, history, book, equity)
    smiles(history, equity, book)
    show_months(trades, history, ("2008-09-19", "2011-07-15", "2013-04-19", "2015-08-21"))
    chain_2013(data, history)
    chains_2015(data, history)
    spreads(data)
    early(data, book)
    hedged(data)


if __name__ == "__main__":
    main()
