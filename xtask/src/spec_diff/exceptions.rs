//! Where the tables differ from the CSV files on purpose: the difference, in which `*` stands for any text, and why.

pub(super) const EXCEPTIONS: &[(&str, &str)] = &[
];
