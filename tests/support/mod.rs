//! What integration tests share: the S3 server in this process, and the addresses of the services that
//! `tests/all.sh` starts. A test whose service is missing fails; it is never passed over.
#![allow(dead_code)]

pub mod moto;
pub mod s3;
pub mod services;
pub mod world;
