//! A store with 2,000 documents, and how it is broken: for the table of faults.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use crate::opening::docx;
use crate::place::{Place, noise};

/// What a run may bring back.
const PER_RUN: u64 = 1 << 20;
const FOLDERS: usize = 8;
pub const IN_EACH: usize = 250;

fn config() -> String {
    "[verify]\nbytes_per_run = \"1 MiB\"\ndocuments_per_run = 200".into()
}

fn png() -> Vec<u8> {
    let mut out = Cursor::new(vec![]);
    let image = RgbImage::from_fn(40, 40, |x, y| image::Rgb([x as u8, y as u8, 7]));
    DynamicImage::ImageRgb8(image).write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

fn pdf() -> Vec<u8> {
    let mut text = b"%PDF-1.4\n".to_vec();
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ];
    let mut table = "0000000000 65535 f \n".to_owned();
    for (n, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", text.len()));
        text.extend(format!("{} 0 obj\n{object}\nendobj\n", n + 1).bytes());
    }
    let at = text.len();
    text.extend(format!("xref\n0 4\n{table}trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").bytes());
    text
}

/// The store of all rows: eight nights, a folder each, and one round of tests. Made once.
pub fn base() -> &'static Place {
    static BASE: OnceLock<Place> = OnceLock::new();
    BASE.get_or_init(|| {
        let place = Place::ready(&config());
        for folder in ["Documents/Minutes", "Documents/Plans"] {
            std::fs::remove_dir_all(place.path(folder)).unwrap();
        }
        for folder in 0..FOLDERS {
            for n in 0..IN_EACH {
                let name = format!("Documents/{folder}/{n}");
                match (folder, n) {
                    (7, 0) => place.write(&format!("{name}.docx"), &docx("The tree was planted. ")),
                    (7, 1) => place.write(&format!("{name}.pdf"), &pdf()),
                    (7, 2) => place.write(&format!("{name}.png"), &png()),
                    _ => place.write(&format!("{name}.bin"), &noise(1400 + folder * IN_EACH + n)[..1400]),
                }
            }
            place.run(["backup"]).ends(0);
        }
        // It thins, too: the old snapshots have nothing of their own.
        place.run(["run"]).ends(0);
        for _ in 1..within(&place) {
            place.run(["verify", "restore"]).ends(0).never_says("never sound");
        }
        place
    })
}

fn packs(place: &Place) -> Vec<(PathBuf, u64)> {
    place.objects("packs").into_iter().map(|p| (p.clone(), std::fs::metadata(p).unwrap().len())).collect()
}

/// The promise: a limit is worth its size less one pack, so all packs come back within so many runs.
pub fn within(place: &Place) -> u64 {
    let sizes: Vec<u64> = packs(place).iter().map(|(_, size)| *size).collect();
    let largest = *sizes.iter().max().unwrap();
    assert!(largest < PER_RUN / 2 && sizes.len() > 15, "{sizes:?}");
    sizes.iter().sum::<u64>().div_ceil(PER_RUN - (largest - 1))
}

/// A large pack that the newest test opened: it comes last in the next round.
pub fn tested_last(place: &Place) -> PathBuf {
    let objects = place.run(["log", "--json"]).ends(0).objects();
    let data = |kind: &'static str| {
        let of = move |o: &&Value| o["body"]["kind"] == kind;
        objects.iter().filter(of).map(|o| o["body"]["data"].clone()).collect::<Vec<_>>()
    };
    let names: Vec<String> = data("stored")
        .iter()
        .flat_map(|d| d["packs"].as_array().unwrap().clone())
        .map(|p| p["name"].as_str().unwrap().to_owned())
        .collect();
    let newest = data("tested").pop().unwrap();
    let bits = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, newest["packs"].as_str().unwrap());
    let bits = bits.unwrap();
    let opened = |n: usize| bits.get(n / 8).is_some_and(|byte| byte >> (n % 8) & 1 == 1);
    let opened: Vec<&String> = names.iter().enumerate().filter(|(n, _)| opened(*n)).map(|(_, name)| name).collect();
    let is = |p: &Path| opened.iter().any(|name| p.to_str().unwrap().contains(*name));
    packs(place).into_iter().filter(|(p, _)| is(p)).max_by_key(|(_, size)| *size).unwrap().0
}

pub fn large(place: &Place) -> Vec<PathBuf> {
    packs(place).into_iter().filter(|(_, size)| *size > 200_000).map(|(p, _)| p).collect()
}

/// The recovery sheet's.
pub fn key_file(place: &Place) -> PathBuf {
    let created = place.run(["log", "--json"]).ends(0).objects().swap_remove(0);
    let sheet = created["body"]["data"]["keyholders"][0]["id"].as_str().unwrap().to_owned();
    place.objects("keys").into_iter().find(|p| p.to_str().unwrap().contains(&sheet)).unwrap()
}

/// Changes a byte in the middle.
pub fn flip(path: &Path) {
    change(path, |bytes| {
        let at = bytes.len() / 2;
        bytes[at] ^= 0x20;
    });
}

pub fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    how(&mut bytes);
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// As a disk does it: the times stay.
pub fn rot(path: &Path) {
    let modified: SystemTime = std::fs::metadata(path).unwrap().modified().unwrap();
    flip(path);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

pub fn swap(place: &Place, same_size: bool) {
    let all = large(place);
    let size = |p: &PathBuf| std::fs::metadata(p).unwrap().len();
    let one = &all[0];
    let other = all[1..].iter().rev().find(|p| same_size || size(p) != size(one)).expect("to be found by its size");
    let (first, second) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
    let len = |bytes: &[u8], len: usize| {
        let mut bytes = bytes.to_vec();
        bytes.resize(if same_size { len } else { bytes.len() }, 0);
        bytes
    };
    change(one, |bytes| *bytes = len(&second, first.len()));
    change(other, |bytes| *bytes = len(&first, second.len()));
}
