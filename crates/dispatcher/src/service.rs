//! Cryptographic services: the operations that compute with a key, or with none, in one piece or in parts (2.1, section 6.1).
//!
//! What they have in common is here: whose key, what it may be used for, streams, Usage Limits, and where the work is done. An operation
//! adds how it begins, takes data and ends. Each use of a key is recorded, with the client and the key and without any data.

use std::sync::Arc;

use kmip::Secret;
use kmip::codec::{ByteString, Value};
use kmip::enumerations::{CryptographicAlgorithm as Algorithm, DataEnumeration, ObjectType};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, Data};
use policy::Permission;

use crate::direct::Effect;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Plan, Weight};
use crate::stream::{Parked, Stream};
use crate::use_of_key::{self, Amount, Use};

/// The most data that are worked on where the request is, in bytes. The slowest cipher takes less than a millisecond for as many, AES with the
/// help of the processor a few micro-seconds: the way to another thread and back costs as much.
const INLINE_BYTES: usize = 16 << 10;

/// What the requests of all services have in common.
pub(crate) struct Part<'a> {
    /// The key.
    pub(crate) unique_identifier: Option<&'a ObjectReference>,
    /// What it is used with.
    pub(crate) cryptographic_parameters: Option<&'a CryptographicParameters>,
    /// The data, or these of the data.
    pub(crate) data: Option<&'a Data>,
    /// The digest of the data, in their place.
    pub(crate) digested_data: Option<&'a ByteString>,
    /// What is authenticated with the data.
    pub(crate) additional_data: Option<&'a ByteString>,
    /// The stream that goes on.
    pub(crate) correlation_value: Option<&'a ByteString>,
    /// Whether a stream begins.
    pub(crate) init_indicator: Option<bool>,
    /// Whether it ends.
    pub(crate) final_indicator: Option<bool>,
}

impl Part<'_> {
    /// Whether more is to come.
    fn goes_on(&self) -> bool {
        (self.correlation_value.is_some() || self.init_indicator == Some(true)) && self.final_indicator != Some(true)
    }

    /// Whether all is in this one request.
    fn is_all(&self) -> bool {
        self.correlation_value.is_none() && !self.goes_on()
    }

    /// Whether the fields fit each other.
    fn check(&self) -> Result<()> {
        if self.correlation_value.is_some() && self.init_indicator == Some(true) {
            return Err(Error::invalid_field("A request with a Correlation Value goes on with a stream, and begins none"));
        }
        if self.correlation_value.is_some() && self.additional_data.is_some() {
            // They are authenticated before the data (2.1, section 6.1.17).
            let text = "Authenticated Encryption Additional Data belong to the request that begins the stream";
            return Err(Error::invalid_field(text));
        }
        if self.digested_data.is_some() && (self.data.is_some() || !self.is_all()) {
            return Err(Error::invalid_field("Digested Data is all there is to sign or to verify"));
        }
        // Data is only left out where a stream begins or ends.
        let may_be_empty = self.init_indicator == Some(true) || self.final_indicator == Some(true);
        if self.data.is_none() && self.digested_data.is_none() && !may_be_empty {
            return Err(Error::new(ResultReason::InvalidMessage, "Data is missing"));
        }
        Ok(())
    }
}

/// What a part comes to.
#[derive(Default)]
pub(crate) struct Output {
    /// Data, a signature, a digest or a code.
    pub(crate) data: Option<Arc<Secret>>,
    /// The IV, where the server made it.
    pub(crate) iv: Option<Vec<u8>>,
    /// The tag of authenticated encryption.
    pub(crate) tag: Option<Vec<u8>>,
    /// Whether a signature or code is the right one.
    pub(crate) is_valid: Option<bool>,
}

impl Output {
    /// Data, and nothing else.
    pub(crate) fn of(data: impl Into<Option<Secret>>) -> Self {
        Self { data: data.into().map(Arc::new), ..Self::default() }
    }

    /// A copy of the data for the response.
    pub(crate) fn data(&self) -> Option<Data> {
        self.data.as_ref().map(|data| Data::Bytes(Secret::clone(data)))
    }

