//! A page as Markdown, as HTML to print, and as CSV for a spreadsheet. Nothing in a cell can end it, run, or be fetched.

use std::fmt::Write;

use super::document::{Document, Table};

const STYLE: &str = "body{font-family:sans-serif;line-height:1.4;max-width:60rem;margin:1rem auto;padding:0 1rem;color:#000;\
background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:left;font-weight:bold;\
padding:.3rem 0}th,td{border:1px solid #555;padding:.25rem .5rem;text-align:left;vertical-align:top}thead th{background:\
#eee}pre{white-space:pre-wrap;word-break:break-all;border:1px solid #555;padding:.5rem}@media print{body{max-width:none;\
margin:0;padding:0;font-size:10pt}section,tr{break-inside:avoid}table{font-size:9pt}thead{display:table-header-group}}";

/// As Markdown.
pub fn markdown(page: &Document) -> String {
    let mut out = format!("# {}\n", md(&page.title));
    for line in &page.intro {
        let _ = write!(out, "\n{}\n", md(line));
    }
    for section in &page.sections {
        let _ = write!(out, "\n## {}\n", md(&section.title));
        for line in &section.lines {
            let _ = write!(out, "\n{}\n", md(line));
        }
        for table in &section.tables {
            let row =
                |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| md(c)).collect::<Vec<_>>().join(" | "));
            let _ = write!(out, "\n{}:\n\n{}", md(&table.caption), row(&table.head));
            let _ = writeln!(out, "|{}", "---|".repeat(table.head.len()));
            table.rows.iter().for_each(|cells| out.push_str(&row(cells)));
        }
        if !section.typed.is_empty() {
            let _ = write!(out, "\n```\n{}\n```\n", section.typed.join("\n"));
        }
    }
    out
}

/// Text without meaning to Markdown.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// As a page of HTML: one file, nothing to run, nothing to fetch, headings and table headers for who reads with the ears.
pub fn html(page: &Document) -> String {
    let title = escaped(&page.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    let paragraph = |out: &mut String, line: &String| {
        let _ = writeln!(out, "<p>{}</p>", escaped(line));
    };
    page.intro.iter().for_each(|line| paragraph(&mut out, line));
    for (n, section) in page.sections.iter().enumerate() {
        let _ = writeln!(out, "<section aria-labelledby=\"s{n}\">\n<h2 id=\"s{n}\">{}</h2>", escaped(&section.title));
        section.lines.iter().for_each(|line| paragraph(&mut out, line));
        section.tables.iter().for_each(|table| html_table(&mut out, table));
        if !section.typed.is_empty() {
            let _ = writeln!(out, "<pre>{}</pre>", escaped(&section.typed.join("\n")));
        }
        out.push_str("</section>\n");
    }
    out + "</main>\n</body>\n</html>\n"
}

fn html_table(out: &mut String, table: &Table) {
    let _ = writeln!(out, "<table>\n<caption>{}</caption>\n<thead>\n<tr>", escaped(&table.caption));
    for cell in &table.head {
        let _ = writeln!(out, "<th scope=\"col\">{}</th>", escaped(cell));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (n, cell) in row.iter().enumerate() {
            let (open, close) = if n == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let _ = write!(out, "<{open}>{}</{close}>", escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// As CSV (RFC 4180): one line a sentence or row, each with its section first.
pub fn csv(page: &Document) -> String {
    let mut out = String::new();
    let mut record = |cells: &[&str]| {
        let cells: Vec<String> = cells.iter().map(|c| cell(c)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    };
    record(&["Report", &page.title]);
    page.intro.iter().for_each(|line| record(&["Report", line]));
    for section in &page.sections {
        let name = section.title.as_str();
        section.lines.iter().chain(&section.typed).for_each(|line| record(&[name, line]));
        for table in &section.tables {
            let mut row = |cells: &[String]| {
                let all: Vec<&str> =
                    [name, table.caption.as_str()].into_iter().chain(cells.iter().map(String::as_str)).collect();
                record(&all);
            };
            row(&table.head);
            table.rows.iter().for_each(|cells| row(cells));
        }
    }
    out
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains([',', '"', ' ', '\'', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::document::Section;
    use super::*;

    #[test]
    fn no_cell_can_break_out_of_its_rendering() {
        let bad = "<script>alert(1)</script> | ``` \" ' & [x](http://e) *b*\u{0}\n=1+1";
        let page = Document {
            title: bad.into(),
            intro: vec![bad.into()],
            sections: vec![Section::new(bad).say(bad).table(
                bad,
                &[bad, bad],
                vec![vec![bad.into(), "=1+1".into()]],
                "",
            )],
        };
        let html = html(&page);
        assert!(!html.contains("<script") && !html.contains("\" '") && html.matches("<td").count() == 1, "{html}");
        let md = markdown(&page);
        assert!(!md.contains("<script") && !md.replace("\\]", "").contains("](") && !md.contains("```"), "{md}");
        let rows: Vec<&str> = md.lines().filter(|l| l.starts_with('|')).collect();
        let bars = |l: &str| l.replace("\\|", "").matches('|').count();
        assert!(rows.len() == 3 && rows.iter().all(|r| bars(r) == 3), "{md}");
        let csv = csv(&page);
        assert_eq!(csv.lines().count(), csv.matches("\r\n").count());
        assert!(csv.ends_with(",'=1+1\r\n") || csv.ends_with(",\"'=1+1\"\r\n"), "{csv}");
    }
}
