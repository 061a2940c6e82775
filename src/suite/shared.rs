//! What cases use by name: files, and the matchers, steps and parameters that they share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::expect::Matcher;
use super::raw::{RawNeed, RawParam, RawStep};
use super::reader::{Checked, Reported};
use crate::yaml::{Source, Spanned};

type ReadFile = dyn Fn(&str, &str) -> Result<Source, String> + Send + Sync;

/// How a suite reads the files that it names.
#[derive(Clone)]
pub(crate) struct Files(Arc<ReadFile>);

impl Files {
    /// `read` takes the name of the file that refers to another file, and the path of that file as it is written there.
    /// `Err` says why the file cannot be read.
    pub(crate) fn new(read: impl Fn(&str, &str) -> Result<Source, String> + Send + Sync + 'static) -> Self {
        Files(Arc::new(read))
    }

    /// The file that `from` refers to as `path`.
    pub(super) fn read(&self, from: &str, path: &str) -> Result<Source, String> {
        (self.0)(from, path)
    }
}

impl Default for Files {
    /// Access to no files.
    fn default() -> Self {
        Files::new(|_, _| Err("there are no files here".to_owned()))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// A named definition and the file that has it.
#[derive(Clone)]
pub(super) struct Named<T> {
    pub(super) source: Arc<Source>,
    pub(super) what: T,
}

/// Definitions that cases use by name.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) matchers: BTreeMap<String, Named<RawNeed>>,
    pub(super) steps: BTreeMap<String, Named<Spanned<RawStep>>>,
    pub(super) params: BTreeMap<String, Named<RawParam>>,
    /// Matchers that were read already.
    pub(super) read: BTreeMap<String, Checked<Arc<Matcher>>>,
    /// Matchers that are being read, the outermost first.
    pub(super) open: Vec<String>,
    /// Set if an included file could not be read, which was reported. A name that is not found may be in that file, so
    /// it is not reported.
    pub(super) unread: Option<Reported>,
}