    /// A copy of the data for the response, where they are no secret.
    pub(crate) fn bytes(&self) -> Option<ByteString> {
        self.data.as_ref().map(|data| ByteString(data.expose().to_vec()))
    }
}

/// A service.
pub(crate) trait Service: Sized {
    /// Its request payload.
    type Request: Value + Send + Sync + 'static;
    /// Its response payload.
    type Response: Value;
    /// What it has computed so far; wipes itself.
    type State: Send + 'static;

    /// Its code.
    const OPERATION: Code;
    /// What the actor must be allowed to do.
    const PERMISSION: Permission;
    /// What it uses a key for; `None`: it has none.
    const USE: Option<Use>;
    /// What the Data of a later item call its result.
    const RESULT: Option<DataEnumeration>;

    /// The common fields of a request.
    fn part(request: &Self::Request) -> Part<'_>;

    /// Begins, with the Cryptographic Parameters that hold.
    fn begin(
        request: &Self::Request,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        material: &Material<'_>,
    ) -> Result<Self::State>;

    /// Takes data, and gives out what is there already.
    fn update(state: &mut Self::State, request: &Self::Request, data: &[u8]) -> Result<Output>;

    /// Ends.
    fn finish(state: Self::State, request: &Self::Request, material: &Material<'_>) -> Result<Output>;

    /// How much it keeps in memory that grows with the data, in bytes.
    fn held(_state: &Self::State) -> usize {
        0
    }

    /// The response; of an operation without a key, the identifier is empty.
    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> Self::Response;
}

/// What a service made, and what is to be done once it is committed.
#[derive(Default)]
pub(crate) struct Served {
    output: Output,
    amount: Option<Amount>,
    correlation_value: Option<ByteString>,
    parked: Option<Arc<Parked>>,
}

impl<T: Service> Operation for T {
    type Request = T::Request;
    type Response = T::Response;
    type Prepared = Served;

    const PERMISSION: Permission = T::PERMISSION;
    const RELEASES_MATERIAL: bool = T::USE.is_some();
    const PREPARES_FROM_OBJECTS: bool = true;

    fn weight(request: &T::Request, loaded: &Loaded) -> Weight {
        let bytes = match T::part(request).data {
            Some(Data::Bytes(bytes)) => bytes.len(),
            // The result of an earlier item.
            Some(_) => usize::MAX,
            None => 0,
        };
        if bytes > INLINE_BYTES || loaded.objects.iter().any(|object| is_slow(object)) { Weight::Brief } else { Weight::Light }
    }

    fn plan(request: &T::Request, context: &Context<'_>) -> Result<Plan> {
        let part = T::part(request);
        part.check()?;
        let Some(value) = part.correlation_value else {
            return if T::USE.is_some() { context.plan_one(part.unique_identifier) } else { Ok(Plan::default()) };
        };
        let key = context.streams.key(value, context.actor, T::OPERATION, context.now)?;
        if let (Some(reference), Some(key)) = (part.unique_identifier, &key)
            && context.identifier(Some(reference))? != *key
        {
            let text = "The stream with this Correlation Value was begun with another object";
            return Err(Error::new(ResultReason::InvalidCorrelationValue, text));
        }
        Ok(Plan { objects: key.into_iter().collect(), ..Plan::default() })
    }

