//! One table: method × path × handler.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Response, Version};
use hyper::body::{Bytes, Incoming};
use percent_encoding::percent_decode_str;
use session_store::{Digester, SessionStore};

use crate::admin;
use crate::body::{self, Body};
use crate::config::Settings;
use crate::cors;
use crate::exchange::Exchange;
use crate::handlers::{events, health, metrics, openapi, sessions, users, verify};
use crate::live::Hub;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct App<S> {
    pub(crate) store: Arc<S>,
    pub(crate) settings: Settings,
    /// Who listens to what happens.
    pub(crate) live: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    /// The figures have an address of their own.
    pub(crate) metrics_elsewhere: bool,
    /// What the server says of itself.
    pub(crate) description: Bytes,
}

impl<S: SessionStore> App<S> {
    /// Makes the same digests as the store.
    pub(crate) fn digester(&self) -> Digester {
        Digester::new(self.store.config().pepper.as_ref())
    }
}

/// A request on its way to a handler.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: Bytes,
    /// Where the request came from.
    pub(crate) client: IpAddr,
    /// The variable part of the path, as it was sent: still percent-encoded.
    pub(crate) segment: &'a str,
    /// What the log will tell.
    pub(crate) exchange: &'a Exchange<'a>,
}

impl Call<'_> {
    /// The query, without the `?`.
    pub(crate) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// The variable part of the path, decoded; `None` where it isn't UTF-8.
    pub(crate) fn decoded_segment(&self) -> Option<String> {
        let decoded = percent_decode_str(self.segment).decode_utf8().ok()?;
        Some(decoded.into_owned())
    }
}

pub(crate) type Outcome = Result<Response<Body>, Problem>;
type Handling<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
type Handler<S> = for<'a> fn(&'a App<S>, Call<'a>) -> Handling<'a>;

macro_rules! table {
    ($($method:ident $path:literal => $handler:path,)+) => {
        vec![$((Verb::$method, $path, |app, call| Box::pin($handler(app, call)))),+]
    };
}

fn table<S: SessionStore>() -> Vec<(Verb, &'static str, Handler<S>)> {
    table![
        Post   "/sessions/create"               => sessions::create,
        Get    "/sessions/my-sessions"          => sessions::mine,
        Get    "/sessions/session/{id}"         => sessions::get,
        Delete "/sessions/session/{id}"         => sessions::delete,
        Delete "/sessions/logout"               => sessions::logout,
        Delete "/sessions/logout-all"           => sessions::logout_all,
        Get    "/sessions/active-devices-count" => sessions::count,
        Post   "/sessions/update-activity"      => sessions::update_activity,
        Get    "/sessions/user/{user_id}"       => users::list,
        Delete "/sessions/user/{user_id}"       => users::delete,
        Any    "/sessions/verify"               => verify::verify,
        Get    "/sessions/events"               => events::events,
        Get    "/admin"                         => admin::page,
        Get    "/healthz"                       => health::process,
        Get    "/readyz"                        => health::store,
        Get    "/metrics"                       => metrics::metrics,
        Get    "/openapi.json"                  => openapi::openapi,
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Answers `HEAD` too; hyper leaves the body out.
    Get,
    Post,
    Delete,
    /// Proxies forward the method of the request that they ask about, and sometimes the length of
    /// its body without the body: it is never read here.
    Any,
}

impl Verb {
    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Get => method == Method::GET || method == Method::HEAD,
            Self::Post => method == Method::POST,
            Self::Delete => method == Method::DELETE,
            Self::Any => true,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Any => "*",
        }
    }
}

struct Endpoint<S> {
    verb: Verb,
    /// As the table has it.
    path: &'static str,
    handler: Handler<S>,
}

/// The table, ready to be looked up, and what its handlers work with.
pub(crate) struct Router<S> {
    pub(crate) app: App<S>,
    paths: matchit::Router<Vec<Endpoint<S>>>,
}

impl<S: SessionStore> Router<S> {
    pub(crate) fn new(app: App<S>) -> Self {
        let mut paths = matchit::Router::<Vec<Endpoint<S>>>::new();
        for (verb, path, handler) in table() {
            let endpoint = Endpoint {
                verb,
                path,
                handler,
            };
            // Both methods of a path spell it alike, so a look-up finds the first one's entry.
            match paths.at_mut(path) {
                Ok(entry) => entry.value.push(endpoint),
                Err(_) => paths
                    .insert(path, vec![endpoint])
                    .expect("the table's paths don't contradict each other"),
            }
        }
        Self { app, paths }
    }

