//! Takes a reply apart as its bytes arrive: what ureq may see of it, and what it may not.
//!
//! ureq sees the status, how the body is framed, and filler in place of the body. It needs no more to know where a
//! reply ends and whether the connection can be used again; and it logs what it sees.

use std::time::Duration;

use zeroize::Zeroize;

use super::exchange::Exchange;
use crate::secret::SecretBuf;

/// The most that all heads of one reply may take (a Typesense head is about 200 bytes).
const MAX_HEAD: usize = 16 * 1024;

/// The most that one line of a chunked body's framing may take, and all trailers together.
const MAX_LINE: usize = 1024;

/// The most headers that one head may have.
const MAX_HEADERS: usize = 100;

/// Stands in for every byte of a body: never part of UTF-8 text.
pub(super) const FILLER: u8 = 0xF8;

/// Room for anything that is written besides filler.
const FRAMING: usize = 128;

/// What is kept of a reply's head. Wiped when dropped: a server may repeat in it what it was sent.
pub(super) struct ReplyHead {
    pub(super) content_type: Vec<u8>,
    pub(super) content_encoding: Vec<u8>,
    /// Where a redirect leads.
    pub(super) location: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

/// A reply that HTTP does not allow, or that is made to do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotHttp,
    HeadTooLarge,
    ConflictingLengths,
    BadChunk,
    SwitchingProtocols,
}

impl Fault {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotHttp => "the answer is not HTTP/1",
            Self::HeadTooLarge => "the head of the answer has no end",
            Self::ConflictingLengths => "the head of the answer contradicts itself on the body's length",
            Self::BadChunk => "the answer's body is not framed as its head says",
            Self::SwitchingProtocols => "the answer wants another protocol",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `seen`: bytes of interim heads (status 1xx) before this one.
    Head {
        seen: usize,
    },
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers {
        seen: usize,
    },
    UntilClose,
    Done,
}

/// Where in a reply a connection is.
pub(super) struct Reply {
    state: State,
    chunked: bool,
}

impl Reply {
    /// No reply is expected yet, or the last one is complete.
    pub(super) const IDLE: Self = Self { state: State::Done, chunked: false };

    /// A reply is about to arrive.
    pub(super) const EXPECTED: Self = Self { state: State::Head { seen: 0 }, chunked: false };

    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Done
    }

    /// Moves on through `raw`; writes what ureq may see to `face`, and the rest to the exchange. Returns how many
    /// bytes were written to `face`: 0 if more of `raw` is needed.
    pub(super) fn advance(
        &mut self,
        raw: &mut SecretBuf,
        face: &mut [u8],
        exchange: &mut Exchange,
    ) -> Result<usize, Fault> {
        if let State::Head { seen } = self.state {
            return self.head(seen, raw, face, exchange);
        }
        // One chunk stands for all that has arrived of a chunked body, however the server cut it.
        let room = face.len().saturating_sub(FRAMING);
        let arrived = self.body(raw, room, &mut exchange.incoming)?;
        let mut written = Written { face, length: 0 };
        let is_chunk = self.chunked && arrived > 0;
        if is_chunk {
            written.text(&format!("{arrived:x}\r\n"));
        }
        written.filler(arrived);
        if is_chunk {
            written.text("\r\n");
        }
        if self.chunked && self.is_idle() {
            self.chunked = false;
            written.text("0\r\n\r\n");
        }
        Ok(written.length)
    }

    /// `seen`: bytes of interim heads before.
    fn head(
        &mut self,
        mut seen: usize,
        raw: &mut SecretBuf,
        face: &mut [u8],
        exchange: &mut Exchange,
    ) -> Result<usize, Fault> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut head = httparse::Response::new(&mut headers);
            let parsed = head.parse(raw.as_slice());
            let length = match parsed {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) => raw.as_slice().len(),
                Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLarge),
                Err(_) => return Err(Fault::NotHttp),
            };
            seen += length;
            if seen > MAX_HEAD {
                return Err(Fault::HeadTooLarge);
            }
            if parsed == Ok(httparse::Status::Partial) {
                return Ok(0);
            }
            let status = head.code.unwrap_or_default();
            match status {
                101 => return Err(Fault::SwitchingProtocols),
                // Early hints and the like: the reply proper is still to come.
                100..=199 => {
                    raw.take(length);
                    self.state = State::Head { seen };
                    continue;
                }
                200..=599 => {}
                _ => return Err(Fault::NotHttp),
            }
            let Framing { body, closes } = Framing::of(&head)?;
            exchange.reply = ReplyHead::of(&head);
            raw.take(length);
            let (state, header) = match body {
                _ if matches!(status, 204 | 304) => (State::Done, String::new()),
                Body::Chunked => (State::ChunkSize, "transfer-encoding: chunked\r\n".to_owned()),
                Body::Length(0) => (State::Done, "content-length: 0\r\n".to_owned()),
                Body::Length(length) => (State::Length(length), format!("content-length: {length}\r\n")),
                Body::UntilClose => (State::UntilClose, String::new()),
            };
            self.state = state;
            self.chunked = state == State::ChunkSize;
            let closes = if closes { "connection: close\r\n" } else { "" };
            let mut written = Written { face, length: 0 };
            written.text(&format!("HTTP/1.1 {status} \r\n{header}{closes}\r\n"));
            return Ok(written.length);
        }
    }

    /// Moves at most `room` bytes of the body from `raw` to `incoming`; returns how many.
    fn body(&mut self, raw: &mut SecretBuf, room: usize, incoming: &mut SecretBuf) -> Result<usize, Fault> {
        let mut moved = 0;
        loop {
            let available = raw.as_slice();
            self.state = match self.state {
                State::Length(left) | State::Chunk(left) => {
                    let count = available.len().min(room - moved).min(usize::try_from(left).unwrap_or(usize::MAX));
                    if count == 0 {
                        return Ok(moved);
                    }
                    incoming.extend(available.get(..count).unwrap_or_default());
                    raw.take(count);
                    moved += count;
                    let left = left - count as u64;
                    match self.state {
                        State::Chunk(_) if left == 0 => State::ChunkEnd,
                        State::Chunk(_) => State::Chunk(left),
                        _ if left == 0 => State::Done,
                        _ => State::Length(left),
                    }
                }
                State::UntilClose => {
                    let count = available.len().min(room - moved);
                    incoming.extend(available.get(..count).unwrap_or_default());
                    raw.take(count);
                    return Ok(moved + count);
                }
                // httparse takes a line without a digit for the size 0, which would end the body early.
                State::ChunkSize if available.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                    return Err(Fault::BadChunk);
                }
                State::ChunkSize => match httparse::parse_chunk_size(available) {
                    Ok(httparse::Status::Complete((length, size))) if length <= MAX_LINE => {
                        raw.take(length);
                        if size == 0 { State::Trailers { seen: 0 } } else { State::Chunk(size) }
                    }
                    Ok(httparse::Status::Partial) if available.len() <= MAX_LINE => return Ok(moved),
                    _ => return Err(Fault::BadChunk),
                },
                State::ChunkEnd => match available {
                    [b'\r', b'\n', ..] => {
                        raw.take(2);
                        State::ChunkSize
                    }
                    [] | [b'\r'] => return Ok(moved),
                    _ => return Err(Fault::BadChunk),
                },
                State::Trailers { seen } => match available.iter().position(|&byte| byte == b'\n') {
                    Some(end) if seen + end <= MAX_LINE => {
                        let is_last = matches!(available.get(..end), Some([] | [b'\r']));
                        raw.take(end + 1);
                        if is_last { State::Done } else { State::Trailers { seen: seen + end + 1 } }
                    }
                    None if seen + available.len() <= MAX_LINE => return Ok(moved),
                    _ => return Err(Fault::BadChunk),
                },
                State::Done | State::Head { .. } => return Ok(moved),
            };
        }
    }
}

