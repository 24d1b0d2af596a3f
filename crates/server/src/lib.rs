//! The server: sockets, TLS, limits, configuration, administration. The composition root of kmipd.
//!
//! Nothing here knows what a KMIP operation does: a request is a run of bytes with a limit, handed to a [`service::Service`], and
//! [`engine`] is the one module that knows the dispatcher behind it.

pub mod admin;
mod aside;
pub mod attestation;
pub mod audit_trail;
mod authentication;
pub mod bundle;
pub mod checkpoints;
pub mod command;
pub mod config;
mod connection;
pub mod database;
pub mod duties;
pub mod engine;
pub mod enrolment;
pub mod expiry;
pub mod explain;
pub mod files;
pub mod framing;
pub mod hashed_password;
pub mod health;
mod hexadecimal;
pub mod identity;
pub mod limits;
pub mod listener;
pub mod live;
pub mod local_users;
pub mod lockout;
pub mod logging;
pub mod metrics;
pub mod monitoring;
pub mod operated;
pub mod policies;
pub mod registrar;
pub mod report;
pub mod run;
pub mod service;
pub mod setup;
pub mod sink;
pub mod socket;
pub mod throttle;
pub mod tls;
pub mod totp;
pub mod users;
pub mod work;
