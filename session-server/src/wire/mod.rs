//! What goes over the wire, field by field as the contract names it.

mod create;
mod event;
mod page;
mod query;
mod session;

pub(crate) use create::{CreateBody, Identity, user_of_number};
pub(crate) use event::EventObject;
pub(crate) use page::{logged_out, page, user_path};
pub(crate) use query::Query;
pub(crate) use session::{CreateObject, SessionObject};
