//! Finds misspelled names.

use std::str::Chars;

/// Whether `a` and `b` are equal, or differ in one character that is inserted, removed, replaced or swapped with the
/// next.
pub(crate) fn is_at_most_one_typo(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.chars(), b.chars());
    // The common start and end are stripped; the rest is the typo.
    strip(&mut a, &mut b, Chars::next);
    strip(&mut a, &mut b, Chars::next_back);
    let mut left = || ((a.next(), a.next(), a.next()), (b.next(), b.next(), b.next()));
    match left() {
        ((_, None, _), (_, None, _)) => true,
        ((Some(first), Some(second), None), (Some(other_first), Some(other_second), None)) => {
            first == other_second && second == other_first
        }
        _ => false,
    }
}

fn strip<'a>(a: &mut Chars<'a>, b: &mut Chars<'a>, next: impl Fn(&mut Chars<'a>) -> Option<char>) {
    loop {
        let (mut rest_of_a, mut rest_of_b) = (a.clone(), b.clone());
        match (next(&mut rest_of_a), next(&mut rest_of_b)) {
            (Some(x), Some(y)) if x == y => (*a, *b) = (rest_of_a, rest_of_b),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Compares with the definition: every single edit of `a`.
    #[test]
    fn typo_is_at_most_one_edit() {
        let texts: Vec<String> = (0..=4_usize)
            .flat_map(|length| (0..3_usize.pow(u32::try_from(length).unwrap())).map(move |n| (length, n)))
            .map(|(length, n)| {
                (0..length)
                    .scan(n, |n, _| Some((std::mem::replace(n, *n / 3), ())))
                    .map(|(n, ())| ['a', 'b', 'é'][n % 3])
                    .collect()
            })
            .collect();
        for a in &texts {
            let a_chars: Vec<char> = a.chars().collect();
            let mut near = BTreeSet::from([a.clone()]);
            for i in 0..=a_chars.len() {
                let (before, after) = a_chars.split_at(i);
                let mut add =
                    |middle: &[char], after: &[char]| near.insert([before, middle, after].concat().iter().collect());
                for c in ['a', 'b', 'é'] {
                    add(&[c], after);
                    add(&[c], after.get(1..).unwrap_or_default());
                }
                add(&[], after.get(1..).unwrap_or_default());
                if let [x, y, rest @ ..] = after {
                    add(&[*y, *x], rest);
                }
            }
            for b in &texts {
                assert_eq!(is_at_most_one_typo(a, b), near.contains(b.as_str()), "{a} {b}");
            }
        }
    }
}
