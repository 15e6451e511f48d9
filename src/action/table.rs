//! Every action of every known server, with the routes that it allows and the versions that have them.
//!
//! The source is the server's code, because the public documentation lists actions that allow nothing: the route
//! table (`src/main/typesense_server.cpp`) and the function that computes an action from a route (`_get_action`), for
//! the tags v0.24.1 to v29.0 and the branch v30. `tests/live/routes.rs` compares the rows of 0.24.1 with a real
//! server.

use super::Action;
use crate::server_version::ServerVersion;

pub(super) struct Row {
    pub(super) action: Action,
    pub(super) routes: &'static [Route],
    /// The actions that allow the same, or replaced it, on newer servers.
    pub(super) successors: &'static [&'static str],
}

/// A route that an action allows, on some servers.
pub(super) struct Route {
    /// Such as `GET /keys/:id`.
    pub(super) name: &'static str,
    pub(super) since: ServerVersion,
    /// The first version on which the action no longer allows it.
    pub(super) until: Option<ServerVersion>,
}

macro_rules! actions {
    ($(
        $(#[$note:meta])*
        $name:ident = $text:literal: $($route:literal $since:ident .. $($until:ident)?),+ $(=> $($successor:literal),+)?;
    )*) => {
        /// One constant for each known action.
        impl Action {
            $(
                #[doc = concat!("`", $text, "` allows, by [version](ServerVersion) of the server:\n")]
                $(#[doc = concat!("* `", $route, "` (from `", stringify!($since), "` on", $(", gone in `", stringify!($until), "`",)? ")")])+
                $(#[doc = concat!("\nIn its place on newer servers:", $(" `", $successor, "`",)+ ".")])?
                ///
                $(#[$note])*
                pub const $name: Self = Self(std::borrow::Cow::Borrowed($text));
            )*

            /// Every action that allows something on any server from 0.24.1 to v30.2, or is merged upstream for the
            /// next release, in alphabetical order. There is a constant for each.
            pub const fn known() -> &'static [Self] {
                const KNOWN: &[Action] = &[$(Action::$name),*];
                KNOWN
            }
        }

        /// In the order of [`Action::known`].
        pub(super) static TABLE: &[Row] = &[$(
            Row {
                action: Action::$name,
                routes: &[$(
                    Route { name: $route, since: ServerVersion::$since, until: [$(ServerVersion::$until)?].first().copied() },
                )+],
                successors: &[$($($successor),+)?],
            },
        )*];
    };
}

include!("table.in");
