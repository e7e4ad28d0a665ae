//! Proposals: which class a folder may belong to, from its name and the folders it lies in.
//!
//! Nothing is assigned here; a person confirms each one. Rather nothing than a guess: where two classes fit about
//! equally well, none is chosen and both are listed.

mod names;
mod words;
mod years;

use std::collections::{BTreeMap, BTreeSet};

use super::matching::{ClassMatch, Matcher};
use super::scheme::Scheme;
use crate::domain::path::{RecordPath, printable};

use names::{slip, words};

/// From this score on, a class is proposed.
pub const THRESHOLD: u8 = 65;
/// Classes this close to the best one are as good.
const TIE: u8 = 7;
/// How rare a word counts that no class knows: it says that the folder is about something else too.
const UNKNOWN: f64 = 2.5;
/// What a word of the folders above counts against a class that does not have it.
const ABOVE: f64 = 0.12;

/// What is proposed for one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The folder; with `*` in place of a year where it stands for one folder a year.
    pub folder: RecordPath,
    /// How many folders it stands for.
    pub folders: u64,
    /// How many records lie in them.
    pub records: u64,
    /// The class; `None` when several fit equally well, which are the alternatives.
    pub class: Option<String>,
    /// How well it fits: 100 is the same words.
    pub score: u8,
    /// Why, in words for a person.
    pub because: String,
    /// Other classes that fit, best first.
    pub alternatives: Vec<Alternative>,
}

/// Another class that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The class.
    pub class: String,
    /// How well it fits.
    pub score: u8,
}

/// A name that a class goes by.
struct Name {
    typed: String,
    words: BTreeSet<String>,
}

/// The names of each class, and how rare each word is among them.
struct Names<'s> {
    classes: Vec<(&'s str, Vec<Name>)>,
    weights: BTreeMap<String, f64>,
}

/// The words of a folder's own name, and those of the folders above it.
struct Folder {
    own: BTreeSet<String>,
    above: BTreeSet<String>,
}

struct Fit<'n> {
    class: &'n str,
    name: &'n Name,
    score: u8,
}

/// Proposes a class for each folder whose name says enough; most records first.
///
/// Folders that a pattern of the scheme covers are left out, and so are those that would only repeat what is
/// proposed for a folder above them. Folders that differ by the year alone are one proposal.
pub fn propose(folders: &[(RecordPath, u64)], scheme: &Scheme) -> Vec<Proposal> {
    let names = Names::of(scheme);
    let matcher = Matcher::new(scheme);
    let mut sorted: Vec<&(RecordPath, u64)> = folders.iter().collect();
    sorted.sort();
    let mut out: Vec<Proposal> = Vec::new();
    for (folder, records) in sorted {
        if covered(&matcher, folder) {
            continue;
        }
        let Some(proposal) = names.propose(folder, *records) else { continue };
        let nearest =
            out.iter().rev().find(|above| folder != &above.folder && folder.is_within(above.folder.as_bytes()));
        if !nearest.is_some_and(|above| repeats(&proposal, above)) {
            out.push(proposal);
        }
    }
    let mut out = years::joined(out, folders);
    out.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.folder.cmp(&b.folder)));
    out
}

fn repeats(proposal: &Proposal, above: &Proposal) -> bool {
    let among = |class: &str| proposal.alternatives.iter().any(|a| a.class == class);
    match (&above.class, &proposal.class) {
        (Some(above), Some(class)) => above == class,
        (Some(above), None) => among(above),
        (None, Some(_)) => false,
        (None, None) => above.alternatives == proposal.alternatives,
    }
}

impl<'s> Names<'s> {
    fn of(scheme: &'s Scheme) -> Self {
        let mut classes: Vec<(&str, Vec<Name>)> = Vec::new();
        for class in &scheme.classes {
            let known = words::NAMES.iter().find(|(id, _)| *id == class.id).map_or(&[][..], |(_, names)| *names);
            let own = [class.title.as_str(), class.id.as_str()];
            let pieces = class.title.split([',', ';', ':']);
            let typed: BTreeSet<&str> = known.iter().copied().chain(own).chain(pieces.map(str::trim)).collect();
            let names = typed.into_iter().map(|typed| Name { typed: typed.to_owned(), words: words(typed) });
            classes.push((&class.id, names.filter(|name| !name.words.is_empty()).collect()));
        }
        let mut in_classes: BTreeMap<String, f64> = BTreeMap::new();
        for (_, names) in &classes {
            let all: BTreeSet<&String> = names.iter().flat_map(|name| &name.words).collect();
            for word in all {
                *in_classes.entry(word.clone()).or_default() += 1.0;
            }
        }
        let count = f64::from(u32::try_from(classes.len()).unwrap_or(u32::MAX));
        let weights = in_classes.into_iter().map(|(word, n)| (word, (1.0 + count / n).ln())).collect();
        let mut out = Self { classes, weights };
        out.drop_vague_pieces(scheme);
        out
    }

