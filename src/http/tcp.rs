//! A TCP connection whose reads and writes end by their deadline.
//!
//! ureq's own TCP transport gives each partial write the whole time limit again, so a server that reads slowly could
//! hold a call for a multiple of the limit.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use super::deadline::{deadline_after, remaining};
use super::exchange::current;

/// Timeouts up to this are set exactly; longer ones are rounded down, because Linux exceeds them by up to an eighth.
const SHORT: Duration = Duration::from_millis(200);

/// Long socket timeouts are multiples of this, so that successive reads mostly use the same timeout and need no
/// system call to set it.
const GRAIN: Duration = Duration::from_millis(50);

pub(super) struct TcpTransport {
    socket: Socket,
    buffers: LazyBuffers,
}

impl TcpTransport {
    /// Connects to the first of `addresses` that accepts. Each attempt gets an equal share of the remaining time.
    pub(super) fn connect(
        addresses: &[SocketAddr],
        connect_by: Instant,
        buffers: LazyBuffers,
    ) -> Result<Self, Error> {
        let mut result = Err(Error::HostNotFound);
        for (at, address) in addresses.iter().enumerate() {
            let shares = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            let share = remaining(connect_by)? / shares;
            result = TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))).map_err(Error::from);
            if result.is_ok() {
                break;
            }
        }
        let stream = result?;
        stream.set_nodelay(true)?;
        Ok(Self { socket: Socket { stream, timeout: Duration::ZERO }, buffers })
    }

    /// Sends the first `amount` bytes of the buffer.
    fn send(&mut self, amount: usize, deadline: Instant) -> Result<(), Error> {
        let mut rest = self.buffers.output().get(..amount).unwrap_or_default();
        while !rest.is_empty() {
            match self.socket.transfer(deadline, |mut stream| stream.write(rest))? {
                0 => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                count => rest = rest.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

struct Socket {
    stream: TcpStream,
    /// The current timeout of reads and writes. Zero stands for none.
    timeout: Duration,
}

impl Socket {
    /// Reads or writes once, by the deadline.
    fn transfer(
        &mut self,
        deadline: Instant,
        mut transfer: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        loop {
            let timeout = socket_timeout(remaining(deadline)?);
            if self.timeout != timeout {
                let for_reads = self.stream.set_read_timeout(Some(timeout));
                match for_reads.and_then(|()| self.stream.set_write_timeout(Some(timeout))) {
                    Ok(()) => self.timeout = timeout,
                    // macOS refuses once the other side has closed the connection. The data that it sent before can
                    // still be read.
                    Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match transfer(&self.stream) {
                Err(error) if is_temporary(&error) => {}
                result => return Ok(result?),
            }
        }
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, limit: NextTimeout) -> Result<(), Error> {
        self.send(amount, deadline(limit))
    }

    fn await_input(&mut self, limit: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let count = self.socket.transfer(deadline(limit), |mut stream| stream.read(room))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Whether the other side has neither closed the connection nor sent unexpected data.
    fn is_open(&mut self) -> bool {
        let probe = || {
            let stream = &self.socket.stream;
            stream.set_nonblocking(true)?;
            let found = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            found
        };
        // Below TLS, the buffer may contain encrypted bytes.
        self.buffers.input().is_empty() && probe().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Shows nothing of the buffers.
impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TcpTransport")
    }
}

/// The time by which a read or write ends. ureq knows no limit while a connection is being opened, and renews its limits
/// for each read, so that a proxy that sends its response slowly could hold the call forever.
fn deadline(limit: NextTimeout) -> Instant {
    let end = deadline_after(Instant::now(), *limit.after);
    let opening = current(|exchange| exchange.phase.is_before_sending().then_some(exchange.deadlines.connect_by));
    opening.ok().flatten().map_or(end, |connect_by| connect_by.min(end))
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// The timeout to set on a socket, so that it expires hardly later than `left` even if it is an eighth late.
fn socket_timeout(left: Duration) -> Duration {
    if left <= SHORT {
        // For the operating system, 0 means no timeout.
        return left.max(Duration::from_millis(1));
    }
    let grains = (left * 7 / 8).as_millis() / GRAIN.as_millis();
    GRAIN * u32::try_from(grains).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// The reader needs seconds for all the data. A limit that each partial write renews would not expire.
    #[test]
    fn write_to_a_slow_reader_ends_at_the_deadline() {
        const SIZE: usize = 64 * 1024 * 1024;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let reader = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut some = vec![0; 1024 * 1024];
            while stream.read_exact(&mut some).is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        let connect_by = Instant::now() + Duration::from_secs(10);
        let mut transport = TcpTransport::connect(&[address], connect_by, LazyBuffers::new(1, SIZE)).unwrap();
        let sent = transport.send(SIZE, Instant::now() + Duration::from_millis(300));
        assert!(matches!(sent, Err(Error::Timeout(_))), "{sent:?}");
        drop(transport);
        reader.join().unwrap();
    }

    #[test]
    fn late_socket_timeout_hardly_exceeds_the_deadline() {
        for left in (1..60_000).map(Duration::from_millis) {
            let worst = socket_timeout(left) * 9 / 8;
            assert!(!socket_timeout(left).is_zero() && worst <= left + Duration::from_millis(25), "{left:?}");
        }
    }

    #[test]
    fn reads_until_a_deadline_are_few() {
        let (mut left, mut reads) = (Duration::from_secs(10), 0);
        while !left.is_zero() {
            left = left.saturating_sub(socket_timeout(left));
            reads += 1;
        }
        assert!(reads <= 5, "{reads}");
    }

    #[test]
    fn successive_calls_set_the_same_socket_timeout() {
        let ms = Duration::from_millis;
        assert_eq!(socket_timeout(ms(9_999)), socket_timeout(ms(9_980)));
    }
}
