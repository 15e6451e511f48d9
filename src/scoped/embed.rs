//! What a scoped key embeds for each of its settings.

use serde_json::Value;

use super::exact::ExactValue;
use super::params::{self, Params, number};
use super::{fields, filter, table, warning};
use crate::action::Action;
use crate::error::Error;
use crate::expiry::{Expires, Expiry};
use crate::key::KeyInfo;
use crate::text::{self, without_keys};

/// The settings of a scoped key.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// The parent's metadata, if it is known.
    pub(super) info: Option<KeyInfo>,
    pub(super) only: Vec<(String, ExactValue)>,
    pub(super) filter: Option<String>,
    /// The fields that the key shows, hides and counts. `None` if the caller has not said.
    pub(super) shown: Option<Vec<String>>,
    pub(super) hidden: Option<Vec<String>>,
    pub(super) facets: Option<Vec<String>>,
    /// The parameters that are left to requests.
    pub(super) allowed: Vec<String>,
    /// The parameters that the caller has set.
    pub(super) params: Vec<(String, Value)>,
    /// Whether [`limit_hits`](super::ScopedKeyBuilder::limit_hits) was called, so that groups are limited, too.
    pub(super) limits_groups: bool,
    pub(super) expiry: Option<Expires>,
}

impl Settings {
    /// Checks the settings. Returns the parameters that embed them.
    pub(super) fn embed(&self) -> Result<Params, Error> {
        let mut params = Params::default();
        self.embed_filter(&mut params)?;
        let restricts_documents = !params.is_empty();
        for (name, value) in &self.params {
            params::check(name, value)?;
            params.push(name, value.clone())?;
        }
        self.check_collection(&params)?;
        self.embed_fields(&mut params)?;
        // Without a page this small, a server would refuse every search.
        if let Some(limit) = params.get("limit_hits").and_then(number).filter(|limit| *limit < warning::DEFAULT_PAGE)
        {
            params.push_default("per_page", limit);
        }
        if self.limits_groups {
            params.push_default("group_limit", 1);
        }
        self.check_allowed(&params)?;
        self.close(&mut params, restricts_documents);
        self.check_hidden(&params)?;
        self.embed_expiry(&mut params)?;
        if params.is_empty() {
            return Err(Error::invalid("params", "are missing: the key would be worth as much as its parent"));
        }
        Ok(params)
    }

    /// Embeds `only` and `filter_by` behind their guard.
    fn embed_filter(&self, params: &mut Params) -> Result<(), Error> {
        let refuse = |why| Error::invalid("filter_by", why);
        let mut conditions = Vec::new();
        for (field, value) in &self.only {
            fields::check_name(field).map_err(|why| Error::invalid("only", why))?;
            value.check().map_err(|error| error.about(format_args!("field `{field}`")))?;
            conditions.push(value.condition(field));
        }
        if let Some(filter) = &self.filter {
            filter::check(filter).map_err(str::to_owned).and_then(|()| text::check(filter)).map_err(refuse)?;
            conditions.push(if self.only.is_empty() { filter.clone() } else { format!("({filter})") });
        }
        if conditions.is_empty() {
            return Ok(());
        }
        let embedded = filter::guarded(&conditions);
        filter::check_embedded(&embedded).map_err(|why| refuse(why.to_owned()))?;
        params.push("filter_by", embedded)
    }

    /// Embeds the lists of fields.
    fn embed_fields(&self, params: &mut Params) -> Result<(), Error> {
        for (setting, name, fields) in [
            ("show_fields", "include_fields", &self.shown),
            ("hide_fields", "exclude_fields", &self.hidden),
            ("allow_facets", "facet_by", &self.facets),
        ] {
            let Some(fields) = fields else { continue };
            if fields.is_empty() {
                return Err(Error::invalid(setting, "is empty: leave it out if that is intended"));
            }
            fields
                .iter()
                .try_for_each(|field| fields::check_name(field))
                .map_err(|why| Error::invalid(setting, why))?;
            params.push(name, fields.join(","))?;
        }
        Ok(())
    }

    /// Embeds the parameters of the table that are not harmless, unless the caller has set or allowed them.
    fn close(&self, params: &mut Params, restricts_documents: bool) {
        let hides_fields = self.shown.is_some() || self.hidden.is_some();
        for (name, off) in table::switched_off(restricts_documents, hides_fields) {
            match name {
                _ if self.allowed.iter().any(|allowed| allowed == name) => {}
                "exclude_fields" => params.push_field(name, off),
                _ => params.push_default(name, serde_json::from_str(off).unwrap_or_else(|_| Value::from(off))),
            }
        }
    }

    /// Checks that no embedded parameter shows the values of a field that the key hides.
    fn check_hidden(&self, params: &Params) -> Result<(), Error> {
        let [hidden, shown] = [&self.hidden, &self.shown].map(|fields| fields.as_deref().unwrap_or_default());
        match fields::shown_although_hidden(&|name| params.get(name), hidden, shown) {
            None => Ok(()),
            Some((name, field)) => {
                let setting = if name == "facet_by" && self.facets.is_some() { "allow_facets" } else { "params" };
                let why = format!("`{name}` would show the values of the hidden field `{field}`");
                Err(Error::invalid(setting, why))
            }
        }
    }

    /// Checks the names that are left to requests.
    fn check_allowed(&self, params: &Params) -> Result<(), Error> {
        for name in &self.allowed {
            let why = match params::meant(name) {
                Some(meant) => format!("is not a parameter: write `{meant}`"),
                None if table::find(name).is_none() => {
                    "is not a parameter of any server from 0.24.1 to v30".to_owned()
                }
                None if params.get(name).is_some() => "is embedded, so that no request can set it".to_owned(),
                None => continue,
            };
            return Err(Error::invalid("allow_params", format!("`{}` {why}", without_keys(name))));
        }
        Ok(())
    }

    /// Checks that a server gives the key the collection that it embeds.
    fn check_collection(&self, params: &Params) -> Result<(), Error> {
        let Some(collection) = params.get("collection") else { return Ok(()) };
        let why = match (collection.as_str(), &self.info) {
            (None | Some(""), _) => "is not the name of a collection: every search would find none".to_owned(),
            (Some(name), Some(parent)) if !parent.allows(&Action::DOCUMENTS_SEARCH, name) => {
                format!("is `{}`, which the parent may not search: create a parent for it", without_keys(name))
            }
            _ => return Ok(()),
        };
        Err(Error::invalid("collection", why))
    }

    fn embed_expiry(&self, params: &mut Params) -> Result<(), Error> {
        let expires_at = self.expiry.map_or(Ok(Expiry::NEVER), Expires::check)?;
        match &self.info {
            _ if expires_at.is_never() => Ok(()),
            Some(parent) if parent.expires_at < expires_at => {
                let why = format!("is {expires_at}, but the parent expires before, {}", parent.expires_at);
                Err(Error::invalid("expires_at", why))
            }
            _ => params.push("expires_at", expires_at.unix_seconds()),
        }
    }
}
