//! Comma-separated values: a header line, quoted fields, doubled quotes.

use std::path::Path;
use std::rc::Rc;

/// One line under the header.
pub(super) struct Row {
    header: Rc<[String]>,
    fields: Vec<String>,
}

impl Row {
    /// The field of this column.
    pub(super) fn get(&self, column: &str) -> Result<&str, String> {
        let index = self.header.iter().position(|name| name == column);
        let field = index.and_then(|index| self.fields.get(index));
        field.map(String::as_str).ok_or_else(|| format!("no column {column:?} in {:?}", self.fields))
    }
}

/// Reads a file.
pub(super) fn read(directory: &Path, name: &str) -> Result<Vec<Row>, String> {
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text)
}

/// Parses the content of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut records = records(text)?.into_iter();
    let header: Rc<[String]> = records.next().ok_or("the file is empty")?.into();
    Ok(records.map(|fields| Row { header: Rc::clone(&header), fields }).collect())
}

fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_commas() {
        let rows = parse("a,b\n1,\"x, \"\"y\"\"\"\n2,\n").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get("b").unwrap(), "x, \"y\"");
        assert_eq!(rows[1].get("b").unwrap(), "");
        assert!(rows[1].get("c").is_err());
        assert!(parse("a\n\"1\n").is_err());
    }
}
