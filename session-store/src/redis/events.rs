//! The stream of events: a subscription that is made again when it breaks.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use redis::aio::PubSub;
use redis::{Client, RedisError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use super::connection::CallError;
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

type Item = Result<Event, EventsMissed>;

/// Subscribes to the channel; what is published after this returns is in the stream.
pub(super) async fn subscribe(
    client: Client,
    channel: String,
    deadline: Duration,
) -> Result<EventStream> {
    let mut subscription = Subscription {
        client,
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
    client: Client,
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
        let subscribed = async {
            let mut pubsub = self.client.get_async_pubsub().await?;
            pubsub.subscribe(&self.channel).await?;
            Ok::<_, RedisError>(pubsub)
        };
        match timeout(self.deadline, subscribed).await {
            Ok(pubsub) => pubsub.map_err(CallError::Redis),
            Err(_) => Err(CallError::Timeout),
        }
    }
}

async fn is_alive(pubsub: &mut PubSub, deadline: Duration) -> bool {
    let pong = timeout(deadline, pubsub.ping::<redis::Value>()).await;
    matches!(pong, Ok(Ok(_)))
}

/// Reads a line of what the scripts' `tell` writes: what, when, which session, a detail, whose.
fn parse(line: &str) -> Option<Event> {
    let mut fields = line.splitn(5, ' ');
    let what = fields.next()?;
    let at = Timestamp::from_millis(fields.next()?.parse().ok()?);
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
