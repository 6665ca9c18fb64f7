//! Everything inbound: router, operations, the Web API and the control plane.
