//! Measuring runs that take turns.

use std::time::{Duration, Instant};

use crate::Failure;

/// How long one contestant is measured before the next has its turn: what disturbs the machine hits all alike.
const TURN: Duration = Duration::from_millis(50);
/// A contestant is measured for so long, and so many runs;
const ENOUGH: (Duration, usize) = (Duration::from_secs(1), 30);
/// but no longer than this, be it as slow as it may.
const MOST: Duration = Duration::from_secs(10);

/// Something to be measured: runs once.
pub(crate) type Contestant<'c> = Box<dyn FnMut() -> Result<(), Failure> + 'c>;

/// How long runs took.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Runs.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The fastest, in milliseconds.
    pub(crate) fn min_ms(&self) -> f64 {
        self.0.iter().min().map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// The middle one, in milliseconds.
    pub(crate) fn median_ms(&self) -> f64 {
        let mut times = self.0.clone();
        times.sort();
        times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    fn are_enough(&self) -> bool {
        let sum: Duration = self.0.iter().sum();
        (sum >= ENOUGH.0 && self.len() >= ENOUGH.1) || sum >= MOST
    }
}

/// Measures contestants turn by turn; calls `between` after each turn.
pub(crate) fn measure(
    contestants: &mut [Contestant<'_>],
    mut between: impl FnMut(),
) -> Result<Vec<Times>, Failure> {
    let mut times: Vec<Times> = contestants.iter().map(|_| Times::default()).collect();
    while times.iter().any(|times| !times.are_enough()) {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            if !times.are_enough() {
                turn(contestant, times)?;
                between();
            }
        }
    }
    Ok(times)
}

/// One turn. Its first run is not counted: it brings the weights back into the caches.
fn turn(run: &mut Contestant<'_>, times: &mut Times) -> Result<(), Failure> {
    let start = Instant::now();
    run()?;
    let slow = start.elapsed() > TURN;
    let start = Instant::now();
    loop {
        let before = start.elapsed();
        run()?;
        times.push(start.elapsed() - before);
        if slow || start.elapsed() > TURN {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_fastest() {
        let times = Times([5, 1, 4].map(Duration::from_millis).to_vec());
        assert_eq!((times.min_ms(), times.median_ms(), times.len()), (1.0, 4.0, 3));
        assert_eq!(Times::default().median_ms(), 0.0);
        assert!(!times.are_enough());
        assert!(Times(vec![Duration::from_secs(6); 2]).are_enough());
        assert!(Times(vec![Duration::from_millis(40); 30]).are_enough());
    }
}
