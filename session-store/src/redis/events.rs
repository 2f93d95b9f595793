//! The stream of events: a subscription that is made again when it breaks.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use redis::Client;
use redis::aio::PubSub;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use super::cluster;
use super::node::CallError;
use crate::ended::EndReason;
use crate::error::Result;
use crate::event::{Event, EventKind, EventStream, EventsMissed};
use crate::timestamp::Timestamp;
use crate::user::UserId;

/// How many events may wait for a slow reader before it misses some.
const BUFFER: usize = 4096;
/// How long nothing may happen before the subscription is asked whether it still stands.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The pause between attempts to subscribe again.
const RETRY: Duration = Duration::from_millis(100);

/// Where a subscription can be made.
#[derive(Clone)]
pub(super) enum Source {
    Server(Box<Client>),
    /// Any node will do: what is published on one is passed on to all.
    Cluster(Arc<cluster::Shared>),
}

type Item = Result<Event, EventsMissed>;

/// Subscribes to the channel; what is published after this returns is in the stream.
pub(super) async fn subscribe(
    source: Source,
    channel: String,
    deadline: Duration,
) -> Result<EventStream> {
    let mut subscription = Subscription {
        source,
        channel,
        deadline,
        pubsub: None,
        heard: VecDeque::new(),
    };
    let pubsub = subscription.open().await;
    subscription.pubsub = Some(pubsub.map_err(|error| error.into_error(deadline))?);
    let (sender, receiver) = broadcast::channel(BUFFER);
    // A task reads on even when nobody polls the stream, so that Redis never has to buffer.
    tokio::spawn(forward(subscription, sender));
    Ok(EventStream::new(stream::unfold(receiver, read)))
}

async fn forward(mut subscription: Subscription, sender: broadcast::Sender<Item>) {
    loop {
        tokio::select! {
            () = sender.closed() => return,
            item = subscription.next() => {
                // An error means that the reader is gone, which the next round sees.
                let _ = sender.send(item);
            }
        }
    }
}

async fn read(
    mut receiver: broadcast::Receiver<Item>,
) -> Option<(Item, broadcast::Receiver<Item>)> {
    match receiver.recv().await {
        Ok(item) => Some((item, receiver)),
        Err(RecvError::Lagged(_)) => Some((Err(EventsMissed), receiver)),
        Err(RecvError::Closed) => None,
    }
}

struct Subscription {
    source: Source,
    channel: String,
    deadline: Duration,
    pubsub: Option<PubSub>,
    /// Events of the last message that haven't been told yet: a script tells all of its in one.
    heard: VecDeque<Event>,
}

impl Subscription {
    async fn next(&mut self) -> Item {
        loop {
            if let Some(event) = self.heard.pop_front() {
                return Ok(event);
            }
            let Some(pubsub) = &mut self.pubsub else {
                match self.open().await {
                    Ok(pubsub) => {
                        self.pubsub = Some(pubsub);
                        return Err(EventsMissed);
                    }
                    Err(_) => sleep(RETRY).await,
                }
                continue;
            };
            let message = timeout(HEARTBEAT, pubsub.on_message().next()).await;
            match message {
                Ok(Some(message)) => {
                    let lines = str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
                    // What this release doesn't know, a later one tells.
                    self.heard.extend(lines.split('\n').filter_map(parse));
                }
                Ok(None) => self.pubsub = None,
                Err(_) if is_alive(pubsub, self.deadline).await => {}
                Err(_) => self.pubsub = None,
            }
        }
    }

    async fn open(&self) -> Result<PubSub, CallError> {
        let clients = match &self.source {
            Source::Server(client) => vec![Client::clone(client)],
            Source::Cluster(cluster) => cluster.clients(),
        };
        let subscribed = async {
            let mut outcome = Err(CallError::Timeout);
            for client in clients {
                outcome = self.open_at(&client).await;
                if outcome.is_ok() {
                    break;
                }
            }
            outcome
        };
        let outcome = timeout(self.deadline, subscribed).await;
        outcome.unwrap_or(Err(CallError::Timeout))
    }

    async fn open_at(&self, client: &Client) -> Result<PubSub, CallError> {
        let mut pubsub = client.get_async_pubsub().await?;
        pubsub.subscribe(&self.channel).await?;
        if let Source::Cluster(cluster) = &self.source {
            settle(&mut pubsub, cluster, &self.channel).await?;
        }
        Ok(pubsub)
    }
}

/// Lets pass what happened before the subscription. Nodes pass on what is published, each in its
/// order, but behind its answer: so each master is told a mark, and what comes before the marks is
/// from before. That they come at all shows that the nodes are connected.
async fn settle(
    pubsub: &mut PubSub,
    cluster: &cluster::Shared,
    channel: &str,
) -> Result<(), CallError> {
    let mut marks = cluster.mark(channel).await;
    let mut messages = pubsub.on_message();
    while !marks.is_empty() {
        let Some(message) = messages.next().await else {
            let gone = io::Error::from(io::ErrorKind::ConnectionReset);
            return Err(CallError::Redis(gone.into()));
        };
        marks.retain(|mark| mark.as_bytes() != message.get_payload_bytes());
    }
    Ok(())
}

async fn is_alive(pubsub: &mut PubSub, deadline: Duration) -> bool {
    let pong = timeout(deadline, pubsub.ping::<redis::Value>()).await;
    matches!(pong, Ok(Ok(_)))
}

/// Reads a line of what the scripts tell: what, when (in half milliseconds, as scores are), which session,
/// a detail, whose.
fn parse(line: &str) -> Option<Event> {
    let mut fields = line.splitn(5, ' ');
    let what = fields.next()?;
    let at = Timestamp::from_millis(fields.next()?.parse::<u64>().ok()? / 2);
    let session_id = fields.next()?.parse().ok()?;
    let detail = fields.next()?;
    let whose = fields.next()?;
    let user_id = match whose.split_at_checked(1)? {
        ("n", id) => UserId::from_parts(id, true).ok()?,
        ("s", id) => UserId::from_parts(id, false).ok()?,
        _ => return None,
    };
    let kind = match what {
        "created" => EventKind::Created {
            new_device: match detail {
                "new" => Some(true),
                "known" => Some(false),
                _ => None,
            },
        },
        "device" => EventKind::DeviceChanged {
            new_device: detail == "new",
        },
        "address" => EventKind::NewAddress {
            address: detail.parse::<IpAddr>().ok()?,
        },
        "rotated" => EventKind::Rotated,
        "ended" => EventKind::Ended {
            reason: EndReason::from_digit(*detail.as_bytes().first()?)?,
        },
        _ => return None,
    };
    Some(Event {
        at,
        user_id,
        session_id,
        kind,
    })
}
