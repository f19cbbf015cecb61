//! The HTTP server of probes and metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::Health;

/// The content type of the OpenMetrics text format, version 1.0.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` (OpenMetrics text), `/readyz` (with `/healthz`) and `/livez` until the process ends.
///
/// # Errors
/// When `listen` cannot be bound, or the listener fails.
pub async fn serve(listen: SocketAddr, health: Health, registry: Registry) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("bind {listen}"))?;
    axum::serve(listener, router(health, registry)).await.context("serve probes and metrics")
}

fn router(health: Health, registry: Registry) -> Router {
    let registry = Arc::new(registry);
    let probes = Router::new()
        .route("/readyz", get(async |State(health): State<Health>| answer(health.ready())))
        .route("/healthz", get(async |State(health): State<Health>| answer(health.ready())))
        .route("/livez", get(async |State(health): State<Health>| answer(health.alive())))
        .with_state(health);
    Router::new()
        .route("/metrics", get(async |State(registry): State<Arc<Registry>>| metrics(&registry)))
        .with_state(registry)
        .merge(probes)
}

fn answer(is: Result<(), String>) -> (StatusCode, String) {
    match is {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn metrics(registry: &Registry) -> impl IntoResponse + use<> {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            error.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(from: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(from).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn probes_follow_health_and_metrics_are_open_metrics() {
        let mut registry = Registry::default();
        let pods = Counter::<u64>::default();
        registry.register("pods", "Pods seen", pods.clone());
        pods.inc();
        let health = Health::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server =
            tokio::spawn(axum::serve(listener, router(health.clone(), registry)).into_future());

        assert!(get(at, "/readyz").await.starts_with("HTTP/1.1 200"));
        health.set("northbound", Err("no leader".to_owned()));
        let answer = get(at, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("northbound: no leader"));
        assert!(get(at, "/livez").await.starts_with("HTTP/1.1 200"));
        assert!(get(at, "/metrics").await.contains("pods_total 1"));
        server.abort();
    }
}
