//! Words that were probably meant: the nearest of those that are known, a slip or two away.

/// The nearest known word, if it is near enough to be a slip: one letter in four, two at most.
pub(super) fn nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let reach = (typed.chars().count() / 4).min(2);
    let slips = known.into_iter().map(|word| (slips(typed, word), word));
    slips.filter(|(n, _)| (1..=reach).contains(n)).min().map(|(_, word)| word)
}

/// How many letters are too many, too few, wrong, or in the wrong order with their neighbour.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let wrong = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + wrong);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        (before, last) = (last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, n) in [
            ("", "", 0),
            ("end", "", 3),
            ("finacial", "financial", 1),
            ("birht", "birth", 1),
            ("policy-start", "policy-end", 5),
        ] {
            assert_eq!((slips(a, b), slips(b, a)), (n, n), "{a} {b}");
        }
        let known = ["financial-year-end", "employment-end", "term-end", "created"];
        for (typed, meant) in [
            ("finacial-year-end", Some("financial-year-end")),
            ("employement-edn", Some("employment-end")),
            ("creatde", Some("created")),
            ("term-end", None),
            ("lease-break", None),
            ("end", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        for (typed, known, is_near) in [
            ("enx", "end", false),
            ("endx", "end", true),
            ("teaa", "term", false),
            ("termxend", "term-end", true),
            ("termxxnd", "term-end", true),
            ("termxxxd", "term-end", false),
            ("employmentxxnd", "employment-end", true),
            ("employmentxxxd", "employment-end", false),
        ] {
            assert_eq!(nearest(typed, [known]).is_some(), is_near, "{typed}");
        }
        assert_eq!(
            nearest("term-ebd", ["term-ezz", "term-ebb", "term-ebc"]),
            Some("term-ebb"),
            "the nearest, then the first"
        );
    }
}
