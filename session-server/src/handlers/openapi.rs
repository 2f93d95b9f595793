//! What the server says of itself.

use http::StatusCode;
use session_store::SessionStore;

use crate::body;
use crate::router::{App, Call, Outcome};

/// `GET /openapi.json`
pub(crate) async fn openapi<S: SessionStore>(app: &App<S>, _: Call<'_>) -> Outcome {
    let description = app.description.clone();
    Ok(body::json_text(StatusCode::OK, description))
}
