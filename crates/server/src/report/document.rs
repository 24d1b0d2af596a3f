//! A report as people read it: facts and tables, as text or as one HTML file that needs nothing else.

use std::fmt::Write as _;

/// A report.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) tables: Vec<Table>,
}

/// A table of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) title: String,
    /// What it tells, in a sentence.
    pub(super) about: String,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// Rows that are not shown.
    pub(super) left_out: u64,
}

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .2rem}p{margin:.2rem 0 .6rem;color:#57606a}\
table{border-collapse:collapse;width:100%;font-size:.87rem}\
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top;overflow-wrap:anywhere}\
th{background:#f3f5f7}dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}dt{color:#57606a}dd{margin:0}\
@media (prefers-color-scheme:dark){body{background:#12161b;color:#d8dee4}th{background:#1d232a}\
th,td{border-color:#30363d}p,dt{color:#9aa4ae}}";

impl Document {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.facts {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "{name:width$}  {}", plain(value));
        }
        for table in &self.tables {
            table.text(&mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// For a browser, on paper, or as an attachment. No scripts, nothing from elsewhere.
    pub(super) fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<dl>\n"
        );
        for (name, value) in &self.facts {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
        }
        html.push_str("</dl>\n");
        for table in &self.tables {
            table.html(&mut html);
        }
        html.push_str("</body></html>");
        html
    }
}

impl Table {
    fn text(&self, text: &mut String) {
        let _ = write!(text, "\n{}\n{}\n", self.title, "-".repeat(self.title.chars().count()));
        if !self.about.is_empty() {
            let _ = writeln!(text, "{}", self.about);
        }
        if self.rows.is_empty() {
            text.push_str("none\n");
            return;
        }
        let header = self.columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> =
            std::iter::once(header).chain(self.rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect())).collect();
        let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| width(column).unwrap_or(0)).collect();
        for line in &lines {
            let mut written = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                let _ = write!(written, "{cell:width$}  ");
            }
            let _ = writeln!(text, "{}", written.trim_end());
        }
        if self.left_out > 0 {
            let _ = writeln!(text, "({} more; --limit shows more)", self.left_out);
        }
    }

    fn html(&self, html: &mut String) {
        let _ = writeln!(html, "<h2>{}</h2>", escaped(&self.title));
        if !self.about.is_empty() {
            let _ = writeln!(html, "<p>{}</p>", escaped(&self.about));
        }
        if self.rows.is_empty() {
            html.push_str("<p>none</p>\n");
            return;
        }
        html.push_str("<table><thead><tr>");
        self.columns.iter().for_each(|column| {
            let _ = write!(html, "<th>{}</th>", escaped(column));
        });
        html.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            row.iter().for_each(|cell| {
                let _ = write!(html, "<td>{}</td>", escaped(cell));
            });
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table>\n");
        if self.left_out > 0 {
            let _ = writeln!(html, "<p>{} more are not shown.</p>", self.left_out);
        }
    }
}

/// A text that a client chose, for a terminal: nothing in it can move the cursor or begin a line.
fn plain(text: &str) -> String {
    let shown = |letter: char| {
        !letter.is_control() && !matches!(letter, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(shown) { text.to_owned() } else { text.escape_debug().to_string() }
}

/// A text that a client chose, in HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str) -> Document {
        let rows = vec![vec![name.to_owned(), "1".to_owned()]];
        let table = Table { title: "Keys".into(), about: "All of them.".into(), columns: &["name", "count"], rows, left_out: 3 };
        Document { title: "Report".into(), facts: vec![("owner", name.to_owned())], tables: vec![table] }
    }

    #[test]
    fn what_a_client_chose_is_text_and_nothing_else() {
        let nasty = "</td><script src=\"//elsewhere\">alert('x')</script>&amp;\n\u{1b}[2J\u{202e}";
        let html = document(nasty).html();
        assert!(!html.contains("<script") && !html.contains("//elsewhere\"") && !html.contains('\u{1b}'), "{html}");
        assert!(html.contains("&lt;/td&gt;&lt;script") && html.contains("&amp;amp;"), "{html}");
        let tags = |html: &str| html.matches('<').count();
        assert_eq!(tags(&html), tags(&document("harmless").html()), "no tag more than with a harmless name");
        let text = document(nasty).text();
        assert_eq!(text.lines().count(), document("harmless").text().lines().count());
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }

    #[test]
    fn tables_are_aligned_and_say_what_they_leave_out() {
        let text = document("a-key").text();
        assert_eq!(
            text,
            "Report\n\nowner  a-key\n\nKeys\n----\nAll of them.\nname   count\na-key  1\n(3 more; --limit shows more)"
        );
        let html = document("a-key").html();
        assert!(!html.contains("http://") && !html.contains("https://") && html.contains("3 more are not shown"));
    }
}
