//! Each fault does to a real store exactly what it says, once, and is written down.

use super::*;
use futures::executor::block_on;
use object_store::memory::InMemory;

fn over_memory(plan: Plan) -> (FaultStore, Arc<InMemory>) {
    let memory = Arc::new(InMemory::new());
    (FaultStore::new(memory.clone(), plan), memory)
}

fn create(store: &dyn ObjectStore, name: &str, body: &'static str) -> Result<()> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    block_on(store.put_opts(&Path::from(name), body.into(), options)).map(|_| ())
}

fn read(store: &dyn ObjectStore, name: &str) -> Option<Vec<u8>> {
    match block_on(async { store.get(&Path::from(name)).await?.bytes().await }) {
        Ok(bytes) => Some(bytes.to_vec()),
        Err(Error::NotFound { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

fn names(store: &dyn ObjectStore) -> Vec<Result<String>> {
    block_on(store.list(None).map_ok(|meta| meta.location.to_string()).collect())
}

#[test]
fn without_a_plan_it_only_writes_down() {
    let (store, _) = over_memory(Plan::none());
    create(&store, "log/1", "hello").unwrap();
    assert!(matches!(create(&store, "log/1", "other"), Err(Error::AlreadyExists { .. })));
    assert_eq!(read(&store, "log/1").unwrap(), b"hello");
    assert_eq!(block_on(store.get_range(&Path::from("log/1"), 1..3)).unwrap(), "el");
    assert_eq!(block_on(store.head(&Path::from("log/1"))).unwrap().size, 5);
    block_on(store.put(&Path::from("log/2"), "xy".into())).unwrap();
    assert_eq!(block_on(store.list(Some(&Path::from("log"))).count()), 2);
    block_on(store.delete(&Path::from("log/1"))).unwrap();
    let expected = [
        "create log/1 5",
        "create log/1 5",
        "get log/1",
        "get log/1 bytes=1-2",
        "head log/1",
        "put log/2 2",
        "list log",
        "delete log/1",
    ];
    assert_eq!(store.record(), expected);
    assert_eq!((store.calls(), store.count("create "), store.injected().len()), (8, 2, 0));
}

#[test]
fn a_stop_fails_this_and_every_later_call() {
    for (fault, landed) in [(Fault::StopBefore, false), (Fault::StopAfter, true)] {
        let (store, memory) = over_memory(Plan::at(1, fault));
        create(&store, "a", "1").unwrap();
        assert!(create(&store, "b", "2").is_err());
        assert!(store.stopped());
        assert!(create(&store, "c", "3").is_err());
        assert_eq!((read(&*memory, "b").is_some(), read(&*memory, "c").is_some()), (landed, false));
        store.restart(Plan::none());
        create(&store, "c", "3").unwrap();
        assert_eq!((store.calls(), store.stopped()), (1, false));
    }
}

#[test]
fn a_failed_put_lands_or_not_as_said() {
    for (fault, landed, exists) in [
        (Fault::FailBefore, false, false),
        (Fault::FailAfter, true, false),
        (Fault::AlreadyExists, true, true),
        (Fault::Conflict, false, true),
    ] {
        let (store, memory) = over_memory(Plan::at(0, fault));
        let error = create(&store, "a", "1").unwrap_err();
        assert_eq!(matches!(error, Error::AlreadyExists { .. }), exists, "{fault:?}: {error}");
        assert_eq!(read(&*memory, "a").is_some(), landed, "{fault:?}");
        assert_eq!(store.injected(), [(0, fault)]);
    }
}

#[test]
fn a_store_that_ignores_preconditions_overwrites() {
    let (store, memory) = over_memory(Plan::always(Fault::IgnorePrecondition));
    create(&store, "a", "1").unwrap();
    create(&store, "a", "2").unwrap();
    assert_eq!(read(&*memory, "a").unwrap(), b"2");
}

#[test]
fn a_late_request_lands_after_others() {
    let (store, memory) = over_memory(Plan::at(0, Fault::LandLate(2)).and(3, Fault::LandLate(1)));
    assert!(create(&store, "a", "late").is_err());
    assert_eq!(read(&store, "a"), None);
    assert_eq!(read(&store, "a").unwrap(), b"late");
    assert!(block_on(store.delete(&Path::from("a"))).is_err());
    assert!(read(&*memory, "a").is_some());
    assert_eq!(read(&store, "a"), None);
    store.restart(Plan::at(0, Fault::LandLate(9)));
    assert!(create(&store, "b", "x").is_err());
    store.restart(Plan::none());
    assert!(read(&store, "b").is_some(), "what was under way survives the process");
    let (store, memory) = over_memory(Plan::at(0, Fault::LandLate(1)));
    assert!(create(&store, "a", "late").is_err());
    block_on(memory.put(&Path::from("a"), "first".into())).unwrap();
    assert_eq!(read(&store, "a").unwrap(), b"first", "a late create is still a create");
}

#[test]
fn bodies_are_damaged_on_the_way() {
    let plan = Plan::at(1, Fault::FlipBit(8 + 1)).and(2, Fault::Truncate(2)).and(3, Fault::NotFound);
    let (store, memory) = over_memory(plan.and(4, Fault::Truncate(99)));
    create(&store, "a", "aaaa").unwrap();
    assert_eq!(read(&store, "a").unwrap(), b"acaa");
    let short = block_on(store.get(&Path::from("a"))).unwrap();
    assert_eq!((short.meta.size, short.range.clone()), (2, 0..2));
    assert_eq!(block_on(short.bytes()).unwrap(), "aa");
    assert_eq!(read(&store, "a"), None);
    assert_eq!(read(&store, "a").unwrap(), b"aaa");
    assert_eq!(read(&store, "a").unwrap(), b"aaaa");
    assert_eq!(read(&*memory, "a").unwrap(), b"aaaa");
}

#[test]
fn listings_lose_names_or_break_off() {
    let (store, _) = over_memory(
        Plan::at(4, Fault::EmptyList).and(5, Fault::DropFromList(2)).and(6, Fault::FailAfter).and(7, Fault::FailBefore),
    );
    for name in ["a", "b", "c", "d"] {
        create(&store, name, "x").unwrap();
    }
    assert!(names(&store).is_empty());
    let some: Vec<String> = names(&store).into_iter().map(Result::unwrap).collect();
    assert_eq!(some, ["b", "d"]);
    let broken = names(&store);
    assert_eq!((broken.len(), broken[1].is_ok(), broken[2].is_err()), (3, true, true));
    assert!(matches!(names(&store)[..], [Err(_)]));
    assert_eq!(names(&store).len(), 4);
}

#[test]
fn a_stall_outlasts_the_callers_patience() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (fault, landed) in [(Fault::StallBefore, false), (Fault::StallAfter, true)] {
        let (store, memory) = over_memory(Plan::at(0, fault));
        let patience = Duration::from_millis(20);
        let answer = runtime.block_on(async {
            tokio::time::timeout(patience, store.put(&Path::from("a"), "1".into())).await.map(|_| ())
        });
        assert!(answer.is_err(), "{fault:?} answered");
        assert_eq!(read(&*memory, "a").is_some(), landed, "{fault:?}");
    }
}

#[test]
fn a_store_may_refuse_to_delete_or_only_say_that_it_did() {
    let (store, memory) = over_memory(Plan::at(1, Fault::RefuseDelete).and(2, Fault::DeleteInVain));
    create(&store, "a", "1").unwrap();
    let refused = block_on(store.delete(&Path::from("a"))).unwrap_err();
    assert!(matches!(refused, Error::PermissionDenied { .. }), "{refused}");
    block_on(store.delete(&Path::from("a"))).unwrap();
    assert!(read(&*memory, "a").is_some());
    block_on(store.delete(&Path::from("a"))).unwrap();
    assert!(read(&*memory, "a").is_none());
    store.stop();
    assert!(create(&store, "b", "2").is_err() && store.stopped());
}
