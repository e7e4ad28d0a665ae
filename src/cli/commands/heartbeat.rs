//! The sign of life that a run leaves in the store, and what a watcher needs to believe it.

use serde_json::json;

use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::heartbeat::{Health, LogEnd, SetBeat};
use crate::domain::id::ActorId;
use crate::domain::log::entry::Role;
use crate::domain::log::state::State;
use crate::repo::heartbeat::{self, News, label};
use crate::repo::repository::Repository;
use crate::service::status::Light;

/// Leaves one. That it cannot be left is said: whoever watches will find the office silent.
pub fn leave(shell: &Shell, config: &Config, repo: &Repository, light: Light) {
    let (Some(machine), Some(dir), false) = (&repo.machine, repo.dir(), config.trial) else { return };
    let state = repo.state();
    let beat =
        |name: &str| SetBeat { set: label(&repo.ring.chunk_secret, name), last: state.newest(name).map(|s| s.time) };
    let news = News {
        health: match light {
            Light::Green => Health::Green,
            Light::Amber | Light::Trial => Health::Amber,
            Light::Red => Health::Red,
        },
        sets: config.sets.iter().map(|s| beat(&s.name)).collect(),
        log: LogEnd { n: state.next.saturating_sub(1), link: state.link },
    };
    if let Err(error) = heartbeat::leave(&repo.store, dir, machine, shell.env.clock.now(), &news) {
        shell.out.warn(format!("No sign of life could be left in the store for those who watch it: {error}"));
    }
}

/// The actors that leave heartbeats: those who may back up now.
pub fn actors(state: &State) -> Vec<ActorId> {
    let mut all: Vec<ActorId> = state.actors.keys().filter(|id| state.may(id, &[Role::Writer])).copied().collect();
    all.sort();
    all
}

/// The lines for a watcher's `watch.toml`.
pub fn for_watchers(shell: &Shell, config: &Config, repo: &Repository) {
    let quoted = |text: String| format!("\"{text}\"");
    let actors: Vec<String> = actors(repo.state()).iter().map(|a| quoted(a.to_hex())).collect();
    let sets = config.sets.iter().map(|s| (&s.name, label(&repo.ring.chunk_secret, &s.name)));
    let listed: Vec<String> =
        sets.clone().map(|(name, label)| format!("{{ name = \"{name}\", label = \"{label}\" }}")).collect();
    let id = repo.state().repository;
    shell.out.say(format!(
        "\nFor watch.toml on another computer (strongroom watch):\nid = \"{id}\"\nactors = [{}]\nsets = [{}]",
        actors.join(", "),
        listed.join(", ")
    ));
    let sets: Vec<_> = sets.map(|(name, label)| json!({"name": name, "label": label})).collect();
    let actors: Vec<_> = self::actors(repo.state());
    shell.out.object(json!({"message_type": "watch", "id": id, "actors": actors, "sets": sets}));
}
