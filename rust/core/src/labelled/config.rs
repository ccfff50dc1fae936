//! What the labelled order flow is told. Every number is ours unless its field names a source.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};

/// How orders arrive and makers behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Hawkes arrivals, orders added and cancelled one by one, accelerating pushes, exponential decay.
    A,
    /// Poisson arrivals with bursts, whole levels requoted, linear pushes, power-law decay.
    B,
}

/// Which episodes are put into the flow, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodePlan {
    /// Unit of the clock that the episodes belong to, seconds: 1, 15 or 120. Phases scale with it.
    pub unit: f64,
    /// Time within which a move has to come back, seconds; 60, 600, 3600 as the detector's windows.
    pub window: f64,
    /// Mean quiet time between the window of one episode and the onset of the next, seconds. Ours.
    pub gap: f64,
    /// Share of true ignitions; DETECTOR.md: half.
    pub true_share: f64,
    /// Relative frequency of the decoys: informed, volume only, sweep. Ours.
    pub decoys: [f64; 3],
    /// Share of informed moves that a burst of volume happens to precede. Ours.
    pub informed_volume_share: f64,
    /// Length of the volume phase, units of the clock; DETECTOR.md: 1 to 5 s.
    pub volume_phase: (f64, f64),
    /// Rate of the volume phase's trades over the ordinary rate, log-uniform. Ours.
    pub volume_factor: (f64, f64),
    /// Median and log deviation of the time of the push, units. 120-s clock: median 270 s (MODEL.md section 5).
    pub push_time: (f64, f64),
    /// Displacement in standard deviations of the mid over one unit, log-uniform. Ours; DETECTOR.md: 2 to 20.
    pub displacement: (f64, f64),
    /// Exponent of the accelerating path, drawn uniformly; MODEL.md section 5: a = 3.
    pub acceleration: (f64, f64),
    /// Time constant of the decay back, units, log-uniform; 120-s clock: 480 s (MODEL.md section 5).
    pub decay: (f64, f64),
    /// Share of the displacement that stays, uniform; 120-s clock: .35 to .4 (MODEL.md section 5).
    pub permanent: (f64, f64),
    /// Factor on the consumed side's depth in a true push. Ours.
    pub thinning: (f64, f64),
    /// The same in an informed move. Ours.
    pub informed_thinning: (f64, f64),
    /// Rate of the igniter's child orders in the push over the ordinary rate of trades, log-uniform. Ours.
    pub push_factor: (f64, f64),
    /// Number of stop orders on the way. Ours.
    pub stops: (f64, f64),
}

impl EpisodePlan {
    /// The plan as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Episodes of a clock with this unit and retrace window.
    pub fn of_clock(unit: f64, window: f64) -> Self {
        let is_fast = unit < 10.0;
        Self {
            unit,
            window,
            gap: if is_fast { 150.0 } else { 60.0 * unit },
            true_share: 0.5,
            decoys: [1.0, 1.0, 1.0],
            informed_volume_share: 0.1,
            volume_phase: (1.0, 5.0),
            volume_factor: if is_fast { (2.5, 8.0) } else { (2.0, 4.0) },
            push_time: if is_fast { (0.8, 0.6) } else { (2.25, 0.35) },
            displacement: (3.0, 24.0),
            acceleration: if is_fast { (0.1, 3.0) } else { (2.0, 4.0) },
            decay: if is_fast { (2.0, 20.0) } else { (3.5, 4.5) },
            permanent: if is_fast { (0.0, 0.3) } else { (0.3, 0.4) },
            thinning: (0.25, 0.8),
            informed_thinning: (0.5, 1.1),
            push_factor: if is_fast { (4.0, 25.0) } else { (1.0, 4.0) },
            stops: (2.0, 10.0),
        }
    }
}

