//! A page of headings, sentences and tables: what every rendering prints, and nothing else.

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What stands under it.
    pub intro: Vec<String>,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// A heading and what stands under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Sentences.
    pub lines: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// To be typed as it is.
    pub typed: Vec<String>,
}

/// A table. The first cell of each row is its heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The headings of its columns.
    pub head: Vec<String>,
    /// Its rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Section {
    /// A section without content.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// Adds a sentence.
    #[must_use]
    pub fn say(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds a table; where it has no row, the sentence `none` instead.
    #[must_use]
    pub fn table(mut self, caption: &str, head: &[&str], rows: Vec<Vec<String>>, none: &str) -> Self {
        if rows.is_empty() {
            return self.say(none);
        }
        let head = head.iter().map(|h| (*h).to_owned()).collect();
        self.tables.push(Table { caption: caption.to_owned(), head, rows });
        self
    }
}
