//! Parses a response as its bytes arrive: the head, then the body by the framing that the head declares.

use std::mem::MaybeUninit;
use std::time::Duration;

use ureq::Error;
use zeroize::Zeroizing;

use crate::operation::Operation;
use crate::secret::SecretBuf;

/// The maximum size of all heads of one response, in bytes. A head from Typesense has about 200.
const MAX_HEAD: usize = 16 * 1024;

/// The maximum size in bytes of one line of a chunked body's framing, and of all trailers together.
const MAX_LINE: usize = 1024;

/// The maximum number of headers in one head.
const MAX_HEADERS: usize = 100;

/// The relevant parts of a response's head. Its texts are wiped, because a server may repeat a secret in them.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) content_type: Zeroizing<Vec<u8>>,
    pub(super) content_encoding: Zeroizing<Vec<u8>>,
    /// The target of a redirect.
    pub(super) location: Zeroizing<Vec<u8>>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: BodyDecoder,
    /// Whether the server closes the connection after this response.
    pub(super) closes: bool,
}

/// How a response violates HTTP/1, or looks like an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtocolError {
    #[error("the response is not HTTP/1 (is the scheme of the node's address right?)")]
    NotHttp,
    #[error("the head of the response is too large")]
    HeadTooLarge,
    #[error("the head of the response contradicts itself on the body's length")]
    ConflictingLengths,
    #[error("the response's body is not framed as its head says")]
    BadChunk,
    #[error("the response switches to another protocol")]
    SwitchingProtocols,
}

/// As an error that can pass through ureq.
impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Other(Box::new(error))
    }
}

impl Head {
    /// The size of the head at the front of `arrived`, and the head, unless it is an interim one (status 1xx). `None` until
    /// all of it has arrived. `seen`: the size of the interim heads before it.
    pub(super) fn parse(arrived: &[u8], seen: usize) -> Result<Option<(usize, Option<Self>)>, ProtocolError> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        let parsed = parser.parse_response_with_uninit_headers(&mut head, arrived, &mut headers);
        let parsed = parsed.map_err(|error| match error {
            httparse::Error::TooManyHeaders => ProtocolError::HeadTooLarge,
            _ => ProtocolError::NotHttp,
        })?;
        let size = match parsed {
            httparse::Status::Complete(size) => size,
            httparse::Status::Partial => arrived.len(),
        };
        if seen + size > MAX_HEAD {
            return Err(ProtocolError::HeadTooLarge);
        } else if parsed.is_partial() {
            return Ok(None);
        }
        let head = match head.code.unwrap_or_default() {
            101 => return Err(ProtocolError::SwitchingProtocols),
            100..=199 => None,
            status @ 200..=599 => Some(Self::new(status, &head)?),
            _ => return Err(ProtocolError::NotHttp),
        };
        Ok(Some((size, head)))
    }

    fn new(status: u16, parsed: &httparse::Response<'_, '_>) -> Result<Self, ProtocolError> {
        let (body, closes) = framing(parsed)?;
        let value = |name| values(parsed, name).last().unwrap_or_default();
        let text = |name| Zeroizing::new(value(name).to_vec());
        // The other form, a date, is for pauses that are longer than any call waits.
        let seconds = std::str::from_utf8(value("retry-after")).ok().and_then(|text| text.parse().ok());
        Ok(Self {
            status,
            content_type: text("content-type"),
            content_encoding: text("content-encoding"),
            location: text("location"),
            retry_after: seconds.map(Duration::from_secs),
            body: if matches!(status, 204 | 304) { BodyDecoder::Done } else { body },
            closes,
        })
    }

    pub(super) fn is_success_of(&self, operation: Operation) -> bool {
        self.status == operation.success() && !self.is_compressed()
    }

    pub(super) fn is_compressed(&self) -> bool {
        !self.content_encoding.is_empty() && !self.content_encoding.eq_ignore_ascii_case(b"identity")
    }
}

/// The values of the headers with this name.
fn values<'h>(head: &httparse::Response<'_, 'h>, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let named = head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| header.value.trim_ascii())
}

