use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use session_benches::Outcome;

use super::ours::{Features, Ours, RECORDS};
use crate::contestant::{Contestant, Login, Place};

/// The yardstick: a `GET` over one shared multiplexed connection, of the very bytes that our store
/// keeps, and nothing done with them. Nobody who reads a session from Redis can be faster.
pub(crate) struct Bare {
    ours: Ours,
    connection: MultiplexedConnection,
}

impl Bare {
    pub(crate) async fn connect(place: &Place) -> Outcome<Self> {
        let client = redis::Client::open(place.url.as_str())?;
        let patient = Place::patient();
        let connection = client.get_multiplexed_async_connection_with_config(&patient);
        Ok(Self {
            ours: Ours::connect(place, Features::Full).await?,
            connection: connection.await?,
        })
    }
}

impl Contestant for Bare {
    /// The key.
    type Session = String;

    async fn create(&self, login: Login) -> Outcome<Option<String>> {
        let token = self.ours.create(login).await?;
        let token = token.ok_or("our store refuses nothing")?;
        let id = token.id();
        let (bucket, local) = id.as_str().split_at(2);
        Ok(Some(format!("sess:{{{bucket}}}{RECORDS}{local}")))
    }

    async fn validate(&self, key: &String) -> Outcome<bool> {
        let record: Option<Vec<u8>> = self.connection.clone().get(key).await?;
        Ok(record.is_some())
    }
}
