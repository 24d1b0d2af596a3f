//! Get Attribute List: the names of the attributes that an object has (2.1, section 6.1.22).

use kmip::identifier::UniqueIdentifier;
use kmip::payload::get_attribute_list::{GetAttributeListRequest, GetAttributeListResponse};
use policy::Permission;

use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};
use crate::spelling;

pub(crate) struct GetAttributeList;

impl Operation for GetAttributeList {
    type Request = GetAttributeListRequest;
    type Response = GetAttributeListResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::GetAttributeList;
    /// What is known of an archived object stays at hand (TC-101).
    const TAKES_ARCHIVED: bool = true;

    fn plan(request: &GetAttributeListRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(
        _: &GetAttributeListRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<GetAttributeListResponse>> {
        let object = loaded.one()?;
        let mut attribute_references = Vec::new();
        for attribute in object.view(context.now).iter() {
            let reference = attribute.reference();
            let spelled = || spelling::attribute(attribute, context.version).is_some();
            if reference.in_version(context.version) && !attribute_references.contains(&reference) && spelled() {
                attribute_references.push(reference);
            }
        }
        let identifier = object.identifier.clone();
        let response = GetAttributeListResponse { unique_identifier: UniqueIdentifier(identifier.clone()), attribute_references };
        Ok(Done::reply(response).about(&identifier))
    }
}
