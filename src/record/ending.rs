//! Told to all that is under way when it is to end now.

use tokio::sync::watch;

/// What is under way listens here.
#[derive(Debug)]
pub(super) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Ending(watch::Sender::new(false))
    }
}

impl Ending {
    /// From now on nothing is waited for.
    pub(super) fn call(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_called(&self) -> bool {
        *self.0.borrow()
    }

    /// Until it is called.
    pub(super) async fn called(&self) {
        // It is here, so that there is who could call.
        let _ = self.0.subscribe().wait_for(|is_called| *is_called).await;
    }
}
