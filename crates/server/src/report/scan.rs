//! All objects of a store, a page at a time.

use crate::database::Progress;
use dispatcher::Summary;
use store::{Page, Query, Store, Tenant};
use tokio::runtime::Handle;

/// Objects in memory at one time.
const PAGE: usize = 512;

/// Shows each object to somebody; what cannot be read is named instead.
pub(super) fn scan<S: Store>(
    store: &S,
    now: i64,
    runtime: &Handle,
    progress: &mut Progress,
    mut show: impl FnMut(Tenant, Result<Summary, String>),
) -> Result<(), String> {
    let text = |error: store::StoreError| error.to_string();
    let mut done = 0_u64;
    for tenant in runtime.block_on(store.tenants()).map_err(text)? {
        let mut page = Page::first(PAGE);
        loop {
            let found = runtime.block_on(store.find(tenant, &Query::default(), page)).map_err(text)?;
            for record in load(store, tenant, &found.identifiers, runtime) {
                match record.and_then(|record| record.map_or(Ok(None), |record| dispatcher::summarise(record, now))) {
                    Ok(Some(summary)) => show(tenant, Ok(summary)),
                    // Removed meanwhile, or none of a client.
                    Ok(None) => {}
                    Err(cause) => show(tenant, Err(cause)),
                }
            }
            done += found.identifiers.len() as u64;
            progress.tell("reading objects", done, None, "objects");
            let Some(next) = found.next else { break };
            page.after = Some(next);
        }
    }
    Ok(())
}

/// Records of a page; where one is damaged, each alone, so that the others are read.
fn load<S: Store>(
    store: &S,
    tenant: Tenant,
    identifiers: &[String],
    runtime: &Handle,
) -> Vec<Result<Option<store::Record>, String>> {
    let all: Vec<&str> = identifiers.iter().map(String::as_str).collect();
    if let Ok(records) = runtime.block_on(store.load(tenant, &all)) {
        return records.into_iter().map(Ok).collect();
    }
    let alone = |identifier: &&str| {
        let loaded = runtime.block_on(store.load(tenant, &[*identifier]));
        loaded.map(|mut records| records.pop().flatten()).map_err(|error| error.to_string())
    };
    all.iter().map(alone).collect()
}
