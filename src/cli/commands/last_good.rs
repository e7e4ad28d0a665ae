//! The configuration that the last good run could read, kept for the day when its file is broken.
//!
//! It lies in the state folder that it names, and a pointer to it where that folder is not found without it. What must
//! always hold: a copy stands in for that very file alone, by its full path, never for another one that is broken.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::cli::shell::Shell;
use crate::cli::{wiring, wiring_owner};
use crate::config::{self, Config, DEFAULT_STATE_DIR, Environment};
use crate::repo::local;

/// Where the copies lie, below a state folder.
const FOLDER: &str = "last-good";
/// The first line of a copy, before the path that it came from.
const FROM: &str = "# strongroom: the last good copy of ";
/// Kept there by earlier versions, without a word of where it came from.
const EARLIER: &str = "council.last-good.toml";

/// Keeps the configuration. That it cannot be kept is no failure.
pub fn remember(shell: &Shell, config: &Config) {
    let (Some(text), [file, ..]) = (&config.source_text, &shell.config_files()[..]) else { return };
    let dir = &config.state_dir;
    let _ = local::replace(&copy(dir, file), format!("{}\n{text}", from(file)).as_bytes());
    let _ = local::remove(&dir.join(EARLIER));
    let places = places(shell);
    let mut found = places.contains(dir);
    for place in places {
        // No installation is begun by a pointer: only the user's own folder is made for it.
        let may = !found && (place != Path::new(DEFAULT_STATE_DIR) || place.is_dir());
        if may && local::replace(&pointer(&place, file), dir.as_os_str().as_bytes()).is_ok() {
            wiring_owner::hand_back(&place);
            found = true;
        } else {
            // Of before the state folder was another one.
            let _ = local::remove(&pointer(&place, file));
        }
        if place != *dir {
            let _ = local::remove(&copy(&place, file));
        }
    }
}

/// What the last good run kept of the configuration that is to be used now.
pub fn last_good(shell: &Shell) -> Option<Config> {
    let places = places(shell);
    shell.config_files().iter().find_map(|file| {
        let pointed = places.iter().filter_map(|place| local::read(&pointer(place, file)).ok()?);
        let pointed = pointed.map(|dir| PathBuf::from(std::ffi::OsString::from_vec(dir))).filter(|d| d.is_absolute());
        let dirs: Vec<PathBuf> = places.iter().cloned().chain(pointed).collect();
        dirs.iter().find_map(|dir| parse(dir, file))
    })
}

/// Where to look without knowing what the configuration says.
fn places(shell: &Shell) -> Vec<PathBuf> {
    let home = shell.home().ok().flatten().map(|h| h.join("state"));
    let given = shell.system.var("STATE_DIRECTORY").and_then(|d| d.split(':').next().map(PathBuf::from));
    let own = wiring::data_home().map(|d| d.join("state"));
    [home, given.filter(|d| d.is_absolute()), Some(DEFAULT_STATE_DIR.into()), own].into_iter().flatten().collect()
}

fn copy(dir: &Path, file: &Path) -> PathBuf {
    dir.join(FOLDER).join(format!("{}.toml", key(file)))
}

fn pointer(place: &Path, file: &Path) -> PathBuf {
    place.join(FOLDER).join(format!("{}.dir", key(file)))
}

fn key(file: &Path) -> String {
    hex::encode(&blake3::hash(file.as_os_str().as_bytes()).as_bytes()[..16])
}

/// One line whatever the path is made of.
fn from(file: &Path) -> String {
    format!("{FROM}{}", crate::domain::path::printable(file.as_os_str().as_bytes()))
}

fn parse(dir: &Path, file: &Path) -> Option<Config> {
    let text = String::from_utf8(local::read(&copy(dir, file)).ok()??).ok()?;
    // Whoever moved it here had another file in mind.
    let (_, text) = text.split_once('\n').filter(|(first, _)| *first == from(file))?;
    let mut config = config::parse_kept(text, &file.display().to_string()).ok()?;
    config.state_dir = dir.to_owned();
    Some(config)
}
