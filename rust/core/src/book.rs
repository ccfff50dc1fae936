//! What a user asks for: condor rules, hedge layers, capital, costs. Validated here and nowhere else.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::costs::CostConfig;
use crate::error::{Error, Fault, Result};
use crate::phase::PhaseConfig;
use crate::policy::{AdaptivePolicy, BreakoutPolicy, MotionPolicy, Rules};
use crate::signals::{GroupWeights, UserSignal, parse_signal_config};

/// Published tier of a condor; decides at which VIX it may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Target credit 0.70 points.
    Conservative,
    /// Target credit 1.15 points; condors by delta count as this tier.
    Balanced,
    /// Target credit 1.60 points.
    Aggressive,
}

/// Where VIX stops new condors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VixGate {
    /// Below 15 all tiers, 15..=20 Conservative and Balanced, above 20 none.
    Strict,
    /// Below 20 all tiers.
    Lenient,
    /// Always open.
    None,
}

/// When a new condor is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntrySchedule {
    /// Every session.
    Session,
    /// Every n sessions, counted from the start of the calendar so that a cut of the data moves nothing.
    Every(i64),
    /// On the monthly expiry day of SPX options.
    Roll,
    /// On any session on which no condor is open.
    Flat,
}

/// How many contracts one entry has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CondorSizing {
    /// A fixed number.
    Contracts(i64),
    /// Equity over `multiple` times the maximum loss of one condor (the collateral rule of the condor indices).
    Collateral(f64),
}

/// Which SPX expiries may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiries {
    /// AM-settled third Fridays (SPX), monthly VIX expiries.
    Monthly,
    /// Everything listed, weekly and end-of-month series included.
    Weekly,
}

/// A short iron condor and the rules of its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IronCondor {
    /// Target calendar days to expiry.
    pub dte: i32,
    /// An entry is skipped when the nearest listed expiry misses `dte` by more days than this.
    pub dte_tolerance: Option<i32>,
    /// Forward delta of the short strikes; exactly one of the three strike rules is set.
    pub short_delta: Option<f64>,
    /// Distance of the short strikes in expected daily ranges.
    pub daily_range_multiple: Option<f64>,
    /// Net credit in index points; short strikes walk towards spot in steps of 5 points until it is met.
    pub target_credit: Option<f64>,
    /// Wing width in points; `None` with `long_delta` unset: 2 % of spot on the strike grid.
    pub wing_width: Option<f64>,
    /// Forward delta of the long strikes instead of a width.
    pub long_delta: Option<f64>,
    /// Number of contracts of an entry.
    pub sizing: CondorSizing,
    /// When entries happen.
    pub entry: EntrySchedule,
    /// Time of day of the entry, seconds after midnight New York.
    pub entry_seconds: i32,
    /// Which expiries may be used.
    pub expiries: Expiries,
    /// Closes when this share of the credit is earned.
    pub profit_target: Option<f64>,
    /// Closes when the loss reaches this multiple of the credit.
    pub stop: Option<f64>,
    /// Closes at this many calendar days to expiry; `None` holds to settlement.
    pub exit_dte: Option<i32>,
    /// Risk of one entry (width less credit) as a share of equity.
    pub max_risk: f64,
    /// An entry below this share of the wing width is skipped.
    pub min_credit: f64,
    /// Published tier.
    pub tier: Tier,
    /// VIX gate.
    pub vix_gate: VixGate,
}

/// What a hedge layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerInstrument {
    /// Long VIX calls.
    VixCall,
    /// Long VIX call, short a call of this lower delta.
    VixCallSpread(f64),
    /// Long VIX futures.
    VixFuture,
    /// Long the note on the first two futures.
    VixNote,
    /// Long SPX puts.
    SpxPut,
}

