//! Structs from JSON objects. serde's derive does the same, but with procedural macros: six crates more, which every user
//! would have to build, and which would take a fifth of a debug build.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Implements `Deserialize` for a struct: `field: "member"`, and, where wanted, `by` a seed of its own, `or` a value if
/// it is missing. Members that are not named are passed over; one that is there twice is an error.
macro_rules! from_object {
    ($type:ident $(<$lifetime:lifetime>)? {
        $($field:ident: $member:literal $(by $seed:expr)? $(; or $default:expr)?),+ $(,)?
    }) => {
        impl<'de> serde_core::Deserialize<'de> for $type $(<$lifetime>)? {
            fn deserialize<D: serde_core::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types, reason = "the names of the fields")]
                enum Member {
                    $($field,)+
                    other,
                }

                struct Object;

                impl<'de> serde_core::de::Visitor<'de> for Object {
                    type Value = $type $(<$lifetime>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A>(self, mut members: A) -> Result<Self::Value, A::Error>
                    where
                        A: serde_core::de::MapAccess<'de>,
                    {
                        let member = |name: &str| match name {
                            $($member => Member::$field,)+
                            _ => Member::other,
                        };
                        $(let mut $field = None;)+
                        while let Some(member) = members.next_key_seed($crate::json::Name(member))? {
                            match member {
                                $(Member::$field => {
                                    let value = members.next_value_seed($crate::json::from_object!(@seed $($seed)?))?;
                                    $crate::json::once(&mut $field, value, $member)?;
                                })+
                                Member::other => _ = members.next_value::<serde_core::de::IgnoredAny>()?,
                            }
                        }
                        Ok($type {
                            $($field: match $field {
                                Some(value) => value,
                                None => $crate::json::from_object!(@missing $member $(, $default)?),
                            },)+
                        })
                    }
                }

                from.deserialize_map(Object)
            }
        }
    };
    (@seed) => { std::marker::PhantomData };
    (@seed $seed:expr) => { $seed };
    (@missing $member:literal) => { return Err(serde_core::de::Error::missing_field($member)) };
    (@missing $member:literal, $default:expr) => { $default };
}

/// Implements `Serialize` and `Deserialize` for a struct that is nothing but a number.
macro_rules! is_a_number {
    ($type:ident, $number:ty) => {
        impl serde_core::Serialize for $type {
            fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> serde_core::Deserialize<'de> for $type {
            fn deserialize<D: serde_core::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$number>::deserialize(from).map(Self)
            }
        }
    };
}

pub(crate) use {from_object, is_a_number};

/// Sets a field, unless its member has been there before.
pub(crate) fn once<T, E: Error>(field: &mut Option<T>, value: T, member: &'static str) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(member)),
    }
}

/// Reads a member's name, and says which it is.
pub(crate) struct Name<F>(pub(crate) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Name<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Name<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        Ok((self.0)(name))
    }
}

/// Reads a `Vec` that has room for one at first, and not for four, as serde's own has: most keys have one action and one
/// collection, and of a list of many keys the room is what takes most memory.
pub(crate) struct Few<T>(pub(crate) PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Few<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<T>, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut few = Vec::with_capacity(1);
        while let Some(element) = elements.next_element()? {
            few.push(element);
        }
        Ok(few)
    }
}

#[cfg(test)]
mod tests {
    use super::{Few, PhantomData};

    #[derive(Debug, PartialEq)]
    struct Example<'a> {
        text: &'a str,
        numbers: Vec<u8>,
        switch: Option<bool>,
    }

    from_object!(Example<'de> { text: "text", numbers: "n" by Few(PhantomData), switch: "switch"; or None });

    #[test]
    fn members_are_found_by_name_in_any_order() {
        let expected = Example { text: "a", numbers: vec![1, 2], switch: Some(true) };
        for json in [
            r#"{"text": "a", "n": [1, 2], "switch": true}"#,
            r#"{"switch": true, "later": {"text": "b"}, "n": [1, 2], "t\u0065xt": "a"}"#,
        ] {
            assert_eq!(serde_json::from_str::<Example<'_>>(json).unwrap(), expected, "{json}");
        }
        assert_eq!(serde_json::from_str::<Example<'_>>(r#"{"text": "", "n": []}"#).unwrap().switch, None);
    }

    #[test]
    fn what_is_missing_there_twice_or_no_object_is_told() {
        for (json, expected) in [
            (r#"{"n": []}"#, "missing field `text`"),
            (r#"{"text": "a", "text": "a", "n": []}"#, "duplicate field `text`"),
            (r#"["a", [], true]"#, "invalid type: sequence, expected an object"),
            (r#"{"text": "a", "n": 7}"#, "invalid type: integer `7`, expected an array"),
        ] {
            let error = serde_json::from_str::<Example<'_>>(json).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }
}
