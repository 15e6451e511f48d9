//! What a scoped key embeds for each of its settings.

use serde_json::Value;

use super::exact::ExactValue;
use super::params::{Params, number};
use super::table::{self, Rule, TABLE};
use super::{fields, filter, warning};
use crate::action::Action;
use crate::error::Error;
use crate::expiry::{Expires, Expiry};
use crate::key::KeyInfo;
use crate::text;

/// The fields that a key shows, hides and counts. `None` if the caller has not said.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) shown: Option<Vec<String>>,
    pub(super) hidden: Option<Vec<String>>,
    pub(super) facets: Option<Vec<String>>,
}

impl Fields {
    /// The shown, the hidden and the counted fields, none of them as no field.
    fn lists(&self) -> [&[String]; 3] {
        [&self.shown, &self.hidden, &self.facets].map(|fields| fields.as_deref().unwrap_or_default())
    }
}

/// Embeds `only` and `filter_by` behind their guard. Returns whether there is a filter.
pub(super) fn filter(
    params: &mut Params,
    only: &[(String, ExactValue)],
    filter: Option<String>,
) -> Result<bool, Error> {
    let mut conditions = Vec::new();
    for (field, value) in only {
        fields::check_name(field).map_err(|why| Error::invalid("only", why))?;
        value.check().map_err(|error| error.about(format_args!("field `{field}`")))?;
        conditions.push(value.condition(field));
    }
    if let Some(filter) = filter {
        filter::check(&filter).map_err(|why| Error::invalid("filter_by", why))?;
        text::check(&filter).map_err(|why| Error::invalid("filter_by", why))?;
        conditions.push(if only.is_empty() { filter } else { format!("({filter})") });
    }
    if !conditions.is_empty() {
        let embedded = filter::guarded(&conditions);
        filter::check_embedded(&embedded).map_err(|why| Error::invalid("filter_by", why))?;
        params.push_front("filter_by", embedded);
    }
    Ok(!conditions.is_empty())
}

/// Embeds the lists of fields. Returns whether any field is hidden.
pub(super) fn fields(params: &mut Params, fields: &Fields) -> Result<bool, Error> {
    for (setting, fields) in
        [("show_fields", &fields.shown), ("hide_fields", &fields.hidden), ("allow_facets", &fields.facets)]
    {
        if fields.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid(setting, "is empty: leave it out if that is intended"));
        }
        for field in fields.iter().flatten() {
            fields::check_name(field).map_err(|why| Error::invalid(setting, why))?;
        }
    }
    let [shown, hidden, facets] = fields.lists();
    if let Some(facet) = facets.iter().find(|facet| hidden.iter().any(|field| fields::shows(facet, field))) {
        return Err(Error::invalid("allow_facets", format!("`{facet}` would show the values of a hidden field")));
    }
    for (name, fields) in [("facet_by", facets), ("exclude_fields", hidden), ("include_fields", shown)] {
        if !fields.is_empty() {
            params.push(name, fields.join(","));
        }
    }
    Ok(!shown.is_empty() || !hidden.is_empty())
}

/// Embeds the parameters of the table that are not harmless, unless the caller has set or allowed them.
pub(super) fn closed(params: &mut Params, restricts_documents: bool, hides_fields: bool, allowed: &[String]) {
    for row in TABLE.iter().filter(|row| !allowed.iter().any(|allowed| allowed == row.name)) {
        for rule in [(restricts_documents, row.documents), (hides_fields, row.fields)] {
            match rule {
                (true, Rule::Off(off)) if row.name == "exclude_fields" => params.push_field(row.name, off),
                (true, Rule::Off(off)) => {
                    let value = serde_json::from_str(off).unwrap_or_else(|_| Value::from(off));
                    params.push_default(row.name, value);
                }
                _ => {}
            }
        }
    }
}

/// Checks that no embedded parameter shows the values of a field that the key hides.
pub(super) fn check_shown(params: &Params, fields: &Fields) -> Result<(), Error> {
    let [shown, hidden, _] = fields.lists();
    for name in fields::SHOWING {
        let value = params.get(name).and_then(Value::as_str).unwrap_or_default();
        let field = hidden.iter().find(|field| fields::shows(value, field)).map(String::as_str);
        if let Some(field) = field.or_else(|| fields::not_among(value, shown)) {
            let why = format!("`{name}` would show the values of the hidden field `{field}`");
            return Err(Error::invalid("params", why));
        }
    }
    Ok(())
}

/// Checks the names that are left to requests.
pub(super) fn check_allowed(params: &Params, allowed: &[String]) -> Result<(), Error> {
    for name in allowed {
        let refuse = |why| Err(Error::invalid("allow_params", format!("`{}` {why}", name.escape_debug())));
        if table::find(name).is_none() {
            return match super::params::meant(name) {
                Some(meant) => refuse(format!("is not a parameter: write `{meant}`")),
                None => refuse("is not a parameter of any server from 0.24.1 to v30".to_owned()),
            };
        }
        if params.get(name).is_some() {
            return refuse("is embedded, so that no request can set it".to_owned());
        }
    }
    Ok(())
}

/// Embeds the page that [`limit_hits`](super::ScopedKeyBuilder::limit_hits) needs.
pub(super) fn page(params: &mut Params) {
    let limit = params.get("limit_hits").and_then(number).filter(|limit| *limit < warning::DEFAULT_PAGE.into());
    if let Some(limit) = limit {
        params.push_default("per_page", limit);
    }
}

/// Checks that a server gives the key the collection that it embeds.
pub(super) fn check_collection(params: &Params, info: Option<&KeyInfo>) -> Result<(), Error> {
    let Some(collection) = params.get("collection") else {
        return Ok(());
    };
    let refuse = |why: String| Err(Error::invalid("collection", why));
    let Some(name) = collection.as_str().filter(|name| !name.is_empty()) else {
        return refuse("is not the name of a collection: every search would find none".to_owned());
    };
    match info {
        Some(parent) if !parent.allows(&Action::DOCUMENTS_SEARCH, name) => {
            refuse(format!("is `{}`, which the parent may not search: create a parent for it", name.escape_debug()))
        }
        _ => Ok(()),
    }
}

pub(super) fn expiry(params: &mut Params, expiry: Option<Expires>, info: Option<&KeyInfo>) -> Result<(), Error> {
    let expires_at = expiry.map_or(Ok(Expiry::NEVER), Expires::check).map_err(Error::invalid_expiry)?;
    if expires_at.is_never() {
        return Ok(());
    }
    if let Some(parent) = info.filter(|parent| parent.expires_at < expires_at) {
        let why = format!("is {expires_at}, but the parent expires before, {}", parent.expires_at);
        return Err(Error::invalid("expires_at", why));
    }
    params.push("expires_at", expires_at.unix_seconds());
    Ok(())
}
