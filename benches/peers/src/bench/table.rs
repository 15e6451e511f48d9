//! The results as a Markdown table.

use crate::measure::median;

/// The contestants, in the order of the columns.
const NAMES: [&str; 5] = ["typesense-keys", "raw ureq", "raw ureq, time limit", "bare TCP", "typesense 0.4"];

pub(crate) const OURS: usize = 0;
pub(crate) const RAW: usize = 1;
pub(crate) const TCP: usize = 3;
pub(crate) const OFFICIAL: usize = 4;

/// One measurement of every contestant in every round.
pub(crate) type Round = [Option<f64>; 5];

pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) rounds: Vec<Round>,
    /// The target for our client.
    pub(crate) target: Target,
}

#[derive(Clone, Copy)]
pub(crate) enum Target {
    None,
    /// At most this.
    AtMost(f64),
    /// At most this multiple of the contestant's figure.
    Times(f64, usize),
    /// At most this much more than raw ureq.
    RawPlus(f64),
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, rounds: Vec<Round>, target: Target) -> Row {
        Row { what: what.into(), rounds, target }
    }

    fn figure(&self, of: usize) -> Option<f64> {
        median(self.rounds.iter().filter_map(|round| round[of]))
    }

    /// The ratio of our figure to another one, as the median of all rounds.
    fn ratio(&self, to: usize) -> Option<f64> {
        median(self.rounds.iter().filter_map(|round| Some(round[OURS]? / round[to]?)))
    }

    fn verdict(&self) -> String {
        let (target, is_met) = match self.target {
            Target::None => return String::new(),
            Target::AtMost(most) => (format!("≤ {most}"), self.figure(OURS) <= Some(most)),
            Target::Times(most, of) => (format!("≤ {most} × {}", NAMES[of]), self.ratio(of) <= Some(most)),
            Target::RawPlus(more) => {
                let most = self.figure(RAW).map(|raw| raw + more);
                (format!("≤ raw ureq + {more}"), self.figure(OURS) <= most)
            }
        };
        if is_met { target } else { format!("**{target}: missed**") }
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("| | {} | ours / raw ureq | ours / typesense | target |", NAMES.join(" | "));
    println!("|---|{}---|", "---:|".repeat(NAMES.len() + 2));
    for row in rows {
        let figures: Vec<String> = (0..NAMES.len()).map(|of| figure(row.figure(of))).collect();
        let ratio =
            |to| row.ratio(to).map(|ratio| format!("{ratio:.digits$}", digits = if ratio < 0.1 { 3 } else { 2 }));
        let [to_raw, to_official] = [RAW, OFFICIAL].map(|to| ratio(to).unwrap_or_default());
        println!("| {} | {} | {to_raw} | {to_official} | {} |", row.what, figures.join(" | "), row.verdict());
    }
}

/// Three significant digits; thousands are separated.
fn figure(of: Option<f64>) -> String {
    let Some(figure) = of else { return String::new() };
    if figure < 100.0 && figure.fract() != 0.0 {
        return format!("{figure:.digits$}", digits = if figure < 10.0 { 2 } else { 1 });
    }
    let mut digits = format!("{figure:.0}");
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    digits
}
