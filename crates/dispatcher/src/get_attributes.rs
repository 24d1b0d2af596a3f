//! Get Attributes: the values of the attributes that are named, or of all (2.1, section 6.1.21).

use std::collections::HashSet;

use kmip::ProtocolVersion;
use kmip::attribute::Attributes;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::get_attributes::{GetAttributesRequest, GetAttributesResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::operation::{Context, Done, Loaded, Operation, Plan};
use crate::spelling;

/// Attributes that one request may name.
const MAX_REFERENCES: usize = 1_024;

pub(crate) struct GetAttributes;

impl Operation for GetAttributes {
    type Request = GetAttributesRequest;
    type Response = GetAttributesResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::GetAttributes;
    /// What is known of an archived object stays at hand (TC-101).
    const TAKES_ARCHIVED: bool = true;

    fn plan(request: &GetAttributesRequest, context: &Context<'_>) -> Result<Plan> {
        let references = &request.attribute_references;
        if references.len() > MAX_REFERENCES {
            return Err(Error::new(ResultReason::ServerLimitExceeded, "The request names too many attributes"));
        }
        let mut seen = HashSet::new();
        if !references.iter().all(|reference| seen.insert(reference)) {
            return Err(Error::new(ResultReason::InvalidMessage, "An attribute is named twice"));
        }
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn respell(response: &mut GetAttributesResponse, version: ProtocolVersion) -> Result<()> {
        spelling::attributes(&mut response.attributes, version);
        Ok(())
    }

    fn handle(
        request: &GetAttributesRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<GetAttributesResponse>> {
        let object = loaded.one()?;
        let mut attributes = object.view(context.now);
        spelling::attributes(&mut attributes, context.version);
        let references = &request.attribute_references;
        if !references.is_empty() {
            // In the order asked for. Attributes the object does not have, or nobody knows, are left out: vCenter asks for
            // names of its own that were never set and expects an empty list.
            let named = references
                .iter()
                .flat_map(|reference| attributes.0.iter().filter(|instance| instance.attribute.is(reference)).cloned());
            attributes = Attributes(named.collect());
        }
        let identifier = object.identifier.clone();
        let response = GetAttributesResponse { unique_identifier: UniqueIdentifier(identifier.clone()), attributes };
        Ok(Done::reply(response).about(&identifier))
    }
}
