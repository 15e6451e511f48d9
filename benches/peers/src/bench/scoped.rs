//! Scoped search keys, which are signed without a server.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use serde::Serialize;
use sha2::Sha256;
use typesense::Client;
use typesense::models::{ScopedKeyParameters, SearchParameters};
use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};

use crate::calls::in_turns;
use crate::measure::{by_process, micros};
use crate::server::Server;
use crate::table::{RAW, Row, Target};

const ROUNDS: usize = 41;
const KEYS: usize = 10_000;

const PARENT: &str = "RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127";
const FILTER: &str = "company_id:=124";
const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let official = Client::builder().nodes([server.url.as_str()]).api_key(&server.key).build().unwrap();
    let parent = SecretString::from(PARENT);
    for signed in [ours(&parent), bare().into(), by_official(&official).into()] {
        let read = ScopedKeyInfo::parse(&signed).unwrap();
        assert!(
            read.is_signed_by(&parent) && read.filter_by() == Some(FILTER) && read.expires_at().remaining().is_some()
        );
    }

    let signers: [Option<&dyn Fn()>; 5] = [
        Some(&|| _ = black_box(ours(&parent))),
        Some(&|| _ = black_box(bare())),
        None,
        None,
        Some(&|| _ = black_box(by_official(&official))),
    ];
    let cpu = (0..ROUNDS).map(|round| {
        in_turns(round, |at| {
            let sign = signers[at]?;
            Some(micros(by_process(|| (0..KEYS).for_each(|_| sign())).cpu) / KEYS as f64)
        })
    });
    let what = "scoped key: CPU, µs (in place of raw ureq: hmac, sha2, base64)";
    vec![Row::new(what, cpu.collect(), Target::Times(1.1, RAW))]
}

/// In an hour, as each contestant expects it.
fn expires_at() -> u64 {
    (SystemTime::UNIX_EPOCH.elapsed().unwrap() + HOUR).as_secs()
}

fn ours(parent: &SecretString) -> SecretString {
    ScopedKeyBuilder::from_parent(parent).filter_by(FILTER).expires_in(HOUR).sign().unwrap()
}

/// The parameters that we embed, without their checks.
fn bare() -> String {
    #[derive(Serialize)]
    struct Params {
        filter_by: String,
        pinned_hits: &'static str,
        enable_overrides: bool,
        enable_curations: bool,
        validate_field_names: bool,
        cache_ttl: u32,
        expires_at: u64,
    }
    let params = Params {
        filter_by: format!("(id:=`(&` && id:=a) || ({FILTER})"),
        pinned_hits: "",
        enable_overrides: false,
        enable_curations: false,
        validate_field_names: true,
        cache_ttl: 0,
        expires_at: expires_at(),
    };
    let params = serde_json::to_string(&params).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(PARENT.as_bytes()).unwrap();
    mac.update(params.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    STANDARD.encode(format!("{signature}{}{params}", &PARENT[..4]))
}

/// Only the filter and the expiry, which is all that it embeds.
fn by_official(client: &Client) -> String {
    let search_params = SearchParameters { filter_by: Some(FILTER.into()), ..SearchParameters::default() };
    let params = ScopedKeyParameters {
        search_params: Some(search_params),
        expires_at: Some(expires_at().try_into().unwrap()),
        ..ScopedKeyParameters::default()
    };
    client.keys().generate_scoped_search_key(PARENT, &params).unwrap()
}
