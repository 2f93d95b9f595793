use std::net::IpAddr;

use clap::ValueEnum;
use http::HeaderName;
use http::header::FORWARDED;
use ipnet::IpNet;

/// Which proxies are in front.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Proxies")]
pub struct ProxyArgs {
    /// Addresses and networks (10.0.0.0/8) of the proxies whose word is taken for where a request
    /// comes from. From anyone else, forwarding headers are ignored.
    #[arg(
        long,
        env,
        value_name = "NETWORK,…",
        value_delimiter = ',',
        value_parser = network
    )]
    trusted_proxies: Vec<IpNet>,

    /// The header that these proxies add to. The other one is ignored: a client may have sent it,
    /// and a proxy that doesn't know it passes it on.
    #[arg(long, env, value_name = "HEADER", default_value = "x-forwarded-for")]
    forwarding_header: ForwardingHeader,
}

/// The header in which a proxy says whom it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, which nearly every proxy adds to.
    #[default]
    XForwardedFor,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

impl ForwardingHeader {
    pub(crate) fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => FORWARDED,
        }
    }
}

/// Whose word is taken for where a request comes from.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    pub(crate) header: ForwardingHeader,
}

impl Proxies {
    /// Proxies in these networks, which add to this header.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>, header: ForwardingHeader) -> Self {
        Self { networks, header }
    }

    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

impl ProxyArgs {
    pub(super) fn read(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone(), self.forwarding_header)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| "must be an address, or a network such as 10.0.0.0/8".to_owned())?;
    if network.trunc() != network {
        return Err(format!("the network is {}", network.trunc()));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let proxies = Proxies::new(
            vec![
                network("10.0.0.0/8").expect("it is one"),
                network(" 192.0.2.1 ").expect("it is one"),
                network("2001:db8::/32").expect("it is one"),
            ],
            ForwardingHeader::default(),
        );
        for (address, trusted) in [
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(proxies.trust(address), trusted, "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "proxy.internal", "10.0.0.0/33", "10.0.0.1/8", "10/8"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
