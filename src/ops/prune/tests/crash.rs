//! Dying at every call to the store, before and after it takes effect, and going on.

use super::*;

#[test]
fn every_crash_point_leads_to_the_same_end() {
    let start = council();
    thin_to_last(&start);
    let reference = start.fork();
    let calls = {
        reference.faults.restart(Plan::none());
        assert!(reference.prune_now().repacked > 0, "every part of pruning is under fire");
        reference.faults.calls()
    };
    prune_to_the_end(&reference);
    let (objects, kept) = (reference.objects().len(), reference.everything());
    let mut died = 0;
    for call in 0..calls {
        let other = [Fault::FailBefore, Fault::FailAfter, Fault::AlreadyExists][call % 3];
        for fault in [Fault::StopBefore, Fault::StopAfter, other] {
            let c = start.fork();
            c.faults.restart(Plan::at(call, fault));
            let grace = SignedDuration::ZERO;
            let options = PruneOptions { grace, person: true, ..PruneOptions::default() };
            died += usize::from(c.try_prune(&options).is_err());
            c.faults.restart(Plan::none());
            c.everything();
            prune_to_the_end(&c);
            assert_eq!(c.objects().len(), objects, "{fault:?} at call {call}: {:?}", c.objects());
            assert_eq!(c.everything().len(), kept.len());
            assert_eq!(c.everything()[0].1, kept[0].1, "{fault:?} at call {call}");
        }
    }
    assert!(died > calls, "most of these must hurt: {died} of {calls}");
}