/// How large a layer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerSizing {
    /// Weight per `LayeredHedge::per_condors` condors.
    Weight(f64),
    /// Share of equity spent on premium at each roll: the share of the first row whose level the future of
    /// the layer's expiry does not exceed. Rows (level, share), ascending; above the last row nothing is bought.
    PremiumByFuture(Vec<(f64, f64)>),
    /// Share of the condors' notional (wing width times 100 times condors) spent on premium at each purchase.
    NotionalShare(f64),
    /// Share of equity held in a note, set anew on monthly VIX expiry days.
    EquityShare(f64),
    /// Share of `LayeredHedge::budget`: a purchase spends what the days until its roll claim of the year.
    BudgetShare(f64),
}

/// Holds a layer only while VIX stands high above its recent closes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VixRise {
    /// On at this many points above the lowest close; off again at less than half of them.
    pub points: f64,
    /// Closes among which the lowest is found, the latest included.
    pub sessions: usize,
}

/// One maturity of the hedge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HedgeLayer {
    /// Name, unique within the hedge; the P&L bucket of the layer.
    pub name: String,
    /// Instrument.
    pub instrument: LayerInstrument,
    /// Target calendar days to expiry at purchase.
    pub dte: i32,
    /// Forward delta of the strike.
    pub delta: f64,
    /// Strike in points above VIX, instead of `delta`.
    pub strike_offset: Option<f64>,
    /// Strike level in points, instead of `delta`.
    pub strike_level: Option<f64>,
    /// Size rule.
    pub sizing: LayerSizing,
    /// Rolls at this many calendar days to expiry; 0 holds to settlement.
    pub roll_dte: i32,
    /// Rolls this many calendar days after its purchase as well; the roll may keep the expiry.
    pub roll_every: Option<i32>,
    /// Which VIX expiries may be used.
    pub expiries: Expiries,
    /// When the layer is held at all; `None`: always.
    pub vix_rise: Option<VixRise>,
}

impl HedgeLayer {
    /// Whether the layer is sized by the condors of its book.
    pub fn needs_condor(&self) -> bool {
        matches!(self.sizing, LayerSizing::Weight(_) | LayerSizing::NotionalShare(_))
    }

    fn is_option(&self) -> bool {
        matches!(self.instrument, LayerInstrument::VixCall | LayerInstrument::VixCallSpread(_))
    }
}

/// Rounding of contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To nearest, half away from zero.
    Nearest,
    /// Up.
    Ceil,
}

/// The layered VIX hedge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayeredHedge {
    /// Layers, short tenor to long.
    pub layers: Vec<HedgeLayer>,
    /// Layer weights are per this many condors.
    pub per_condors: f64,
    /// Rounding of contracts.
    pub rounding: Rounding,
    /// Time of day at which the hedge trades, seconds after midnight New York.
    pub trade_seconds: i32,
    /// Premium that may be spent in a year as a share of equity; layers claim it by `LayerSizing::BudgetShare`.
    pub budget: Option<f64>,
}

/// A long holding of the S&P 500 total return index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexPortfolio {
    /// Target share of equity.
    pub weight: f64,
}

/// One account: condor, hedge, portfolio, capital.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Name, unique within a study.
    pub name: String,
    /// Starting capital in USD.
    pub capital: f64,
    /// The condor, if any.
    pub condor: Option<IronCondor>,
    /// The hedge, if any.
    pub hedge: Option<LayeredHedge>,
    /// The index holding, if any.
    pub portfolio: Option<IndexPortfolio>,
    /// Costs.
    pub costs: CostConfig,
    /// Factor on the initial margin of VIX futures.
    pub margin_stress: f64,
    /// Whether cash earns the money-market rate.
    pub cash_earns_rate: bool,
    /// Rules on top of the schedule, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
}

pub(crate) struct Check<'a> {
    pub(crate) source: &'a str,
    pub(crate) path: String,
}

impl Check<'_> {
    pub(crate) fn that(
        &self,
        ok: bool,
        code: &'static str,
        field: &str,
        value: impl ToString,
        expected: &str,
    ) -> Result<()> {
        if ok {
            return Ok(());
        }
        let field = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        Err(Error::config(Fault::new(code, self.source, field, value.to_string(), expected)))
    }
}

