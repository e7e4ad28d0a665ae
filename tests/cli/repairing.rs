//! `repair`, word for word: what is damaged, what is had back, what is lost, and what a person accepts.

use crate::fault_store::flip;
use crate::place::{Place, Said};

/// The largest pack: it holds site.bin, and whatever the first night stored.
fn content(place: &Place) -> std::path::PathBuf {
    place.objects("packs").into_iter().max_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap()
}

/// Lines without names of packs and numbers of entries.
fn plain(said: &Said) -> String {
    let words = |line: &str| {
        let hex = |w: &str| w.len() > 60 && w.contains("packs/");
        let all: Vec<&str> = line.split(' ').map(|w| if hex(w) { "packs/….age:" } else { w }).collect();
        all.join(" ")
    };
    let lines = said.out.lines().chain(said.err.lines()).filter(|l| !l.ends_with("..."));
    lines.map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_still_here_is_stored_again() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    place.run(["repair"]).ends(0).says(
        "Nothing is known to be damaged. Looked at were names, sizes, and what was found damaged before; to read every \
         stored byte again: strongroom repair --all",
    );
    flip(&content(&place));
    place.run(["repair"]).ends(0).says("Nothing is known to be damaged.");
    let seen = place.run(["repair", "--all"]).ends(4);
    let text = plain(&seen);
    let told = "DAMAGE: packs/….age: its bytes are not those that were stored\n  needed by snapshots 2\n";
    let after = text.strip_prefix(told).unwrap_or_else(|| panic!("{text}"));
    // What else lies in that pack depends on how the keys cut.
    let (first, rest) = after.split_once('\n').unwrap();
    let here = if first.ends_with("brought over that could still be read.") { rest } else { after };
    assert!(here.starts_with("HERE: Documents/"), "{text}");
    seen.says("HERE: Documents/Plans/site.bin: it is on this computer as it was, and would be stored again")
        .says("Nothing was changed. To repair, which deletes nothing: strongroom repair --yes")
        .never_says("LOST");
    let before = place.objects("packs");
    let done = place.run(["repair", "--yes"]).ends(0);
    done.says("1 set backed up again, 1 damaged pack replaced.").says(
        "Nothing that was damaged is needed any more. To have all of it tested, which also closes the open reference: \
         strongroom verify restore --all",
    );
    assert!(before.iter().all(|p| p.exists()), "nothing is deleted");
    place.run(["verify", "restore", "--all"]).ends(0);
    place.run(["verify", "scrub", "--all"]).ends(0);
    place.run(["repair", "--all"]).ends(0).says("Nothing is damaged: every stored byte was read again.");
}

#[test]
fn what_is_lost_is_named_and_accepted_and_stays_on_record() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    std::fs::remove_file(place.path("Documents/Plans/site.bin")).unwrap();
    place.run(["backup"]).ends(0);
    flip(&content(&place));
    place
        .run(["verify", "restore", "--all"])
        .ends(4)
        .says("Stored data is damaged. What can be had back, and what is lost: strongroom repair");
    place
        .run(["repair"])
        .ends(4)
        .says("LOST: Documents/Plans/site.bin")
        .says("1 version of a record could not be restored any more after a repair, as far as can be seen now.");
    let refused = place.run(["repair", "--accept", "all", "--by", "A. Clerk", "--note", "Printed"]).ends(6);
    refused.says("something of it can still be repaired: first run strongroom repair --yes");
    place.run(["repair", "--accept", "all"]).ends(2);
    let done = place.run(["repair", "--yes"]).ends(4);
    let done = done.says("LOST: Documents/Plans/site.bin\n  as it is in snapshots ").says(
        "1 version of a record cannot be restored any more. Is there another copy: on paper, in the mail, in another \
         office? Put it back and run this again. If there is none, say so, which ends the alarm and stays on record: \
         strongroom repair --accept all --by NAME --note TEXT",
    );
    done.says("it held what is lost. It stays in the store, and nothing deletes it.");
    place.run(["verify", "scrub", "--all"]).ends(4);
    place.run(["repair", "--accept", "ffffffff", "--by", "A. Clerk", "--note", "x"]).ends(1);
    let accepted = place.run(["repair", "--accept", "all", "--by", "A. Clerk", "--note", "Printed copy kept"]).ends(0);
    accepted
        .says("LOST: Documents/Plans/site.bin")
        .says("This cannot be restored any more; it is no damage from now on");
    place.run(["verify", "restore", "--all"]).ends(0).says(
        "Passed over: 1 version of a record that cannot be restored any more, as a person has accepted. See: strongroom \
         repair",
    );
    place.run(["verify", "scrub", "--all"]).ends(0);
    place.run(["verify", "check"]).ends(0);
    place
        .run(["status"])
        .says("1 version of a document cannot be restored any more: accepted on ")
        .says(" by A. Clerk. If you know nothing of that, ask. Named by: strongroom repair");
    let named = place.run(["repair"]).ends(0);
    named
        .says("ACCEPTED by A. Clerk (entry ")
        .says("Documents/Plans/site.bin: cannot be restored any more (snapshots ");
    let objects = place.run(["repair", "--json"]).ends(0).objects();
    let one = objects.iter().find(|o| o["message_type"] == "accepted").unwrap();
    assert_eq!((&one["by"], &one["records"][0]["path"]), (&"A. Clerk".into(), &"Documents/Plans/site.bin".into()));
    place.run(["cat", "Documents/Plans/site.bin"]).ends(4).says("hint: Stored data is damaged or missing.");
    place.run(["run"]).ends(0);
}
