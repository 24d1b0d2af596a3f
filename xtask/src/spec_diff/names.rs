//! Tags, enumerations, masks, operations and result reasons: names, numbers and versions.

use std::collections::HashSet;
use std::path::Path;

use kmip::enumerations::{self, Enumeration, ValueRow};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use kmip::{masks, payload, tag};

use super::{Differences, csv, csv_versions, table_versions, version};

/// Compares `tags.csv`.
pub(super) fn tags(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "tags.csv")?;
    let mut seen = HashSet::new();
    for row in &rows {
        let code = hexadecimal(row.get("tag")?)?;
        let name = row.get("xml_name")?;
        seen.insert(code);
        let Some(table) = tag::ALL.iter().find(|table| table.tag.0 == code) else {
            differences.add(format!("tag {name}: not in the table"));
            continue;
        };
        differences.compare(&format!("tag {name} XML name"), table.xml_name, name);
        differences.compare(&format!("tag {name} name"), table.name, row.get("name")?);
        differences.compare(&format!("tag {name} versions"), table_versions(table.versions), csv_versions(row)?);
        let mut table_types: Vec<String> = table.item_types.iter().map(|item_type| format!("{item_type:?}")).collect();
        let mut csv_types: Vec<String> = row.get("item_type")?.split('|').map(str::to_owned).collect();
        table_types.sort();
        csv_types.sort();
        differences.compare(&format!("tag {name} item types"), table_types.join(", "), csv_types.join(", "));
    }
    for table in tag::ALL.iter().filter(|table| !seen.contains(&table.tag.0)) {
        differences.add(format!("tag {}: not in the standard", table.xml_name));
    }
    Ok(rows.len())
}

/// Compares `enums.csv`.
pub(super) fn enumerations(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "enums.csv")?;
    let tables: Vec<_> = enumerations::ALL.iter().map(|row| (row.name, row.values)).collect();
    values("enumeration", "enumeration", &rows, &tables, differences)?;
    Ok(rows.len())
}

/// Compares `masks.csv`.
pub(super) fn masks(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "masks.csv")?;
    let tables: Vec<_> = masks::ALL.iter().map(|row| (row.name, row.bits)).collect();
    values("mask", "mask", &rows, &tables, differences)?;
    Ok(rows.len())
}

fn values(
    what: &str,
    column: &str,
    rows: &[csv::Row],
    tables: &[(&str, &[ValueRow])],
    differences: &mut Differences,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    for row in rows {
        let (group, name) = (row.get(column)?, row.get("xml_name")?);
        let value = hexadecimal(row.get("value")?)?;
        seen.insert((group, name));
        let table = tables.iter().filter(|(table, _)| *table == group).flat_map(|(_, values)| *values);
        let Some(table) = table.into_iter().find(|table| table.xml_name == name) else {
            differences.add(format!("{what} {group} {name}: not in the table"));
            continue;
        };
        differences.compare(&format!("{what} {group} {name} value"), table.value, value);
        differences.compare(&format!("{what} {group} {name} name"), table.name, row.get("name")?);
        differences.compare(&format!("{what} {group} {name} versions"), table_versions(table.versions), csv_versions(row)?);
    }
    for (group, values) in tables {
        for table in values.iter().filter(|table| !seen.contains(&(*group, table.xml_name))) {
            differences.add(format!("{what} {group} {}: not in the standard", table.xml_name));
        }
    }
    Ok(())
}

/// Compares the names, codes and versions in `operations.csv`, and that each operation has payloads.
pub(super) fn operations(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "operations.csv")?;
    for row in &rows {
        let name = row.get("xml_name")?;
        let Some(table) = Operation::ROW.values.iter().find(|table| table.xml_name == name) else {
            differences.add(format!("operation {name}: not in the table"));
            continue;
        };
        differences.compare(&format!("operation {name} code"), table.value, hexadecimal(row.get("code")?)?);
        differences.compare(&format!("operation {name} name"), table.name, row.get("operation")?);
        differences.compare(&format!("operation {name} versions"), table_versions(table.versions), csv_versions(row)?);
        if !payload::ALL.iter().any(|payload| payload.operation.0 == table.value) {
            differences.add(format!("operation {name}: has no payloads"));
        }
    }
    differences.compare("number of operations", Operation::ROW.values.len(), rows.len());
    Ok(rows.len())
}

/// Looks up every result reason that `errors.csv` names, in the version that names it.
pub(super) fn errors(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "errors.csv")?;
    for row in &rows {
        let reason = row.get("result_reason")?;
        let version = version(row.get("version")?)?;
        let known = ResultReason::ROW
            .values
            .iter()
            .any(|table| table.versions.contains(version) && table.name.eq_ignore_ascii_case(reason.trim_end_matches('.')));
        if !known && !reason.is_empty() {
            differences.add_in(version, format!("error reason {reason:?}: not in the table"));
        }
    }
    Ok(rows.len())
}

fn hexadecimal(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16).map_err(|_| format!("{text:?} is no hexadecimal number"))
}
