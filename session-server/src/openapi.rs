//! The server's description for tools, OpenAPI 3.1: written by hand in `openapi/`, put together here.
//! <https://spec.openapis.org/oas/v3.1.1.html>
//!
//! Each file there is a part of the document, from its root, and no two say the same thing. Three
//! things are left to this file: what is so everywhere, a path that takes any method, and what the
//! settings decide.

use serde_json::{Map, Value, json};

use crate::config::Settings;

const PARTS: [&str; 9] = [
    include_str!("../openapi/document.json"),
    include_str!("../openapi/create.json"),
    include_str!("../openapi/own_sessions.json"),
    include_str!("../openapi/sessions_of_others.json"),
    include_str!("../openapi/verify.json"),
    include_str!("../openapi/events.json"),
    include_str!("../openapi/operator.json"),
    include_str!("../openapi/shared.json"),
    include_str!("../openapi/errors.json"),
];

/// What no operation and no response has to say by itself.
const EVERYWHERE: &str = include_str!("../openapi/everywhere.json");

/// Every method that OpenAPI knows.
pub(crate) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// The description of a server with these settings.
pub(crate) fn document(settings: &Settings) -> Value {
    let mut document = json!({});
    for part in PARTS {
        join(&mut document, parse(part));
    }
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let everywhere = parse(EVERYWHERE);
    for item in members(&mut document["paths"]) {
        complete(item, &everywhere);
    }
    for response in members(&mut document["components"]["responses"]) {
        add_headers(response, &everywhere);
    }
    settle_cookie(&mut document, settings);
    settle_fingerprint(&mut document, settings);
    document
}

fn parse(part: &str) -> Value {
    serde_json::from_str(part).expect("the parts are JSON")
}

fn join(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                join(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole @ Value::Null, part) => *whole = part,
        (whole, part) => panic!("two parts say the same thing: {whole} and {part}"),
    }
}

fn members(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// Adds to a path what every operation has.
fn complete(item: &mut Value, everywhere: &Value) {
    for method in METHODS {
        if let Some(operation) = item.get_mut(method) {
            add_responses(operation, &everywhere["responses_where_a_body_is_read"]);
            add_responses(operation, &everywhere["responses"]);
            add_response_headers(operation, everywhere);
        }
    }
    if let Some(mut any) = item.as_object_mut().and_then(|item| item.remove("any")) {
        add_responses(&mut any, &everywhere["responses"]);
        add_response_headers(&mut any, everywhere);
        for method in METHODS {
            item[method] = named_for(method, any.clone());
        }
    }
}

/// Ids of operations are unique.
fn named_for(method: &str, mut operation: Value) -> Value {
    if let Some(Value::String(id)) = operation.get_mut("operationId") {
        id.push_str(&method[..1].to_ascii_uppercase());
        id.push_str(&method[1..]);
    }
    operation
}

fn add_responses(operation: &mut Value, more: &Value) {
    for (status, response) in more.as_object().into_iter().flatten() {
        let there = &mut operation["responses"][status];
        if there.is_null() {
            *there = response.clone();
        }
    }
    sort(&mut operation["responses"]);
}

fn sort(object: &mut Value) {
    if let Value::Object(object) = object {
        object.sort_keys();
    }
}

fn add_response_headers(operation: &mut Value, everywhere: &Value) {
    // The others are written elsewhere, once.
    let responses = members(&mut operation["responses"]);
    for response in responses.filter(|response| response.get("$ref").is_none()) {
        add_headers(response, everywhere);
    }
}

fn add_headers(response: &mut Value, everywhere: &Value) {
    for (name, header) in everywhere["headers"].as_object().into_iter().flatten() {
        let there = &mut response["headers"][name];
        if there.is_null() {
            *there = header.clone();
        }
    }
}

/// The cookie is there on demand, and has the name that the operator gives it.
fn settle_cookie(document: &mut Value, settings: &Settings) {
    match &settings.browsers.cookie {
        Some(cookie) => {
            let scheme = &mut document["components"]["securitySchemes"]["cookie"];
            scheme["name"] = cookie.name.as_str().into();
        }
        None => {
            let schemes = document["components"]["securitySchemes"].as_object_mut();
            schemes.and_then(|schemes| schemes.remove("cookie"));
            let ways = document["security"].as_array_mut();
            ways.into_iter()
                .for_each(|ways| ways.retain(|way| way.get("cookie").is_none()));
        }
    }
}

/// A device is told by its fingerprint, unless the operator lets clients do without.
fn settle_fingerprint(document: &mut Value, settings: &Settings) {
    if settings.require_device_fingerprint {
        return;
    }
    let device = &mut document["components"]["schemas"]["Device"];
    device["required"] = json!([]);
    let fingerprint = &mut device["properties"]["device_fingerprint"];
    fingerprint["type"] = json!(["string", "null"]);
    fingerprint["minLength"] = 0.into();
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Args;

    fn described(flags: &[&str]) -> Value {
        let key = "a:0123456789abcdef0123456789abcdef";
        let flags = [&["session-server", "--service-keys", key], flags].concat();
        let flags = flags.into_iter().map(OsString::from);
        let args = Args::read(flags).expect("the flags are good");
        document(&args.settings().expect("they are good together"))
    }

    /// Every method and path.
    pub(crate) fn operations(flags: &[&str]) -> Vec<String> {
        let document = described(flags);
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let methods = METHODS.iter().filter(|method| item.get(method).is_some());
            methods.map(move |method| format!("{method} {path}"))
        });
        operations.collect()
    }

    /// Where the references in a value lead.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn it_is_of_this_version() {
        let document = described(&[]);
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn every_reference_leads_somewhere_and_nothing_is_left_over() {
        let document = described(&[]);
        let mut references_in = Vec::new();
        references(&document, &mut references_in);
        for reference in &references_in {
            let pointer = reference
                .strip_prefix('#')
                .expect("it is within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["headers", "parameters", "responses", "schemas"] {
            for name in document["components"][kind]
                .as_object()
                .expect("it is there")
                .keys()
            {
                let reference = format!("#/components/{kind}/{name}");
                let is_used = references_in.contains(&reference.as_str());
                assert!(is_used, "{reference}");
            }
        }
    }

    #[test]
    fn the_cookie_is_there_on_demand() {
        let without = described(&[]);
        assert_eq!(without["security"], json!([{"bearer": []}]));
        assert_eq!(
            without["components"]["securitySchemes"]["cookie"],
            Value::Null
        );
        let with = described(&["--session-cookie", "true", "--session-cookie-name", "sid"]);
        assert_eq!(with["security"], json!([{"bearer": []}, {"cookie": []}]));
        assert_eq!(
            with["components"]["securitySchemes"]["cookie"]["name"],
            "sid"
        );
    }

    #[test]
    fn a_fingerprint_is_required_unless_the_settings_say_otherwise() {
        for (required, fields) in [
            ("true", json!(["device_fingerprint"])),
            ("false", json!([])),
        ] {
            let document = described(&["--require-device-fingerprint", required]);
            let device = &document["components"]["schemas"]["Device"];
            assert_eq!(device["required"], fields);
        }
    }

    #[test]
    fn ids_of_operations_are_unique() {
        let document = described(&[]);
        let items = document["paths"].as_object().expect("it is there").values();
        let operations =
            items.flat_map(|item| METHODS.iter().filter_map(|method| item.get(method)));
        let mut ids: Vec<_> = operations.map(|it| it["operationId"].to_string()).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
