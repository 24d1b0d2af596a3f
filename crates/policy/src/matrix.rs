//! The policy as a readable snapshot. To accept a change that is meant: `POLICY_MATRIX=write cargo test -p policy`.

use crate::{Actor, Decision, ObjectFacts, Permission, decide, decide_server};

fn word(decision: Decision) -> String {
    match decision {
        Decision::Allow => "allow".to_owned(),
        Decision::Deny { reason } => format!("deny {reason:?}"),
        Decision::Absent => "absent".to_owned(),
    }
}

fn matrix() -> String {
    let fred = Actor::new("fred");
    let own = ObjectFacts { tenant: 0, owner: "fred", is_public: false };
    let of_another = ObjectFacts { tenant: 0, owner: "barney", is_public: false };
    let public = ObjectFacts { is_public: true, ..of_another };
    let same_name_elsewhere = ObjectFacts { tenant: 1, owner: "fred", is_public: false };
    let elsewhere = ObjectFacts { tenant: 1, owner: "barney", is_public: false };
    let mut text =
        String::from("# Who may do what. Columns: without an object; with an object of one's own, of another actor,\n");
    text.push_str(
        "# a public one of another actor, of an actor of the same name in another tenant, of another actor in another tenant.\n",
    );
    for permission in Permission::ALL {
        let cells = [
            decide_server(&fred, *permission),
            decide(&fred, *permission, &own),
            decide(&fred, *permission, &of_another),
            decide(&fred, *permission, &public),
            decide(&fred, *permission, &same_name_elsewhere),
            decide(&fred, *permission, &elsewhere),
        ];
        let cells = cells.map(|cell| format!("{:<18}", word(cell)));
        text.push_str(format!("{:<26}| {}", permission.name(), cells.join(" | ")).trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn matrix_is_the_one_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.txt");
    if std::env::var("POLICY_MATRIX").is_ok_and(|value| value == "write") {
        std::fs::write(path, matrix()).expect("matrix.txt can be written");
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    for (line, (is, should)) in matrix().lines().zip(checked_in.lines()).enumerate() {
        assert_eq!(is, should, "matrix.txt, line {}: see policy/src/matrix.rs", line + 1);
    }
    assert_eq!(matrix(), checked_in, "matrix.txt lacks or has extra lines: see policy/src/matrix.rs");
}
