//! The node over real sockets.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::sim::chain::serve::routes;

async fn serve() -> (Shared, std::net::SocketAddr) {
    let shared = Shared(Arc::new(Mutex::new(World::new())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = routes::<Shared>().with_state(shared.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (shared, address)
}

#[tokio::test]
async fn a_node_answers_over_http() {
    crate::feed::tls::install_tls();
    let (_, address) = serve().await;
    let post = |body: String| {
        let request = reqwest::Client::new().post(format!("http://{address}/rpc")).body(body);
        async move { request.send().await.expect("an answer") }
    };
    let request = json!({ "jsonrpc": "2.0", "id": 7, "method": "eth_chainId" });
    let answer = post(request.to_string()).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let text = answer.text().await.expect("a body");
    assert_eq!(text, r#"{"id":7,"jsonrpc":"2.0","result":"0x89"}"#);
    assert!(post("no json".into()).await.text().await.expect("a body").contains("-32700"));
    assert_eq!(post("x".repeat(6 * 1024 * 1024)).await.status(), 413);
}

#[tokio::test]
async fn a_node_tells_news_over_a_websocket() {
    let (shared, address) = serve().await;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/rpc")).await.expect("a socket");
    let subscribe = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    socket.send(Message::text(subscribe.to_string())).await.expect("sent");
    let mut read = async || {
        let message = socket.next().await.expect("open").expect("a message");
        serde_json::from_str::<Value>(message.to_text().expect("text")).expect("JSON")
    };
    let id = read().await["result"].clone();
    shared.0.lock().expect("nobody panicked").pass(2_000);
    let told = read().await;
    assert_eq!(told["params"]["subscription"], id);
    assert_eq!(told["params"]["result"]["number"], json!(format!("{:#x}", FIRST_BLOCK + 1)));
}
