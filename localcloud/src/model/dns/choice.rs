//! Which of several records is answered ("How Amazon Route 53 chooses records when health checking is configured").

use super::Record;

/// The record set of one name and type that a name server gives. `drawn` is any number; over all of them each set comes up by its
/// weight.
pub(super) fn choose(
    group: &[Record],
    is_healthy: impl Fn(&Record) -> bool,
    drawn: u32,
) -> Option<&Record> {
    let weight = |record: &Record| match &record.weighted {
        Some((_, weight)) => u32::try_from(*weight).unwrap_or_default(),
        None => 1,
    };
    let heavy = |record: &&Record| weight(record) > 0;
    let fit = |record: &&Record| is_healthy(record);
    let heavy_fit: Vec<_> = group.iter().filter(heavy).filter(fit).collect();
    let fit: Vec<_> = group.iter().filter(fit).collect();
    let heavy: Vec<_> = group.iter().filter(heavy).collect();
    // Where all that have a weight are sick, those without come in; where all are sick, none counts as sick.
    let mut stages = [heavy_fit, fit, heavy, group.iter().collect()].into_iter();
    let stage = stages.find(|stage| !stage.is_empty())?;
    // Where none has a weight, all have the same.
    let share = |record: &Record| weight(record).max(1);
    let mut left = drawn % stage.iter().map(|record| share(record)).sum::<u32>();
    stage.into_iter().find(|record| {
        let is_it = left < share(record);
        left = left.saturating_sub(share(record));
        is_it
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Record sets `a`, `b`, … with these weights.
    fn group(weights: &[i64]) -> Vec<Record> {
        let letters = ["a", "b", "c"].into_iter();
        let record = |(letter, weight): (&str, &i64)| Record {
            weighted: Some((letter.to_owned(), *weight)),
            ..Record::plain("www.example.com.", "A", 60, vec!["192.0.2.1".into()])
        };
        letters.zip(weights).map(record).collect()
    }

    /// How often each comes up among 100 draws; those that are named are sick.
    fn shares(weights: &[i64], sick: &[&str]) -> Vec<usize> {
        let group = group(weights);
        let is_healthy = |record: &Record| !sick.contains(&record.identifier().unwrap());
        let mut counts = vec![0; weights.len()];
        for drawn in 0..100 {
            let chosen = choose(&group, is_healthy, drawn).unwrap();
            let at = group.iter().position(|one| one == chosen).unwrap();
            counts[at] += 1;
        }
        counts
    }

    #[test]
    fn each_comes_up_by_its_weight() {
        assert_eq!(shares(&[1, 3], &[]), [25, 75]);
        assert_eq!(shares(&[9, 0, 1], &[]), [90, 0, 10]);
        assert_eq!(shares(&[255], &[]), [100]);
        assert_eq!(shares(&[0, 0], &[]), [50, 50]);
    }

    #[test]
    fn a_sick_one_is_left_out_unless_all_are() {
        assert_eq!(shares(&[1, 3], &["b"]), [100, 0]);
        assert_eq!(shares(&[1, 3], &["a", "b"]), [25, 75]);
        assert_eq!(shares(&[0, 0], &["a"]), [0, 100]);
    }

    #[test]
    fn without_a_weight_one_is_given_where_all_others_are_sick() {
        assert_eq!(shares(&[1, 1, 0], &["a"]), [0, 100, 0]);
        assert_eq!(shares(&[1, 1, 0], &["a", "b"]), [0, 0, 100]);
        assert_eq!(shares(&[1, 1, 0], &["a", "b", "c"]), [50, 50, 0]);
    }

    #[test]
    fn a_simple_one_is_the_one_and_none_is_none() {
        let simple = [Record::plain("www.example.com.", "A", 60, Vec::new())];
        assert_eq!(choose(&simple, |_| false, 7), Some(&simple[0]));
        assert_eq!(choose(&[], |_| true, 7), None);
    }
}
