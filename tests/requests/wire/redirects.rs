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
                    "{name}: NODE: status {status}, a redirect to `{}`, which is not followed (text/html)",
                    elsewhere.url()
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
fn redirect_shows_at_most_scheme_host_and_port() {
    let https = ": name the node with https";
    for (location, target, advice) in [
        ("https://other.example.net/keys", "https://other.example.net", https),
        ("https://user:password@other.example.net:8443/", "https://other.example.net:8443", https),
        ("http://other.example.net:8108/keys?x=y", "http://other.example.net:8108", ""),
        ("//other.example.net/keys", "other.example.net", ""),
        ("/other", "another path", ""),
        ("not a url", "another path", ""),
        ("http://the-admin-key-Xy12.example.net/", "http://******************.example.net", ""),
    ] {
        let server = Wire::responding(&Response { status: 307, ..Response::default() }.header("location", location));
        let error = server.client().list().send().unwrap_err();
        assert_eq!(
            error.to_string().replace(&server.url(), "NODE"),
            format!("list keys: NODE: status 307, a redirect to `{target}`, which is not followed{advice}")
        );
    }
}

#[test]
fn redirect_without_a_location_is_not_a_success_either() {
    for status in [300, 304, 305] {
        let server = Wire::responding(&Response { status, ..Response::default() });
        let error = server.client().list().send().unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::UnexpectedResponse, u16::try_from(status).ok()));
        let result = format!("status {status}, where 200 was expected");
        assert_eq!(error.report().unwrap().attempts()[0].result, result);
    }
}