    /// Answers a request, with a problem if need be.
    pub(crate) async fn answer(
        &self,
        parts: &Parts,
        body: Incoming,
        client: IpAddr,
        exchange: &Exchange<'_>,
    ) -> Response<Body> {
        let outcome = self.try_answer(parts, body, client, exchange).await;
        outcome.unwrap_or_else(|problem| {
            exchange.log_problem(&problem);
            problem.into_response()
        })
    }

    async fn try_answer(
        &self,
        parts: &Parts,
        body: Incoming,
        client: IpAddr,
        exchange: &Exchange<'_>,
    ) -> Outcome {
        let found = self.find(parts);
        if let Ok((endpoint, _)) = &found {
            exchange.set_endpoint(endpoint.path);
        }
        let reads_body = !matches!(
            found,
            Ok((
                Endpoint {
                    verb: Verb::Any,
                    ..
                },
                _
            ))
        );
        let body = if reads_body {
            let patience = self.app.settings.limits.header_timeout;
            body::read(body, &parts.headers, patience).await
        } else {
            Ok(Bytes::new())
        };
        check_head(parts)?;
        let cors = &self.app.settings.cors;
        // Where `OPTIONS` is a method like any other, it stays one.
        if found.is_err() && cors.is_on() && cors::is_preflight(parts) {
            return Ok(cors.preflight(parts));
        }
        let (endpoint, segment) = found?;
        let body = body?;
        let call = Call {
            parts,
            body,
            client,
            segment,
            exchange,
        };
        (endpoint.handler)(&self.app, call).await
    }

    fn find<'a>(&'a self, parts: &'a Parts) -> Result<(&'a Endpoint<S>, &'a str), Problem> {
        let found = self.paths.at(parts.uri.path());
        let found = found.map_err(|_| Problem::not_found("Not Found"))?;
        let mut endpoints = found.value.iter();
        match endpoints.find(|endpoint| endpoint.verb.takes(&parts.method)) {
            Some(endpoint) => {
                let segment = found.params.iter().next().map(|(_, segment)| segment);
                Ok((endpoint, segment.unwrap_or_default()))
            }
            None => {
                let verbs: Vec<_> = found.value.iter().map(|it| it.verb.allow()).collect();
                let allow = HeaderValue::try_from(verbs.join(", ")).expect("methods are ASCII");
                Err(Problem::method_not_allowed(allow))
            }
        }
    }
}

const MAX_URI_BYTES: usize = 8 * 1024;
const MAX_HEADER_FIELDS: usize = 100;
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Refuses what is too much, and says what the bounds are. hyper's own, which are more, close the
/// connection.
fn check_head(parts: &Parts) -> Result<(), Problem> {
    if parts.uri.path().len() + parts.uri.query().map_or(0, str::len) > MAX_URI_BYTES {
        return Err(Problem::uri_too_long(MAX_URI_BYTES));
    }
    // A long credential is for whoever knows credentials to refuse.
    let others = parts
        .headers
        .iter()
        .filter(|(name, _)| *name != AUTHORIZATION);
    let bytes: usize = others
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if parts.headers.len() > MAX_HEADER_FIELDS || bytes > MAX_HEADER_BYTES {
        return Err(Problem::too_many_headers(
            MAX_HEADER_FIELDS,
            MAX_HEADER_BYTES,
        ));
    }
    // A proxy in front may have gone by the other one.
    let hosts = parts.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        let detail = "An HTTP/1.1 request must have one Host header";
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use session_store::MemoryStore;

    use super::*;
    use crate::openapi::{self, METHODS};

    #[test]
    fn the_description_names_exactly_what_the_table_does() {
        let described: BTreeSet<_> = openapi::tests::operations(&[]).into_iter().collect();
        let answered = table::<MemoryStore>()
            .into_iter()
            .flat_map(|(verb, path, _)| {
                let methods: &[_] = match verb {
                    Verb::Get => &["get"],
                    Verb::Post => &["post"],
                    Verb::Delete => &["delete"],
                    Verb::Any => &METHODS,
                };
                methods.iter().map(move |method| format!("{method} {path}"))
            });
        assert_eq!(described, answered.collect::<BTreeSet<_>>());
    }
}
