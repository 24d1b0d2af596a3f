//! How the objects of a tenant hang on each other, and what can be reached from one of them.

use audit::{Action, AuditRecord, Outcome};
use dispatcher::Summary;
use kmip::enumerations::{LinkType, ObjectType};
use kmip::operation::Operation;
use serde::Serialize;
use std::collections::{HashMap, HashSet, VecDeque};

/// What makes something given out wrapped: an object, and keys after it.
const RELEASING: [Operation; 2] = [Operation::Get, Operation::Export];

/// How one object hangs on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Relation {
    DerivedFrom,
    WrappedBy,
    /// It is not wrapped here, but was obtained wrapped, as the audit log says: whoever has that and the key has the object.
    GivenOutWrappedBy,
    CertifiedBy,
    CertificateOf,
    PublicKeyOf,
    PrivateKeyOf,
    ChildOf,
    ProtectedBy,
    /// Not followed: what replaces a key does not depend on it.
    ReplacementOf,
    NextAfter,
}

impl Relation {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::DerivedFrom => "derived from",
            Self::WrappedBy => "wrapped by",
            Self::GivenOutWrappedBy => "given out wrapped by",
            Self::CertifiedBy => "certified by",
            Self::CertificateOf => "certificate of",
            Self::PublicKeyOf => "public key of",
            Self::PrivateKeyOf => "private key of",
            Self::ChildOf => "child or part of",
            Self::ProtectedBy => "protected by the password",
            Self::ReplacementOf => "replacement of",
            Self::NextAfter => "next after",
        }
    }

    pub(super) const fn is_followed(self) -> bool {
        !matches!(self, Self::ReplacementOf | Self::NextAfter)
    }
}

/// That one object hangs on another, by their numbers.
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) relation: Relation,
}

/// All relations of a tenant's objects. Objects without any are not in it.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) numbers: HashMap<String, u32>,
    pub(super) edges: HashSet<(u32, u32, Relation)>,
}

impl Graph {
    pub(super) fn number(&mut self, identifier: &str) -> u32 {
        if let Some(number) = self.numbers.get(identifier) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(identifier.to_owned(), number);
        number
    }

    /// Takes what an object tells of its relations, whichever end tells it.
    pub(super) fn add(&mut self, object: &Summary) {
        let own = object.identifier.as_str();
        for wrapping in &object.wrapped_by {
            self.relate(wrapping, own, Relation::WrappedBy);
        }
        for (link_type, other) in &object.links {
            let is_certificate = object.object_type == ObjectType::Certificate;
            match *link_type {
                LinkType::DerivedKeyLink => self.relate(own, other, Relation::DerivedFrom),
                LinkType::DerivationBaseObjectLink => self.relate(other, own, Relation::DerivedFrom),
                LinkType::WrappingKeyLink => self.relate(other, own, Relation::WrappedBy),
                // That of a certificate leads to the one of its issuer (2.1, section 4.31).
                LinkType::CertificateLink | LinkType::PKCS_12CertificateLink if is_certificate => {
                    self.relate(other, own, Relation::CertifiedBy);
                }
                LinkType::CertificateLink | LinkType::PKCS_12CertificateLink => self.relate(own, other, Relation::CertificateOf),
                LinkType::PublicKeyLink => self.relate(own, other, Relation::PublicKeyOf),
                LinkType::PrivateKeyLink => self.relate(own, other, Relation::PrivateKeyOf),
                LinkType::ParentLink => self.relate(other, own, Relation::ChildOf),
                LinkType::ChildLink => self.relate(own, other, Relation::ChildOf),
                LinkType::PKCS_12PasswordLink => self.relate(other, own, Relation::ProtectedBy),
                LinkType::ReplacementObjectLink => self.relate(own, other, Relation::ReplacementOf),
                LinkType::ReplacedObjectLink => self.relate(other, own, Relation::ReplacementOf),
                LinkType::NextLink => self.relate(own, other, Relation::NextAfter),
                LinkType::PreviousLink => self.relate(other, own, Relation::NextAfter),
                _ => {}
            }
        }
    }

    /// Takes what a record of the audit log tells of an object that was given out wrapped: after it, the record names the keys.
    pub(super) fn add_given_out(&mut self, record: &AuditRecord) {
        let (Action::Operation(operation), Outcome::Success) = (&record.action, record.outcome) else { return };
        if let Some((object, keys)) = record.identifiers.split_first().filter(|_| RELEASING.contains(&Operation(*operation))) {
            keys.iter().for_each(|key| self.relate(key, object, Relation::GivenOutWrappedBy));
        }
    }

    /// Notes that `on` hangs on `from`.
    fn relate(&mut self, from: &str, on: &str, relation: Relation) {
        let (from, on) = (self.number(from), self.number(on));
        if from != on {
            self.edges.insert((from, on, relation));
        }
    }

