//! Whether the process runs, and whether it can serve: for whatever supervises it.

use http::StatusCode;
use serde_json::json;
use session_store::SessionStore;

use crate::body;
use crate::router::{App, Call, Outcome};

/// `GET /healthz`: the process. An outage of the store is no reason to restart it.
pub(crate) async fn process<S: SessionStore>(_: &App<S>, _: Call) -> Outcome {
    Ok(body::json(StatusCode::OK, &json!({"status": "ok"})))
}

/// `GET /readyz`: the store.
pub(crate) async fn store<S: SessionStore>(app: &App<S>, _: Call) -> Outcome {
    app.store.ping().await?;
    Ok(body::json(StatusCode::OK, &json!({"status": "ok"})))
}
