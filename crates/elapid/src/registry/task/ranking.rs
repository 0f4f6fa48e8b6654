//! How well scores rank samples with a label before those without.

/// The mean of a measure over the labels that some samples have and others do not, from scores and truths of each label.
pub(super) fn mean_over_labels(
    of_label: &[Vec<(f32, bool)>],
    measure: fn(&[(f32, bool)]) -> f64,
) -> f64 {
    let is_told = |scores: &&Vec<(f32, bool)>| {
        let have = scores.iter().filter(|(_, is_own)| *is_own).count();
        have > 0 && have < scores.len()
    };
    let each = of_label
        .iter()
        .filter(is_told)
        .map(|scores| measure(scores));
    let each: Vec<f64> = each.collect();
    each.iter().sum::<f64>() / each.len() as f64
}

/// Pairs of score and truth, highest score first.
fn ranked(scores: &[(f32, bool)]) -> Vec<(f32, bool)> {
    let mut ranked = scores.to_vec();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked
}

/// Average precision: the mean, over the samples with the label, of the precision among all that score as high; samples of equal
/// score count together, as in scikit-learn's `average_precision_score`.
pub(super) fn average_precision(scores: &[(f32, bool)]) -> f64 {
    let ranked = ranked(scores);
    let total = ranked.iter().filter(|(_, is_own)| *is_own).count() as f64;
    let (mut seen, mut right, mut sum) = (0.0, 0.0, 0.0);
    for equal in ranked.chunk_by(|a, b| a.0 == b.0) {
        let own = equal.iter().filter(|(_, is_own)| *is_own).count() as f64;
        seen += equal.len() as f64;
        right += own;
        sum += own * right / seen;
    }
    sum / total
}

/// Area under the receiver operating characteristic: the share of pairs, one with the label and one without, that are in
/// order; ties count half.
pub(super) fn roc_area(scores: &[(f32, bool)]) -> f64 {
    let ranked = ranked(scores);
    let own = ranked.iter().filter(|(_, is_own)| *is_own).count() as f64;
    let others = ranked.len() as f64 - own;
    let (mut above, mut sum) = (0.0, 0.0);
    for equal in ranked.chunk_by(|a, b| a.0 == b.0) {
        let here = equal.iter().filter(|(_, is_own)| *is_own).count() as f64;
        sum += (equal.len() as f64 - here) * (above + here / 2.0);
        above += here;
    }
    sum / (own * others)
}

/// `√2 Φ⁻¹(area)`: how many standard deviations apart two normal distributions with that area are.
pub(super) fn d_prime(area: f64) -> f64 {
    std::f64::consts::SQRT_2 * normal_quantile(area)
}

/// The inverse of the standard normal distribution function, by bisection.
fn normal_quantile(share: f64) -> f64 {
    if !(0.0..=1.0).contains(&share) {
        return f64::NAN;
    }
    // Beyond eight standard deviations the share cannot be told from 0 or 1.
    let (mut low, mut high) = (-8.5, 8.5);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match normal_share(middle) < share {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

/// The standard normal distribution function, by the series of Marsaglia (2004).
fn normal_share(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() && n < 400.0 {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    0.5 + sum * density
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_area_by_hand() {
        // scikit-learn 1.7: average_precision_score([1, 0, 1, 0], [.9, .8, .7, .1]) is 5/6, roc_auc_score is 3/4.
        let scores = [(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
        assert!((average_precision(&scores) - 5.0 / 6.0).abs() < 1e-12);
        assert!((roc_area(&scores) - 0.75).abs() < 1e-12);
        let equal = [(0.5, true), (0.5, false), (0.5, false)];
        assert!((average_precision(&equal) - 1.0 / 3.0).abs() < 1e-12);
        assert!((roc_area(&equal) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn labels_that_all_or_none_have_are_left_out_of_the_mean() {
        let first = vec![(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
        let second = vec![(0.9, true), (0.1, false)];
        let (none, all) = (vec![(0.5, false)], vec![(0.5, true)]);
        let found = mean_over_labels(&[first, none, second, all], roc_area);
        assert!((found - (0.75 + 1.0) / 2.0).abs() < 1e-12);
        assert!(mean_over_labels(&[], roc_area).is_nan());
    }

    #[test]
    fn d_prime_of_known_areas() {
        assert!(d_prime(0.5).abs() < 1e-9);
        // Φ(1) and Φ(1.959964).
        assert!((normal_quantile(0.841_344_746_068_543) - 1.0).abs() < 1e-9);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((d_prime(0.975) - 2.771_807_64).abs() < 1e-6);
        assert!(d_prime(f64::NAN).is_nan());
    }
}
