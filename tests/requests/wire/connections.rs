//! Errors without a response, and time limits.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use typesense_keys::error::Phase;
use typesense_keys::{Error, ErrorKind};

use super::fixture::{ADMIN_KEY, Call, VALUE, Wire, builder, client, create, json};
use crate::support::Scripted;
#[cfg(feature = "tls")]
use crate::support::TestCa;
use crate::support::faulty::{CLOSED_PORT, silent};
use crate::support::time::with_enough_time;

const SHORT: Duration = Duration::from_millis(200);
/// Shorter than the default limit of an attempt.
const LATE: Duration = Duration::from_secs(9);

/// A port on which nothing listens.
fn closed_port() -> String {
    format!("http://127.0.0.1:{CLOSED_PORT}")
}

#[track_caller]
fn reads(error: &Error, url: &str, text: &str) {
    assert_eq!(error.to_string().replace(url, "NODE"), text);
}

#[test]
fn refused_connection_is_retryable() {
    let url = closed_port();
    for (call, name) in [(Call::Create, "create a key"), (Call::List, "list keys")] {
        let error = call.make(&client(&url)).unwrap_err();
        reads(
            &error,
            &url,
            &format!(
                "{name}: NODE: connection refused; is the address right (http or https?), and is the server running?"
            ),
        );
        assert_eq!((error.kind(), error.status()), (ErrorKind::Connection, None));
        assert_eq!(error.report().unwrap().attempts()[0].phase, Phase::Connect);
        let cause = std::error::Error::source(&error).expect("a cause").downcast_ref::<std::io::Error>();
        assert_eq!(cause.map(std::io::Error::kind), Some(std::io::ErrorKind::ConnectionRefused));
    }
}

#[test]
fn unknown_host_is_a_connection_error_while_resolving() {
    // By RFC 6761, no resolver may know a name below `invalid`.
    let url = "http://nobody.invalid:8108";
    let client = builder(url).allow_plaintext(true).build().unwrap();
    let error = client.delete(7).send().unwrap_err();
    reads(
        &error,
        url,
        "delete key 7: NODE: host not found; is the address right (http or https?), and is the server running?",
    );
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.report().unwrap().attempts()[0].phase, Phase::Resolve);
}

#[test]
fn broken_connection_leaves_the_outcome_of_a_write_open() {
    let server = Scripted::start(|peer| peer.request().map(drop));
    let client = client(&server.url());
    let result = "closed the connection without a response";
    let error = client.list().send().unwrap_err();
    reads(
        &error,
        &server.url(),
        &format!("list keys: NODE: {result}; is the address right (http or https?), and is the server running?"),
    );
    assert_eq!(error.kind(), ErrorKind::Connection);
    let error = client.delete(7).send().unwrap_err();
    reads(
        &error,
        &server.url(),
        &format!(
            "delete key 7: the server may have done so; repeating it does no harm; last attempt, NODE: {result}"
        ),
    );
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
}

#[test]
fn each_call_can_have_a_deadline_of_its_own() {
    let server = silent();
    let client = client(&server.url());
    let errors = with_enough_time(SHORT, |timeout| {
        let started = Instant::now();
        let errors = [
            client.get(7).timeout(timeout).send().unwrap_err(),
            client.list().timeout(timeout).send().unwrap_err(),
            client.delete(7).timeout(timeout).send().unwrap_err(),
            create(&client).timeout(timeout).send().unwrap_err(),
        ];
        assert!(started.elapsed() < 4 * timeout + LATE, "{:?}", started.elapsed());
        let has_sent = |error: &Error| error.report().unwrap().attempts()[0].phase == Phase::AwaitResponse;
        errors.iter().all(has_sent).then_some(errors).ok_or_else(|| "not even a request was sent".to_owned())
    });
    let late = "timed out while waiting for the response";
    let hint = "is the node overloaded or stopped? (see `timeout` and `attempt_timeout`)";
    let [get, list, delete, create] = &errors;
    reads(get, &server.url(), &format!("get key 7: NODE: {late}; {hint}"));
    reads(list, &server.url(), &format!("list keys: NODE: {late}; {hint}"));
    reads(
        delete,
        &server.url(),
        &format!("delete key 7: the server may have done so; repeating it does no harm; last attempt, NODE: {late}"),
    );
    reads(
        create,
        &server.url(),
        &format!(
            "create a key: the server may have created it; its value is in this error; last attempt, NODE: {late}"
        ),
    );
    assert!(matches!(&get, Error::Timeout(report) if report.attempts()[0].phase == Phase::AwaitResponse));
    assert_eq!(errors.each_ref().map(Error::is_retryable), [true, true, false, false]);
    let Error::OutcomeUnknown(unknown) = create else { panic!("{create}") };
    assert_eq!(unknown.value.as_ref().map(ExposeSecret::expose_secret), Some(VALUE));
}

