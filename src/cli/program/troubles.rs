//! The requests that the proxy could not answer.

use std::sync::{Mutex, PoisonError};

use crate::cli::output::warn;
use crate::cli::proxy::worded;
use crate::exchange::Secrets;
use crate::proxy::Trouble;

/// How many problems are reported one by one.
const MOST_TOLD: usize = 100;

/// The requests that the proxy could not answer, each kind once.
#[derive(Default)]
pub(super) struct Troubles(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    count: usize,
    different: Vec<(Trouble, usize)>,
}

impl Troubles {
    pub(super) fn add(&self, trouble: &Trouble) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.count += 1;
        if let Some((_, times)) = heard.different.iter_mut().find(|(known, _)| known == trouble) {
            *times += 1;
        } else if heard.different.len() < MOST_TOLD {
            heard.different.push((trouble.clone(), 1));
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count > 0
    }

    /// Prints all of them and returns how many there were.
    pub(super) fn say(&self, secrets: &Secrets) -> usize {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (trouble, times) in &heard.different {
            let times = if *times > 1 { format!("\n  asked {times} times") } else { String::new() };
            warn(secrets, &format!("{}{times}", worded(trouble)));
        }
        let told: usize = heard.different.iter().map(|(_, times)| times).sum();
        if told < heard.count {
            warn(secrets, &format!("retake: and {} more requests without an answer", heard.count - told));
        }
        heard.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(message: &str) -> Trouble {
        Trouble { kind: "missing-recording", session: None, message: message.to_owned() }
    }

    #[test]
    fn equal_troubles_are_counted_and_all_of_them_are_bounded() {
        let troubles = Troubles::default();
        for number in 0..2 * MOST_TOLD {
            troubles.add(&trouble(&number.to_string()));
            troubles.add(&trouble("0"));
        }
        let heard = troubles.0.lock().unwrap();
        assert_eq!((heard.count, heard.different.len()), (4 * MOST_TOLD, MOST_TOLD));
        assert_eq!(heard.different[0].1, 2 * MOST_TOLD + 1);
    }
}
