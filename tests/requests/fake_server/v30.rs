//! The responses of v30, byte by byte, according to its source, because no v30 server could be run. The comment of each
//! row names the lines of typesense/typesense that make the bytes, at commit 4a092b0417d3ad33e40d75b42cddfab5c58c0f71
//! of the branch `v30`.

use typesense_keys::audit::ServerVersion;
use typesense_keys::testing::{FakeServer, Fault};

use super::send;
use crate::support::raw::Request;

fn post(more: &str) -> Request {
    Request::new("POST", "/keys")
        .body(format!(r#"{{"description": "d", "actions": ["*"], "collections": ["c"]{more}}}"#))
}

#[test]
fn v30_responses_are_those_of_its_source() {
    let server = FakeServer::builder().version(ServerVersion::V30).start().unwrap();
    let get = |path| Request::new("GET", path);
    let delete = |path| Request::new("DELETE", path);
    let bad_request = r#"{"message": "Bad request."}"#;
    let table = [
        (get("/debug"), 200, r#"{"state":1,"version":"30.0"}"#), // core_api.cpp:435-441
        (get("/health"), 200, r#"{"ok":true}"#),                 // core_api.cpp:487-502
        (get("/keys"), 200, r#"{"keys":[]}"#),                   // core_api.cpp:2261-2272
        // Members in the order of nlohmann::json, a sorted map: auth_manager.h:70-81, core_api.cpp:2325.
        // Without `autodelete`, it is false: core_api.cpp:2303-2305.
        (
            post(r#", "value": "first""#),
            201,
            r#"{"actions":["*"],"autodelete":false,"collections":["c"],"description":"d","expires_at":64723363199,"id":0,"value":"first"}"#,
        ),
        (
            post(r#", "value": "second", "autodelete": true, "expires_at": 1"#),
            201,
            r#"{"actions":["*"],"autodelete":true,"collections":["c"],"description":"d","expires_at":1,"id":1,"value":"second"}"#,
        ),
        // `get<bool>()` throws on any other type: core_api.cpp:2316; the response: batched_indexer.cpp:298-305.
        (post(r#", "autodelete": null"#), 400, bad_request),
        (post(r#", "autodelete": 0"#), 400, bad_request),
        (post(r#", "autodelete": 1"#), 400, bad_request),
        (post(r#", "autodelete": "true""#), 400, bad_request),
        (post(r#", "autodelete": []"#), 400, bad_request),
        (post(r#", "autodelete": {}"#), 400, bad_request),
        // After the other members were validated (core_api.cpp:2293), before the value is looked up (2319).
        (
            post(r#", "autodelete": 1, "expires_at": -1"#),
            400,
            r#"{"message": "Wrong format for `expires_at`. It should be an unsigned integer."}"#, // auth_manager.cpp:375-379
        ),
        (post(r#", "autodelete": 1, "value": "first""#), 400, bad_request),
        (post(r#", "value": "first""#), 409, r#"{"message": "API key generation conflict."}"#), // auth_manager.cpp:103-105
        // A refused request uses no id: auth_manager.cpp:107.
        (
            post(r#", "value": "abc", "autodelete": false"#),
            201,
            r#"{"actions":["*"],"autodelete":false,"collections":["c"],"description":"d","expires_at":64723363199,"id":2,"value":"abc"}"#,
        ),
        // `value_prefix` instead of `value`, of at most 4 bytes: core_api.cpp:2343-2345, auth_manager.h:83-86.
        (
            get("/keys/1"),
            200,
            r#"{"actions":["*"],"autodelete":true,"collections":["c"],"description":"d","expires_at":1,"id":1,"value_prefix":"seco"}"#,
        ),
        (delete("/keys/0"), 200, r#"{"id":0}"#), // core_api.cpp:2365-2368
        (delete("/keys/0"), 404, r#"{"message": "Not found."}"#), // auth_manager.cpp:92-94, http_data.h:162-165
        (get("/keys/0"), 404, r#"{"message": "Not found."}"#), // the same
        (delete("/keys/abc"), 400, bad_request), // `stoul` throws: core_api.cpp:2356
        (
            get("/keys"),
            200,
            r#"{"keys":[{"actions":["*"],"autodelete":true,"collections":["c"],"description":"d","expires_at":1,"id":1,"value_prefix":"seco"},{"actions":["*"],"autodelete":false,"collections":["c"],"description":"d","expires_at":64723363199,"id":2,"value_prefix":"abc"}]}"#,
        ),
        // `keys:update` has no route yet: typesense_server.cpp:53-56; with one more space: http_server.cpp:484-487.
        (Request::new("PATCH", "/keys/1"), 404, r#"{ "message": "Not Found"}"#),
    ];
    for (request, status, body) in table {
        let response = send(&server, request.clone()).unwrap();
        assert_eq!((response.status, response.text().as_str()), (status, body), "{request:?}");
        assert_eq!(response.content_type(), Some("application/json; charset=utf-8")); // http_data.h:58, http_server.cpp:911
    }
    let anonymous = get("/keys").send(super::address(&server), std::time::Duration::from_secs(10)).unwrap();
    let forbidden = r#"{"message": "Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;
    assert_eq!((anonymous.status, anonymous.text().as_str()), (401, forbidden)); // http_server.cpp:568-572
}

#[test]
fn v30_faults_are_those_of_its_source() {
    let server = FakeServer::builder().version(ServerVersion::V30).start().unwrap();
    let table = [
        (
            Fault::OutOfResources,
            422,
            r#"{"message": "Rejecting write: running out of resource type: OUT_OF_DISK"}"#, // raft_server.cpp:307-308
        ),
        (Fault::SkippingWrites, 422, r#"{"message": "Skipping writes."}"#), // raft_server.cpp:315
        // http_client.cpp:225-229; passed on with an empty body: raft_server.cpp:446-448.
        (Fault::RequestTimeout { acted: false }, 408, ""),
        (Fault::NotReady { retry_after: None }, 503, r#"{ "message": "Not Ready or Lagging"}"#), // http_server.cpp:505
        (
            Fault::RateLimited { retry_after: None },
            429,
            r#"{ "message": "Rate limit exceeded or blocked"}"#, // http_server.cpp:529
        ),
    ];
    for (fault, status, body) in table {
        server.inject(fault);
        let response = send(&server, post("")).unwrap();
        assert_eq!((response.status, response.text().as_str()), (status, body), "{fault:?}");
    }
}
