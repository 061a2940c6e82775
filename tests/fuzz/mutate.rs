//! Inputs that nobody would write: known ones, with a few things done to them.

/// What breaks readers, wherever it stands.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\\u0000",
    b"\r",
    b"\n\n",
    b"\r\n",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"null",
    b"-0",
    b"1e999",
    b"-1",
    b"0.1e-400",
    b"18446744073709551616",
    b"99999999999999999999",
    b"NaN",
    b":",
    b",",
    b"data:",
    b"data: [DONE]\n\n",
    b"event: error\n",
    b"id:",
    b": ",
    b"--",
    b"../",
    b"%00",
    b"%2e%2e",
    b"//",
    b"@",
    b"#",
    b"?",
    b"\\",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"${",
    b"${env.",
    b"$..*",
    b"(.*)*",
    b"- ",
    b"  ",
    b"\t",
    b"|",
    b">",
    b"~",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\xa6\x80",
    b"content-disposition: form-data; name=\"",
    b"filename*=UTF-8''%ff",
    b"boundary=",
    b"\"__base64__\": \"!\"",
    b"\"retake\": {",
    b"\"version\": \"1.99\"",
    b"\"chunks\": [[",
];

/// A source of numbers that gives the same ones for the same seed (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// One of so many.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % most.max(1)
    }

    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A part of something so long, mostly a short one.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 16 };
        from..length.min(from + self.below(longest + 1))
    }

    /// One of the seeds, with up to eight things done to it.
    pub(crate) fn mutant(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds).clone();
        for _ in 0..self.below(8) + 1 {
            let part = self.part(bytes.len());
            match self.below(8) {
                0 => bytes.iter_mut().skip(part.start).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
                1 => drop(bytes.drain(part)),
                2 => bytes.truncate(part.start),
                3 => {
                    let twice = bytes[part.clone()].repeat(self.below(6) + 1);
                    bytes.splice(part.end..part.end, twice);
                }
                4 => {
                    let other = self.one_of(seeds);
                    let from = self.part(other.len());
                    bytes.splice(part, other[from].iter().copied());
                }
                5 => {
                    let moved: Vec<u8> = bytes.drain(part).collect();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, moved);
                }
                6 => {
                    let word = self.one_of(WORDS).repeat(if self.below(20) == 0 { 500 } else { 1 });
                    bytes.splice(part.start..part.start, word);
                }
                _ => {
                    let word = self.one_of(WORDS).to_vec();
                    bytes.splice(part, word);
                }
            }
        }
        // What grows without end is the business of limits.
        bytes.truncate(1 << 20);
        bytes
    }
}
