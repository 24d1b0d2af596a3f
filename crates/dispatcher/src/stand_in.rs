//! What stands in for an object that is not there: an answer that there is none takes as long as one about an object, so that its time
//! tells nobody what other tenants have, or what the server looked at.
//!
//! It is the same work with another object, and no pause: the store opens a record that it keeps for this, and the record is
//! decoded. Nothing of that is used.

use std::hint::black_box;
use std::sync::OnceLock;

use kmip::attribute::Attribute;
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, ObjectType};
use kmip::masks::CryptographicUsageMask;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SymmetricKey};
use kmip::structures::Name;
use kmip::{ProtocolVersion, Secret};
use store::{Record, Revision, Store};
use zeroize::Zeroizing;

use crate::creation::{self, Origin};
use crate::object::StoredObject;
use crate::operation::Context;
use crate::record;
use crate::view::View;

/// The record of a key as most clients have them.
static BODY: OnceLock<Zeroizing<Vec<u8>>> = OnceLock::new();

/// Works as for an object that was loaded.
pub(crate) async fn stand_in<S: Store>(view: &View<'_, S>, identifier: &str, context: &Context<'_>) {
    let body = BODY.get_or_init(|| body(context));
    view.load_none(body.len()).await;
    let record = Record {
        identifier: identifier.to_owned(),
        owner: context.actor.name.clone(),
        revision: Revision(0),
        created: Revision(0),
        body: body.clone(),
    };
    let _ = black_box(record::from_record(record));
}

/// A new AES key of 256 bits with a name. What cannot be had of it is left out.
fn body(context: &Context<'_>) -> Zeroizing<Vec<u8>> {
    let owner = context.actor.name.clone();
    let mut object = StoredObject::new("stand-in".to_owned(), owner, ObjectType::SymmetricKey, ProtocolVersion::V1_4);
    object.set(Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES));
    object.set(Attribute::CryptographicLength(256));
    object.set(Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt));
    object.set(Attribute::Name(Name::text("an object of this name")));
    object.object = Some(ManagedObject::SymmetricKey(SymmetricKey {
        key_block: KeyBlock {
            key_format_type: KeyFormatType::Raw,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue {
                key_material: KeyMaterial::Bytes(Secret::from_slice(&[0; 32])),
                attributes: None,
            })),
            cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
            cryptographic_length: Some(256),
            key_wrapping_data: None,
        },
    }));
    if let Err(error) = creation::complete(&mut object, Origin::Generated, context) {
        tracing::debug!(%error, "what stands in for objects that are not there is shorter than they are");
    }
    record::to_put(&object).body
}
