//! Where a request comes from: the peer, or whom trusted proxies say that they ask for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;

use crate::config::{ForwardingHeader, Proxies};

/// The address of the client.
///
/// Each proxy adds, at the right, the address of whoever asked it. So the header is walked from the
/// right, and each entry is believed for as long as the one who wrote it is trusted. The first
/// address that isn't a trusted proxy's is the client's: what stands further left is what that client
/// says itself. Where an entry is no address (`unknown`), the walk ends at the one who wrote it.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let mut client = peer;
    if !proxies.trust(client) {
        return client;
    }
    for value in headers.get_all(proxies.header.name()).iter().rev() {
        for entry in from_the_right(value.as_bytes(), proxies.header) {
            // Only the entry: what the client wrote before it may be anything.
            let entry = str::from_utf8(entry).ok();
            let node = match proxies.header {
                ForwardingHeader::XForwardedFor => entry,
                ForwardingHeader::Forwarded => entry.and_then(forwarded_for),
            };
            match node.and_then(address) {
                Some(address) => client = address,
                None => return client,
            }
            if !proxies.trust(client) {
                return client;
            }
        }
    }
    client
}

/// The entries of a header. `Forwarded` has quoted strings, and commas in them part nothing. Read from
/// the right, what a client put first can't change how a proxy's own entry is read: an open quote
/// would hide it.
fn from_the_right(value: &[u8], header: ForwardingHeader) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut at = value.len();
    value.rsplit(move |byte| {
        // Asked from the right, each byte once.
        at -= 1;
        let is_escaped = value[..at]
            .iter()
            .rev()
            .take_while(|it| **it == b'\\')
            .count()
            % 2
            == 1;
        let is_quote = *byte == b'"' && !is_escaped;
        quoted ^= is_quote && header == ForwardingHeader::Forwarded;
        *byte == b',' && !quoted
    })
}

/// The `for` of one element of a `Forwarded` header, unquoted.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut quoted = false;
    let pairs = element.split(move |c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let node = node.trim();
    Some(
        node.strip_prefix('"')
            .and_then(|node| node.strip_suffix('"'))
            .unwrap_or(node),
    )
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            let host: Ipv6Addr = host.parse().ok()?;
            (
                IpAddr::V6(host),
                port.strip_prefix(':').or(port.is_empty().then_some("0"))?,
            )
        }
        None => {
            let (host, port) = text.split_once(':')?;
            (IpAddr::V4(host.parse::<Ipv4Addr>().ok()?), port)
        }
    };
    port.parse::<u16>().ok()?;
    Some(host.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn client(header: ForwardingHeader, values: &[&'static str]) -> String {
        let networks = ["10.0.0.0/8", "::1/128"];
        let networks = networks.map(|network| network.parse().expect("a network"));
        let proxies = Proxies::new(networks.to_vec(), header);
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header.name(), HeaderValue::from_static(value));
        }
        let peer = "10.0.0.1".parse().expect("an address");
        client_address(peer, &headers, &proxies).to_string()
    }

    #[test]
    fn the_first_from_the_right_that_no_proxy_has_is_the_client() {
        let x_forwarded_for = |values| client(ForwardingHeader::XForwardedFor, values);
        for (values, expected) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.7"], "192.0.2.7"),
            (&["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
            (&["198.51.100.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (&["198.51.100.1", "192.0.2.7", "10.0.0.2"], "192.0.2.7"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7, ::1"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
        ] {
            assert_eq!(x_forwarded_for(values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        let x_forwarded_for = |values| client(ForwardingHeader::XForwardedFor, values);
        for values in [
            &["192.0.2.7, unknown, 10.0.0.2"][..],
            &["192.0.2.7,, 10.0.0.2"],
            &["192.0.2.7, 10.0.0.300, 10.0.0.2"],
            &["192.0.2.7, 10.0.0.4:port, 10.0.0.2"],
            &["192.0.2.7, [10.0.0.4], 10.0.0.2"],
            &["192.0.2.7, [::1]x, 10.0.0.2"],
        ] {
            assert_eq!(x_forwarded_for(values), "10.0.0.2", "{values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_has_it() {
        let forwarded = |values| client(ForwardingHeader::Forwarded, values);
        for (values, expected) in [
            (&["for=192.0.2.7;proto=https;by=10.0.0.1"][..], "192.0.2.7"),
            (&["proto=https; FOR=\"192.0.2.7:80\""], "192.0.2.7"),
            (&["for=192.0.2.7, for=\"[2001:db8::7]:80\""], "2001:db8::7"),
            (&["for=192.0.2.7;host=\"a,b\", for=10.0.0.2"], "192.0.2.7"),
            (&["for=192.0.2.7, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["for=192.0.2.7, proto=https, for=10.0.0.2"], "10.0.0.2"),
            (&["for=\"192.0.2.8, for=192.0.2.7"], "192.0.2.7"),
            (&["for=192.0.2.7;host=\"x;for=192.0.2.8\""], "192.0.2.7"),
            (
                &["for=192.0.2.8, for=192.0.2.7;host=\"x\\\", y\""],
                "192.0.2.7",
            ),
        ] {
            assert_eq!(forwarded(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_client_cannot_hide_by_what_no_header_should_hold() {
        let proxies = Proxies::new(
            vec!["10.0.0.0/8".parse().expect("a network")],
            ForwardingHeader::XForwardedFor,
        );
        let mut headers = HeaderMap::new();
        let odd = HeaderValue::from_bytes(b"\xff\x80, 192.0.2.7").expect("a value");
        headers.append("x-forwarded-for", odd);
        let peer = "10.0.0.1".parse().expect("an address");
        let client = client_address(peer, &headers, &proxies);
        assert_eq!(client.to_string(), "192.0.2.7");
    }

    #[test]
    fn nobody_else_is_believed() {
        let proxies = Proxies::default();
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "forwarded"] {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static("192.0.2.7"));
        }
        let peer = "10.0.0.1".parse().expect("an address");
        assert_eq!(client_address(peer, &headers, &proxies), peer);
    }
}
