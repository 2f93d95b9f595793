//! What all tests share.

mod back_end;
mod behind;
mod browser;
mod client;
mod description;
mod faulty;
mod process;
mod server;

pub(crate) use back_end::{BackEnd, Memory, Redis, on_every_back_end};
pub(crate) use behind::{Service, free_address, readme_configuration};
pub(crate) use browser::Browser;
pub(crate) use client::{Request, Response, exchange, read_to_end};
pub(crate) use description::Description;
pub(crate) use faulty::{Fault, FaultyStore};
pub(crate) use process::ServerProcess;
pub(crate) use server::{SERVICE_KEY, TestServer, device, start};