/// The order flow of an instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowConfig {
    /// Name of the instrument.
    pub symbol: String,
    /// How orders arrive and makers behave.
    pub style: Style,
    /// First price, ticks.
    pub price: i64,
    /// One tick in units of the currency.
    pub tick_size: f64,
    /// One lot in units of the instrument.
    pub lot_size: f64,
    /// Half the spread that makers quote around their value, ticks.
    pub half_spread: f64,
    /// Mean distance between occupied prices, ticks.
    pub level_gap: f64,
    /// Mean lots at the best price.
    pub touch_depth: f64,
    /// Growth of the mean depth from one level to the next, down to the tenth. Ours.
    pub depth_slope: f64,
    /// Median and log deviation of a resting order, lots.
    pub order_size: (f64, f64),
    /// Median and log deviation of a marketable order, lots.
    pub trade_size: (f64, f64),
    /// Probability and tail exponent of an occasional large order. Exponent 1.5: Gopikrishnan, Plerou, Gabaix,
    /// Stanley 2000, doi:10.1103/PhysRevE.62.R4493.
    pub large_trade: (f64, f64),
    /// Marketable orders that no other order caused, 1/s, both sides together.
    pub trade_rate: f64,
    /// Limit orders and cancels that no other event caused, 1/s.
    pub quote_rate: f64,
    /// Mean number of marketable orders that one causes on its own side. Total near .7: Filimonov, Sornette 2012,
    /// doi:10.1103/PhysRevE.85.056108.
    pub branching_same: f64,
    /// The same on the other side.
    pub branching_cross: f64,
    /// Mean number of quotes that a marketable order causes.
    pub quotes_per_trade: f64,
    /// Mean number of quotes that a quote causes.
    pub branching_quote: f64,
    /// Decay rates of the two exponential kernels, 1/s.
    pub kernel_decay: (f64, f64),
    /// Share of the first (faster) kernel.
    pub kernel_share: f64,
    /// Volatility of news, ticks/sqrt(s).
    pub volatility: f64,
    /// Log deviation of the level of activity, and its time constant in seconds: rates and volatility move together.
    pub activity: (f64, f64),
    /// Log deviation of each side's depth, and its time constant in seconds.
    pub depth_noise: (f64, f64),
    /// Log deviation of the quoted spread, and its time constant in seconds.
    pub spread_noise: (f64, f64),
    /// Move of value with a marketable order of median size, ticks: the part that stays. The square root of size
    /// follows Bouchaud, Farmer, Lillo 2009, doi:10.1016/B978-012374258-2.50006-3.
    pub impact: f64,
    /// The part that decays, ticks, and its time constant in seconds.
    pub transient_impact: (f64, f64),
    /// Jumps of news an hour, and their standard deviation in standard deviations of one second.
    pub news: (f64, f64),
    /// Large orders split over time an hour: one-sided flow over 5 to 60 s.
    pub parent_orders: f64,
    /// Extra marketable orders against stale quotes, 1/s a tick of staleness over the spread.
    pub arbitrage: f64,
    /// U-shaped activity over a day of 6.5 h: rate at the open and close over that at noon; 1 switches it off.
    pub diurnal: f64,
    /// The episodes; none when empty.
    pub episodes: Vec<EpisodePlan>,
}

/// Names of the built-in instruments.
pub const PRESETS: [&str; 3] = ["index_future", "stock", "crypto"];