/// Float that is finite and inside a closed range.
pub(crate) fn within(x: f64, low: f64, high: f64) -> bool {
    x.is_finite() && (low..=high).contains(&x)
}

fn open_unit(x: f64) -> bool {
    x > 0.0 && x < 1.0
}

impl IronCondor {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "IronCondor", path: path.to_owned() };
        check.that((0..=730).contains(&self.dte), "CFG001", "dte", self.dte, "0 <= dte <= 730")?;
        if let Some(tolerance) = self.dte_tolerance {
            check.that((0..=730).contains(&tolerance), "CFG019", "dte_tolerance", tolerance, "0..730 days")?;
        }
        let rules = usize::from(self.short_delta.is_some())
            + usize::from(self.daily_range_multiple.is_some())
            + usize::from(self.target_credit.is_some());
        check.that(
            rules == 1,
            "CFG002",
            "short_delta",
            format!("{rules} strike rules"),
            "exactly one of short_delta, daily_range_multiple, target_credit",
        )?;
        if let Some(delta) = self.short_delta {
            check.that(delta > 0.0 && delta < 0.5, "CFG003", "short_delta", delta, "0 < short_delta < 0.5")?;
        }
        if let Some(multiple) = self.daily_range_multiple {
            check.that(within(multiple, 1e-3, 100.0), "CFG004", "daily_range_multiple", multiple, "0.001..100")?;
        }
        if let Some(credit) = self.target_credit {
            check.that(within(credit, 0.05, 1e4), "CFG005", "target_credit", credit, "0.05..10000 points")?;
        }
        check.that(
            self.wing_width.is_none() || self.long_delta.is_none(),
            "CFG006",
            "wing_width",
            "wing_width and long_delta",
            "at most one of them",
        )?;
        if let Some(width) = self.wing_width {
            check.that(within(width, 1.0, 1e4), "CFG008", "wing_width", width, "1..10000 points")?;
        }
        if let Some(delta) = self.long_delta {
            let below = self.short_delta.is_none_or(|short| delta < short);
            check.that(
                delta > 0.0 && delta < 0.5 && below,
                "CFG009",
                "long_delta",
                delta,
                "0 < long_delta < short_delta",
            )?;
        }
        match self.sizing {
            CondorSizing::Contracts(n) => {
                check.that((1..=1_000_000).contains(&n), "CFG010", "contracts", n, "1..1000000")?;
            }
            CondorSizing::Collateral(multiple) => {
                check.that(within(multiple, 1.0, 1e6), "CFG011", "collateral_multiple", multiple, "1..1000000")?;
            }
        }
        if let EntrySchedule::Every(n) = self.entry {
            check.that((1..=10_000).contains(&n), "CFG012", "entry", n, "1..10000 sessions")?;
        }
        check.that(time_of_day(self.entry_seconds), "CFG013", "entry_time", self.entry_seconds, "09:30..16:00")?;
        if let Some(target) = self.profit_target {
            check.that(target > 0.0 && target <= 1.0, "CFG014", "profit_target", target, "0 < profit_target <= 1")?;
        }
        if let Some(stop) = self.stop {
            check.that(within(stop, 0.01, 1e4), "CFG015", "stop", stop, "0.01..10000 credits")?;
        }
        if let Some(exit) = self.exit_dte {
            check.that(exit >= 0 && exit < self.dte, "CFG016", "exit_dte", exit, "0 <= exit_dte < dte")?;
        }
        check.that(within(self.max_risk, 1e-6, 1.0), "CFG017", "max_risk", self.max_risk, "0 < max_risk <= 1")?;
        check.that(within(self.min_credit, 0.0, 0.99), "CFG018", "min_credit", self.min_credit, "0 <= min_credit < 1")
    }
}