/// How the body begins, and whether the connection closes after it (RFC 9112, section 6.3). Heads that two readers
/// could understand differently are refused.
fn framing(head: &httparse::Response<'_, '_>) -> Result<(BodyDecoder, bool), ProtocolError> {
    let mut length = None;
    for value in values(head, "content-length") {
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let this: u64 = digits.and_then(|text| text.parse().ok()).ok_or(ProtocolError::ConflictingLengths)?;
        if length.replace(this).is_some_and(|length| length != this) {
            return Err(ProtocolError::ConflictingLengths);
        }
    }
    let is_http_1_0 = head.version == Some(0);
    let mut codings = values(head, "transfer-encoding").map(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    let body = match (codings.next(), codings.next(), length) {
        (None, _, None) => BodyDecoder::UntilClose,
        (None, _, Some(0)) => BodyDecoder::Done,
        (None, _, Some(length)) => BodyDecoder::Length(length),
        // HTTP/1.0 has no chunks: section 6.1 calls such a message faulty.
        (Some(true), None, None) if !is_http_1_0 => BodyDecoder::ChunkSize,
        _ => return Err(ProtocolError::ConflictingLengths),
    };
    let asks_for = |wanted: &[u8]| {
        let mut options = values(head, "connection").flat_map(|value| value.split(|byte| *byte == b','));
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    let closes = asks_for(b"close") || (is_http_1_0 && !asks_for(b"keep-alive")) || body == BodyDecoder::UntilClose;
    Ok((body, closes))
}

/// Extracts a body from its framing. Its value is the part of the body that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyDecoder {
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers { seen: usize },
    UntilClose,
    Done,
}

impl BodyDecoder {
    pub(super) fn is_done(self) -> bool {
        self == Self::Done
    }

    /// Whether the body is complete if the server closes the connection now.
    pub(super) fn is_done_at_close(self) -> bool {
        matches!(self, Self::Done | Self::UntilClose)
    }

    /// Appends the body's part of `arrived` to `content`. Returns how many bytes of `arrived` were decoded.
    pub(super) fn decode(&mut self, arrived: &[u8], content: &mut SecretBuf) -> Result<usize, ProtocolError> {
        let mut rest = arrived;
        loop {
            let (taken, next) = match *self {
                Self::Length(left) | Self::Chunk(left) => {
                    let count = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    content.extend(rest.get(..count).unwrap_or_default());
                    let next = match (*self, left - count as u64) {
                        (Self::Chunk(_), 0) => Self::ChunkEnd,
                        (Self::Chunk(_), left) => Self::Chunk(left),
                        (_, 0) => Self::Done,
                        (_, left) => Self::Length(left),
                    };
                    (count, next)
                }
                Self::UntilClose => {
                    content.extend(rest);
                    (rest.len(), Self::UntilClose)
                }
                // httparse reads a line without a digit as the size 0, which would end the body early.
                Self::ChunkSize if rest.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                    return Err(ProtocolError::BadChunk);
                }
                Self::ChunkSize => match httparse::parse_chunk_size(rest) {
                    Ok(httparse::Status::Complete((length, 0))) if length <= MAX_LINE => {
                        (length, Self::Trailers { seen: 0 })
                    }
                    Ok(httparse::Status::Complete((length, size))) if length <= MAX_LINE => {
                        (length, Self::Chunk(size))
                    }
                    Ok(httparse::Status::Partial) if rest.len() <= MAX_LINE => (0, Self::ChunkSize),
                    _ => return Err(ProtocolError::BadChunk),
                },
                Self::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => (2, Self::ChunkSize),
                    [] | [b'\r'] => (0, Self::ChunkEnd),
                    _ => return Err(ProtocolError::BadChunk),
                },
                Self::Trailers { seen } => match rest.iter().position(|&byte| byte == b'\n') {
                    Some(end) if seen + end <= MAX_LINE => {
                        let is_last = matches!(rest.get(..end), Some([] | [b'\r']));
                        (end + 1, if is_last { Self::Done } else { Self::Trailers { seen: seen + end + 1 } })
                    }
                    None if seen + rest.len() <= MAX_LINE => (0, Self::Trailers { seen }),
                    _ => return Err(ProtocolError::BadChunk),
                },
                Self::Done => (0, Self::Done),
            };
            if taken == 0 {
                return Ok(arrived.len() - rest.len());
            }
            rest = rest.get(taken..).unwrap_or_default();
            *self = next;
        }
    }
}

#[cfg(test)]
mod tests;
