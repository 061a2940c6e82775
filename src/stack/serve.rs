//! The gateway behind a socket.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long replies under way may take after the signal to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is ready. Then it takes no more connections, and replies under way have ten seconds to end.
pub async fn serve<F>(listener: TcpListener, router: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    // Without this option, a peer with delayed acknowledgements stalls every stream of a reused connection by 40 ms. A
    // socket that refuses the option still works.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let (ending, end) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The receiver lives as long as this function; after that, nobody waits.
        let _ = ending.send(());
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(signal).into_future();
    tokio::select! {
        result = served => result,
        () = async { if end.await.is_ok() { tokio::time::sleep(GRACE).await } else { std::future::pending().await } } => Ok(()),
    }
}
