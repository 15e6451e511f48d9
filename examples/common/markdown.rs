//! A plan as a comment on a pull request.

use typesense_keys::plan::{Change, KeySpec, Plan, PlannedKey};
use typesense_keys::{Action, CollectionPattern, Expiry};

/// A heading, a row for each change, the findings of an audit of the new keys, and how to apply exactly this plan. Each
/// text of a file or a server is escaped, so that it is not read as Markdown.
pub(crate) fn markdown(plan: &Plan, specs: &[KeySpec]) -> String {
    let text = plan.to_string();
    let mut lines = vec![format!("### Keys: {}", text.lines().last().unwrap_or_default())];
    let changes: Vec<_> = plan.keys().iter().filter(|planned| planned.is_change()).collect();
    if changes.is_empty() {
        return lines.concat();
    }
    lines.extend(["", "| change | description | allows | notes |", "|---|---|---|---|"].map(str::to_owned));
    for planned in changes {
        let spec = specs.iter().find(|spec| spec.description() == planned.description);
        let (description, notes) = (code(&planned.description), notes(planned, spec).join("<br>"));
        lines.push(format!("| {} | {description} | {} | {notes} |", planned.change, allows(planned)));
    }
    lines.extend([String::new(), format!("To apply exactly this: `keys apply … --expect {}`", plan.fingerprint())]);
    lines.join("\n")
}

/// The scope of the wanted key, or of the key to be deleted.
fn allows(planned: &PlannedKey) -> String {
    let scope = |actions: &[Action], collections: &[CollectionPattern], expires_at: Expiry| {
        let actions: Vec<_> = actions.iter().map(|action| code(action.as_str())).collect();
        let collections: Vec<_> = collections.iter().map(|entry| code(entry.as_str())).collect();
        format!("{} in {}, until {expires_at}", actions.join(", "), collections.join(", "))
    };
    match (planned.wanted(), &planned.key) {
        (Some(wanted), _) => scope(wanted.actions, wanted.collections, wanted.expires_at),
        (None, Some(key)) => scope(&key.actions, &key.collections, key.expires_at),
        (None, None) => String::new(),
    }
}

fn notes(planned: &PlannedKey, spec: Option<&KeySpec>) -> Vec<String> {
    let mut notes = Vec::new();
    for difference in &planned.differences {
        let [found, wanted] = [&difference.found, &difference.wanted].map(|text| code(text));
        notes.push(format!("{}: {found} → {wanted}", difference.field));
    }
    notes.extend(planned.deletes.iter().map(|key| format!("deletes key {}", key.id)));
    notes.extend(planned.duplicates.iter().map(|id| format!("leaves key {id}, which has the same description")));
    if let Some(spec) = spec.filter(|_| planned.change != Change::Keep) {
        let findings = spec.audit();
        notes
            .extend(findings.iter().map(|it| format!("**{}**: the key {}", it.severity(), escaped(&it.to_string()))));
    }
    notes
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Everything that Markdown or HTML could read, as a character reference.
fn escaped(text: &str) -> String {
    let escaped = text.escape_debug().map(|c| match c {
        c if c.is_alphanumeric() || " ,.:-/".contains(c) => c.to_string(),
        c => format!("&#{};", u32::from(c)),
    });
    escaped.collect()
}
