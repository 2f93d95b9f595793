//! Numbers for the operator.

use session_store::SessionStore;

use crate::problem::Problem;
use crate::router::{App, Call, Outcome};

/// `GET /metrics`, unless they have an address of their own.
pub(crate) async fn metrics<S: SessionStore>(app: &App<S>, _: Call<'_>) -> Outcome {
    if app.metrics_elsewhere {
        return Err(Problem::not_found("Not Found"));
    }
    Ok(app.metrics.page())
}
