//! Redirects are not followed: the key would be sent to another host.

use typesense_keys::ErrorKind;

use super::fixture::{ADMIN_KEY, Call, Response, Wire, html};

#[test]
fn redirect_is_not_followed_and_only_its_host_is_named() {
    let elsewhere = Wire::responding(&Response { status: 200, ..Response::default() });
    for status in [301, 302, 303, 307, 308] {
        for (call, name) in [
            (Call::Create, "create a key"),
            (Call::Get, "get key 7"),
            (Call::List, "list keys"),
            (Call::Delete, "delete key 7"),
        ] {
            let target = format!("{}/{ADMIN_KEY}?key={ADMIN_KEY}#{ADMIN_KEY}", elsewhere.url());
            let response = html(status, format!("Moved to {target}")).header("location", target.leak());
            let server = Wire::responding(&response);
            let error = call.make(&server.client()).unwrap_err();
            assert_eq!(
                error.to_string().replace(&server.url(), "NODE"),
                format!(
                    "{name}: NODE: status {status}, a redirect to `127.0.0.1`, which is not followed (text/html)"
                )
            );
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
            assert_eq!(error.status(), u16::try_from(status).ok());
            assert_eq!(error.report().unwrap().message(), None);
            server.asked_once();
        }
    }
    assert_eq!(elsewhere.asked(), []);
}

#[test]
fn redirect_of_any_form_shows_at_most_a_host() {
    for (location, host) in [
        ("https://other.example.net/keys", "other.example.net"),
        ("https://user:password@other.example.net:8443/", "other.example.net"),
        ("//other.example.net/keys", "other.example.net"),
        ("/other", "(no host)"),
        ("not a url", "(no host)"),
        ("http://the-admin-key-Xy12.example.net/", "******************.example.net"),
    ] {
        let server = Wire::responding(&Response { status: 307, ..Response::default() }.header("location", location));
        let error = server.client().list().send().unwrap_err();
        assert_eq!(
            error.to_string().replace(&server.url(), "NODE"),
            format!("list keys: NODE: status 307, a redirect to `{host}`, which is not followed")
        );
    }
}

#[test]
fn redirect_to_nowhere_is_no_success_either() {
    for status in [300, 304, 305] {
        let server = Wire::responding(&Response { status, ..Response::default() });
        let error = server.client().list().send().unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::UnexpectedResponse, u16::try_from(status).ok()));
    }
}
