//! The command `keys apply`: the keys of a server as a file that can be reviewed.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};
use typesense_keys::plan::{ApplyEvent, KeySpec, Plan};
use typesense_keys::{ExposeSecret, KeysClient, SecretString};
use zeroize::Zeroizing;

use super::markdown::markdown;
use super::place::Place;
use super::{Changed, line, tell};

/// The file contains a list of objects in JSON or YAML, such as
/// `{"description": "docs site", "actions": ["documents:search", "documents:get"], "collections": ["docs"], "expires_in": "90days"}`;
/// in TOML, each is a table `[[key]]`. The extension of the file name decides the format.
///
/// To apply what was reviewed, or nothing: `--plan --format markdown` shows a fingerprint, which `--expect` compares.
///
/// If a run was interrupted, run it again a moment later, with another file for the values. A key that is then shown with
/// the same description may be left over from the interrupted run.
#[derive(Args)]
pub(crate) struct Apply {
    /// The file that describes the keys: `….json`, `….yaml` or `….toml`.
    file: PathBuf,
    /// Only show what would be changed, and exit with 5 if there is anything.
    #[arg(long)]
    plan: bool,
    /// How to show it.
    #[arg(long, value_enum, default_value_t, requires = "plan")]
    format: Format,
    /// Change nothing unless the plan has this fingerprint.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "plan")]
    expect: Option<String>,
    /// Delete keys whose description begins with this and is not in the file.
    #[arg(long, value_name = "PREFIX", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    prune: Option<String>,
    /// Replace keys that differ.
    #[arg(long)]
    replace_on_drift: bool,
    /// Write the values to this new file, which only its owner can read, before their keys are created: one object for
    /// each key.
    #[arg(long, value_name = "FILE", conflicts_with = "show")]
    out: Option<PathBuf>,
    /// Write the values to standard output.
    #[arg(long)]
    show: bool,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Markdown,
}

impl Apply {
    fn specs(&self) -> Result<Vec<KeySpec>, Box<dyn Error>> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            key: Vec<KeySpec>,
        }
        let text = fs::read_to_string(&self.file)?;
        Ok(match self.file.extension().and_then(OsStr::to_str) {
            Some("toml") => toml::from_str::<Table>(&text)?.key,
            Some("yaml" | "yml") => serde_yaml_ng::from_str(&text)?,
            _ => serde_json::from_str(&text)?,
        })
    }

    pub(crate) fn run(self, client: &KeysClient, json: bool) -> Result<ExitCode, Box<dyn Error>> {
        let specs = self.specs().map_err(|error| format!("{}: {error}", self.file.display()))?;
        // The reviewed plan is applied as a whole or not at all.
        let keep_going = self.expect.is_none();
        let request = client.plan(specs.clone()).replace_on_drift(self.replace_on_drift);
        let mut request = request.keep_going(keep_going);
        if let Some(prefix) = &self.prune {
            request = request.prune(move |key| key.description.starts_with(prefix));
        }
        let plan = request.send()?;
        if self.plan {
            line(match self.format {
                Format::Markdown => markdown(&plan, &specs),
                Format::Text if !json => format!("{plan}\nfingerprint: {}", plan.fingerprint()),
                _ => serde_json::to_string(&plan)?,
            })?;
            return Ok(ExitCode::from(if plan.has_changes() { 5 } else { 0 }));
        }
        tell(&plan);
        if self.expect.as_ref().is_some_and(|reviewed| *reviewed != plan.fingerprint()) {
            let why = "this is not the plan that was reviewed: the file or the server's keys have changed";
            return Err(format!("{why}; nothing was changed; the fingerprint is {}", plan.fingerprint()).into());
        }
        self.store(&plan)?;
        apply(plan, json)
    }

    /// Stores the values before the keys exist, so that a crash loses none.
    fn store(&self, plan: &Plan) -> Result<(), Box<dyn Error>> {
        let mut lines = Zeroizing::new(String::new());
        for (description, value) in plan.values() {
            let value = Zeroizing::new(value.expose_secret().to_owned());
            lines.push_str(&Zeroizing::new(json!({"description": description, "value": *value}).to_string()));
            lines.push('\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut place = match &self.out {
            Some(file) => Place::new_file(file.clone())?,
            None if self.show => Place::pipe(true)?,
            None => {
                return Err(
                    "there are keys to create: name a place for their values, `--out FILE` or `--show`".into()
                );
            }
        };
        Ok(place.write(&SecretString::from(lines.as_str()))?)
    }
}

fn apply(plan: Plan, json: bool) -> Result<ExitCode, Box<dyn Error>> {
    let bar = ProgressBar::new(plan.keys().iter().filter(|key| key.is_change()).count() as u64);
    let mut has_changed = false;
    let mut printed = Ok(());
    let applied = plan.apply_with(|progress| {
        bar.set_position(progress.done as u64);
        let description = progress.description;
        let result: Option<Value> = match progress.event {
            ApplyEvent::Ensured(ensured) => Some(json!({
                "description": description, "ensured": ensured.key.id, "deleted": ensured.replaced,
            })),
            ApplyEvent::Deleted(id) => Some(json!({"description": description, "deleted": [id]})),
            ApplyEvent::Failed(error) => Some(json!({"description": description, "error": error})),
            _ => None,
        };
        has_changed |= !matches!(progress.event, ApplyEvent::Failed(error) if !error.may_have_acted());
        if let (Some(result), true) = (result, json && printed.is_ok()) {
            printed = line(result);
        }
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    bar.finish_and_clear();
    for (description, error) in applied.failed() {
        tell(format_args!("{}: {error}", description.escape_debug()));
    }
    if let Err(error) = printed {
        let why = format!("the results could not be written: {error}");
        return Err(if has_changed { Changed(why).into() } else { why.into() });
    }
    match applied.failed().count() {
        0 => Ok(ExitCode::SUCCESS),
        failed if has_changed => Err(Changed(format!("{failed} keys are not as described")).into()),
        failed => Err(format!("{failed} keys are not as described, and nothing was changed").into()),
    }
}
