//! Ping: asks whether the server is there.
//!
//! See 2.1, section 6.1.36.

structure! {
    /// The request payload of Ping. It is empty.
    #[derive(Clone, Default)]
    pub struct PingRequest {}
}

structure! {
    /// The response payload of Ping. It is empty.
    #[derive(Clone, Default)]
    pub struct PingResponse {}
}