impl HedgeLayer {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "HedgeLayer", path: path.to_owned() };
        let plain = !self.name.is_empty()
            && self.name.len() <= 32
            && self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        check.that(plain, "CFG020", "name", format!("{:?}", self.name), "1..32 of a-z A-Z 0-9 _")?;
        let reserved = RESERVED_BUCKETS.contains(&self.name.as_str()) || self.name == SLEEVE_BUCKET;
        check.that(!reserved, "CFG021", "name", &self.name, "a name that is no P&L bucket of its own")?;
        check.that(open_unit(self.delta), "CFG007", "delta", self.delta, "0 < delta < 1")?;
        check.that((1..=400).contains(&self.dte), "CFG022", "dte", self.dte, "1 <= dte <= 400")?;
        check.that(
            self.roll_dte >= 0 && self.roll_dte < self.dte,
            "CFG023",
            "roll_dte",
            self.roll_dte,
            "0 <= roll_dte < dte",
        )?;
        match &self.sizing {
            LayerSizing::Weight(weight) => {
                check.that(within(*weight, 0.0, 1e6), "CFG024", "weight", weight, "0 <= weight <= 1000000")?;
            }
            LayerSizing::PremiumByFuture(rows) => {
                let ascending = rows.windows(2).all(|pair| pair[0].0 < pair[1].0);
                let valid = rows.iter().all(|row| row.0 > 0.0 && within(row.1, 0.0, 1.0));
                check.that(
                    !rows.is_empty() && ascending && valid,
                    "CFG025",
                    "premium_by_future",
                    format!("{rows:?}"),
                    "rows (level, share) with ascending levels > 0 and shares in [0, 1]",
                )?;
            }
            LayerSizing::NotionalShare(share) => {
                check.that(within(*share, 0.0, 1.0), "CFG034", "notional_share", share, "0 <= notional_share <= 1")?;
            }
            LayerSizing::EquityShare(share) => {
                check.that(within(*share, 0.0, 1.0), "CFG064", "equity_share", share, "0 <= equity_share <= 1")?;
                check.that(
                    self.instrument == LayerInstrument::VixNote,
                    "CFG065",
                    "instrument",
                    "an option or a future",
                    "the note where size is a share of equity",
                )?;
            }
            LayerSizing::BudgetShare(share) => {
                check.that(within(*share, 0.0, 1.0), "CFG035", "budget_share", share, "0 <= budget_share <= 1")?;
                check.that(
                    self.instrument != LayerInstrument::VixNote,
                    "CFG036",
                    "instrument",
                    "the note",
                    "a VIX call, call spread or future where size is a share of the budget",
                )?;
            }
        }
        check.that(
            self.is_option() || !matches!(self.sizing, LayerSizing::PremiumByFuture(_) | LayerSizing::NotionalShare(_)),
            "CFG026",
            "instrument",
            "a future or note",
            "a VIX call or call spread where size is a premium",
        )?;
        if let Some(offset) = self.strike_offset {
            check.that(within(offset, -100.0, 200.0), "CFG037", "strike_offset", offset, "-100..200 points")?;
        }
        if let Some(level) = self.strike_level {
            check.that(within(level, 1.0, 300.0), "CFG038", "strike_level", level, "1..300 points")?;
        }
        check.that(
            self.strike_offset.is_none() || self.strike_level.is_none(),
            "CFG039",
            "strike_level",
            "strike_offset and strike_level",
            "at most one of them",
        )?;
        let by_points = self.strike_offset.is_some() || self.strike_level.is_some();
        check.that(
            !by_points || self.is_option(),
            "CFG040",
            "strike_offset",
            "a strike for a future or note",
            "a VIX call or call spread where a strike is given",
        )?;
        if let Some(days) = self.roll_every {
            check.that((1..=400).contains(&days), "CFG041", "roll_every", days, "1..400 days")?;
        }
        if let Some(rise) = self.vix_rise {
            check.that(within(rise.points, 0.01, 200.0), "CFG042", "vix_rise", rise.points, "0.01..200 points")?;
            check.that((1..=252).contains(&rise.sessions), "CFG043", "rise_sessions", rise.sessions, "1..252")?;
        }
        if let LayerInstrument::VixCallSpread(short) = self.instrument {
            check.that(short > 0.0 && short < self.delta, "CFG027", "short_delta", short, "0 < short_delta < delta")?;
        }
        Ok(())
    }
}

