//! Limits, time-outs and the end of a server, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{BOTH, Running, Site, logged, message, read_line, request};
use server::limits::Limits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn requests_sent_in_one_go_are_answered_in_order() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let (_, stream) = running.connect(&site.connector(Some(&site.client("a")), &BOTH)).await;
    let mut stream = stream.unwrap();
    let all = [message(&[0; 8]), message(&[1; 40_000]), message(&[2; 16])].concat();
    stream.write_all(&all).await.unwrap();
    for expected in ["a 16", "a 40008", "a 24"] {
        assert_eq!(read_line(&mut stream).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_request_beyond_the_limit_gets_an_answer_and_a_clean_end() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let config = site.connector(Some(&site.client("a")), &BOTH);
    for header in [[0x42, 0, 0x78, 1, 0xFF, 0xFF, 0xFF, 0xF8], *b"GET / HT"] {
        let (peer, stream) = running.connect(&config).await;
        let mut stream = stream.unwrap();
        stream.write_all(&header).await.unwrap();
        // More that the server never looks at must not destroy the answer on its way.
        stream.write_all(&[0; 20_000]).await.unwrap();
        assert_eq!(read_line(&mut stream).await.as_deref(), Some("a 8"));
        // Ok: ended with close_notify.
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        logged(peer, if header[0] == 0x42 { "the limit is 2097152" } else { "not a KMIP request" }).await;
    }
}

#[tokio::test]
async fn whoever_trickles_is_dropped_in_time_and_whoever_does_not_is_served_meanwhile() {
    let site = Site::new();
    let limits = Limits { handshake_timeout_ms: 600, request_timeout_ms: 600, ..Limits::default() };
    let running = Running::start(&site, limits).await;
    let config = site.connector(Some(&site.client("a")), &BOTH);
    let mut slow = Vec::new();
    for index in 0..100 {
        let address = running.address;
        let secured = if index % 2 == 0 { Some(running.connect(&config).await.1.unwrap()) } else { None };
        slow.push(tokio::spawn(async move {
            let begun = Instant::now();
            let mut dropped = false;
            if let Some(mut stream) = secured {
                for byte in message(&[0; 64]) {
                    dropped = stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err();
                    if dropped || tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await.is_ok() {
                        dropped = true;
                        break;
                    }
                }
            } else {
                let mut tcp = TcpStream::connect(address).await.unwrap();
                for byte in [0x16, 3, 1, 2, 0].into_iter().chain([1; 60]) {
                    dropped = tcp.write_all(&[byte]).await.is_err();
                    if dropped || tokio::time::timeout(Duration::from_millis(100), tcp.read_u8()).await.is_ok() {
                        dropped = true;
                        break;
                    }
                }
            }
            assert!(dropped, "a slow client is dropped");
            begun.elapsed()
        }));
    }
    for _ in 0..10 {
        let begun = Instant::now();
        assert!(running.try_request(&config).await.1.is_some());
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
    for task in slow {
        let took = task.await.unwrap();
        assert!(took > Duration::from_millis(400) && took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn idle_connections_end_cleanly() {
    let site = Site::new();
    let running = Running::start(&site, Limits { idle_timeout_ms: 200, ..Limits::default() }).await;
    let (_, stream) = running.connect(&site.connector(Some(&site.client("a")), &BOTH)).await;
    let mut stream = stream.unwrap();
    assert!(request(&mut stream, b"01234567").await.is_some());
    assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0, "ended with close_notify");
}

#[tokio::test]
async fn connections_beyond_a_limit_are_closed_and_places_are_given_back() {
    for limits in
        [Limits { connections_max: 2, ..Limits::default() }, Limits { connections_per_peer_max: 2, ..Limits::default() }]
    {
        let site = Site::new();
        let running = Running::start(&site, limits).await;
        let config = site.connector(Some(&site.client("a")), &BOTH);
        let held = [running.connect(&config).await.1.unwrap(), running.connect(&config).await.1.unwrap()];
        let (peer, refused) = running.connect(&config).await;
        assert!(refused.is_err());
        logged(peer, "limit reached").await;
        drop(held);
        let mut tries = 0;
        while running.connect(&config).await.1.is_err() {
            tries += 1;
            assert!(tries < 100, "the places were not given back");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_stopping_server_finishes_the_request_in_flight_and_ends_idle_connections() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let config = site.connector(Some(&site.client("a")), &BOTH);
    let (_, idle) = running.connect(&config).await;
    let mut idle = idle.unwrap();
    assert!(request(&mut idle, b"01234567").await.is_some());
    let (_, busy) = running.connect(&config).await;
    let mut busy = busy.unwrap();
    busy.write_all(&message(b"sleepy!!")).await.unwrap();
    busy.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let begun = Instant::now();
    running.server.stop();
    assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_millis(200), "idle connections end at once");
    assert_eq!(read_line(&mut busy).await.as_deref(), Some("a 16"));
    assert_eq!(busy.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    tokio::time::timeout(Duration::from_secs(2), running.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn one_line_a_request_with_who_what_and_how_long() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let (peer, answer) = running.try_request(&site.connector(Some(&site.client("array-7")), &BOTH)).await;
    assert!(answer.is_some());
    let lines = logged(peer, "operation=").await;
    let line = lines.lines().find(|line| line.contains("operation=")).unwrap();
    for part in ["INFO", "actor=\"array-7\"", "operation=\"Echo\"", "identifier=\"-\"", "result=\"Success\"", "micros="] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(running.metrics.text().contains("kmipd_requests_total{operation=\"Echo\",result=\"Success\"} 1"));
}

#[tokio::test]
async fn the_monitoring_listener_answers_three_paths_and_nothing_else() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::monitoring::run(running.server.clone(), listener));
    for (head, status, words) in [
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), "200", "alive"),
        ("GET /readyz HTTP/1.1\r\n\r\n".to_owned(), "200", "store: ok"),
        ("GET /readyz HTTP/1.1\r\n\r\n".to_owned(), "200", "certificate server.pem: ok, "),
        ("GET /metrics HTTP/1.1\r\n\r\n".to_owned(), "200", "kmipd_connections 0"),
        ("GET /etc/passwd HTTP/1.1\r\n\r\n".to_owned(), "404", ""),
        ("POST /metrics HTTP/1.1\r\n\r\n".to_owned(), "405", ""),
        (format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(5000)), "431", ""),
    ] {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The oversized head is answered with bytes unread; the reset that follows may come with the answer.
        let _ = tcp.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(words), "{head:.40}: {answer}");
    }
}
