//! Progress: a bar on a terminal, plain lines in a log, nothing for programs and for those who asked for quiet.

use std::process::{Command, Stdio};

use crate::place::{Place, noise};

#[test]
fn a_terminal_gets_bars_and_a_log_gets_plain_lines() {
    let place = Place::ready("");
    for n in 0..400 {
        place.write(&format!("Documents/many/{n}.bin"), &noise(20_000 + n));
    }
    // Not a terminal: a line a stage, nothing that moves a cursor.
    let plain = place.run(["backup"]).ends(0);
    assert!(plain.err.lines().any(|line| line == "reading ..."), "{}", plain.err);
    for moving in ['\u{1b}', '\r'] {
        assert!(!plain.err.contains(moving) && !plain.out.contains(moving), "{:?}", plain.err);
    }
    for silent in ["--quiet", "--json"] {
        assert_eq!(place.run(["backup", silent]).ends(0).err, "", "{silent}");
    }
    // `script` gives the program a terminal.
    let on_terminal = |more: &str| {
        let home = place.text("home");
        let line = format!("{} --home {home} backup --reread {more}", env!("CARGO_BIN_EXE_strongroom"));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
        let ended = script.current_dir(place.path("work")).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        said
    };
    let bars = on_terminal("");
    assert!(bars.contains("reading ") && bars.contains(" %  "), "{bars:?}");
    assert!(!bars.contains("reading ..."), "{bars:?}");
    // What is drawn is wiped away again: the last words stand alone.
    let last = bars.trim_end().rsplit("\u{1b}[2K").next().unwrap();
    assert!(last.contains("Backed up") && !last.contains(" %  "), "{last:?}");
    for silent in ["--quiet", "--json"] {
        let said = on_terminal(silent);
        assert!(!said.contains('\u{1b}') && !said.contains("reading"), "{silent}: {said:?}");
    }
}
