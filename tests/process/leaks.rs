//! No key is shown: not in a log record of any crate at any level, not in a `Debug`, an error or a panic. On the wire,
//! it is only in its header and its field.
//!
//! These tests are the logger of the process, and read every record in it. Servers that follow a script do what a real
//! server never does.

mod control;
mod hostile;
mod life;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod twins;
pub(crate) mod watch;
mod wire;

use crate::support::harness::LiveTest;

pub(crate) const TESTS: &[LiveTest] = &[
    ("scanner_finds_a_secret_in_every_shape", control::shapes),
    ("ureq_alone_leaks_the_key_and_the_value", control::plain_agent),
    ("whole_life_of_a_key_shows_nothing", life::whole_life),
    ("ensure_rotate_stream_create_many_and_plan_show_nothing", life::lifecycle),
    ("keys_of_other_lengths_show_nothing", life::lengths),
    ("many_threads_on_one_client_show_nothing", life::threads),
    ("lost_response_and_its_repeat_show_nothing", life::lost_responses),
    ("server_that_cannot_be_reached_shows_nothing", life::unreachable),
    ("response_that_repeats_the_secrets_shows_nothing", hostile::whole),
    ("response_that_repeats_the_secrets_byte_by_byte_shows_nothing", hostile::in_bytes),
    ("value_generated_by_the_server_is_never_quoted", hostile::generated_by_the_server),
    ("key_that_is_not_replicated_shows_nothing", hostile::not_replicated),
    ("two_keys_of_one_length_are_logged_alike", twins::alike),
    ("wire_carries_the_key_in_one_header_and_the_value_in_one_field", wire::requests),
    #[cfg(feature = "tls")]
    ("tls_shows_nothing", tls::encrypted),
    #[cfg(feature = "tls")]
    ("failed_tls_handshake_shows_nothing", tls::failures),
    #[cfg(feature = "tls")]
    ("proxy_for_https_shows_nothing", tls::through_a_proxy),
];