    fn prepare(request: &T::Request, material: &Material<'_>) -> Result<Served> {
        let part = T::part(request);
        let key = material.objects.first();
        let now = material.at.now;
        let empty = Secret::new(Vec::new());
        let data = part.data.map_or(Ok(&empty), |data| material.batch.data(data))?;
        let digested = part.digested_data.map_or(0, |digest| digest.0.len());
        let amount = Amount { bytes: data.len() + digested, objects: usize::from(part.correlation_value.is_none()) };
        if let (Some(key), Some(of)) = (key, T::USE) {
            // A stream that cannot go on now is judged before it is touched.
            use_of_key::check_use(key, of, material.at)?;
            use_of_key::allocation(key, of, amount)?;
        }

        let mut waiting: Option<Stream> = None;
        let mut state: Box<T::State> = match part.correlation_value {
            None => {
                let parameters = match (key, T::USE) {
                    (Some(key), Some(of)) => use_of_key::check(key, of, part.cryptographic_parameters, material.at)?,
                    _ => part.cryptographic_parameters.cloned().unwrap_or_default(),
                };
                Box::new(T::begin(request, key, parameters, material)?)
            }
            Some(value) => {
                let mut stream = material.streams.take(value, material.actor, T::OPERATION, now)?;
                let state = std::mem::replace(&mut stream.state, Box::new(()));
                waiting = Some(stream);
                state.downcast().map_err(|_| Error::general_failure("a stream of another operation"))?
            }
        };
        let mut output = if part.data.is_some() { T::update(&mut state, request, data.expose())? } else { Output::default() };
        if part.goes_on() {
            let held = T::held(&state);
            let settings = &material.settings.streams;
            let mut stream = match waiting {
                Some(mut stream) => {
                    stream.state = state;
                    stream
                }
                None => {
                    let key = key.map(|key| key.identifier.clone());
                    material.streams.begin(material.actor, T::OPERATION, key, state, now, settings, material.random)?
                }
            };
            stream.renew(held, now, settings)?;
            let correlation_value = Some(stream.correlation_value());
            drop_if_empty(&mut output);
            let parked = Some(Arc::new(Parked::new(Some(stream))));
            return Ok(Served { output, amount: Some(amount), correlation_value, parked });
        }
        let last = T::finish(*state, request, material)?;
        let mut output = join(output, last);
        if !part.is_all() {
            drop_if_empty(&mut output);
        }
        Ok(Served { output, amount: Some(amount), correlation_value: None, parked: None })
    }

    fn handle(_: &T::Request, loaded: Loaded, served: &Served, context: &Context<'_>) -> Result<Done<T::Response>> {
        let correlation_value = served.correlation_value.clone();
        let mut key = UniqueIdentifier(String::new());
        let mut changes = Vec::new();
        let mut concerned = Vec::new();
        if let (Some(of), Some(amount)) = (T::USE, served.amount) {
            let mut object = loaded.one()?.into_inner();
            // Another request may have changed the key since the work was done.
            use_of_key::check_use(&object, of, context.into())?;
            let changed = use_of_key::charge(&mut object, of, amount, context.now)?;
            key = UniqueIdentifier(object.identifier.clone());
            concerned.push(object.identifier.clone());
            if changed {
                changes.push(Change::Write(Box::new(object)));
            }
        }
        let Output { data, iv, tag, is_valid } = &served.output;
        let data = data.clone().filter(|_| !context.ephemeral);
        let output = Output { data, iv: iv.clone(), tag: tag.clone(), is_valid: *is_valid };
        let mut done = Done::reply(T::response(key, &output, correlation_value));
        done.counted = !changes.is_empty();
        done.changes = changes;
        done.concerned = concerned;
        done.effects.extend(served.parked.clone().map(Effect::Continue));
        if !context.version.is_1x() {
            done.data = T::RESULT.zip(served.output.data.clone());
        }
        Ok(done)
    }
}

/// Whether the use of a key takes long whatever the data: private keys, but for those on curves.
pub(crate) fn is_slow(object: &StoredObject) -> bool {
    const QUICK: [Algorithm; 4] = [Algorithm::EC, Algorithm::ECDSA, Algorithm::ECDH, Algorithm::Ed25519];
    object.object_type == ObjectType::PrivateKey
        && !use_of_key::algorithm(object).is_some_and(|algorithm| QUICK.contains(&algorithm))
}

/// In a stream, a response without data has no Data.
fn drop_if_empty(output: &mut Output) {
    if output.data.as_ref().is_some_and(|data| data.is_empty()) {
        output.data = None;
    }
}

/// What was given out before the end, and at it.
fn join(first: Output, last: Output) -> Output {
    let data = match (first.data, last.data) {
        (Some(first), Some(last)) if !first.is_empty() => {
            // Made as long as it will be: what grows leaves copies behind.
            let mut bytes = Vec::with_capacity(first.len() + last.len());
            bytes.extend_from_slice(first.expose());
            bytes.extend_from_slice(last.expose());
            Some(Arc::new(Secret::new(bytes)))
        }
        (first, last) => last.or(first),
    };
    Output { data, iv: last.iv.or(first.iv), tag: last.tag.or(first.tag), is_valid: last.is_valid.or(first.is_valid) }
}
