//! What the writers know of the objects they made, and what a server says of them.

use crate::dice::Dice;
use client::{AttributeList, Error, blocking, material};
use kmip::attribute::{Attribute, AttributeReference, Attributes};
use kmip::enumerations::{BatchErrorContinuationOption, State};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::{GetAttributesRequest, GetRequest, LocateRequest};
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::{masks::StorageStatusMask, tag};
use std::hash::{DefaultHasher, Hash, Hasher};

/// An object as its writer believes it to be: every field was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Its Name, which no other object has.
    pub(crate) name: String,
    /// What the server calls it; empty as long as the answer to its creation has not been seen.
    pub(crate) identifier: String,
    pub(crate) material: Material,
    /// Contact Information.
    pub(crate) contact: Option<String>,
    /// Object Groups, in order.
    pub(crate) groups: Vec<String>,
    /// `None` for an opaque object, whose state does not matter here.
    pub(crate) state: Option<State>,
}

/// The bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// A key of the server's making: its length in bytes, and its mark once somebody has seen it.
    Made { length: usize, mark: Option<u64> },
    /// Bytes that the dice of this seed give.
    Given { seed: u64, length: usize },
}

impl Material {
    /// The bytes that are registered.
    pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
        Dice::new(seed).bytes(length)
    }

    fn is(&self, length: usize, mark: u64) -> bool {
        match *self {
            Self::Made { length: made, mark: seen } => made == length && seen.is_none_or(|seen| seen == mark),
            Self::Given { seed, length: given } => given == length && mark_of(&Self::bytes(seed, given)) == mark,
        }
    }
}

/// Stands for bytes that are compared later.
pub(crate) fn mark_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// An object as the server shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    names: Vec<String>,
    contact: Option<String>,
    groups: Vec<String>,
    state: Option<State>,
    /// Length and mark of the material; `None`: the server says that the object is destroyed.
    material: Option<(usize, u64)>,
}

/// What a server says of an object. `None`: it does not know it.
///
/// # Errors
/// In words, when there is no answer, or one that is neither the object nor the lack of it.
pub(crate) fn look(client: &mut blocking::Client, identifier: &str) -> Result<Option<Seen>, String> {
    let wanted = [tag::State, tag::Name, tag::ContactInformation, tag::ObjectGroup];
    let identifier = UniqueIdentifier(identifier.to_owned());
    let (get, attributes) = client
        .wait(async |client| {
            let mut batch = client.batch();
            batch.on_error(BatchErrorContinuationOption::Continue);
            let get = batch.push(&GetRequest {
                unique_identifier: Some(identifier.clone().into()),
                key_format_type: None,
                key_wrap_type: None,
                key_compression_type: None,
                key_wrapping_specification: None,
            });
            let attributes = batch.push(&GetAttributesRequest {
                unique_identifier: Some(identifier.clone().into()),
                attribute_references: wanted.map(AttributeReference::Standard).to_vec(),
            });
            let results = client.send(batch).await?;
            Ok((results.get(&get), results.get(&attributes)))
        })
        .map_err(|error: Error| format!("{}: {error}", identifier.0))?;
    let unknown = [ResultReason::ItemNotFound, ResultReason::ObjectNotFound];
    let gone = [ResultReason::ObjectDestroyed, ResultReason::WrongKeyLifecycleState, ResultReason::ItemNotFound];
    let attributes: Attributes = match attributes {
        Ok(response) => response.attributes,
        Err(error) if error.result_reason().is_some_and(|reason| unknown.contains(&reason)) => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", identifier.0)),
    };
    let mut seen = Seen { names: Vec::new(), contact: None, groups: Vec::new(), state: None, material: None };
    for attribute in attributes.iter() {
        match attribute {
            Attribute::Name(Name { name_value, .. }) => seen.names.push(name_value.clone()),
            Attribute::ContactInformation(contact) => seen.contact = Some(contact.clone()),
            Attribute::ObjectGroup(group) => seen.groups.push(group.clone()),
            Attribute::State(state) => seen.state = Some(*state),
            _ => {}
        }
    }
    seen.material = match get {
        Ok(response) => match material(&response.object) {
            Some(bytes) => Some((bytes.len(), mark_of(bytes.expose()))),
            None => return Err(format!("{}: Get answers without material", identifier.0)),
        },
        Err(error) if seen.state == Some(State::Destroyed) && error.result_reason().is_some_and(|r| gone.contains(&r)) => None,
        Err(error) => return Err(format!("{}: {error}", identifier.0)),
    };
    Ok(Some(seen))
}

