//! kmip.
