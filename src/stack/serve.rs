//! The gateway behind a socket.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long replies under way may go on after the call to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is ready, then takes no more connections and lets replies under way end,
/// for ten seconds at most.
pub async fn serve<F>(listener: TcpListener, router: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    // Without it a peer that delays its acknowledgements stalls every stream of a kept connection by 40 ms.
    // A socket that refuses the option still works.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let (ending, end) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The receiver lives as long as this function; nobody waits once it is gone.
        let _ = ending.send(());
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(signal).into_future();
    tokio::select! {
        result = served => result,
        () = async { if end.await.is_ok() { tokio::time::sleep(GRACE).await } else { std::future::pending().await } } => Ok(()),
    }
}