impl FlowConfig {
    /// A built-in instrument: `index_future` (one-tick spread, deep), `stock` (wider, thin), `crypto` (tiny tick).
    ///
    /// # Errors
    /// `Error::Config` (`LAB001`) for another name.
    pub fn preset(name: &str) -> Result<Self> {
        let base = Self {
            symbol: name.to_owned(),
            style: Style::A,
            price: 20_000,
            tick_size: 0.25,
            lot_size: 1.0,
            half_spread: 0.5,
            level_gap: 1.0,
            touch_depth: 60.0,
            depth_slope: 0.12,
            order_size: (4.0, 0.9),
            trade_size: (4.0, 1.1),
            large_trade: (0.01, 1.5),
            trade_rate: 1.2,
            quote_rate: 24.0,
            branching_same: 0.55,
            branching_cross: 0.12,
            quotes_per_trade: 4.0,
            branching_quote: 0.4,
            kernel_decay: (20.0, 0.7),
            kernel_share: 0.5,
            volatility: 0.8,
            activity: (0.35, 900.0),
            depth_noise: (0.25, 20.0),
            spread_noise: (0.0, 20.0),
            impact: 0.12,
            transient_impact: (0.15, 8.0),
            news: (6.0, 3.0),
            parent_orders: 12.0,
            arbitrage: 4.0,
            diurnal: 1.0,
            episodes: vec![EpisodePlan::of_clock(1.0, 60.0)],
        };
        match name {
            "index_future" => Ok(base),
            "stock" => Ok(Self {
                price: 15_000,
                tick_size: 0.01,
                half_spread: 1.2,
                level_gap: 1.4,
                touch_depth: 400.0,
                depth_slope: 0.2,
                order_size: (100.0, 0.7),
                trade_size: (80.0, 0.9),
                trade_rate: 0.5,
                quote_rate: 14.0,
                quotes_per_trade: 6.0,
                volatility: 1.0,
                spread_noise: (0.3, 20.0),
                impact: 0.25,
                transient_impact: (0.3, 10.0),
                arbitrage: 2.0,
                ..base
            }),
            "crypto" => Ok(Self {
                price: 600_000,
                tick_size: 0.1,
                lot_size: 0.001,
                half_spread: 2.0,
                level_gap: 8.0,
                touch_depth: 3_000.0,
                depth_slope: 0.15,
                order_size: (400.0, 1.2),
                trade_size: (150.0, 1.6),
                large_trade: (0.02, 1.5),
                trade_rate: 1.5,
                quote_rate: 40.0,
                volatility: 16.0,
                spread_noise: (0.6, 10.0),
                impact: 2.0,
                transient_impact: (4.0, 6.0),
                activity: (0.6, 900.0),
                arbitrage: 0.4,
                ..base
            }),
            _ => Err(Error::config(Fault::new("LAB001", "order_flow", "instrument", name, PRESETS.join(", ")))),
        }
    }

