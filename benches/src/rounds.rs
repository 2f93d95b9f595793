use crate::{Outcome, Progress};

/// Measures each contestant once a round; answers each one's measurements, in the contestants'
/// order.
///
/// Whoever begins is another one in each round, so that nobody always follows the same neighbour,
/// whose garbage Redis may still be freeing.
///
/// # Errors
///
/// The first that a measurement ends with.
pub async fn take_turns<C: Copy, M>(
    contestants: &[C],
    rounds: usize,
    progress: &Progress,
    mut measure: impl AsyncFnMut(C) -> Outcome<M>,
) -> Outcome<Vec<Vec<M>>> {
    let mut measured: Vec<Vec<M>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let index = (turn + round) % contestants.len();
            measured[index].push(measure(contestants[index]).await?);
            progress.step();
        }
    }
    Ok(measured)
}

/// The middle one; the lower of the two where their number is even. 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.0);
        assert_eq!(median([]), 0.0);
    }

    #[tokio::test]
    async fn every_contestant_is_measured_in_every_round_and_another_one_begins() {
        let mut order = Vec::new();
        let hidden = Progress::hidden();
        let measured = take_turns(&[0, 1, 2], 2, &hidden, async |contestant| {
            order.push(contestant);
            Ok(contestant * 10)
        });
        assert_eq!(measured.await.unwrap(), [[0, 0], [10, 10], [20, 20]]);
        assert_eq!(order, [0, 1, 2, 1, 2, 0]);
    }
}
