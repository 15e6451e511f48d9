use super::*;

/// What a random source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Random {
    /// This value of 32 characters is generated, for tests of values with the same prefix.
    Gives(&'static str),
    Fails,
    Panics,
}

std::thread_local! {
    /// What this thread's random source does next, instead of the operating system's.
    pub(crate) static NEXT_RANDOM: std::cell::Cell<Option<Random>> = const { std::cell::Cell::new(None) };
}

/// Stands for the crate of this name.
pub(super) mod getrandom {
    pub(crate) use ::getrandom::Error;

    use super::{ALPHABET, NEXT_RANDOM, Random};

    pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
        match NEXT_RANDOM.take() {
            None => ::getrandom::fill(bytes),
            Some(Random::Gives(value)) => {
                assert_eq!(value.len(), bytes.len(), "{value}");
                for (byte, character) in bytes.iter_mut().zip(value.bytes()) {
                    let place = (0..).zip(ALPHABET).find(|(_, known)| **known == character);
                    *byte = place.expect("a character of a generated value").0;
                }
                Ok(())
            }
            Some(Random::Fails) => Err(Error::UNSUPPORTED),
            Some(Random::Panics) => std::panic::resume_unwind(Box::new("the random source")),
        }
    }
}

#[test]
fn generated_values_have_the_servers_format_and_differ() {
    let (one, other) = (generate().unwrap(), generate().unwrap());
    assert_eq!(one.expose_secret().len(), 32);
    assert!(one.expose_secret().bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_ne!(one.expose_secret(), other.expose_secret());
}

#[test]
fn generated_characters_are_equally_frequent() {
    let mut counts = [0_u32; 256];
    for _ in 0..2_000 {
        for byte in generate().unwrap().expose_secret().bytes() {
            counts[usize::from(byte)] += 1;
        }
    }
    // 64,000 characters of 62 kinds: 1,032 each, with a standard deviation of 32.
    for &character in ALPHABET {
        let count = counts[usize::from(character)];
        assert!((800..1_265).contains(&count), "{character}: {count}");
    }
}

#[test]
fn key_that_is_invalid_in_a_header_is_refused() {
    for bad in ["", "a\n", "a\0b", " a", "a ", "a\u{7f}", "\u{feff}a", &"k".repeat(4097)] {
        assert!(check(&copy(bad)).is_err(), "{bad:?}");
    }
    for good in ["a", "a b", "\"quoted\\\"", "clé", &"k".repeat(4096)] {
        assert!(check(&copy(good)).is_ok(), "{good:?}");
    }
}

#[test]
fn secret_as_json_is_escaped_and_unquoted() {
    for (secret, json) in [("", ""), ("plain", "plain"), ("a\"b\\c\td", r#"a\"b\\c\td"#), ("clé🔑", "clé🔑")] {
        assert_eq!(to_json(&copy(secret)).as_slice(), json.as_bytes(), "{secret:?}");
    }
}

#[test]
fn text_is_read_from_json() {
    for text in ["plain", "a\"b\\c\td\r\n\u{8}\u{c}/\u{1}", "clé🔑"] {
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(from_json(&json).unwrap().expose_secret(), text, "{json}");
    }
    assert_eq!(from_json(r#""\u00e9\/""#).unwrap().expose_secret(), "é/");
    for other in [r#""""#, "7", "null", r#"""#, r#"["a"]"#, r#""\ud83d""#, r#""\ud83d\ude00""#] {
        assert!(from_json(other).is_none(), "{other}");
    }
}

#[test]
fn buffer_returns_bytes_in_order() {
    let mut buffer = SecretBuf::default();
    for piece in [&[1_u8; 700][..], &[2; 700], &[3; 9000]] {
        buffer.extend(piece);
    }
    buffer.take(700);
    assert_eq!(&buffer.as_slice()[..700], &[2; 700]);
    buffer.extend(&[4]);
    assert_eq!(buffer.as_slice().len(), 9701);
    buffer.take(9701);
    assert!(buffer.as_slice().is_empty());
}

#[test]
fn buffer_that_is_never_empty_does_not_grow() {
    let mut buffer = SecretBuf::default();
    buffer.extend(&[0]);
    for _ in 0..10_000 {
        buffer.extend(&[1; 1_000]);
        buffer.take(1_000);
    }
    assert_eq!(buffer.as_slice(), [1]);
    assert!(buffer.bytes.capacity() < 10_000, "{}", buffer.bytes.capacity());
}

#[test]
fn buffer_has_little_more_room_than_it_needs() {
    let mut buffer = SecretBuf::default();
    for _ in 0..100 {
        buffer.extend(&[1; 32 * 1024]);
        buffer.take(buffer.as_slice().len() - 200);
    }
    assert!(buffer.bytes.capacity() <= 34 * 1024, "{}", buffer.bytes.capacity());
}

#[test]
fn buffer_that_grows_is_moved_a_few_times() {
    let (mut buffer, mut moves) = (SecretBuf::default(), 0);
    for _ in 0..1_000_000 {
        let before = buffer.bytes.capacity();
        buffer.extend(&[1]);
        moves += u32::from(buffer.bytes.capacity() != before);
    }
    assert!(moves <= 11, "{moves}");
}
