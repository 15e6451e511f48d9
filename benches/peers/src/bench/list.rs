//! Long lists, each in a process of its own. In one process, the allocator's state after one contestant would change the
//! time of the next.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::one_shot::measure_programs;
use crate::server::Server;
use crate::table::{RAW, Row, Target};

const ROUNDS: usize = 11;

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let mut rows = Vec::new();
    for keys in [20_000, 100_000] {
        let url = serve(&body(keys));
        for (how, target) in [("list", Target::Times(0.96, RAW)), ("stream", Target::Times(0.6, RAW))] {
            let what = format!("{how} of {},000", keys / 1000);
            rows.extend(measure_programs(&what, ROUNDS, &url, &server.key, how, [target, Target::None]));
        }
    }
    rows
}

fn body(keys: usize) -> String {
    let keys: Vec<String> = (0..keys)
        .map(|id| {
            format!(
                r#"{{"actions":["documents:search"],"collections":["docs"],"description":"key {id} of a long list","expires_at":64723363199,"id":{id},"value_prefix":"{:04}"}}"#,
                id % 10_000
            )
        })
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// Responds to every request with this body in one chunk, as Typesense does, until this process ends.
fn serve(body: &str) -> String {
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let response: &'static [u8] = response.leak().as_bytes();
        for connection in listener.incoming() {
            thread::spawn(|| talk(connection.unwrap(), response));
        }
    });
    url
}

/// Requests here have no body: they end with the first empty line.
fn talk(mut connection: TcpStream, response: &[u8]) {
    for line in BufReader::new(connection.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        if line.is_empty() && connection.write_all(response).is_err() {
            return;
        }
    }
}
