/// From a value to a position, and the marks on the axis.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    Linear { max: f64 },
    Log { min: f64, max: f64 },
}

impl Scale {
    /// From 0 to a round number beyond the largest value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let largest = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let step = step(largest);
        // A little room above the largest, for its label.
        let max = (largest * 1.04 / step).ceil() * step;
        Self::Linear { max }
    }

    /// Between powers of ten.
    pub(super) fn log(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let smallest = positive.clone().fold(f64::MAX, f64::min);
        let largest = positive.fold(f64::MIN_POSITIVE, f64::max);
        let min = 10f64.powf(smallest.min(largest).log10().floor());
        let max = 10f64.powf(largest.log10().ceil());
        Self::Log {
            min,
            max: if max > min { max } else { min * 10.0 },
        }
    }

    /// Where between 0 and 1.
    pub(super) fn position(self, value: f64) -> f64 {
        match self {
            Self::Linear { max } => (value / max).clamp(0.0, 1.0),
            Self::Log { min, max } => {
                ((value.max(min) / min).log10() / (max / min).log10()).clamp(0.0, 1.0)
            }
        }
    }

    /// The values that the axis names.
    pub(super) fn marks(self) -> Vec<f64> {
        match self {
            Self::Linear { max } => {
                let step = step(max);
                let count = (max / step + 0.01).floor() as u32;
                (0..=count).map(|mark| f64::from(mark) * step).collect()
            }
            Self::Log { min, max } => {
                let decades = (max / min).log10().round() as i32;
                (0..=decades).map(|power| min * 10f64.powi(power)).collect()
            }
        }
    }
}

/// A round step that gives about five marks.
fn step(max: f64) -> f64 {
    let rough = max / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = |factor: &&f64| **factor * power >= rough * 0.999;
    factors.iter().find(fits).unwrap_or(&10.0) * power
}

/// A value in few characters: `850`, `12.5k`, `301k`, `4.7M`.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value {
        _ if value >= 999_500.0 => (value / 1_000_000.0, "M"),
        _ if value >= 999.5 => (value / 1000.0, "k"),
        _ => (value, ""),
    };
    let text = match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_beyond_the_largest_value() {
        let scale = Scale::linear([301_000.0, 12_000.0].into_iter());
        assert_eq!(
            scale.marks(),
            [0.0, 100_000.0, 200_000.0, 300_000.0, 400_000.0]
        );
        let scale = Scale::log([3.0, 4000.0].into_iter());
        assert_eq!(scale.marks(), [1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(scale.position(100.0), 0.5);
    }

    #[test]
    fn values_are_short() {
        let texts = [
            0.0,
            0.46,
            5.0,
            99.0,
            850.0,
            12_500.0,
            301_000.0,
            4_700_000.0,
        ]
        .map(short);
        assert_eq!(
            texts,
            ["0", "0.46", "5", "99", "850", "12.5k", "301k", "4.7M"]
        );
    }
}
