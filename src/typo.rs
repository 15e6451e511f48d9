//! Finds misspelled names.

/// Whether `a` and `b` are equal, or differ in one character that is inserted, removed, replaced or swapped with the
/// next.
pub(crate) fn is_at_most_one_typo(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|text| text.chars().collect::<Vec<_>>());
    // The common start and end are stripped; the rest is the typo.
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let end = end.min(a.len().min(b.len()) - start);
    match (a.get(start..a.len() - end), b.get(start..b.len() - end)) {
        (Some([] | [_]), Some([] | [_])) => true,
        (Some([first, second]), Some([other_first, other_second])) => first == other_second && second == other_first,
        _ => false,
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
