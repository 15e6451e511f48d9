//! A client with settings from the environment, in a process of its own, because a process has one environment.

use std::env;
use std::process::{Command, ExitCode, Output};

use typesense_keys::{Action, CollectionPattern, KeysClient};

use crate::stage::Stage;
use crate::support::example::{assert_hides, example, printed};
use crate::support::faulty::CLOSED_PORT;
use crate::support::{Server, Tap};

live_tests![
    client_from_the_environment_lists_keys,
    quickstart_runs_on_a_real_server_without_showing_a_key,
    missing_variable_is_named,
];

const CHILD: &str = "TYPESENSE_KEYS_TEST_CHILD";

/// Whether a test below has started this process.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Lists the keys, and prints their number.
pub(crate) fn child() -> ExitCode {
    let listed = KeysClient::from_env().and_then(|client| client.list().send());
    match listed {
        Ok(keys) => println!("{} keys", keys.len()),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run_child(nodes: Option<&str>, key: Option<&str>) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(CHILD, "1");
    for (name, value) in [("TYPESENSE_URL", nodes), ("TYPESENSE_API_KEY", key)] {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn client_from_the_environment_lists_keys(server: &Server) {
    let stage = Stage::new(server);
    stage.key(Action::KEYS_LIST.as_str(), CollectionPattern::ALL);
    let url = server.url();
    for nodes in
        [url.clone(), format!("{url}/"), format!(" {url} , ,"), format!("http://127.0.0.1:{CLOSED_PORT},{url}")]
    {
        let output = run_child(Some(&nodes), Some(server.api_key()));
        assert!(output.status.success() && printed(&output).ends_with(" keys\n"), "{nodes}: {output:?}");
        assert!(!printed(&output).starts_with("0 "));
    }
    let refused = run_child(Some(&url), Some("wrong"));
    assert!(!refused.status.success() && printed(&refused).contains("401"), "{refused:?}");
}

fn missing_variable_is_named(server: &Server) {
    let (url, key) = (server.url(), server.api_key());
    for (nodes, api_key, named) in [
        (None, Some(key), "TYPESENSE_URL"),
        (Some(""), Some(key), "TYPESENSE_URL"),
        (Some(","), Some(key), "TYPESENSE_URL"),
        (Some("no url"), Some(key), "TYPESENSE_URL"),
        (Some(&url[..]), None, "TYPESENSE_API_KEY"),
        (Some(&url[..]), Some(""), "TYPESENSE_API_KEY"),
    ] {
        let output = run_child(nodes, api_key);
        assert!(!output.status.success());
        assert!(printed(&output).contains(&format!("`{named}`")), "{nodes:?}: {output:?}");
    }
}

fn quickstart_runs_on_a_real_server_without_showing_a_key(server: &Server) {
    let tap = Tap::start(&server.url());
    let mut quickstart = example("quickstart");
    quickstart.env("TYPESENSE_URL", tap.url()).env("TYPESENSE_API_KEY", server.api_key());
    let output = quickstart.output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("created  key ") && printed.contains("deleted  key "), "{printed}");
    assert!(!printed.contains("fake"), "{printed}");
    assert!(printed.contains("TRACE"), "it does not log everything, so the test would prove nothing");

    let values = tap.values();
    assert!(!values.is_empty(), "{}", tap.recorded());
    for value in values.iter().map(String::as_str).chain([server.api_key()]) {
        assert_hides(&printed, value);
    }
}
