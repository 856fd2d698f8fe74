//! Some measurements of the same thing, and what is said about them.

/// Measurements, sorted.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(measurements: I) -> Self {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }
}

impl Sample {
    /// The smallest measurement that so many hundredths of all do not exceed; not a number of an empty sample.
    #[must_use]
    pub fn percentile(&self, hundredths: usize) -> f64 {
        self.at(hundredths * 100)
    }

    /// The same, in ten-thousandths.
    #[must_use]
    pub fn at(&self, ten_thousandths: usize) -> f64 {
        let place = (self.0.len() * ten_thousandths).div_ceil(10_000).saturating_sub(1);
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// "median (least to most)", with two decimals.
    #[must_use]
    pub fn spread(&self) -> String {
        format!("{:.2} (least {:.2}, most {:.2})", self.median(), self.percentile(0), self.percentile(100))
    }
}

/// A count as a float, for rates and ratios.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_measurement() {
        let sample: Sample = (1..=20).rev().map(f64::from).collect();
        let percentiles = [0, 5, 50, 95, 99, 100].map(|hundredths| sample.percentile(hundredths));
        assert_eq!(percentiles.map(|percentile| format!("{percentile}")), ["1", "1", "10", "19", "20", "20"]);
        assert!(Sample::default().median().is_nan());
    }
}
