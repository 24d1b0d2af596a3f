//! Set Endpoint Role: exchanges the roles of client and server on a connection.
//!
//! See 2.1, section 6.1.54.

use crate::enumerations::EndpointRole;

structure! {
    /// The request payload of Set Endpoint Role.
    #[derive(Clone)]
    pub struct SetEndpointRoleRequest {
        EndpointRole => endpoint_role: EndpointRole, V2_0..;
    }
}

structure! {
    /// The response payload of Set Endpoint Role.
    #[derive(Clone)]
    pub struct SetEndpointRoleResponse {
        EndpointRole => endpoint_role: EndpointRole, V2_0..;
    }
}
