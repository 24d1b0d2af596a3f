//! Log: writes into the log of the server.
//!
//! See 2.1, section 6.1.29.

structure! {
    /// The request payload of Log.
    #[derive(Clone)]
    pub struct LogRequest {
        LogMessage => log_message: String, V2_0..;
    }
}

structure! {
    /// The response payload of Log. It is empty.
    #[derive(Clone, Default)]
    pub struct LogResponse {}
}
