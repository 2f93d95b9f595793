//! For trying things out: a service key for this run, and what to do with it.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use rand::TryRng as _;
use rand::rngs::SysRng;
use session_server::config::ServiceKey;

/// Makes up a key and shows it, with commands that work when pasted.
pub(crate) fn make_up(address: SocketAddr) -> io::Result<ServiceKey> {
    let mut bytes = [0; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(io::Error::other)?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let _ = show(address, &key);
    let key = ServiceKey::parse(&format!("made-up:{key}"));
    Ok(key.expect("64 hexadecimal digits are a key"))
}

fn show(address: SocketAddr, key: &str) -> io::Result<()> {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        // That is an address to listen on, not one to connect to.
        reachable.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let page = format!("http://{reachable}/admin");
    let url = format!("http://{reachable}/sessions");
    let auth = format!("-H 'Authorization: Bearer {key}'");
    let body = r#"{"user_id": 74, "device_fingerprint": "laptop", "device_name": "Chrome on Windows 10", "device_type": "web", "browser": "Chrome"}"#;
    write!(
        io::stderr(),
        "\
No SERVICE_KEYS are set and no REDIS_URL: sessions are kept in this process, and this service key
was made up for this run: {key}
{page} is a page for looking at sessions and ending them: sign in with that key.

# log a user in
curl -sS -X POST {url}/create {auth} -H 'Content-Type: application/json' -d '{body}'
# list the user's sessions
curl -sS {url}/user/74 {auth}
# end them
curl -sS -X DELETE {url}/user/74 {auth}

"
    )
}
