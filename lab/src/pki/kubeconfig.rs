//! A kubeconfig with everything inside, so that it works wherever it is copied. Written as JSON, which is YAML.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

/// A user who proves itself by certificate; all in PEM.
pub(super) struct User<'a> {
    pub(super) name: &'a str,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

/// One cluster, one user, one context in use.
pub(super) fn render(server: &str, authority: &str, user: &User<'_>) -> String {
    let data = |pem: &str| STANDARD.encode(pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": server, "certificate-authority-data": data(authority)}}],
        "users": [{"name": user.name, "user": {
            "client-certificate-data": data(user.certificate), "client-key-data": data(user.key)}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user.name}}],
        "current-context": "lab",
    });
    format!("{config:#}\n")
}
