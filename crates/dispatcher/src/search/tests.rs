//! Whatever Locate can be asked for, the store finds: only what is wanted is loaded.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use kmip::ProtocolVersion;
use kmip::attribute::{AttributeFilter, AttributeFilters, AttributeReference, SetBy, VendorAttribute};
use kmip::attributes::ATTRIBUTES;
use kmip::codec::DateTime;
use kmip::enumerations::{CryptographicAlgorithm, State};
use kmip::masks::{CryptographicUsageMask, StorageStatusMask};
use kmip::payload::locate::LocateRequest;
use kmip::structures::{ApplicationSpecificInformation, UsageLimits};
use kmip::tag;
use policy::{Actor, Permission};
use store::memory::MemoryStore;
use store::{Change, Commit, LogRecord, Page, Put, Record, Revision, StoreError, Tenant};
use ttlv_codec::{Reader, Tag, Tree, TreeValue, Writer};

use super::*;
use crate::engine::OFFERED;
use crate::environment::Settings;
use crate::factory::Factory;
use crate::locate::Locate;
use crate::object::Instance;
use crate::operation::{Batch, Operation as _};
use crate::record::to_put;
use crate::stream::Streams;

use samples::{NOW, completed, read, scalars};

#[path = "../../tests/engine/samples.rs"]
mod samples;

/// A store that counts what is loaded.
struct Counting {
    inner: MemoryStore,
    loaded: AtomicUsize,
}

