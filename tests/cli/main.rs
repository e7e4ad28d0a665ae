//! The program as people meet it: the real binary over folders of its own, every command and refusal.

#![allow(clippy::unwrap_used)]

mod covering;
mod doctor;
mod email_set;
mod every_command;
mod fault_store;
mod faults;
mod front;
mod golden;
// Not all of its manners are met here.
#[allow(dead_code)]
#[path = "../service/http.rs"]
mod http;
mod key_drill;
mod looking;
#[path = "../bad_input/mounts.rs"]
#[allow(dead_code)]
mod mounts;
mod never;
mod never_here;
mod never_modes;
mod never_office;
mod never_year;
mod opening;
mod place;
mod progress;
mod quick_start;
mod repairing;
mod report;
mod retention;
mod retention_fortnight;
mod retention_life;
mod retention_more;
mod retention_run;
mod retention_words;
mod root_shell;
#[path = "../support/s3.rs"]
#[allow(dead_code)]
mod s3;
mod serving;
mod setting_up;
mod small;
#[path = "../service/smtp.rs"]
mod smtp;
mod telling;
mod trust;
mod under_systemd;
mod verifying;
mod voices;
mod watching;