    /// A piece of a title that is one word, and a word of other classes too, says too little: "Registers, plans".
    fn drop_vague_pieces(&mut self, scheme: &Scheme) {
        let rarest = self.weights.values().copied().fold(0.0, f64::max);
        for ((id, names), class) in self.classes.iter_mut().zip(&scheme.classes) {
            let known = words::NAMES.iter().find(|(known, _)| known == id).map_or(&[][..], |(_, names)| *names);
            let whole = |name: &Name| name.typed == class.title || known.contains(&name.typed.as_str());
            let vague = |name: &Name| {
                name.words.len() == 1 && name.words.iter().all(|w| self.weights.get(w).is_none_or(|w| *w < rarest))
            };
            names.retain(|name| whole(name) || !vague(name));
        }
    }

    fn propose(&self, folder: &RecordPath, records: u64) -> Option<Proposal> {
        let place = self.place(folder)?;
        let mut fits: Vec<Fit<'_>> =
            self.classes.iter().filter_map(|(class, names)| self.fit(class, names, &place)).collect();
        fits.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.class.cmp(b.class)));
        let best = fits.first().filter(|fit| fit.score >= THRESHOLD)?;
        // One that the folders above speak for is not equalled by one of which they say nothing.
        let said_above = |fit: &Fit<'_>| fit.name.words.iter().any(|word| place.above.contains(word));
        let equals = |fit: &Fit<'_>| best.score - fit.score <= TIE && (said_above(fit) || !said_above(best));
        let tied = fits.iter().filter(|fit| equals(fit)).count();
        let rest = fits.iter().skip(usize::from(tied == 1));
        let shown = rest.filter(|fit| equals(fit) || fit.score >= THRESHOLD);
        Some(Proposal {
            folder: folder.clone(),
            folders: 1,
            records,
            class: (tied == 1).then(|| best.class.to_owned()),
            score: best.score,
            because: because(folder, best, &place, tied),
            alternatives: shown.map(|fit| Alternative { class: fit.class.to_owned(), score: fit.score }).collect(),
        })
    }

    /// The folder's words, slips mended; `None` when its own name says nothing.
    fn place(&self, folder: &RecordPath) -> Option<Folder> {
        let mut parts: Vec<BTreeSet<String>> = folder
            .components()
            .map(|part| words(&String::from_utf8_lossy(part)).into_iter().map(|word| self.mended(word)).collect())
            .collect();
        let own = parts.pop().filter(|own| !own.iter().all(|word| words::AREAS.contains(&word.as_str())))?;
        let above = parts.into_iter().flatten().filter(|word| !own.contains(word)).collect();
        Some(Folder { own, above })
    }

    fn mended(&self, word: String) -> String {
        if self.weights.contains_key(&word) {
            return word;
        }
        let mut near = self.weights.keys().filter(|known| slip(known, &word));
        match (near.next(), near.next()) {
            (Some(known), None) => known.clone(),
            _ => word,
        }
    }

    fn weight<'w>(&self, words: impl Iterator<Item = &'w String>) -> f64 {
        words.map(|word| self.weights.get(word).copied().unwrap_or(UNKNOWN)).sum()
    }

    fn fit<'n>(&self, class: &'n str, names: &'n [Name], folder: &Folder) -> Option<Fit<'n>> {
        let fits = names.iter().map(|name| Fit { class, name, score: self.score(name, folder) });
        fits.max_by(|a, b| a.score.cmp(&b.score).then_with(|| b.name.typed.cmp(&a.name.typed)))
    }

    /// Twice what they share over what both have: Dice's measure, with rare words counting more. What the folders
    /// above share counts for the class; what they do not share counts a little against it.
    fn score(&self, name: &Name, folder: &Folder) -> u8 {
        let own = self.weight(name.words.intersection(&folder.own));
        if own == 0.0 {
            return 0;
        }
        let above = self.weight(name.words.intersection(&folder.above));
        let foreign = self.weight(folder.above.difference(&name.words));
        let both = self.weight(name.words.iter()) + self.weight(folder.own.iter()) + above + ABOVE * foreign;
        percent(2.0 * (own + above) / both)
    }
}

/// Whole hundredths, rounded down: 100 only for the same words.
fn percent(share: f64) -> u8 {
    (0..=100).rev().find(|n| f64::from(*n) <= share * 100.0 + 1e-9).unwrap_or(0)
}

fn because(folder: &RecordPath, fit: &Fit<'_>, place: &Folder, tied: usize) -> String {
    let name = printable(folder.name());
    let from_above: Vec<&str> = fit.name.words.intersection(&place.above).map(String::as_str).collect();
    let within = match folder.parent() {
        Some(parent) if !from_above.is_empty() => format!(" within “{}”", printable(parent)),
        _ => String::new(),
    };
    let like = if fit.score == 100 { "says" } else { "is like" };
    let choice = if tied > 1 { format!("; so do {tied} classes, choose one") } else { String::new() };
    format!("“{name}”{within} {like} “{}”{choice}", fit.name.typed)
}

fn covered(matcher: &Matcher, folder: &RecordPath) -> bool {
    // What lies in the folder counts, not the folder: a pattern `Minutes/**` need not match `Minutes` itself.
    folder.child(b"x").is_ok_and(|inside| matcher.classify(&inside) != ClassMatch::None)
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
