//! Splits all cases into parts, for machines that share a run.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// `2/4`: the second of four parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    part: u32,
    of: u32,
}

impl Shard {
    /// Whether this part has the case with this id. That depends only on the id: adding or removing a case moves no
    /// other case.
    pub(crate) fn holds(self, id: &str) -> bool {
        let digest = Sha256::digest(id.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first) % u64::from(self.of) == u64::from(self.part - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((part, of)) if part >= 1 && part <= of => Ok(Shard { part, of }),
            _ => Err("write it as PART/PARTS, such as 1/4 to 4/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_one_part() {
        let shards: Vec<Shard> = (1..=4).map(|part| format!("{part}/4").parse().unwrap()).collect();
        let mut sizes = [0; 4];
        for number in 0..1000 {
            let id = format!("suites/a.yaml::case[{number}]");
            let holding: Vec<usize> = (0..4).filter(|part| shards[*part].holds(&id)).collect();
            assert_eq!(holding.len(), 1);
            sizes[holding[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (200..300).contains(size)), "{sizes:?}");
        // The same sizes in every version: the machines of one run may have different versions.
        assert_eq!(sizes, [280, 233, 256, 231]);
    }

    #[test]
    fn a_shard_is_a_part_of_parts() {
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
        for bad in ["0/4", "5/4", "2", "2/0", "a/b", "", "-1/4", "1/4/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
