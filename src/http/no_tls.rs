//! Stands in for `tls.rs` without the feature `tls`. [`ClientBuilder`](crate::ClientBuilder) refuses nodes and proxies
//! with https then, so that no connection needs TLS.

use std::borrow::Cow;
use std::error::Error as StdError;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
/// Passes an open connection on as it is. ureq refuses to send a request for https over a connection without TLS.
pub(super) use ureq::unversioned::transport::ConnectProxyConnector as TlsConnector;

use crate::error::{Error, Phase};

type Builder = ConfigBuilder<AgentScope>;

#[derive(Clone, Default)]
pub(crate) struct TlsSettings {}

impl TlsSettings {
    pub(super) fn apply_to(&self, config: Builder) -> Result<Builder, Error> {
        Ok(config)
    }
}

pub(super) fn explain(_: &(dyn StdError + 'static), _: Phase) -> Option<Cow<'static, str>> {
    None
}
