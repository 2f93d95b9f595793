use std::time::Duration;

use session_store::Rate;

/// How often sessions may be created, by all servers together.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Rates")]
pub struct Rates {
    /// How often sessions may be created for one user: so many at once, and as many again in each
    /// such time. 0 is off.
    #[arg(long, env, value_name = "NUMBER/TIME", default_value = "60/1m")]
    #[arg(value_parser = allowance)]
    pub create_rate_per_user: Allowance,

    /// The same from one address (of IPv6, from one network of 64 bits): the client's own, or what a
    /// backend says of it. 0 is off.
    #[arg(long, env, value_name = "NUMBER/TIME", default_value = "600/1m")]
    #[arg(value_parser = allowance)]
    pub create_rate_per_address: Allowance,
}

/// A rate, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance(pub Option<Rate>);

fn allowance(text: &str) -> Result<Allowance, String> {
    if text.trim() == "0" {
        return Ok(Allowance(None));
    }
    let rate = || {
        let (count, period) = text.split_once('/')?;
        let period: Duration = humantime::parse_duration(period.trim()).ok()?;
        Rate::new(count.trim().parse().ok()?, period)
    };
    let rate = rate().ok_or("must be a number and a time, such as 60/1m or 1000/1h; or 0")?;
    Ok(Allowance(Some(rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let rate = |count, seconds| Rate::new(count, Duration::from_secs(seconds));
        for (text, expected) in [
            ("60/1m", rate(60, 60)),
            (" 5 / 1h 30m ", rate(5, 5400)),
            ("0", None),
        ] {
            assert_eq!(allowance(text), Ok(Allowance(expected)), "{text}");
        }
        for bad in [
            "", "60", "60/", "/1m", "0/1m", "60/0s", "-1/1m", "1/year", "60/100y",
        ] {
            assert!(allowance(bad).is_err(), "{bad}");
        }
    }
}