    /// The configuration from its JSON, validated.
    ///
    /// # Errors
    /// `Error::Config`: `LAB002` for the fields, `LAB003` for a value.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(Fault::new("LAB002", "order_flow", "fields", error.to_string(), "the documented fields"))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Error::Config` (`LAB003`) naming the field.
    pub fn validate(&self) -> Result<()> {
        let rule = |holds: bool, field: &str, value: String, expected: &str| {
            if holds {
                return Ok(());
            }
            Err(Error::config(Fault::new("LAB003", "order_flow", field, value, expected)))
        };
        rule((1_000..=1 << 40).contains(&self.price), "price", self.price.to_string(), "1000 to 2^40 ticks")?;
        let positive = [
            ("tick_size", self.tick_size),
            ("lot_size", self.lot_size),
            ("half_spread", self.half_spread),
            ("level_gap", self.level_gap),
            ("touch_depth", self.touch_depth),
            ("order_size", self.order_size.0),
            ("trade_size", self.trade_size.0),
            ("large_trade[1]", self.large_trade.1),
            ("trade_rate", self.trade_rate),
            ("quote_rate", self.quote_rate),
            ("kernel_decay[0]", self.kernel_decay.0),
            ("kernel_decay[1]", self.kernel_decay.1),
            ("activity[1]", self.activity.1),
            ("depth_noise[1]", self.depth_noise.1),
            ("spread_noise[1]", self.spread_noise.1),
            ("transient_impact[1]", self.transient_impact.1),
            ("diurnal", self.diurnal),
        ];
        for (field, value) in positive {
            rule(value > 0.0 && value <= 1e9, field, value.to_string(), "a number in (0, 1e9]")?;
        }
        let not_negative = [
            ("depth_slope", self.depth_slope),
            ("order_size[1]", self.order_size.1),
            ("trade_size[1]", self.trade_size.1),
            ("branching_same", self.branching_same),
            ("branching_cross", self.branching_cross),
            ("quotes_per_trade", self.quotes_per_trade),
            ("volatility", self.volatility),
            ("activity[0]", self.activity.0),
            ("depth_noise[0]", self.depth_noise.0),
            ("spread_noise[0]", self.spread_noise.0),
            ("impact", self.impact),
            ("transient_impact[0]", self.transient_impact.0),
            ("news[0]", self.news.0),
            ("news[1]", self.news.1),
            ("parent_orders", self.parent_orders),
            ("arbitrage", self.arbitrage),
        ];
        for (field, value) in not_negative {
            rule((0.0..=1e6).contains(&value), field, value.to_string(), "a number in [0, 1e6]")?;
        }
        let branching = self.branching_same + self.branching_cross;
        rule(branching < 0.98, "branching_same + branching_cross", branching.to_string(), "below .98")?;
        let quotes = self.branching_quote;
        rule((0.0..0.98).contains(&quotes), "branching_quote", quotes.to_string(), "0 <= ratio < .98")?;
        for (field, share) in [("kernel_share", self.kernel_share), ("large_trade[0]", self.large_trade.0)] {
            rule((0.0..=1.0).contains(&share), field, share.to_string(), "a share in [0, 1]")?;
        }
        for (i, plan) in self.episodes.iter().enumerate() {
            let ranges = [
                ("volume_phase", plan.volume_phase),
                ("volume_factor", plan.volume_factor),
                ("displacement", plan.displacement),
                ("acceleration", plan.acceleration),
                ("decay", plan.decay),
                ("thinning", plan.thinning),
                ("informed_thinning", plan.informed_thinning),
                ("push_factor", plan.push_factor),
                ("push_time[0]", (plan.push_time.0, plan.push_time.0)),
                ("unit", (plan.unit, plan.unit)),
                ("window", (plan.window, plan.window)),
                ("gap", (plan.gap, plan.gap)),
            ];
            for (field, (low, high)) in ranges {
                let field = format!("episodes[{i}].{field}");
                let holds = low > 0.0 && low <= high && high <= 1e6;
                rule(holds, &field, format!("{low} to {high}"), "positive, ascending, at most 1e6")?;
            }
            let shares = [("true_share", plan.true_share), ("informed_volume_share", plan.informed_volume_share)];
            for (field, share) in shares {
                rule((0.0..=1.0).contains(&share), field, share.to_string(), "a share in [0, 1]")?;
            }
            let (low, high) = plan.permanent;
            rule(0.0 <= low && low <= high && high < 0.5, "permanent", format!("{low} to {high}"), "0 <= share < .5")?;
            let decoys = plan.decoys;
            let holds = decoys.iter().all(|&x| (0.0..=1e6).contains(&x)) && decoys.iter().sum::<f64>() > 0.0;
            rule(holds, "decoys", format!("{decoys:?}"), "three weights, not all 0")?;
            let (low, high) = plan.stops;
            rule(0.0 <= low && low <= high && high <= 1_000.0, "stops", format!("{low} to {high}"), "0 to 1000")?;
            let spread = plan.push_time.1;
            rule((0.0..=3.0).contains(&spread), "push_time[1]", spread.to_string(), "0 to 3")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_survive_json() {
        for name in PRESETS {
            let config = FlowConfig::preset(name).expect(name);
            assert_eq!(FlowConfig::from_json(&config.to_json()).expect("round trip"), config);
        }
        assert!(FlowConfig::preset("tulips").expect_err("name").to_string().starts_with("LAB001"));
        assert!(FlowConfig::from_json("{}").expect_err("fields").to_string().starts_with("LAB002"));
    }

    #[test]
    fn every_rule_names_its_field() {
        type Change = fn(&mut FlowConfig);
        let bad: [(&str, Change); 6] = [
            ("price", |c| c.price = 3),
            ("trade_rate", |c| c.trade_rate = f64::NAN),
            ("branching_same", |c| c.branching_same = 0.95),
            ("large_trade[0]", |c| c.large_trade.0 = 2.0),
            ("episodes[0].displacement", |c| c.episodes[0].displacement = (5.0, 4.0)),
            ("permanent", |c| c.episodes[0].permanent = (0.1, 0.6)),
        ];
        for (field, break_it) in bad {
            let mut config = FlowConfig::preset("stock").expect("preset");
            break_it(&mut config);
            let error = config.validate().expect_err(field).to_string();
            assert!(error.starts_with("LAB003") && error.contains(field), "{error}");
        }
    }
}