impl LayeredHedge {
    /// Checks every field and every layer.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "LayeredHedge", path: path.to_owned() };
        check.that((1..=16).contains(&self.layers.len()), "CFG030", "layers", self.layers.len(), "1..16 layers")?;
        check.that(
            within(self.per_condors, 1e-6, 1e6),
            "CFG031",
            "per_condors",
            self.per_condors,
            "0 < per_condors",
        )?;
        check.that(time_of_day(self.trade_seconds), "CFG032", "trade_time", self.trade_seconds, "09:30..16:00")?;
        let shares = self.layers.iter().filter_map(|layer| match layer.sizing {
            LayerSizing::BudgetShare(share) => Some(share),
            _ => None,
        });
        let (claims, claimed) = shares.fold((0_usize, 0.0), |(n, sum), share| (n + 1, sum + share));
        check.that(
            self.budget.is_some() == (claims > 0),
            "CFG044",
            "budget",
            self.budget.map_or_else(|| String::from("None"), |budget| budget.to_string()),
            "a budget if and only if a layer has a budget_share",
        )?;
        let budget = self.budget.unwrap_or(0.0);
        check.that(within(budget, 0.0, 1.0), "CFG045", "budget", budget, "0 <= budget <= 1 of equity a year")?;
        check.that(claimed <= 1.0 + 1e-9, "CFG046", "layers", claimed, "budget shares that sum to at most 1")?;
        for (index, layer) in self.layers.iter().enumerate() {
            let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
            layer.validate(&format!("{prefix}layers[{index}]"))?;
            let repeated = self.layers[..index].iter().any(|other| other.name == layer.name);
            check.that(!repeated, "CFG033", "layers", format!("{:?} twice", layer.name), "different names")?;
        }
        Ok(())
    }
}

impl IndexPortfolio {
    /// Checks the weight.
    ///
    /// # Errors
    /// `Config` when it breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "IndexPortfolio", path: path.to_owned() };
        check.that(within(self.weight, 0.0, 1.0), "CFG054", "weight", self.weight, "0 <= weight <= 1")
    }
}

impl Book {
    /// Checks every field and every part.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self) -> Result<()> {
        let check = Check { source: "Book", path: String::new() };
        let named = !self.name.is_empty() && self.name.len() <= 64 && !self.name.chars().any(char::is_control);
        check.that(named, "CFG050", "name", format!("{:?}", self.name), "1..64 printable characters")?;
        check.that(within(self.capital, 1_000.0, 1e12), "CFG051", "capital", self.capital, "1e3..1e12 USD")?;
        check.that(
            self.condor.is_some() || self.hedge.is_some() || self.portfolio.is_some(),
            "CFG052",
            "condor",
            "an empty book",
            "a condor, a hedge or a portfolio",
        )?;
        let weighted = self.hedge.as_ref().is_some_and(|hedge| hedge.layers.iter().any(HedgeLayer::needs_condor));
        check.that(
            self.condor.is_some() || !weighted,
            "CFG055",
            "hedge",
            "layers sized per condor without a condor",
            "a condor, or layers sized by premium_by_future or budget_share",
        )?;
        let by_notional = |layer: &HedgeLayer| matches!(layer.sizing, LayerSizing::NotionalShare(_));
        let needs_width = self.hedge.as_ref().is_some_and(|hedge| hedge.layers.iter().any(by_notional));
        check.that(
            !needs_width || self.condor.as_ref().is_none_or(|condor| condor.long_delta.is_none()),
            "CFG056",
            "hedge",
            "notional_share with wings by long_delta",
            "a condor with wings by width: their width is the notional",
        )?;
        check.that(within(self.margin_stress, 1.0, 10.0), "CFG053", "margin_stress", self.margin_stress, "1..10")?;
        if let Some(condor) = &self.condor {
            condor.validate("condor")?;
        }
        if let Some(hedge) = &self.hedge {
            hedge.validate("hedge")?;
        }
        if let Some(portfolio) = &self.portfolio {
            portfolio.validate("portfolio")?;
        }
        if let Some(rules) = &self.rules {
            rules.validate("rules")?;
        }
        self.costs.validate()
    }

    /// Whether a second engine stands beside the layers.
    pub fn has_sleeve(&self) -> bool {
        matches!(&self.rules, Some(Rules::Adaptive(policy)) if policy.second_engine) && self.hedge.is_some()
    }

    /// SHA-256 of the canonical JSON of the book, in hexadecimal.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// P&L buckets that every book has; a layer may not take their names.
