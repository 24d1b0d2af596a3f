//! Add Attribute: one more value (2.1, section 6.1.2).

use kmip::attribute::{Attribute, AttributeInstance, Instances, SetBy};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::add_attribute::{AddAttributeRequest, AddAttributeResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::change;
use crate::creation;
use crate::error::{Error, Result};
use crate::object::{Instance, StoredObject};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct AddAttribute;

impl Operation for AddAttribute {
    type Request = AddAttributeRequest;
    type Response = AddAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::AddAttribute;

    fn plan(request: &AddAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        let mut plan = context.plan_one(request.unique_identifier.as_ref())?;
        if let Attribute::Name(name) = &given(request)?.attribute
            && !context.version.is_1x()
        {
            plan.free_names.push(name.clone());
        }
        Ok(plan)
    }

    fn handle(
        request: &AddAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<AddAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        let AttributeInstance { index, attribute } = given(request)?.clone();
        let reference = attribute.reference();
        let rules = change::rules(&reference)?;
        if rules.set_by == SetBy::Server {
            return Err(change::read_only(&reference));
        }
        if !rules.applies_to.contains(object.object_type) {
            return Err(Error::new(ResultReason::InvalidAttribute, format!("{reference} does not apply to this type of object")));
        }
        if rules.instances == Instances::One && object.values(&reference).next().is_some() {
            return Err(creation::single_valued(&reference));
        }
        let own = object.attributes().filter(|attribute| attribute.rules().set_by != SetBy::Server).count();
        creation::check_count(own + 1, context.settings)?;
        if !matches!(rules.client_modifies, kmip::attribute::Permitted::No) {
            // A date that could not be changed any more cannot be given for the first time either.
            change::check(rules.client_modifies, &object, &reference, Some(&attribute), context.now)?;
        }
        let attribute = creation::completed(attribute)?;
        if object.values(&reference).any(|other| other.attribute == attribute) {
            return Err(creation::given_twice(&reference));
        }
        if index.is_some_and(|index| !StoredObject::INDICES.contains(&index)) {
            return Err(creation::wrong_index(&reference));
        }
        let added = match index {
            // An index in a request names the place of the new value; 0, which many clients always send, names none.
            Some(index) if index > 0 && object.values(&reference).all(|other| other.index != index) => {
                object.instances.push(Instance { index, attribute: attribute.clone() });
                index
            }
            _ => object.add(attribute.clone()),
        };
        creation::check_values(&object)?;
        creation::check_dates(&object)?;
        change::follow(&mut object, &reference, context.now);
        let identifier = object.identifier.clone();
        let response = AddAttributeResponse {
            unique_identifier: UniqueIdentifier(identifier.clone()),
            attribute: Some(AttributeInstance { index: Some(added), attribute }),
        };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

/// The attribute to add. Published test cases of 2.0 carry it as Current Attribute.
fn given(request: &AddAttributeRequest) -> Result<&AttributeInstance> {
    let given = request.new_attribute.as_ref().or(request.current_attribute.as_ref());
    given.ok_or_else(|| Error::new(ResultReason::InvalidMessage, "The attribute to add is missing"))
}
