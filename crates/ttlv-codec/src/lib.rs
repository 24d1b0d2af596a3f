//! ttlv-codec.
