//! Sets of bytes: what a class or a `[]` of a pattern matches. The server compares bytes, as the C locale has them.

/// A set of bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    low: u128,
    high: u128,
}

impl Bytes {
    pub(super) const NONE: Self = Self { low: 0, high: 0 };
    pub(super) const ALL: Self = Self { low: u128::MAX, high: u128::MAX };

    pub(super) fn of(is_in: impl Fn(u8) -> bool) -> Self {
        (0..=u8::MAX).filter(|&byte| is_in(byte)).fold(Self::NONE, |set, byte| set.or(Self::one(byte)))
    }

    pub(super) fn one(byte: u8) -> Self {
        let bit = 1 << (byte & 127);
        if byte < 128 { Self { low: bit, high: 0 } } else { Self { low: 0, high: bit } }
    }

    /// `None` where `to` is before `from`: characters are signed there, so that no range leaves ASCII.
    pub(super) fn range(from: u8, to: u8) -> Option<Self> {
        let place = |byte: u8| i8::from_ne_bytes([byte]);
        let range = place(from)..=place(to);
        (!range.is_empty()).then(|| Self::of(|byte| range.contains(&place(byte))))
    }

    /// `.`
    pub(super) fn any() -> Self {
        Self::of(|byte| !matches!(byte, b'\n' | b'\r'))
    }

    /// What is called `name` in `[: :]`. Beside POSIX, GNU knows `d`, `s` and `w`.
    pub(super) fn class(name: &[u8]) -> Option<Self> {
        let is_in: fn(u8) -> bool = match name {
            b"alnum" => |byte| byte.is_ascii_alphanumeric(),
            b"alpha" => |byte| byte.is_ascii_alphabetic(),
            b"blank" => |byte| matches!(byte, b' ' | b'\t'),
            b"cntrl" => |byte| byte.is_ascii_control(),
            b"digit" | b"d" => |byte| byte.is_ascii_digit(),
            b"graph" => |byte| byte.is_ascii_graphic(),
            b"lower" => |byte| byte.is_ascii_lowercase(),
            b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
            b"punct" => |byte| byte.is_ascii_punctuation(),
            b"space" | b"s" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
            b"upper" => |byte| byte.is_ascii_uppercase(),
            b"w" => is_word,
            b"xdigit" => |byte| byte.is_ascii_hexdigit(),
            _ => return None,
        };
        Some(Self::of(is_in))
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    pub(super) fn not(self) -> Self {
        Self { low: !self.low, high: !self.high }
    }

    pub(super) fn contains(self, byte: u8) -> bool {
        let half = if byte < 128 { self.low } else { self.high };
        half & (1 << (byte & 127)) != 0
    }
}

/// What a word is made of, for `\w` and `\b`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
