//! A terminal that does not show what is typed, for keys. However this ends, it shows it again afterwards.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// How the terminal was before; also for the one who ends the program on a signal.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// While this lives, nothing typed is shown.
pub struct Hidden(());

impl Hidden {
    /// From here on. Where there is no terminal, nothing is shown anyway.
    pub fn begin() -> Self {
        let input = io::stdin();
        if input.is_terminal()
            && let Ok(before) = tcgetattr(&input)
        {
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            hidden.local_modes.insert(LocalModes::ECHONL);
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            // What was typed ahead was shown: it stays part of what is read.
            let _ = tcsetattr(&input, OptionalActions::Drain, &hidden);
        }
        Self(())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        loud();
    }
}

/// As it was before.
pub fn loud() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
    }
}