#[test]
fn deadline_of_a_call_may_be_later_than_that_of_the_client() {
    let server = Scripted::start(|peer| {
        peer.request()?;
        std::thread::sleep(3 * SHORT);
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":7}")
    });
    let client = builder(&server.url()).timeout(SHORT).build().unwrap();
    assert!(client.delete(7).send().is_err());
    assert_eq!(client.delete(7).timeout(Duration::from_secs(30)).send().unwrap().get(), 7);
}

#[test]
fn attempt_has_a_limit_of_its_own() {
    let server = silent();
    let client = builder(&server.url()).attempt_timeout(SHORT).build().unwrap();
    let started = Instant::now();
    let error = client.list().send().unwrap_err();
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[test]
fn deadline_that_has_passed_sends_nothing() {
    let server = Wire::responding(&json(200, r#"{"id":7}"#));
    let error = server.client().delete(7).timeout(Duration::from_nanos(1)).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(server.asked(), []);
}

#[test]
fn deadline_that_has_passed_sends_nothing_on_an_open_connection_either() {
    let server = Wire::responding(&json(200, r#"{"id":7}"#));
    let client = server.client();
    client.delete(7).send().unwrap();
    let error = create(&client).timeout(Duration::from_nanos(1)).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    server.asked_once();
}

#[test]
fn several_attempts_are_listed_one_by_one() {
    let (server, refused) = (Wire::responding(&json(400, r#"{"message":"Bad."}"#)), closed_port());
    let client = builder(&server.url()).nearest_node(&*refused).retries(true).build().unwrap();
    let error = client.list().send().unwrap_err();
    let attempts = error.report().unwrap().attempts();
    let [first, second] = attempts else { panic!("{attempts:?}") };
    assert_eq!((&*first.node, &*first.result), (&*refused, "connection refused"));
    assert_eq!((&*second.node, &*second.result), (&*server.url(), "status 400"));
    let text = error.to_string();
    let start = format!("list keys: {} refused with 400: Bad. (2 attempts in ", server.url());
    let (_time, list) = text.strip_prefix(&start).and_then(|rest| rest.split_once(": ")).unwrap();
    assert_eq!(list, format!("{first}, {second})"));
    assert!(first.to_string().starts_with(&format!("{refused}: connection refused after ")), "{first}");
}

#[test]
fn success_after_failures_is_a_success() {
    let (server, refused) = (Wire::responding(&json(200, r#"{"keys":[]}"#)), closed_port());
    let client = builder(&server.url()).nearest_node(&*refused).retries(true).build().unwrap();
    assert_eq!(client.list().send().unwrap(), []);
    server.asked_once();
}

#[test]
fn write_uses_another_node_if_one_accepts_no_writes() {
    for message in ["Rejecting write: running out of resource type: OUT_OF_DISK", "Skipping writes."] {
        let full = Wire::responding(&json(422, format!(r#"{{"message":"{message}"}}"#)));
        let server = Wire::responding(&json(200, r#"{"id":7}"#));
        let client = builder(&server.url()).nearest_node(full.url()).retries(true).build().unwrap();
        assert_eq!(client.delete(7).send().unwrap().get(), 7, "{message}");
        full.asked_once();
        server.asked_once();
    }
}

#[test]
fn status_408_leaves_the_outcome_open() {
    let server = Wire::responding(&json(408, ""));
    let Err(Error::OutcomeUnknown(unknown)) = create(&server.client()).send() else { panic!("the outcome is known") };
    assert_eq!(unknown.value.as_ref().map(ExposeSecret::expose_secret), Some(VALUE));
}

#[test]
fn clones_share_their_connections() {
    let server = Scripted::start(|peer| {
        loop {
            peer.request()?;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":7}")?;
        }
    });
    let client = client(&server.url());
    for _ in 0..5 {
        client.clone().delete(7).send().unwrap();
    }
    assert_eq!((server.connections(), server.received().len()), (1, 5));
    assert!(server.received().iter().all(|asked| asked.head.contains(ADMIN_KEY)));
}

#[cfg(feature = "tls")]
#[test]
fn http_behind_an_https_address_is_a_tls_error_and_nothing_is_sent() {
    let server = Scripted::start(|peer| {
        std::io::Read::read(&mut peer.stream, &mut [0; 1024])?;
        peer.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
        peer.wait()
    });
    let url = server.url().replace("http:", "https:");
    let error = create(&client(&url)).send().unwrap_err();
    reads(&error, &url, "create a key: NODE: its response is not encrypted (is it an http server?)");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Tls, None));
    assert_eq!(error.report().unwrap().attempts()[0].phase, Phase::Handshake);
}

/// TLS settings of a server with a certificate for 127.0.0.1.
#[cfg(feature = "tls")]
fn tls_config(ca: &TestCa) -> std::sync::Arc<rustls::ServerConfig> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    let identity = ca.issue(&["127.0.0.1"]);
    let certificate = CertificateDer::from_pem_file(&identity.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    std::sync::Arc::new(config.unwrap())
}

/// Bytes that arrive after a response may still be encrypted, or in a buffer of the TLS library.
#[cfg(feature = "tls")]
#[test]
fn second_response_in_the_same_packet_is_not_used_with_tls_either() {
    use std::io::{Read, Write};

    let response = |description: &str, header: &str| {
        let body = format!(
            r#"{{"id":7,"description":"{description}","actions":["*"],"collections":["*"],"expires_at":9,"value_prefix":"abcd"}}"#
        );
        format!("HTTP/1.1 200 OK\r\n{header}content-length: {}\r\n\r\n{body}", body.len())
    };
    let long_header = format!("x: {}\r\n", "p".repeat(5_000));
    // A response that fills a whole record, and one that is followed by more bytes than the TLS library reads at once.
    let fills_a_record = response(&"x".repeat(16_384 - response("", "").len() - 3), "");
    assert_eq!(fills_a_record.len(), 16_384);
    for (good, poison, connections) in [
        (fills_a_record, response("poison", ""), 3),
        (response("good", ""), response("poison", &long_header), 3),
        (response("good", ""), String::new(), 1),
    ] {
        let ca = TestCa::new();
        let config = tls_config(&ca);
        let server = Scripted::start(move |peer| {
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            loop {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut some = [0; 4096];
                    let count = rustls::Stream::new(&mut connection, &mut peer.stream).read(&mut some)?;
                    if count == 0 {
                        return Ok(());
                    }
                    request.extend_from_slice(&some[..count]);
                }
                let mut packet = Vec::new();
                for response in [&good, &poison] {
                    connection.writer().write_all(response.as_bytes())?;
                    while connection.wants_write() {
                        connection.write_tls(&mut packet)?;
                    }
                }
                peer.stream.write_all(&packet)?;
            }
        });
        let client = builder(&server.url().replace("http:", "https:")).ca_certificates(ca.pem()).build().unwrap();
        for call in 0..3 {
            assert_ne!(client.get(7).send().unwrap().description, "poison", "call {call}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(server.connections(), connections);
    }
}

/// An attacker on the network can corrupt an encrypted response after the server has acted: the outcome is unknown.
#[cfg(feature = "tls")]
#[test]
fn corrupted_encrypted_response_leaves_the_outcome_open() {
    use std::io::{Read, Write};

    let ca = TestCa::new();
    let config = tls_config(&ca);
    let server = Scripted::start(move |peer| {
        let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut peer.stream);
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some)?;
            request.extend_from_slice(&some[..count]);
        }
        peer.stream.write_all(&[b"\x17\x03\x03\x00\x40".as_slice(), &[7; 0x40]].concat())?;
        peer.wait()
    });
    let url = server.url().replace("http:", "https:");
    let client = builder(&url).ca_certificates(ca.pem()).build().unwrap();
    let Err(Error::OutcomeUnknown(unknown)) = create(&client).send() else { panic!("the outcome is known") };
    assert!(unknown.value.is_some());
    assert_eq!(unknown.report.attempts()[0].phase, Phase::AwaitResponse, "{unknown}");
}
