//! Which URL leads where.

use redis::{ConnectionInfo, ErrorKind, IntoConnectionInfo as _, RedisError};

/// What a URL names.
pub(super) enum Target {
    /// One Redis.
    Single(Box<ConnectionInfo>),
    /// Some nodes of a cluster, at least one.
    Cluster(Vec<ConnectionInfo>),
}

/// Reads a URL of one Redis, or of a cluster: the same with several hosts, and `-cluster` in its
/// scheme.
pub(super) fn parse(url: &str) -> Result<Target, RedisError> {
    let Some((scheme, rest)) = url.split_once("-cluster://") else {
        return node(url).map(|info| Target::Single(Box::new(info)));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, end) = rest.split_at(end);
    let (user, hosts) = match authority.split_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if !matches!(scheme, "redis" | "rediss") || hosts.contains('@') {
        return Err(invalid("not the URL of a cluster"));
    }
    let nodes = hosts
        .split(',')
        .map(|host| node(&format!("{scheme}://{user}{host}{end}")));
    let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
    if nodes.iter().any(|node| node.redis_settings().db() != 0) {
        return Err(invalid("a cluster has one database, 0"));
    }
    Ok(Target::Cluster(nodes))
}

/// With TCP's own rules for small packets (no `TCP_NODELAY`), see ARCHITECTURE.md.
fn node(url: &str) -> Result<ConnectionInfo, RedisError> {
    url.into_connection_info()
}

fn invalid(what: &'static str) -> RedisError {
    (ErrorKind::InvalidClientConfig, what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Option<Vec<String>> {
        match parse(url).ok()? {
            Target::Single(node) => Some(vec![node.addr().to_string()]),
            Target::Cluster(nodes) => {
                Some(nodes.iter().map(|node| node.addr().to_string()).collect())
            }
        }
    }

    #[test]
    fn a_cluster_is_some_of_its_nodes() {
        let nodes = hosts("redis-cluster://a,b:7000,[::1]:7001").expect("it is a URL");
        assert_eq!(nodes, ["a:6379", "b:7000", "::1:7001"]);
        assert_eq!(hosts("redis-cluster://a").expect("one will do"), ["a:6379"]);
        assert_eq!(hosts("redis://a").expect("a single one"), ["a:6379"]);
    }

    #[test]
    fn each_node_has_the_credentials_and_the_protocol() {
        let url = "redis-cluster://app:a%2Cb@a,b/?protocol=resp3";
        let Ok(Target::Cluster(nodes)) = parse(url) else {
            panic!("{url}");
        };
        assert_eq!(nodes.len(), 2);
        for node in nodes {
            assert_eq!(node.redis_settings().username(), Some("app"));
            assert_eq!(node.redis_settings().password(), Some("a,b"));
            assert_eq!(
                node.redis_settings().protocol(),
                redis::ProtocolVersion::RESP3
            );
        }
    }

    #[test]
    fn what_leads_to_no_cluster_is_refused() {
        for url in [
            "redis-cluster://",
            "redis-cluster://a,,b",
            "redis-cluster://a/3",
            "redis-cluster://x@a,x@b",
            "http-cluster://a",
            "unix-cluster:///a",
            "redis-cluster://a b",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