impl Store for Counting {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        self.loaded.fetch_add(identifiers.len(), Ordering::SeqCst);
        self.inner.load(tenant, identifiers).await
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<store::Found, StoreError> {
        self.inner.find(tenant, query, page).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.inner.tenants().await
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        self.inner.commit(tenant, commit).await
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        self.inner.read_log(from, limit).await
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        self.inner.drop_log(before).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.inner.writable()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn object(identifier: &str, attributes: Vec<Attribute>) -> StoredObject {
    let mut object = StoredObject::new(identifier.to_owned(), "fred".to_owned(), ObjectType::SymmetricKey, ProtocolVersion::V2_1);
    object.instances = (0..).zip(attributes).map(|(index, attribute)| Instance { index, attribute }).collect();
    object
}

fn store_of(objects: &[StoredObject]) -> Counting {
    let store = Counting { inner: MemoryStore::new(), loaded: AtomicUsize::new(0) };
    let changes = objects.iter().map(|object| Change::Put(to_put(object))).collect();
    block_on(store.commit(Tenant::DEFAULT, Commit { changes, ..Commit::default() })).unwrap();
    store
}

/// What a Locate finds, and how many objects were loaded for it.
fn locate(store: &Counting, version: ProtocolVersion, filters: Vec<AttributeFilter>) -> (Vec<String>, usize) {
    locate_with(store, version, filters, |_| {})
}

fn locate_with(
    store: &Counting,
    version: ProtocolVersion,
    filters: Vec<AttributeFilter>,
    change: impl FnOnce(&mut LocateRequest),
) -> (Vec<String>, usize) {
    let mut request = LocateRequest {
        maximum_items: None,
        offset_items: None,
        storage_status_mask: None,
        object_group_member: None,
        object_class_mask: None,
        attributes: AttributeFilters(filters),
        template_attribute: None,
    };
    change(&mut request);
    let (actor, settings, batch) = (Actor::new("fred"), Settings::default(), Batch::default());
    let random = crypto::SystemRandom::default();
    let context = Context {
        version,
        actor: &actor,
        now: NOW,
        settings: &settings,
        batch: &batch,
        random: &random,
        streams: &Streams::default(),
        factory: &Factory::default(),
        link: None,
        replaced: &crate::replaced::Replaced::default(),
        allowed: None,
        ephemeral: false,
        attestor: &crate::environment::NoAttestor,
        can_attest: false,
    };
    let mut search = Locate::plan(&request, &context).unwrap().search.unwrap();
    let view = View::new(store, Tenant::DEFAULT);
    let run = |search: &Search| -> Vec<String> {
        let found = block_on(find(&view, search, &context, Permission::Locate)).unwrap();
        found.into_iter().map(|found| found.identifier).collect()
    };
    let is_exact = std::mem::take(&mut search.wanted.is_exact);
    store.loaded.store(0, Ordering::SeqCst);
    let judged = run(&search);
    let loaded = store.loaded.swap(0, Ordering::SeqCst);
    if is_exact {
        // What the index alone says is what a look at each object says.
        search.wanted.is_exact = true;
        assert_eq!(run(&search), judged, "{version}");
        assert_eq!(store.loaded.load(Ordering::SeqCst), 0, "{version}");
        EXACT.fetch_add(1, Ordering::SeqCst);
    }
    (judged, loaded)
}

/// Searches that the index answered alone.
static EXACT: AtomicUsize = AtomicUsize::new(0);

#[test]
fn what_clients_ask_for_most_is_answered_by_the_index_alone() {
    let name = |text: &str| Attribute::Name(Name::text(text));
    let group = |text: &str| Attribute::ObjectGroup(text.to_owned());
    let aes = || Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES);
    let mut both = object("both", vec![name("a"), group("g"), aes(), Attribute::CryptographicLength(256)]);
    both.add(name("b"));
    let archived = object("archived", vec![name("a"), group("g"), Attribute::ArchiveDate(DateTime(5))]);
    let dead = object("dead", vec![name("a"), group("g"), Attribute::DestroyDate(DateTime(5))]);
    let store = store_of(&[both, archived, dead, object("other", vec![name("c"), aes()])]);
    let before = EXACT.load(Ordering::SeqCst);
    for version in OFFERED {
        let by = |wanted: &[Attribute]| locate(&store, version, wanted.iter().map(|one| filter(one, version)).collect()).0;
        assert_eq!(by(&[name("a")]), ["both"], "{version}");
        assert_eq!(by(&[name("a"), name("b")]), ["both"], "{version}");
        assert_eq!(by(&[name("a"), name("c")]), Vec::<String>::new(), "{version}");
        assert_eq!(by(&[group("g"), aes(), Attribute::CryptographicLength(256)]), ["both"], "{version}");
        assert_eq!(by(&[aes(), Attribute::ObjectType(ObjectType::SymmetricKey)]), ["other", "both"], "{version}");
    }
    assert!(EXACT.load(Ordering::SeqCst) >= before + 5 * OFFERED.len());
}

fn filter(attribute: &Attribute, version: ProtocolVersion) -> AttributeFilter {
    AttributeFilter::exactly(attribute, version).unwrap()
}

fn keys_of(attribute: &Attribute) -> usize {
    let Put { terms, numbers, .. } = to_put(&object("x", vec![attribute.clone()]));
    let Put { terms: of_all, numbers: none, .. } = to_put(&object("x", vec![]));
    terms.len() + numbers.len() - of_all.len() - none.len()
}

/// A value of an attribute, made from nothing but its row.
fn sample(tag: Tag, version: ProtocolVersion, number: u8) -> Attribute {
    if let Some(attribute) = scalars(number).iter().find_map(|scalar| read(tag, scalar, version).ok()) {
        return attribute;
    }
    let attribute = completed(tag, vec![], version, number).unwrap_or_else(|| panic!("{}", tag::display(tag)));
    if keys_of(&attribute) > 0 {
        return attribute;
    }
    // What it must have selects nothing: one field more, which it may have.
    let optional = tag::ALL.iter().flat_map(|row| scalars(number).into_iter().map(|value| Tree { tag: row.tag, value }));
    let value = attribute.to_tree(version).unwrap();
    let TreeValue::Structure(fields) = &value else { unreachable!("it was completed as one") };
    let with_one_more = |field: Tree| {
        let insert = |at: usize| {
            let mut fields = fields.clone();
            fields.insert(at, field.clone());
            read(tag, &TreeValue::Structure(fields), version).ok()
        };
        (0..=fields.len()).find_map(insert).filter(|attribute| keys_of(attribute) > 0)
    };
    optional.into_iter().find_map(with_one_more).unwrap_or_else(|| panic!("{} has no key", tag::display(tag)))
}

/// The conditions that a value of an attribute satisfies: the whole, and each field alone that selects anything.
fn conditions(attribute: &Attribute, version: ProtocolVersion) -> Vec<AttributeFilter> {
    let whole = filter(attribute, version);
    let mut conditions = vec![whole.clone()];
    if let TreeValue::Structure(fields) = &whole.value {
        let is_the_servers = attribute.rules().set_by == SetBy::Server;
        let common = |field: &Tree| matches!(field.value, TreeValue::Enumeration(_) | TreeValue::Boolean(_));
        let selective = |field: &&Tree| !(is_the_servers && common(field));
        conditions.extend(fields.iter().filter(selective).map(|field| AttributeFilter {
            reference: whole.reference.clone(),
            value: TreeValue::Structure(vec![field.clone()]),
        }));
    }
    conditions
}

/// Attributes that no object keeps: they are computed.
const COMPUTED: [Tag; 3] = [tag::UniqueIdentifier, tag::ObjectType, tag::State];

#[test]
fn every_attribute_of_the_table_is_found_through_the_index() {
    let mut asked_for = 0;
    for rules in ATTRIBUTES.iter().filter(|rules| !COMPUTED.contains(&rules.tag)) {
        for version in OFFERED.into_iter().filter(|version| rules.versions.contains(*version)) {
            // Stored at the newest version that has the attribute, asked for at every one.
            let wanted = sample(rules.tag, version, 1);
            let other = sample(rules.tag, version, 2);
            let mut objects: Vec<StoredObject> =
                (0..40).map(|number| object(&format!("other {number}"), vec![other.clone()])).collect();
            objects.insert(20, object("wanted", vec![wanted.clone()]));
            let kept = match rules.tag {
                tag::DestroyDate => Some(StorageStatusMask::DestroyedStorage),
                tag::ArchiveDate => Some(StorageStatusMask::ArchivalStorage),
                _ => None,
            };
            let store = store_of(&objects);
            for condition in conditions(&wanted, version) {
                let shown = format!("{version} {condition:?}");
                // Of amounts, larger ones are wanted, too.
                let is_amount = matches!(&condition.value, TreeValue::Structure(fields)
                    if rules.tag == tag::UsageLimits && fields.iter().all(|field| matches!(field.value, TreeValue::LongInteger(_))));
                let expected = if is_amount { 41 } else { 1 };
                let found = locate_with(&store, version, vec![condition], |request| {
                    request.storage_status_mask = kept;
                });
                assert_eq!((found.0.len(), found.1), (expected, expected), "{shown}");
                assert!(found.0.iter().any(|identifier| identifier == "wanted"), "{shown}");
                asked_for += 1;
            }
        }
    }
    assert!(asked_for > 300, "{asked_for}");
}

#[test]
fn computed_attributes_are_found_without_a_look_at_everything() {
    let date = |tag, at| Attribute::read_as(tag, &Reader::new(&written(tag, at)).next_item().unwrap().unwrap(), OFFERED[0]);
    let dated = |identifier: &str, dates: &[(Tag, i64)]| {
        object(identifier, dates.iter().map(|(tag, at)| date(*tag, NOW + at).unwrap().unwrap()).collect())
    };
    let mut objects: Vec<StoredObject> = (0..40).map(|number| object(&format!("other {number}"), vec![])).collect();
    objects.extend([
        dated("active", &[(tag::ActivationDate, -1)]),
        dated("deactivated", &[(tag::ActivationDate, -2), (tag::DeactivationDate, 0)]),
        dated("compromised", &[(tag::CompromiseDate, -1)]),
        dated("destroyed", &[(tag::DestroyDate, -1)]),
        dated("both", &[(tag::DestroyDate, -1), (tag::CompromiseDate, -1)]),
    ]);
    let mut secret = object("secret", vec![]);
    secret.object_type = ObjectType::SecretData;
    objects.push(secret);
    let store = store_of(&objects);
    let all = |request: &mut LocateRequest| {
        request.storage_status_mask = Some(StorageStatusMask::OnLineStorage | StorageStatusMask::DestroyedStorage);
    };
    for version in OFFERED {
        let by = |attribute: Attribute| locate_with(&store, version, vec![filter(&attribute, version)], all);
        for (state, expected, loaded) in [
            (State::Active, "active", 2),
            (State::Deactivated, "deactivated", 1),
            (State::Compromised, "compromised", 1),
            (State::Destroyed, "destroyed", 2),
            (State::DestroyedCompromised, "both", 1),
        ] {
            assert_eq!(by(Attribute::State(state)), (vec![expected.to_owned()], loaded), "{version} {state:?}");
        }
        assert_eq!(by(Attribute::State(State::PreActive)).0.len(), 41, "{version}: the others and the secret");
        assert_eq!(by(Attribute::ObjectType(ObjectType::SecretData)), (vec!["secret".to_owned()], 1), "{version}");
        assert_eq!(by(Attribute::UniqueIdentifier("other 7".into())), (vec!["other 7".to_owned()], 1), "{version}");
        assert_eq!(by(Attribute::UniqueIdentifier("nobody".into())), (vec![], 1), "{version}");
    }
}

fn written(tag: Tag, date: i64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.date_time(tag, date);
    writer.finish()
}

#[test]
fn an_identifier_of_another_owner_or_of_a_wrong_type_finds_nothing() {
    let mut hers = object("hers", vec![]);
    hers.owner = "wilma".to_owned();
    let store = store_of(&[hers, object("his", vec![])]);
    for version in OFFERED {
        let by = |value| vec![AttributeFilter { reference: AttributeReference::Standard(tag::UniqueIdentifier), value }];
        assert_eq!(locate(&store, version, by(TreeValue::TextString("hers".to_owned()))).0, Vec::<String>::new());
        assert_eq!(locate(&store, version, by(TreeValue::Integer(1))), (vec![], 0));
        let both = [by(TreeValue::TextString("his".to_owned())), by(TreeValue::TextString("hers".to_owned()))].concat();
        assert_eq!(locate(&store, version, both).0, Vec::<String>::new(), "{version}");
    }
}

#[test]
fn dates_are_found_alone_and_in_ranges() {
    let objects: Vec<StoredObject> = (0..50)
        .map(|number| {
            let vendor = VendorAttribute {
                vendor_identification: "x".to_owned(),
                attribute_name: "Audited".to_owned(),
                attribute_value: TreeValue::DateTime(NOW + number),
            };
            object(&number.to_string(), vec![Attribute::InitialDate(DateTime(NOW + number)), Attribute::Vendor(vendor)])
        })
        .collect();
    let store = store_of(&objects);
    let vendor = AttributeReference::Vendor { vendor_identification: "x".to_owned(), attribute_name: "Audited".to_owned() };
    for version in OFFERED {
        for reference in [AttributeReference::Standard(tag::InitialDate), vendor.clone()] {
            let by = |dates: &[i64]| {
                let filter = |date: &i64| AttributeFilter {
                    reference: reference.clone(),
                    value: TreeValue::DateTime(date.saturating_add(if *date == i64::MAX { 0 } else { NOW })),
                };
                locate(&store, version, dates.iter().map(filter).collect())
            };
            let expected = |numbers: &[i64]| (numbers.iter().map(i64::to_string).collect::<Vec<_>>(), numbers.len());
            assert_eq!(by(&[7]), expected(&[7]), "{version} {reference}");
            assert_eq!(by(&[7, 9]), expected(&[9, 8, 7]), "{version} {reference}");
            assert_eq!(by(&[9, 7]), expected(&[9, 8, 7]), "{version} {reference}");
            assert_eq!(by(&[48, i64::MAX]), expected(&[49, 48]), "{version} {reference}");
            assert_eq!(by(&[-9, 0]), expected(&[0]), "{version} {reference}");
            assert_eq!(by(&[50]), expected(&[]), "{version} {reference}");
        }
    }
}

#[test]
fn vendor_attributes_of_every_type_are_found() {
    let long = |letter: &str| TreeValue::TextString(letter.repeat(100_000));
    let nested = |text: &str| {
        let inner = TreeValue::Structure(vec![Tree { tag: Tag(0x54_0010), value: TreeValue::TextString(text.to_owned()) }]);
        TreeValue::Structure(vec![Tree { tag: Tag(0x54_0011), value: inner }])
    };
    let extended = |micros| TreeValue::DateTimeExtended(micros);
    let mut pairs: Vec<(TreeValue, TreeValue)> = scalars(1).into_iter().zip(scalars(2)).collect();
    pairs.extend([(long("a"), long("b")), (nested("a"), nested("b")), (extended(1), extended(2))]);
    for (wanted, other) in pairs {
        let vendor = |name: &str, value: &TreeValue| {
            Attribute::Vendor(VendorAttribute {
                vendor_identification: "x".to_owned(),
                attribute_name: name.to_owned(),
                attribute_value: value.clone(),
            })
        };
        let mut objects: Vec<StoredObject> = (0..20)
            .map(|number| object(&format!("other {number}"), vec![vendor("Shelf", &other), vendor("Drawer", &wanted)]))
            .collect();
        objects.push(object("wanted", vec![vendor("Shelf", &wanted)]));
        let store = store_of(&objects);
        for version in OFFERED {
            let found = locate(&store, version, vec![filter(&vendor("Shelf", &wanted), version)]);
            assert_eq!(found, (vec!["wanted".to_owned()], 1), "{version} {wanted:?}");
        }
    }
}

#[test]
fn a_mask_is_found_by_the_bits_that_are_asked_for() {
    let mask = |bits: CryptographicUsageMask| Attribute::CryptographicUsageMask(bits);
    let (encrypt, decrypt, sign) =
        (CryptographicUsageMask::Encrypt, CryptographicUsageMask::Decrypt, CryptographicUsageMask::Sign);
    let store = store_of(&[
        object("encrypt", vec![mask(encrypt)]),
        object("both", vec![mask(encrypt | decrypt)]),
        object("sign", vec![mask(sign)]),
        object("none", vec![mask(CryptographicUsageMask::default())]),
        object("high", vec![mask(CryptographicUsageMask(1 << 31))]),
    ]);
    for version in OFFERED {
        let by = |bits| locate(&store, version, vec![filter(&mask(bits), version)]);
        assert_eq!(by(encrypt), (vec!["both".to_owned(), "encrypt".to_owned()], 2), "{version}");
        assert_eq!(by(encrypt | decrypt), (vec!["both".to_owned()], 1), "{version}");
        assert_eq!(by(encrypt | sign), (vec![], 0), "{version}");
        assert_eq!(by(CryptographicUsageMask(1 << 31)), (vec!["high".to_owned()], 1), "{version}");
        assert_eq!(by(CryptographicUsageMask::default()).0.len(), 5, "{version}: no bit is asked for");
    }
}

#[test]
fn usage_limits_are_found_by_at_least_as_much() {
    let limits = |total| {
        Attribute::UsageLimits(UsageLimits {
            usage_limits_total: total,
            usage_limits_count: Some(total),
            usage_limits_unit: kmip::enumerations::UsageLimitsUnit::Byte,
        })
    };
    let objects: Vec<StoredObject> = (0..50).map(|total| object(&total.to_string(), vec![limits(total)])).collect();
    let store = store_of(&objects);
    for version in OFFERED {
        let found = locate(&store, version, vec![filter(&limits(48), version)]);
        assert_eq!(found, (vec!["49".to_owned(), "48".to_owned()], 2), "{version}");
    }
}

#[test]
fn the_destroyed_cost_a_search_for_the_living_nothing() {
    let group = || Attribute::ObjectGroup("g".to_owned());
    let dead = |number: usize| object(&format!("dead {number}"), vec![group(), Attribute::DestroyDate(DateTime(1))]);
    let mut objects: Vec<StoredObject> = (0..100).map(dead).collect();
    objects.push(object("living", vec![group()]));
    let store = store_of(&objects);
    let with = |mask| {
        let by_group = vec![filter(&group(), OFFERED[0])];
        let found = locate_with(&store, OFFERED[0], by_group, |request| request.storage_status_mask = mask);
        (found.0.len(), found.1)
    };
    assert_eq!(with(None), (1, 1));
    assert_eq!(with(Some(StorageStatusMask::DestroyedStorage)), (100, 100));
    assert_eq!(with(Some(StorageStatusMask::OnLineStorage | StorageStatusMask::DestroyedStorage)), (101, 101));
    assert_eq!(with(Some(StorageStatusMask::ArchivalStorage)), (0, 0));
}

#[test]
fn a_search_ends_when_enough_is_found_however_much_there_is() {
    let algorithm = || Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES);
    let fresh = |is_fresh| Attribute::Fresh(is_fresh);
    let make = |number: usize| object(&number.to_string(), vec![algorithm(), fresh(number >= 900)]);
    let objects: Vec<StoredObject> = (0..1_000).map(make).collect();
    let store = store_of(&objects);
    for version in OFFERED.into_iter().filter(|version| *version >= ProtocolVersion::V1_3) {
        let by_algorithm = || vec![filter(&algorithm(), version)];
        let (found, loaded) = locate_with(&store, version, by_algorithm(), |request| request.maximum_items = Some(2));
        assert_eq!((found, loaded), (vec!["999".to_owned(), "998".to_owned()], SEARCH_CHUNK), "{version}");
        let (found, loaded) = locate_with(&store, version, by_algorithm(), |request| {
            request.maximum_items = Some(1);
            request.object_group_member = Some(kmip::enumerations::ObjectGroupMember::GroupMemberFresh);
        });
        assert_eq!((found, loaded), (vec!["900".to_owned()], SEARCH_CHUNK), "{version}: the oldest that is fresh");
    }
}

#[test]
fn an_object_is_found_by_its_living_name_while_it_lives() {
    let name = Attribute::Name(Name::text("first"));
    let mut named = object("named", vec![name.clone()]);
    assert!(to_put(&named).terms.contains(&keys::living_name(&name)));
    named.set(Attribute::DestroyDate(DateTime(1)));
    let Put { terms, .. } = to_put(&named);
    assert!(!terms.contains(&keys::living_name(&name)) && terms.contains(&keys::destroyed(true)));
}

#[test]
fn long_values_make_short_terms_that_differ() {
    let name = |last: &str| Attribute::Name(Name::text(&("n".repeat(60_000) + last)));
    assert_ne!(keys::living_name(&name("a")), keys::living_name(&name("b")));
    let information = Attribute::ApplicationSpecificInformation(ApplicationSpecificInformation {
        application_namespace: "n".repeat(60_000),
        application_data: Some("d".repeat(60_000)),
    });
    let Put { terms, .. } = to_put(&object("x", vec![name("a"), information]));
    assert_eq!(terms.len(), 7, "two fields of a name and the living name, two fields, type, not destroyed");
    assert!(terms.iter().all(|term| term.value.len() <= 64));
}