    /// What can be reached from an object, the nearest first, each once: number, depth, and over which edge.
    pub(super) fn walk(&self, start: u32, downwards: bool) -> Vec<(u32, u32, Edge)> {
        let mut next: HashMap<u32, Vec<Edge>> = HashMap::new();
        // What an object was given out under is nothing that it comes from.
        let leads = |relation: Relation| relation.is_followed() && (downwards || relation != Relation::GivenOutWrappedBy);
        for (from, to, relation) in self.edges.iter().copied().filter(|(_, _, relation)| leads(*relation)) {
            let key = if downwards { from } else { to };
            next.entry(key).or_default().push(Edge { from, to, relation });
        }
        next.values_mut().for_each(|edges| edges.sort_by_key(|edge| (edge.relation, edge.from, edge.to)));
        let mut seen = HashSet::from([start]);
        let mut waiting = VecDeque::from([(start, 0)]);
        let mut reached = Vec::new();
        while let Some((number, depth)) = waiting.pop_front() {
            for edge in next.remove(&number).unwrap_or_default() {
                let other = if downwards { edge.to } else { edge.from };
                if seen.insert(other) {
                    waiting.push_back((other, depth + 1));
                    reached.push((other, depth + 1, edge));
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmip::enumerations::State;
    use kmip::masks::CryptographicUsageMask;

    fn object(identifier: &str, object_type: ObjectType, links: &[(LinkType, &str)]) -> Summary {
        Summary {
            identifier: identifier.to_owned(),
            owner: "fred".to_owned(),
            object_type,
            state: State::Active,
            name: None,
            algorithm: None,
            length: None,
            usage: CryptographicUsageMask::default(),
            initial: None,
            activation: None,
            deactivation: None,
            fresh: None,
            archived: false,
            rotates: None,
            links: links.iter().map(|(link_type, other)| (*link_type, (*other).to_owned())).collect(),
            wrapped_by: Vec::new(),
            certificate: None,
        }
    }

    fn reached(objects: &[Summary], start: &str, downwards: bool) -> Vec<(String, u32)> {
        let mut graph = Graph::default();
        let start = graph.number(start);
        objects.iter().for_each(|object| graph.add(object));
        let name = |number| graph.numbers.iter().find(|(_, other)| **other == number).unwrap().0.clone();
        let mut reached: Vec<_> = graph.walk(start, downwards).iter().map(|(number, depth, _)| (name(*number), *depth)).collect();
        reached.sort();
        reached
    }

    fn expected(names: &[(&str, u32)]) -> Vec<(String, u32)> {
        names.iter().map(|(name, depth)| ((*name).to_owned(), *depth)).collect()
    }

    #[test]
    fn either_end_of_a_link_tells_and_siblings_are_not_affected() {
        use LinkType as L;
        let key = ObjectType::SymmetricKey;
        let mut wrapped = object("wrapped", key, &[]);
        wrapped.wrapped_by.push("one".to_owned());
        let objects = [
            object("base", key, &[(L::DerivedKeyLink, "one")]),
            object("one", key, &[(L::ReplacementObjectLink, "new")]),
            object("two", key, &[(L::DerivationBaseObjectLink, "base")]),
            object("below", key, &[(L::DerivationBaseObjectLink, "one")]),
            object("new", key, &[(L::ReplacedObjectLink, "one")]),
            wrapped,
        ];
        assert_eq!(reached(&objects, "one", true), expected(&[("below", 1), ("wrapped", 1)]));
        assert_eq!(reached(&objects, "one", false), expected(&[("base", 1)]));
        let all = expected(&[("below", 2), ("one", 1), ("two", 1), ("wrapped", 2)]);
        assert_eq!(reached(&objects, "base", true), all);
    }

    #[test]
    fn a_compromised_authority_takes_its_certificates_along() {
        use LinkType as L;
        let objects = [
            object("private", ObjectType::PrivateKey, &[(L::PublicKeyLink, "public"), (L::CertificateLink, "authority")]),
            object("public", ObjectType::PublicKey, &[(L::PrivateKeyLink, "private")]),
            object("authority", ObjectType::Certificate, &[]),
            object("server", ObjectType::Certificate, &[(L::CertificateLink, "authority")]),
        ];
        let all = expected(&[("authority", 1), ("public", 1), ("server", 2)]);
        assert_eq!(reached(&objects, "private", true), all);
    }

    #[test]
    fn what_was_given_out_wrapped_hangs_on_the_key() {
        let record = |operation: Operation, identifiers: &[&str], outcome| AuditRecord {
            time_us: 1,
            tenant: 0,
            actor: "fred".to_owned(),
            peer: None,
            action: Action::Operation(operation.0),
            identifiers: identifiers.iter().map(|identifier| (*identifier).to_owned()).collect(),
            outcome,
        };
        let mut graph = Graph::default();
        for record in [
            record(Operation::Get, &["got", "key", "mac"], Outcome::Success),
            record(Operation::Export, &["exported", "key"], Outcome::Success),
            record(Operation::Get, &["refused", "key"], Outcome::Failure(1)),
            record(Operation::Get, &["clear"], Outcome::Success),
            record(Operation::Encrypt, &["other", "key"], Outcome::Success),
        ] {
            graph.add_given_out(&record);
        }
        graph.add(&object("below", ObjectType::SymmetricKey, &[(LinkType::DerivationBaseObjectLink, "got")]));
        let mut reached = |start: &str| {
            let start = graph.number(start);
            let name = |number: u32| graph.numbers.iter().find(|(_, other)| **other == number).unwrap().0.clone();
            let mut reached: Vec<_> = graph.walk(start, true).iter().map(|(number, depth, _)| (name(*number), *depth)).collect();
            reached.sort();
            reached
        };
        assert_eq!(reached("key"), expected(&[("below", 2), ("exported", 1), ("got", 1)]));
        assert_eq!(reached("mac"), expected(&[("below", 2), ("got", 1)]));
    }

    #[test]
    fn circles_end() {
        use LinkType as L;
        let key = ObjectType::SymmetricKey;
        let objects = [
            object("a", key, &[(L::DerivedKeyLink, "b"), (L::DerivedKeyLink, "a")]),
            object("b", key, &[(L::DerivedKeyLink, "c")]),
            object("c", key, &[(L::DerivedKeyLink, "a"), (L::ChildLink, "b")]),
        ];
        assert_eq!(reached(&objects, "a", true), expected(&[("b", 1), ("c", 2)]));
        assert_eq!(reached(&objects, "a", false), expected(&[("b", 2), ("c", 1)]));
    }
}
