//! One proposal instead of one a year: `Finance/2019-20/Invoices`, `Finance/2020-21/Invoices` are `Finance/*/Invoices`.
//!
//! `*` is put in the place of a year only where every folder that it would fit is proposed alike: a folder that is no
//! year, or that says something else, must not be taken along.

use std::collections::BTreeMap;

use super::super::words::folded;
use super::Proposal;
use crate::domain::path::RecordPath;

/// Whether a folder's name is a year, or a financial one: `2019`, `2019-20`, `FY2019-20`, `2019 - 2020`.
fn is_year(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let bare = name.trim().to_lowercase();
    let bare = bare.strip_prefix("fy").unwrap_or(&bare).trim_start();
    let mut parts = bare.split(['-', '–', '_', ' ']).filter(|part| !part.is_empty());
    let digits =
        |part: &str, lengths: &[usize]| lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let first =
        parts.next().is_some_and(|part| digits(part, &[4]) && (part.starts_with("19") || part.starts_with("20")));
    first && parts.next().is_none_or(|part| digits(part, &[2, 4])) && parts.next().is_none()
}

/// The folder with `*` in place of its last year that is a whole name, if it has one below the backed-up folder.
fn starred(folder: &RecordPath) -> Option<RecordPath> {
    let mut parts: Vec<&[u8]> = folder.components().collect();
    let at = parts.iter().rposition(|part| is_year(part)).filter(|at| *at > 0)?;
    parts[at] = b"*";
    RecordPath::new(parts.join(&b'/')).ok()
}

/// Whether a pattern with whole `*` fits this folder itself.
fn fits(pattern: &RecordPath, folder: &RecordPath) -> bool {
    let pair = |(p, f): (&[u8], &[u8])| p == b"*" || folded(p) == folded(f);
    pattern.components().count() == folder.components().count()
        && pattern.components().zip(folder.components()).all(pair)
}

/// The proposals, with those that differ only by the year made one.
pub(super) fn joined(proposals: Vec<Proposal>, folders: &[(RecordPath, u64)]) -> Vec<Proposal> {
    let mut groups: BTreeMap<RecordPath, Vec<usize>> = BTreeMap::new();
    for (at, proposal) in proposals.iter().enumerate() {
        if let Some(pattern) = starred(&proposal.folder) {
            groups.entry(pattern).or_default().push(at);
        }
    }
    let mut gone = vec![false; proposals.len()];
    let mut made = vec![];
    for (pattern, group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let first = &proposals[group[0]];
        let classes = |p: &Proposal| p.alternatives.iter().map(|a| a.class.clone()).collect::<Vec<_>>();
        let alike = |at: &usize| proposals[*at].class == first.class && classes(&proposals[*at]) == classes(first);
        let fitting = folders.iter().filter(|(folder, _)| fits(&pattern, folder)).count();
        if fitting != group.len() || !group.iter().all(alike) {
            continue;
        }
        let Some(lowest) = group.iter().map(|at| &proposals[*at]).min_by_key(|p| p.score) else { continue };
        let records = group.iter().map(|at| proposals[*at].records).sum();
        made.push(Proposal { folder: pattern, folders: group.len() as u64, records, ..lowest.clone() });
        group.iter().for_each(|at| gone[*at] = true);
    }
    let left = proposals.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(proposal, _)| proposal);
    left.chain(made).collect()
}

#[cfg(test)]
#[path = "years_tests.rs"]
mod tests;
