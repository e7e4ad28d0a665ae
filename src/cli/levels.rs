//! How much each line matters, for systemd's journal: it takes a priority from the beginning of each line.

/// How much a line matters, as the journal counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The program itself is at fault.
    Fault = 2,
    /// Something failed.
    Error = 3,
    /// Somebody must know.
    Warning = 4,
    /// To know.
    Notice = 5,
    /// What goes on.
    Info = 6,
    /// What may name a record.
    Debug = 7,
}

/// Which streams lead into systemd's journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Journalled {
    /// The standard output.
    pub out: bool,
    /// The error stream.
    pub err: bool,
}

/// Lines as the journal takes them, each with its priority; blank ones would say nothing there.
pub fn with_level(level: Level, text: &str) -> String {
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| format!("<{}>{l}\n", level as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_journal_has_its_priority() {
        assert_eq!(with_level(Level::Error, "it failed\n\nhint: <2>do\rthis"), "<3>it failed\n<3>hint: <2>do\rthis\n");
        assert_eq!(with_level(Level::Info, ""), "");
    }
}