impl Object {
    /// Whether what the server shows is this object, whole.
    pub(crate) fn is(&self, seen: &Seen) -> bool {
        let destroyed = self.state == Some(State::Destroyed);
        let material = match seen.material {
            None => destroyed,
            Some((length, mark)) => !destroyed && self.material.is(length, mark),
        };
        material
            && seen.names == [self.name.as_str()]
            && seen.contact == self.contact
            && seen.groups == self.groups
            && (self.state.is_none() || self.state == seen.state)
    }

    /// Remembers what only the server could know: the next time it must be the same.
    pub(crate) fn learn(&mut self, seen: &Seen) {
        if let (Material::Made { mark, .. }, Some((_, new))) = (&mut self.material, seen.material) {
            *mark = Some(new);
        }
    }

    /// The attributes a new object is sent with.
    pub(crate) fn attributes(&self) -> AttributeList {
        let mut attributes = AttributeList::new().name(&self.name);
        for group in &self.groups {
            attributes = attributes.group(group);
        }
        match &self.contact {
            Some(contact) => attributes.with(Attribute::ContactInformation(contact.clone())),
            None => attributes,
        }
    }
}

/// The objects that have a name, which are one or none.
///
/// # Errors
/// In words, when there is no answer or more than one object.
pub(crate) fn find(client: &mut blocking::Client, name: &str) -> Result<Option<String>, String> {
    let found = client.wait(async |client| client.locate(AttributeList::new().name(name), None).await);
    let found = found.map_err(|error| format!("{name}: {error}"))?;
    match found.unique_identifiers.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.0.clone())),
        more => Err(format!("{name}: there are {} objects of this name, one at most was sent", more.len())),
    }
}

/// How many objects the server has, destroyed ones included.
///
/// # Errors
/// In words, when there is no answer that says it.
pub(crate) fn count(client: &mut blocking::Client) -> Result<usize, String> {
    let mut all = 0;
    // In pages: the server counts ahead of a page only so far.
    loop {
        let request = LocateRequest {
            maximum_items: Some(PAGE),
            offset_items: Some(i32::try_from(all).map_err(|_| "Locate of all finds more than can be counted".to_owned())?),
            storage_status_mask: Some(StorageStatusMask::OnLineStorage | StorageStatusMask::DestroyedStorage),
            object_group_member: None,
            object_class_mask: None,
            attributes: AttributeList::new().filters(client.version()).map_err(|error| error.to_string())?,
            template_attribute: None,
        };
        let answer = client.call(&request).map_err(|error| format!("Locate of all: {error}"))?;
        let found = answer.unique_identifiers.len();
        all += found;
        if usize::try_from(PAGE).is_ok_and(|page| found < page) {
            return Ok(all);
        }
    }
}

/// How many objects are located at a time: as many as the server gives out.
const PAGE: i32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> (Object, Seen) {
        let material = Material::Given { seed: 5, length: 9 };
        let object = Object {
            name: "n".to_owned(),
            identifier: "1".to_owned(),
            material,
            contact: Some("ops".to_owned()),
            groups: vec!["a".to_owned(), "b".to_owned()],
            state: Some(State::Active),
        };
        let mark = mark_of(&Material::bytes(5, 9));
        let seen = Seen {
            names: vec!["n".to_owned()],
            contact: object.contact.clone(),
            groups: object.groups.clone(),
            state: object.state,
            material: Some((9, mark)),
        };
        (object, seen)
    }

    #[test]
    fn whatever_differs_is_another_object() {
        let (object, seen) = object();
        assert!(object.is(&seen));
        assert!(!object.is(&Seen { names: Vec::new(), ..seen.clone() }));
        assert!(!object.is(&Seen { contact: None, ..seen.clone() }));
        assert!(!object.is(&Seen { groups: vec!["a".to_owned()], ..seen.clone() }));
        assert!(!object.is(&Seen { state: Some(State::PreActive), ..seen.clone() }));
        assert!(!object.is(&Seen { material: None, ..seen.clone() }));
        assert!(!object.is(&Seen { material: seen.material.map(|(length, mark)| (length, mark ^ 1)), ..seen.clone() }));
        let destroyed = Object { state: Some(State::Destroyed), ..object };
        let gone = Seen { state: Some(State::Destroyed), material: None, ..seen.clone() };
        assert!(destroyed.is(&gone) && !destroyed.is(&seen));
        assert!(!destroyed.is(&Seen { material: seen.material, ..gone }), "destroyed material that is still given out");
    }

    #[test]
    fn a_made_key_must_stay_what_it_was_when_it_was_first_seen() {
        let (object, seen) = object();
        let mut made = Object { material: Material::Made { length: 9, mark: None }, ..object };
        let other = Seen { material: Some((9, 1)), ..seen.clone() };
        assert!(made.is(&seen) && made.is(&other));
        assert!(!made.is(&Seen { material: Some((8, 1)), ..seen.clone() }));
        made.learn(&seen);
        assert!(made.is(&seen) && !made.is(&other));
    }
}
