//! How often something may happen, counted for all processes together.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::timestamp::duration_millis;
use crate::user::UserId;

/// So many at once, and as many again in each period, evenly: three in a minute are three now, and
/// from then on one every twenty seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    period_ms: u64,
}

impl Rate {
    /// `None` where either is zero, or the period is longer than a year.
    #[must_use]
    pub fn new(count: u32, period: Duration) -> Option<Self> {
        const YEAR: u64 = 366 * 24 * 60 * 60 * 1000;
        let period_ms = duration_millis(period);
        let is_rate = count > 0 && (1..=YEAR).contains(&period_ms);
        is_rate.then_some(Self { count, period_ms })
    }

    /// From one to the next, in microseconds.
    pub(crate) fn interval_us(self) -> u64 {
        (self.period_us() / u64::from(self.count)).max(1)
    }

    pub(crate) fn period_us(self) -> u64 {
        self.period_ms * 1000
    }
}

/// Whose doings are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A user's.
    User(&'a UserId),
    /// Those from an address; an IPv6 address counts with all of its network of 64 bits, which is one
    /// customer's.
    Address(IpAddr),
}

impl Subject<'_> {
    /// The subject as text: no two have the same.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::User(user) => format!("u{}", user.as_str()),
            Self::Address(address) => format!("a{}", network(*address)),
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What [`admit`](crate::SessionStore::admit) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may happen, and has been counted.
    Admitted,
    /// It is too much, and hasn't been counted: so long to wait.
    Wait(Duration),
}
