//! Real sockets: what a slow or greedy client gets, and what the router is told.
use std::net::SocketAddr;
use std::time::Instant;

use axum::http::HeaderMap;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::*;

struct Running {
    doors: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

/// Answers the environment of the port and the scheme that the router was told.
async fn seen(headers: HeaderMap) -> String {
    let text =
        |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("-").to_owned();
    format!("{} {}", text(PORT_ENVIRONMENT), text(FORWARDED_PROTO))
}

async fn run(limits: Limits) -> Running {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let router = Router::new().route("/", get(seen)).route("/slow", get(slow));
    let mut doors = Vec::new();
    let mut addresses = Vec::new();
    for environment in [None, Some("prod".to_owned())] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        doors.push(Door { listener, environment });
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(doors, router, None, limits, async {
        let _told = stopped.await;
    }));
    Running { doors: addresses, stop: Some(stop), task }
}

async fn get_from(address: SocketAddr, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("GET {path} HTTP/1.1\r\nhost: x.test\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_port_names_its_environment_and_a_client_cannot() {
    let running = run(Limits::default()).await;
    let lie = format!("{PORT_ENVIRONMENT}: evil\r\n");
    assert!(get_from(running.doors[0], "/", &lie).await.ends_with("- -"));
    assert!(get_from(running.doors[1], "/", &lie).await.ends_with("prod -"));
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let running = run(Limits { head: Duration::from_millis(300), ..Limits::default() }).await;
    let begun = Instant::now();
    for text in ["", "GET / HTTP/1.1\r\nhost: x", "GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(running.doors[0]).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        // The last one is answered, and then has nothing more to say.
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
        ended.await.expect("the connection ends").unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(600));
    // A head that does not end is not collected without limit.
    let mut stream = TcpStream::connect(running.doors[0]).await.unwrap();
    let _refused = stream.write_all(&vec![b'a'; 4 * HEAD_MAX]).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits { connections: 2, head: Duration::from_secs(20) };
    let running = run(limits).await;
    let door = running.doors[0];
    let first = TcpStream::connect(door).await.unwrap();
    let second = TcpStream::connect(door).await.unwrap();
    let third = tokio::spawn(async move { get_from(door, "/", "").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!third.is_finished());
    drop((first, second));
    let answer = tokio::time::timeout(Duration::from_secs(20), third).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn what_is_under_way_ends_before_the_server_does() {
    let mut running = run(Limits::default()).await;
    let door = running.doors[0];
    let slow = tokio::spawn(async move { get_from(door, "/slow", "").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.take().unwrap().send(()).unwrap();
    assert!(slow.await.unwrap().ends_with("slow"));
    tokio::time::timeout(Duration::from_secs(20), running.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(door).await.is_err());
}
