//! `examine`: the process in which documents are examined. Started by a test restore; ends with it.

use std::path::Path;

use crate::cli::wiring_limits;
use crate::domain::problem::Exit;
use crate::ops::sound::serve;

/// Confines this process, then answers questions from the standard input. Without limits it answers none.
pub fn run() -> Exit {
    let confined = wiring_limits::confine();
    let served = confined.and_then(|()| serve(&mut std::io::stdin().lock(), &mut std::io::stdout(), Path::new(".")));
    if served.is_ok() { Exit::Done } else { Exit::Failed }
}
