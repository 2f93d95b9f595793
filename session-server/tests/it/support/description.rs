//! Holds what the server answers against what it says of itself at `/openapi.json`.

use jsonschema::Draft;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::{Memory, Request, Response, exchange, start};

/// The server's description, as a server without further settings gives it.
pub(crate) struct Description(Value);

/// What comes with an answer whatever it is about, and what browsers are told.
const USUAL_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
    "vary",
];
const OF_BROWSERS: &str = "access-control-";

/// What is answered before it is known whether there is such a path.
const ANYWHERE: [u16; 4] = [400, 404, 414, 431];

impl Description {
    pub(crate) async fn get() -> &'static Self {
        static DESCRIPTION: OnceCell<Description> = OnceCell::const_new();
        DESCRIPTION.get_or_init(Self::fetch).await
    }

    async fn fetch() -> Self {
        let (server, _memory) = start::<Memory>(&[]).await;
        let get = server.get("/openapi.json").bytes();
        let answer = Response::parse(&exchange(server.address, &get).await);
        let mut document = answer.json();
        close(&mut document);
        Self(document)
    }

    /// Panics where this isn't an answer that the description has for such a request.
    pub(crate) fn check(&self, request: &Request, response: &Response) {
        let (method, path) = request.method_and_path();
        if let Err(reason) = self.try_check(method, path, response) {
            panic!("{method} {path}: not as described: {reason}\n{response:?}");
        }
    }

    fn try_check(&self, method: &str, path: &str, response: &Response) -> Result<(), String> {
        let Some(item) = self.item(path) else {
            return self.check_refusal(response, &ANYWHERE, method);
        };
        let name = method.to_ascii_lowercase();
        // Wherever there is a GET there is a HEAD; and what takes every method that OpenAPI knows takes
        // all others too.
        let is_implied = method == "HEAD" || item.contains_key("trace");
        let implied = item.get("get").filter(|_| is_implied);
        match item.get(&name).or(implied) {
            Some(operation) => self.check_answer(operation, method, response),
            None => {
                self.check_allow(item, response)?;
                self.check_refusal(response, &[400, 405, 414, 431], method)
            }
        }
    }

    /// What is described under a path.
    fn item(&self, path: &str) -> Option<&Map<String, Value>> {
        let is_like = |template: &str| {
            let (mut segments, mut parts) = (path.split('/'), template.split('/'));
            let all_fit = parts
                .by_ref()
                .zip(segments.by_ref())
                .all(|(part, segment)| {
                    part == segment || (part.starts_with('{') && !segment.is_empty())
                });
            all_fit && path.matches('/').count() == template.matches('/').count()
        };
        let mut paths = self.0["paths"].as_object()?.iter();
        let (_, item) = paths.find(|(template, _)| is_like(template))?;
        item.as_object()
    }

    fn check_refusal(
        &self,
        response: &Response,
        statuses: &[u16],
        method: &str,
    ) -> Result<(), String> {
        // A browser's question.
        if method == "OPTIONS" && response.status == 204 {
            return Ok(());
        }
        if !statuses.contains(&response.status) {
            return Err(format!("{statuses:?} are what there is"));
        }
        let media_type = response.header("Content-Type");
        if media_type != Some("application/problem+json") {
            return Err(format!("{media_type:?} isn't a problem's"));
        }
        let problem = json!({"$ref": "#/components/schemas/Problem"});
        match method {
            "HEAD" => Ok(()),
            _ => self.validate(&problem, &response.json()),
        }
    }

    fn check_allow(&self, item: &Map<String, Value>, response: &Response) -> Result<(), String> {
        if response.status != 405 {
            return Ok(());
        }
        let allow = response.header("Allow").unwrap_or_default();
        let mut allowed: Vec<_> = allow.split(", ").map(str::to_ascii_lowercase).collect();
        allowed.retain(|method| method != "head");
        let described = item.keys().filter(|name| *name != "parameters");
        if described.eq(&allowed) {
            return Ok(());
        }
        Err(format!("{:?} are described", item.keys()))
    }

    fn check_answer(
        &self,
        operation: &Value,
        method: &str,
        response: &Response,
    ) -> Result<(), String> {
        let status = response.status.to_string();
        let described = operation["responses"].get(&status);
        let described = self.resolve(described.ok_or("there is no such status")?);
        self.check_headers(described, response)?;
        let media_type = response.header("Content-Type");
        match (described.get("content"), media_type) {
            (None, None) if response.body.is_empty() => Ok(()),
            (Some(content), Some(media_type)) => {
                let content = content.get(media_type);
                let content = content.ok_or("there is no such media type")?;
                self.check_body(&content["schema"], method, media_type, response)
            }
            _ => Err("there is a body, or there is none".to_owned()),
        }
    }

    fn check_body(
        &self,
        schema: &Value,
        method: &str,
        media_type: &str,
        response: &Response,
    ) -> Result<(), String> {
        // Events are looked at one by one.
        if method == "HEAD" || media_type == "text/event-stream" {
            return Ok(());
        }
        let body = match media_type.ends_with("json") {
            true => response.json(),
            false => String::from_utf8_lossy(&response.body).into(),
        };
        self.validate(schema, &body)
    }

    fn check_headers(&self, described: &Value, response: &Response) -> Result<(), String> {
        let headers = described["headers"].as_object();
        let headers = headers.ok_or("every answer has headers")?;
        for (name, header) in headers {
            let header = self.resolve(header);
            match response.header(name) {
                Some(value) => self.check_header(name, header, value)?,
                None if header["required"] == true => return Err(format!("{name} is missing")),
                None => {}
            }
        }
        let names = response.head.lines().skip(1);
        let names = names.filter_map(|line| line.split(':').next());
        for name in names.map(str::to_ascii_lowercase) {
            let is_described = headers
                .keys()
                .any(|header| header.eq_ignore_ascii_case(&name))
                || USUAL_HEADERS.contains(&name.as_str())
                || name.starts_with(OF_BROWSERS);
            if !is_described {
                return Err(format!("nothing is said of {name}"));
            }
        }
        Ok(())
    }

    fn check_header(&self, name: &str, header: &Value, value: &str) -> Result<(), String> {
        let value = match header["schema"]["type"] == "integer" {
            true => value
                .parse::<u64>()
                .map_err(|error| error.to_string())?
                .into(),
            false => Value::from(value),
        };
        let outcome = self.validate(&header["schema"], &value);
        outcome.map_err(|reason| format!("{name}: {reason}"))
    }

    /// Panics where this isn't an event that is described.
    pub(crate) fn check_event(&self, name: &str, id: &str, data: &Value) {
        if let Err(reason) = self.try_check_event(name, id, data) {
            panic!("{name}: not as described: {reason}\n{data}");
        }
    }

    fn try_check_event(&self, name: &str, id: &str, data: &Value) -> Result<(), String> {
        let event = json!({"event": name, "id": id, "data": data.to_string()});
        let schema = json!({"$ref": "#/components/schemas/Event"});
        self.validate(&schema, &event)?;
        // What is in a text is a hint to validators, and no more.
        let kinds = self.0["components"]["schemas"]["Event"]["oneOf"].as_array();
        let kinds = kinds.into_iter().flatten().map(|kind| &kind["properties"]);
        let is_its = |kind: &&Value| self.validate(&kind["event"], &name.into()).is_ok();
        let kind = kinds.into_iter().find(is_its).ok_or("it isn't there")?;
        self.validate(&kind["data"]["contentSchema"], data)
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        // References lead into the components of the document.
        let whole = json!({"allOf": [schema], "components": self.0["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        let validator = options.should_validate_formats(true).build(&whole).unwrap();
        let wrong = |error: jsonschema::ValidationError<'_>| {
            format!("{error} at {:?}", error.instance_path().to_string())
        };
        validator.validate(value).map_err(wrong)
    }
}

/// Lets no object have fields of which nothing is said. To clients that is no error: they are told to
/// expect further fields.
fn close(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ["schema", "items", "contentSchema"] {
                object.get_mut(name).into_iter().for_each(close_schema);
            }
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                properties.values_mut().for_each(close_schema);
            }
            object.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

fn close_schema(schema: &mut Value) {
    let says_more = |name| schema.get(name).is_some();
    if ["$ref", "properties", "allOf"].into_iter().any(says_more) {
        schema["unevaluatedProperties"] = false.into();
    }
}
