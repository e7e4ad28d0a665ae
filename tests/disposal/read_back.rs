//! A store that keeps other bytes than it was given: nothing old goes before the new was read back.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::domain::clock::Clock;
use strongroom::domain::problem::Exit;
use strongroom::testing::FakeClock;

use super::town::{SECRET, Town, town_with_secret};

/// Damages every large new pack as soon as somebody asks for the time.
struct Rot {
    clock: FakeClock,
    memory: Arc<InMemory>,
    runtime: Arc<tokio::runtime::Runtime>,
    old: BTreeSet<String>,
}

fn packs(memory: &InMemory, runtime: &tokio::runtime::Runtime) -> Vec<object_store::ObjectMeta> {
    use futures::TryStreamExt;
    let all: Vec<_> = runtime.block_on(memory.list(None).try_collect()).unwrap();
    all.into_iter().filter(|m| m.location.as_ref().starts_with("packs")).collect()
}

fn names(town: &Town) -> BTreeSet<String> {
    packs(&town.memory, &town.runtime).into_iter().map(|m| m.location.to_string()).collect()
}

impl Clock for Rot {
    fn now(&self) -> jiff::Timestamp {
        for new in packs(&self.memory, &self.runtime) {
            // Listings are read in any case, to say what snapshots need; content is not.
            if new.size > 100_000 && !self.old.contains(new.location.as_ref()) {
                self.runtime.block_on(async {
                    let mut bytes = self.memory.get(&new.location).await.unwrap().bytes().await.unwrap().to_vec();
                    let middle = bytes.len() / 2;
                    bytes[middle..middle + 4].copy_from_slice(b"rots");
                    self.memory.put(&new.location, bytes.into()).await.unwrap();
                });
            }
        }
        self.clock.now()
    }
}

#[test]
fn packs_that_arrived_damaged_stop_it_before_anything_is_swept() {
    let (mut town, _) = town_with_secret();
    let before = town.everything();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let old = names(&town);
    let good = Arc::clone(&town.env.clock);
    town.env.clock = Arc::new(Rot {
        clock: town.clock.clone(),
        memory: Arc::clone(&town.memory),
        runtime: Arc::clone(&town.runtime),
        old: old.clone(),
    });
    let error = town.apply_now(approval).unwrap_err();
    assert_eq!(error.exit(), Exit::Damage, "{error}");
    town.env.clock = good;
    assert!(names(&town).is_superset(&old), "every old pack is still there");
    let now = town.everything();
    assert!(before.iter().filter(|((.., path), _)| path != SECRET).all(|(k, v)| now.get(k) == Some(v)));
}
