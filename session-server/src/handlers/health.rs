//! Whether the process runs, and whether it can serve: for whatever supervises it.

use http::{Response, StatusCode};
use serde::Serialize;
use session_store::SessionStore;

use crate::body::{self, Body};
use crate::router::{App, Call, Outcome};

/// `GET /healthz`: the process. An outage of the store is no reason to restart it.
pub(crate) async fn process<S: SessionStore>(_: &App<S>, _: Call<'_>) -> Outcome {
    Ok(ok())
}

/// `GET /readyz`: the store.
pub(crate) async fn store<S: SessionStore>(app: &App<S>, _: Call<'_>) -> Outcome {
    app.store.ping().await?;
    Ok(ok())
}

fn ok() -> Response<Body> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    body::json(StatusCode::OK, &Health { status: "ok" })
}
