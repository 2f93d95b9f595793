use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::ConnectionLike as _;

use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::redis_server::{RedisServer, Settings, free_port};

/// The slots of a Redis Cluster.
const SLOTS: usize = 16384;
/// How long a master refuses to serve after its start, by its wall clock.
const WRITABLE_DELAY: Duration = Duration::from_millis(2001);
/// Longer than any clock that a test moves: nodes suspect each other by the wall clock.
const NEVER_MS: &str = "10000000000000";

/// A real Redis Cluster of the test's own: three masters on loopback ports, without replicas. Ends
/// with the value.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    stopped_clock: bool,
    encrypted: bool,
}

/// How a [`RedisCluster`] is to run.
#[derive(Debug, Default)]
pub struct ClusterBuilder {
    stopped_clock: bool,
    encrypted: bool,
    settings: Settings,
}

impl ClusterBuilder {
    /// Time stands still for all nodes, and moves with [`RedisCluster::advance`], or for one node
    /// with [`RedisServer::advance`]. Such a cluster starts at once, and its nodes never find each
    /// other dead; both go by the wall clock.
    #[must_use]
    pub fn stopped_clock(mut self) -> Self {
        self.stopped_clock = true;
        self
    }

    /// All nodes speak TLS alone, and show this certificate.
    #[must_use]
    pub fn encrypted(mut self, certificate: &Certificate) -> Self {
        self.encrypted = true;
        let (file, key) = (certificate.file(), certificate.key_file());
        self.argument("--tls-cert-file", &file.to_string_lossy())
            .argument("--tls-ca-cert-file", &file.to_string_lossy())
            .argument("--tls-key-file", &key.to_string_lossy())
            .argument("--tls-auth-clients", "no")
            .argument("--tls-cluster", "yes")
            .argument("--port", "0")
    }

    /// Any other setting of every node.
    #[must_use]
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.settings.argument(name, value);
        self
    }

    /// Starts the nodes and waits until they serve all slots and are connected to each other.
    pub fn start(self) -> RedisCluster {
        loop {
            if let Some(nodes) = self.start_nodes() {
                let cluster = RedisCluster {
                    nodes,
                    stopped_clock: self.stopped_clock,
                    encrypted: self.encrypted,
                };
                cluster.wait_until_ok();
                return cluster;
            }
        }
    }

    /// Starts nodes that know each other from the start; `None` where a port was taken.
    fn start_nodes(&self) -> Option<Vec<RedisServer>> {
        let ports: Vec<_> = (0..RedisCluster::MASTERS)
            .map(|_| (free_port(), free_port()))
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("it is later than 1970");
        let starting: Vec<_> = (0..RedisCluster::MASTERS)
            .map(|number| {
                let (port, bus) = ports[number];
                let mut settings = self.settings.clone();
                settings.argument("--cluster-enabled", "yes");
                settings.argument("--cluster-port", &bus.to_string());
                if self.encrypted {
                    settings.argument("--tls-port", &port.to_string());
                }
                if self.stopped_clock {
                    settings.argument("--cluster-node-timeout", NEVER_MS);
                }
                let clock = self.stopped_clock.then(|| Clock::at(now));
                let dir = RedisServer::new_dir();
                fs::write(dir.path().join("nodes.conf"), table(&ports, number))
                    .expect("the temporary directory can be written");
                thread::spawn(move || RedisServer::start_at(port, dir, clock, settings))
            })
            .collect();
        let started = starting.into_iter().map(|node| node.join());
        started.map(|node| node.expect("a node starts")).collect()
    }
}

impl RedisCluster {
    /// How many masters there are.
    pub const MASTERS: usize = 3;

    /// A cluster with nothing special about it.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster with something special about it.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// A URL that names all nodes.
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter();
        let nodes: Vec<_> = nodes
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        let scheme = if self.encrypted { "rediss" } else { "redis" };
        format!("{scheme}-cluster://{}", nodes.join(","))
    }

    /// The nodes. Each has a third of the slots, in this order.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The same, to kill one.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// The node that has a key.
    pub fn node_of(&self, key: &str) -> usize {
        let slot: usize = redis::cmd("CLUSTER")
            .arg(&["KEYSLOT", key])
            .query(&mut self.nodes[0].connection())
            .expect("the node serves");
        slot * Self::MASTERS / SLOTS
    }

    /// Moves the clock of a cluster that was started with [`ClusterBuilder::stopped_clock`].
    pub fn advance(&self, by: Duration) {
        self.nodes.iter().for_each(|node| node.advance(by));
    }

    /// Waits until each node serves and is connected to each other one. Moves a stopped clock.
    pub fn wait_until_ok(&self) {
        for node in &self.nodes {
            let mut connection = node.connection();
            let mut ask = |what: &str| -> String {
                let answer = connection.req_command(redis::cmd("CLUSTER").arg(what));
                redis::from_redis_value(answer.expect("the node serves")).expect("text")
            };
            // Redis tells nobody when it gets there, so it has to be asked.
            while !ask("INFO").contains("cluster_state:ok") || ask("NODES").contains("disconnected")
            {
                if self.stopped_clock {
                    // Again and again: when the node began to wait can't be seen.
                    self.advance(WRITABLE_DELAY);
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// What node `own` knows of the cluster, as it would have saved it. The other way, to introduce
/// the nodes to each other and wait for the news to spread, takes seconds.
fn table(ports: &[(u16, u16)], own: usize) -> String {
    let mut table = String::new();
    for (number, (port, bus)) in ports.iter().enumerate() {
        let flags = if number == own {
            "myself,master"
        } else {
            "master"
        };
        let epoch = number + 1;
        let first = (number * SLOTS).div_ceil(ports.len());
        let last = ((number + 1) * SLOTS).div_ceil(ports.len()) - 1;
        table.push_str(&format!(
            "{epoch:040x} 127.0.0.1:{port}@{bus} {flags} - 0 0 {epoch} connected {first}-{last}\n"
        ));
    }
    table.push_str(&format!(
        "vars currentEpoch {} lastVoteEpoch 0\n",
        ports.len()
    ));
    table
}
