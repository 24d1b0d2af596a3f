//! Export: an object with all its attributes, as Import takes it (2.1, section 6.1.18). What must not leave the server by Get must not
//! leave it so either.

use kmip::ProtocolVersion;
use kmip::enumerations::KeyFormatType;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::export::{ExportRequest, ExportResponse};
use policy::Permission;

use crate::authorise::Authorised;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Context, Done, KeyUse, Loaded, Material, Operation, Placeholder, Plan, Weight};
use crate::pkcs12;
use crate::release::{self, Form, Prepared};
use crate::spelling;
use crate::wrapping::Keys;

pub(crate) struct Export;

impl Operation for Export {
    type Request = ExportRequest;
    type Response = ExportResponse;
    type Prepared = Option<Prepared>;

    const PERMISSION: Permission = Permission::Export;
    const RELEASES_MATERIAL: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;

    fn weight(request: &ExportRequest, loaded: &Loaded) -> Weight {
        release::weight(&form(request), loaded)
    }

    fn plan(request: &ExportRequest, context: &Context<'_>) -> Result<Plan> {
        form(request).check()?;
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn respell(response: &mut ExportResponse, version: ProtocolVersion) -> Result<()> {
        spelling::attributes(&mut response.attributes, version);
        response.object.as_ref().map_or(Ok(()), |object| release::check_spelling(object, version))
    }

    fn follow(request: &ExportRequest, loaded: &[Authorised], _: &Context<'_>) -> Result<Vec<String>> {
        if request.key_format_type == Some(KeyFormatType::PKCS_12) { pkcs12::follow(loaded) } else { Ok(Vec::new()) }
    }

    fn prepares(request: &ExportRequest) -> bool {
        release::prepares(&form(request))
    }

    fn prepare(request: &ExportRequest, material: &Material<'_>) -> Result<Option<Prepared>> {
        release::prepare(&form(request), material)
    }

    fn keys(request: &ExportRequest, loaded: &[Authorised], keys: &[Authorised], context: &Context<'_>) -> Result<Vec<KeyUse>> {
        release::keys(&form(request), loaded, keys, context)
    }

    fn handle(
        request: &ExportRequest,
        loaded: Loaded,
        prepared: &Option<Prepared>,
        context: &Context<'_>,
    ) -> Result<Done<ExportResponse>> {
        let mut keys = Keys::new(loaded.keys);
        let mut objects = loaded.objects.into_iter().map(Authorised::into_inner);
        let object = objects.next().ok_or_else(Error::object_not_found)?;
        let others: Vec<StoredObject> = objects.collect();
        let identifier = object.identifier.clone();
        // Of a destroyed object there is no material to return; its attributes are.
        let managed = if object.is_destroyed() {
            None
        } else {
            Some(release::release(&object, &others, prepared.as_ref(), &mut keys, &form(request), context)?)
        };
        let mut attributes = object.view(context.now);
        spelling::attributes(&mut attributes, context.version);
        let response = ExportResponse {
            object_type: object.object_type,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            attributes,
            object: managed,
        };
        let mut done = Done::reply(response).about(&identifier);
        done.placeholder = Placeholder::Set(identifier);
        if done.response.object.is_some() {
            done.changes.extend(release::used(object));
        }
        done.concerned.extend(keys.identifiers().map(str::to_owned));
        done.count(keys.changes());
        Ok(done)
    }
}

const fn form(request: &ExportRequest) -> Form<'_> {
    Form {
        format: request.key_format_type,
        wrap_type: request.key_wrap_type,
        compression: request.key_compression_type,
        wrapping: request.key_wrapping_specification.as_ref(),
    }
}
