//! Get: the object itself, in the format it is stored in or one it can be converted to (2.1, section 6.1.19).

use kmip::ProtocolVersion;
use kmip::enumerations::KeyFormatType;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::get::{GetRequest, GetResponse};
use policy::Permission;

use crate::authorise::Authorised;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Context, Done, KeyUse, Loaded, Material, Operation, Plan, Weight};
use crate::pkcs12;
use crate::release::{self, Form, Prepared};
use crate::wrapping::Keys;

pub(crate) struct Get;

impl Operation for Get {
    type Request = GetRequest;
    type Response = GetResponse;
    type Prepared = Option<Prepared>;

    const PERMISSION: Permission = Permission::Get;
    const RELEASES_MATERIAL: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;

    fn weight(request: &GetRequest, loaded: &Loaded) -> Weight {
        release::weight(&form(request), loaded)
    }

    fn plan(request: &GetRequest, context: &Context<'_>) -> Result<Plan> {
        form(request).check()?;
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn respell(response: &mut GetResponse, version: ProtocolVersion) -> Result<()> {
        release::check_spelling(&response.object, version)
    }

    fn follow(request: &GetRequest, loaded: &[Authorised], _: &Context<'_>) -> Result<Vec<String>> {
        if request.key_format_type == Some(KeyFormatType::PKCS_12) { pkcs12::follow(loaded) } else { Ok(Vec::new()) }
    }

    fn prepares(request: &GetRequest) -> bool {
        release::prepares(&form(request))
    }

    fn prepare(request: &GetRequest, material: &Material<'_>) -> Result<Option<Prepared>> {
        release::prepare(&form(request), material)
    }

    fn keys(request: &GetRequest, loaded: &[Authorised], keys: &[Authorised], context: &Context<'_>) -> Result<Vec<KeyUse>> {
        release::keys(&form(request), loaded, keys, context)
    }

    fn handle(
        request: &GetRequest,
        loaded: Loaded,
        prepared: &Option<Prepared>,
        context: &Context<'_>,
    ) -> Result<Done<GetResponse>> {
        let mut keys = Keys::new(loaded.keys);
        let mut objects = loaded.objects.into_iter().map(Authorised::into_inner);
        let object = objects.next().ok_or_else(Error::object_not_found)?;
        let others: Vec<StoredObject> = objects.collect();
        let identifier = object.identifier.clone();
        let response = GetResponse {
            object_type: object.object_type,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            object: release::release(&object, &others, prepared.as_ref(), &mut keys, &form(request), context)?,
        };
        let mut done = Done::reply(response).about(&identifier);
        done.changes.extend(release::used(object));
        done.concerned.extend(keys.identifiers().map(str::to_owned));
        done.count(keys.changes());
        Ok(done)
    }
}

const fn form(request: &GetRequest) -> Form<'_> {
    Form {
        format: request.key_format_type,
        wrap_type: request.key_wrap_type,
        compression: request.key_compression_type,
        wrapping: request.key_wrapping_specification.as_ref(),
    }
}
