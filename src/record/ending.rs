//! A signal to everything under way that it must end now.

use tokio::sync::watch;

/// Everything under way listens to this.
#[derive(Debug)]
pub(super) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Ending(watch::Sender::new(false))
    }
}

impl Ending {
    /// From now on nothing is waited for any more.
    pub(super) fn call(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_called(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until `call` is called.
    pub(super) async fn called(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|is_called| *is_called).await;
    }
}