/// What a head says about what follows it.
struct Framing {
    body: Body,
    /// Whether the connection ends with this reply.
    closes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Chunked,
    Length(u64),
    UntilClose,
}

impl Framing {
    /// RFC 9112, section 6.3, with everything refused there that two readers could understand differently.
    fn of(head: &httparse::Response<'_, '_>) -> Result<Self, Fault> {
        let mut length = None;
        let mut chunked = false;
        let (mut must_close, mut may_stay) = (false, head.version != Some(0));
        for header in head.headers.iter() {
            let value = header.value.trim_ascii();
            if header.name.eq_ignore_ascii_case("content-length") {
                let this = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                let this: u64 = this.and_then(|text| text.parse().ok()).ok_or(Fault::ConflictingLengths)?;
                if length.is_some_and(|length| length != this) {
                    return Err(Fault::ConflictingLengths);
                }
                length = Some(this);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::ConflictingLengths);
                }
                chunked = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    must_close |= option.eq_ignore_ascii_case(b"close");
                    may_stay |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        let body = match (chunked, length) {
            (true, Some(_)) => return Err(Fault::ConflictingLengths),
            // HTTP/1.0 has no chunks: section 6.1 calls this faulty.
            (true, None) if head.version == Some(0) => return Err(Fault::ConflictingLengths),
            (true, None) => Body::Chunked,
            (false, Some(length)) => Body::Length(length),
            (false, None) => Body::UntilClose,
        };
        Ok(Self { body, closes: must_close || !may_stay || body == Body::UntilClose })
    }
}

impl ReplyHead {
    pub(super) const NONE: Self =
        Self { content_type: Vec::new(), content_encoding: Vec::new(), location: Vec::new(), retry_after: None };

    fn of(head: &httparse::Response<'_, '_>) -> Self {
        let mut kept = Self::NONE;
        for header in head.headers.iter() {
            let value = header.value.trim_ascii();
            if header.name.eq_ignore_ascii_case("content-type") {
                kept.content_type = value.into();
            } else if header.name.eq_ignore_ascii_case("content-encoding") {
                kept.content_encoding = value.into();
            } else if header.name.eq_ignore_ascii_case("location") {
                kept.location = value.into();
            } else if header.name.eq_ignore_ascii_case("retry-after") {
                // The other form, a date, is for pauses that no call here would wait for.
                let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                kept.retry_after = seconds.map(Duration::from_secs);
            }
        }
        kept
    }
}

impl ReplyHead {
    pub(super) fn is_compressed(&self) -> bool {
        !self.content_encoding.is_empty() && !self.content_encoding.eq_ignore_ascii_case(b"identity")
    }
}

impl Drop for ReplyHead {
    fn drop(&mut self) {
        let Self { content_type, content_encoding, location, retry_after: _ } = self;
        for text in [content_type, content_encoding, location] {
            text.zeroize();
        }
    }
}

/// What has been written for ureq to see.
struct Written<'a> {
    face: &'a mut [u8],
    length: usize,
}

impl Written<'_> {
    fn text(&mut self, text: &str) {
        if let Some(room) = self.face.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text.as_bytes());
            self.length += text.len();
        }
    }

    fn filler(&mut self, count: usize) {
        if let Some(room) = self.face.get_mut(self.length..self.length + count) {
            room.fill(FILLER);
            self.length += count;
        }
    }
}

#[cfg(test)]
mod tests;
