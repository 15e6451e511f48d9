//! A key for each tenant of a service, without a store of values. Run it as often as you like, and again after it was
//! interrupted.
//!
//! ```text
//! openssl rand -base64 32 > ROOT                     once: the only secret, for its owner alone
//! cargo run --example tenants -- NAMES ROOT          the key of `ada` searches all collections `ada_…`
//! cargo run --example tenants -- NAMES ROOT --prune  also deletes the keys of tenants that NAMES does not have
//! ```
//!
//! NAMES has a tenant on each line: lower-case letters and digits. To replace the key of `ada`, because its value has
//! leaked or its scope is to change, write `ada 2`, and later `ada 3`: never a number again.
//!
//! The service computes the value of a tenant when it needs it: `root.value("tenant ada", 1)`.

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use typesense_keys::plan::KeySpec;
use typesense_keys::scoped::ExactValue;
use typesense_keys::{Action, CollectionPattern, KeysClient, ValueRoot};
use zeroize::Zeroizing;

/// Begins the description of each of these keys, and of no other key.
const PREFIX: &str = "tenant ";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenants: {error} (nothing is lost: run this again to go on)");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (names, root, prunes) = match arguments {
        [names, root] => (names, root, false),
        [names, root, option] if option == "--prune" => (names, root, true),
        _ => return Err("usage: tenants NAMES ROOT [--prune]".into()),
    };
    let read = |path: &String| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let names = read(names)?;
    let root = ValueRoot::new(Zeroizing::new(read(root)?).trim_end())?;
    let lines = names.lines().map(str::trim).filter(|line| !line.is_empty());
    let specs = lines.map(spec).collect::<Result<Vec<_>, _>>()?;

    let plan = KeysClient::from_env()?.plan(specs).derived_values(&root).replace_on_drift(true);
    let plan = plan.prune(|key| prunes && key.description.starts_with(PREFIX)).connections(8).keep_going(true);
    let applied = plan.send()?.apply()?;
    for (tenant, error) in applied.failed() {
        eprintln!("{tenant}: {error}");
    }
    if !applied.is_complete() {
        return Err("not every tenant has a key".into());
    }
    println!("each of the {} tenants has a key", applied.ensured().count());
    Ok(())
}

/// The key of a tenant: its name, and a generation unless it is 1.
fn spec(line: &str) -> Result<KeySpec, Box<dyn Error>> {
    let (name, generation) = line.split_once(' ').unwrap_or((line, "1"));
    // Two names that a server could take for each other are refused. No name has a `_`, so no collection is two tenants'.
    ExactValue::from(name).check().map_err(|error| format!("`{}`: {error}", name.escape_debug()))?;
    // With search alone, the tenant could sign scoped keys, which read every collection: see the guide on tenants.
    let spec = KeySpec::new(format!("{PREFIX}{name}")).actions([Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_GET]);
    let generation =
        generation.trim().parse().map_err(|_| format!("`{name}`: write a generation such as `{name} 2`"))?;
    Ok(spec.collections([CollectionPattern::prefix(&format!("{name}_"))]).generation(generation))
}
