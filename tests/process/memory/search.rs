//! Searches all memory of this process for secrets, without a copy of them in it.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

/// The number of successive bytes of a random secret that memory does not contain by accident. A vector register has 16
/// or 32 bytes.
const WINDOW: usize = 8;

/// Masks each byte of a secret.
const MASK: u8 = 0xA5;

/// A masked secret. It can be looked for, because it is not in memory itself.
#[derive(Clone)]
pub(super) struct Masked {
    pub(super) name: &'static str,
    bytes: Vec<u8>,
}

impl Masked {
    pub(super) fn draw(name: &'static str, length: usize) -> Masked {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+.";
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).unwrap();
        bytes.iter_mut().for_each(|byte| *byte = ALPHABET[usize::from(*byte % 64)] ^ MASK);
        Masked { name, bytes }
    }

    pub(super) fn of(name: &'static str, secret: &SecretString) -> Masked {
        Masked { name, bytes: secret.expose_secret().bytes().map(|byte| byte ^ MASK).collect() }
    }

    /// The masked secret as text, for another process.
    pub(super) fn to_hex(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn from_hex(name: &'static str, hex: &str) -> Masked {
        let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Masked { name, bytes: hex.as_bytes().chunks(2).map(digits).collect() }
    }

    /// The secret itself, in one allocation that is wiped when dropped.
    pub(super) fn reveal(&self) -> SecretString {
        let mut text = Zeroizing::new(String::with_capacity(self.bytes.len()));
        self.bytes.iter().for_each(|byte| text.push(char::from(byte ^ MASK)));
        SecretString::from(text.as_str())
    }
}

/// A secret, or at least [`WINDOW`] bytes in a row of it, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) secret: &'static str,
    pub(super) address: usize,
    pub(super) length: usize,
    pub(super) region: String,
}

/// All copies and pieces of `secrets` in this process's memory.
pub(super) fn copies(secrets: &[Masked]) -> Vec<Copy> {
    const CHUNK: usize = 1 << 20;
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut buffer = vec![0; CHUNK];
    // The buffer of this search contains copies of what it reads.
    let own = buffer.as_ptr() as usize..buffer.as_ptr() as usize + CHUNK;
    let windows = Windows::of(secrets);
    let mut copies = Vec::new();
    for region in maps.lines().filter_map(region) {
        for part in without(region.range, &own) {
            let mut search = Search { last: 0, seen: 0, windows: &windows, region: region.name, copies: &mut copies };
            let mut at = part.start;
            while at < part.end {
                let wanted = CHUNK.min(part.end - at);
                // Some regions are listed as readable and are not, such as those of devices. They contain no secret of
                // this process.
                let Ok(count @ 1..) = memory.read_at(&mut buffer[..wanted], at as u64) else { break };
                search.go_on(&buffer[..count], at);
                at += count;
            }
        }
    }
    buffer.zeroize();
    copies
}

/// All windows of all secrets, masked and sorted, and a table that excludes most bytes quickly.
struct Windows {
    sorted: Vec<(u64, &'static str)>,
    ends: Vec<bool>,
}

impl Windows {
    fn of(secrets: &[Masked]) -> Windows {
        let windows = secrets.iter().flat_map(|secret| secret.bytes.windows(WINDOW).map(|it| (it, secret.name)));
        let mut sorted: Vec<_> =
            windows.map(|(window, name)| (u64::from_be_bytes(window.try_into().unwrap()), name)).collect();
        sorted.sort_unstable();
        let mut ends = vec![false; 1 << 16];
        sorted.iter().for_each(|(window, _)| ends[usize::from(*window as u16)] = true);
        Windows { sorted, ends }
    }

    fn find(&self, window: u64) -> Option<&'static str> {
        if !self.ends[usize::from(window as u16)] {
            return None;
        }
        let at = self.sorted.partition_point(|(other, _)| *other < window);
        self.sorted.get(at).filter(|(found, _)| *found == window).map(|(_, name)| *name)
    }
}

/// The search of one region.
struct Search<'a> {
    /// The last [`WINDOW`] bytes, masked.
    last: u64,
    seen: usize,
    windows: &'a Windows,
    region: &'a str,
    copies: &'a mut Vec<Copy>,
}

impl Search<'_> {
    fn go_on(&mut self, memory: &[u8], address: usize) {
        for (at, byte) in memory.iter().enumerate() {
            self.last = self.last << 8 | u64::from(byte ^ MASK);
            self.seen += 1;
            if self.seen < WINDOW {
                continue;
            }
            if let Some(secret) = self.windows.find(self.last) {
                self.found(secret, address + at + 1);
            }
        }
    }

    fn found(&mut self, secret: &'static str, end: usize) {
        match self.copies.last_mut() {
            Some(copy) if copy.secret == secret && copy.address + copy.length + 1 == end => copy.length += 1,
            _ => {
                let (address, region) = (end - WINDOW, self.region.to_owned());
                self.copies.push(Copy { secret, address, length: WINDOW, region });
            }
        }
    }
}

struct Region<'a> {
    range: Range<usize>,
    name: &'a str,
}

/// From a line such as `7f12a000-7f12b000 rw-p 00000000 00:00 0   [heap]`.
fn region(line: &str) -> Option<Region<'_>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let number = |hex| usize::from_str_radix(hex, 16).ok();
    let permissions = fields.next()?;
    let name = fields.nth(3).unwrap_or("anonymous");
    // A region that cannot be written has the content of its file.
    let is_file = name.starts_with('/') && !permissions.contains('w');
    let is_kernels = matches!(name, "[vvar]" | "[vvar_vclock]" | "[vsyscall]" | "[vdso]");
    (permissions.starts_with('r') && !is_file && !is_kernels)
        .then_some(Region { range: number(start)?..number(end)?, name })
}

fn without(range: Range<usize>, hole: &Range<usize>) -> Vec<Range<usize>> {
    let before = range.start..range.end.min(hole.start);
    let after = range.start.max(hole.end)..range.end;
    [before, after].into_iter().filter(|part| part.start < part.end).collect()
}
