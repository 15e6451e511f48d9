//! Stands in for `tls.rs` without the feature `tls`. [`ClientBuilder`](crate::ClientBuilder) refuses nodes and proxies
//! with https then, so that no connection needs TLS.

use std::borrow::Cow;
use std::error::Error as StdError;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport};

use crate::error::{Error, Phase};

type Builder = ConfigBuilder<AgentScope>;

#[derive(Clone, Default)]
pub(crate) struct TlsSettings {}

impl TlsSettings {
    pub(super) fn apply_to(&self, config: Builder) -> Result<Builder, Error> {
        Ok(config)
    }
}

/// Refuses every connection that needs TLS.
#[derive(Debug, Default)]
pub(super) struct TlsConnector;

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = In;

    fn connect(&self, _: &ConnectionDetails, _: Option<In>) -> Result<Option<In>, ureq::Error> {
        Err(ureq::Error::TlsRequired)
    }
}

pub(super) fn explain(_: &(dyn StdError + 'static), _: Phase) -> Option<Cow<'static, str>> {
    None
}
