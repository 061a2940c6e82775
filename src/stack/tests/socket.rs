//! The gateway behind a socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::fake::{Answer, stack};
use crate::stack::serve;
use crate::upstream::{Error, ErrorKind};

async fn over_tcp(answer: Answer) -> String {
    let stack = stack(answer).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, stack.router.clone(), async { drop(stopped.await) }));
    let body = r#"{"model":"plain/m","messages":[1],"stream":true}"#;
    let ask = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(ask.as_bytes()).await.unwrap();
    let mut got = vec![0];
    peer.read_exact(&mut got).await.unwrap();
    // The peer keeps the connection open, and yet the server ends.
    stop.send(()).unwrap();
    peer.read_to_end(&mut got).await.unwrap();
    server.await.unwrap().unwrap();
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn a_stream_ends_as_http_says() {
    let got = over_tcp(Answer::Stream(vec![Ok("data: 1\n\n".into()), Ok("data: [DONE]\n\n".into())])).await;
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("9\r\ndata: 1\n\n\r\nE\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"), "{got}");
}

#[tokio::test]
async fn a_stream_that_broke_off_does_not_end() {
    let error = Error::new(ErrorKind::Broken, "reset");
    let got = over_tcp(Answer::Stream(vec![Ok("data: 1\n\n".into()), Err(error)])).await;
    assert!(got.ends_with("9\r\ndata: 1\n\n\r\n"), "{got}");
}