pub const RESERVED_BUCKETS: [&str; 8] =
    ["short_put", "long_put", "short_call", "long_call", "portfolio", "interest", "fees", "slippage"];

/// P&L bucket of the second engine, behind those of the layers.
pub const SLEEVE_BUCKET: &str = "second_engine";

fn time_of_day(seconds: i32) -> bool {
    (crate::instrument::OPEN_SECONDS..=crate::instrument::CLOSE_SECONDS).contains(&seconds)
}

/// Reads a configuration object from JSON and checks it.
///
/// # Errors
/// `Config` when the text is no such object or a field breaks its rule.
pub fn parse_book(json: &str) -> Result<Book> {
    let book: Book = parse(json, "Book")?;
    book.validate()?;
    Ok(book)
}

/// Checks one part of a book by the name of its class.
///
/// # Errors
/// `Config` when the class is unknown, the text is no such object or a field breaks its rule.
pub fn check_part(class: &str, json: &str) -> Result<()> {
    match class {
        "IronCondor" => parse::<IronCondor>(json, class)?.validate(""),
        "HedgeLayer" => parse::<HedgeLayer>(json, class)?.validate(""),
        "LayeredHedge" => parse::<LayeredHedge>(json, class)?.validate(""),
        "CostConfig" => parse::<CostConfig>(json, class)?.validate(),
        "IndexPortfolio" => parse::<IndexPortfolio>(json, class)?.validate(""),
        "AdaptivePolicy" => parse::<AdaptivePolicy>(json, class)?.validate(""),
        "MotionPolicy" => parse::<MotionPolicy>(json, class)?.validate(""),
        "BreakoutPolicy" => parse::<BreakoutPolicy>(json, class)?.validate(""),
        "GroupWeights" => parse::<GroupWeights>(json, class)?.validate(),
        "UserSignal" => parse::<UserSignal>(json, class)?.validate(""),
        "PhaseConfig" => parse::<PhaseConfig>(json, class)?.validate(),
        "SignalConfig" => parse_signal_config(json).map(|_| ()),
        "Book" => parse_book(json).map(|_| ()),
        _ => Err(Error::internal(Fault::new("INT001", "check_part", "class", class, "a configuration class"))),
    }
}

/// Reads an object from JSON, field by name, without checking its values.
///
/// # Errors
/// `Config` when the text is no such object.
pub fn parse<T: serde::de::DeserializeOwned>(json: &str, class: &str) -> Result<T> {
    // A list would fill the fields by position: only names are understood.
    if !json.trim_start().starts_with('{') {
        let fault = Fault::new("CFG000", class, "fields", "no JSON object", "the documented fields and types");
        return Err(Error::config(fault));
    }
    serde_json::from_str(json).map_err(|error| {
        // serde puts the offending field into its message; the position is of no use to a Python caller.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        // It quotes what was given: the message stays one line all the same.
        let text: String =
            text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
        Error::config(Fault::new("CFG000", class, "fields", text, "the documented fields and types"))
    })
}
