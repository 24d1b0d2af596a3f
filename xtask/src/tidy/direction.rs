//! Which crate may know which: `ttlv-codec <- kmip <- {crypto, store, policy, audit} <- dispatcher <- server`, `kmip <- client`.

use super::metadata::Metadata;
use std::collections::HashSet;

/// One crate of the workspace and everything of the workspace it may name in its manifest.
struct Row {
    name: &'static str,
    knows: &'static [&'static str],
    /// What its tests may name beside that.
    tests: &'static [&'static str],
    /// Whether it may open sockets and speak TLS.
    edge: bool,
}

const fn inner(name: &'static str, knows: &'static [&'static str]) -> Row {
    Row { name, knows, tests: &[], edge: false }
}

const fn edge(name: &'static str, knows: &'static [&'static str], tests: &'static [&'static str]) -> Row {
    Row { name, knows, tests, edge: true }
}

/// The whole workspace. A crate that is not here is a violation: say first what it may know.
const ROWS: &[Row] = &[
    inner("ttlv-codec", &[]),
    inner("kmip", &["ttlv-codec"]),
    // These four know the vocabulary and not each other.
    inner("crypto", &["ttlv-codec", "kmip"]),
    inner("store", &["ttlv-codec", "kmip"]),
    inner("policy", &["ttlv-codec", "kmip"]),
    inner("audit", &["ttlv-codec", "kmip"]),
    // A backend knows the contract it fulfils and nothing of KMIP.
    inner("store-sled", &["store"]),
    inner("dispatcher", &["ttlv-codec", "kmip", "crypto", "store", "policy", "audit"]),
    inner("certs", &[]),
    edge(
        "server",
        &["ttlv-codec", "kmip", "crypto", "store", "store-sled", "policy", "audit", "dispatcher", "certs"],
        &["client"],
    ),
    edge("client", &["ttlv-codec", "kmip"], &["certs"]),
    // It judges any server, so it may know none.
    edge("conformance", &["ttlv-codec", "kmip"], &["certs"]),
    edge("examples", &["client", "kmip", "ttlv-codec"], &[]),
    edge("benches", &["client", "crypto", "kmip", "ttlv-codec", "certs", "store", "store-sled"], &[]),
    inner("fuzz", &["ttlv-codec", "kmip"]),
    inner(
        "xtask",
        &["ttlv-codec", "kmip", "crypto", "audit", "dispatcher", "client", "certs", "benches", "policy", "store", "store-sled"],
    ),
];

/// Crates that mean sockets, TLS or an event loop around them.
const EDGE_ONLY: &[&str] =
    &["tokio", "tokio-rustls", "rustls", "mio", "socket2", "hyper", "axum", "rustls-pki-types", "rustls-webpki"];

/// Every line of a manifest that the rows do not allow.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let members: HashSet<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let mut violations = Vec::new();
    for package in metadata.members() {
        let Some(row) = ROWS.iter().find(|row| row.name == package.name) else {
            violations.push(format!("{}: not in the table of directions", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let test = dependency.kind.as_deref() == Some("dev");
            let known = row.knows.contains(&name) || (test && (row.tests.contains(&name) || name == row.name));
            if members.contains(name) && !known {
                violations.push(format!("{}: may not know {name}", row.name));
            }
            if EDGE_ONLY.contains(&name) && !row.edge && !test {
                violations.push(format!("{}: may not use {name}: sockets and TLS are at the edge", row.name));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_may_know_what_is_left_of_it() {
        let workspace = Metadata::of(&[
            ("ttlv-codec", &[("thiserror", None)]),
            ("kmip", &[("ttlv-codec", None)]),
            ("policy", &[("kmip", None)]),
            ("server", &[("kmip", None), ("tokio", None), ("client", Some("dev"))]),
            ("client", &[("kmip", None), ("rustls", None)]),
        ]);
        assert_eq!(violations(&workspace), Vec::<String>::new());
    }

    #[test]
    fn every_other_direction_is_a_violation() {
        let workspace = Metadata::of(&[
            ("ttlv-codec", &[("kmip", None)]),
            ("kmip", &[("tokio", None)]),
            ("policy", &[("audit", None)]),
            ("audit", &[]),
            ("store", &[]),
            ("store-sled", &[("store", None), ("kmip", None)]),
            ("server", &[("client", None)]),
            ("client", &[("server", Some("dev"))]),
            ("newcomer", &[]),
        ]);
        let expected = [
            "ttlv-codec: may not know kmip",
            "kmip: may not use tokio: sockets and TLS are at the edge",
            "policy: may not know audit",
            "store-sled: may not know kmip",
            "server: may not know client",
            "client: may not know server",
            "newcomer: not in the table of directions",
        ];
        assert_eq!(violations(&workspace), expected);
    }
}
