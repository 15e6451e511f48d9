//! Faults, and the requests that they hit.

use std::io;
use std::time::Duration;

use typesense_keys::testing::{FakeServer, Fault, Operation};

use super::{address, create, list, send};
use crate::support::raw::Request;
use crate::support::time::wait_until;

const JSON: &str = "application/json; charset=utf-8";
const HTML: Fault = Fault::Respond { status: 502, content_type: "text/html", body: "<h1>Bad gateway</h1>" };

/// Each fault with its outcome (the status, content type and body of the response, or the end of the connection), and
/// whether the server acts.
#[test]
fn each_fault_sends_its_response_and_acts_or_not() {
    let not_ready = Fault::NotReady { retry_after: None };
    let rate_limited = Fault::RateLimited { retry_after: None };
    let [done, not_done] = [true, false].map(|acted| Fault::RequestTimeout { acted });
    let forbidden = r#"{"message": "Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;
    let out_of_disk = r#"{"message": "Rejecting write: running out of resource type: OUT_OF_DISK"}"#;
    let table = [
        (Fault::LoseResponse, Err(io::ErrorKind::UnexpectedEof), true),
        (Fault::DropConnection, Err(io::ErrorKind::UnexpectedEof), false),
        (Fault::ErrorAfter, Ok((500, "", "")), true),
        (Fault::ErrorBefore, Ok((500, "", "")), false),
        (not_ready, Ok((503, JSON, r#"{ "message": "Not Ready or Lagging"}"#)), false),
        (rate_limited, Ok((429, JSON, r#"{ "message": "Rate limit exceeded or blocked"}"#)), false),
        (Fault::Unauthorized, Ok((401, JSON, forbidden)), false),
        (done, Ok((408, "", "")), true),
        (not_done, Ok((408, "", "")), false),
        (Fault::OutOfResources, Ok((422, JSON, out_of_disk)), false),
        (Fault::SkippingWrites, Ok((422, JSON, r#"{"message": "Skipping writes."}"#)), false),
        (HTML, Ok((502, "text/html", "<h1>Bad gateway</h1>")), false),
        (Fault::Garbage, Err(io::ErrorKind::InvalidData), false),
    ];
    for (fault, expected, acts) in table {
        let server = FakeServer::start().unwrap();
        server.inject(fault);
        let outcome = create(&server).map_err(|error| error.kind());
        let outcome = outcome.map(|response| {
            let content_type = response.content_type().unwrap_or("none").to_owned();
            (response.status, content_type, response.text())
        });
        let expected =
            expected.map(|(status, content_type, body)| (status, content_type.to_owned(), body.to_owned()));
        assert_eq!(outcome, expected, "{fault:?}");
        assert_eq!(server.key_count(), usize::from(acts), "{fault:?}");
        assert_eq!(create(&server).unwrap().status, 201, "the fault hits a second request: {fault:?}");
    }
}

#[test]
fn retry_after_is_sent_in_whole_seconds_rounded_up() {
    let server = FakeServer::start().unwrap();
    for (wait, header) in [(None, None), (Some(1500), Some("2")), (Some(2000), Some("2")), (Some(1), Some("1"))] {
        let retry_after = wait.map(Duration::from_millis);
        for fault in [Fault::NotReady { retry_after }, Fault::RateLimited { retry_after }] {
            server.inject(fault);
            assert_eq!(create(&server).unwrap().header("retry-after"), header, "{fault:?}");
        }
    }
}

#[test]
fn injected_faults_hit_key_operations_in_their_order() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::ErrorBefore);
    server.inject(Fault::Unauthorized);
    for path in ["/health", "/debug"] {
        assert_eq!(send(&server, Request::new("GET", path)).unwrap().status, 200);
    }
    let statuses = [create(&server), list(&server), list(&server)].map(|response| response.unwrap().status);
    assert_eq!(statuses, [500, 401, 200]);
}

#[test]
fn fault_of_one_operation_does_not_hit_the_others() {
    for (failing, number) in
        [Operation::Create, Operation::Get, Operation::List, Operation::Delete].into_iter().zip(0..)
    {
        let server = FakeServer::start().unwrap();
        create(&server).unwrap();
        server.fail(failing).times(usize::MAX).with(HTML);
        let responses = [
            create(&server),
            send(&server, Request::new("GET", "/keys/0")),
            list(&server),
            send(&server, Request::new("DELETE", "/keys/0")),
        ];
        let failed: Vec<_> = responses.iter().map(|response| response.as_ref().unwrap().status == 502).collect();
        let expected: Vec<_> = (0..4).map(|index| index == number).collect();
        assert_eq!(failed, expected, "{failing:?}");
        assert_eq!(server.requests(failing), 1 + usize::from(failing == Operation::Create));
    }
}

#[test]
fn requests_are_counted_from_the_registration_of_the_fault() {
    let server = FakeServer::start().unwrap();
    create(&server).unwrap();
    server.fail(Operation::Create).nth(2).times(2).with(Fault::ErrorBefore);
    server.fail(Operation::Create).nth(5).with(Fault::Unauthorized);
    list(&server).unwrap();
    let statuses: Vec<_> = (0..6).map(|_| create(&server).unwrap().status).collect();
    assert_eq!(statuses, [201, 500, 500, 201, 401, 201]);
}

#[test]
fn second_fault_of_the_same_request_waits_for_the_next_one() {
    let server = FakeServer::start().unwrap();
    server.fail(Operation::Create).with(Fault::ErrorBefore);
    server.inject(Fault::Unauthorized);
    let statuses: Vec<_> = (0..3).map(|_| create(&server).unwrap().status).collect();
    assert_eq!(statuses, [500, 401, 201]);
}

#[test]
fn cleared_faults_hit_no_request() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::ErrorBefore);
    server.fail(Operation::Create).times(usize::MAX).with(Fault::ErrorBefore);
    server.clear_faults();
    assert_eq!(create(&server).unwrap().status, 201);
}

#[test]
fn delayed_response_arrives_whole() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::Delay(Duration::from_millis(50)));
    let created = create(&server).unwrap();
    assert_eq!(created.status, 201);
    assert!(created.json().unwrap().get("value").is_some());
}

#[test]
fn server_with_a_delayed_and_a_hanging_request_serves_others_and_ends() {
    let server = FakeServer::start().unwrap();
    server.fail(Operation::Create).with(Fault::Delay(Duration::from_secs(3600)));
    server.fail(Operation::Delete).with(Fault::Hang);
    for request in [Request::new("POST", "/keys").body(super::KEY), Request::new("DELETE", "/keys/0")] {
        let request = request.api_key(secrecy::ExposeSecret::expose_secret(&server.api_key()));
        let outcome = request.send(address(&server), Duration::from_millis(100));
        let error = outcome.unwrap_err().kind();
        // The second on Windows.
        assert!(matches!(error, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    }
    // The client may have stopped waiting before the server has read its requests.
    wait_until("both requests arrive", || {
        server.requests(Operation::Create) + server.requests(Operation::Delete) == 2
    });
    assert_eq!(list(&server).unwrap().status, 200);
    assert_eq!(server.key_count(), 1, "not exactly the delayed request is carried out");
    server.fail(Operation::List).with(Fault::Hang);
    let pending = std::net::TcpStream::connect(address(&server)).unwrap();
    std::io::Write::write_all(&mut &pending, b"GET /keys HTTP/1.1\r\n\r\n").unwrap();
    wait_until("the list request arrives", || server.requests(Operation::List) == 2);
    drop(server);
}

#[test]
fn fault_of_one_key_hits_requests_about_this_key_alone() {
    let server = FakeServer::start().unwrap();
    let request = |description: &str| {
        server.client().create().description(description).actions(["documents:get"]).collections(["docs"])
    };
    server.fail(Operation::Create).described("blog").with(Fault::LoseResponse);
    let [docs, blog] = ["docs", "blog"].map(|description| request(description).send().unwrap().id);
    assert_eq!(server.requests(Operation::Create), 3, "the lost create is not sent again");

    server.fail(Operation::Delete).key(blog).nth(2).with(Fault::Unauthorized);
    server.fail(Operation::Get).described("blog").times(2).with(Fault::Unauthorized);
    let status = |method, id| send(&server, Request::new(method, &format!("/keys/{id}"))).unwrap().status;
    let of_both = |method| [docs, blog, blog, blog].map(|id| status(method, id));
    assert_eq!(of_both("GET"), [200, 401, 401, 200]);
    assert_eq!(of_both("DELETE"), [200, 200, 401, 404], "the fault does not hit a request about a deleted key");
}
