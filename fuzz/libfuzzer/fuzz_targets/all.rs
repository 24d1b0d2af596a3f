//! One input for every target of the fuzz crate.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for (_, target) in fuzz::ALL {
        target(bytes);
    }
});
