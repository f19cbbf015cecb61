use super::*;

fn made(nodes: u8) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    Pki::ensure_made(&folder.path().join("pki"), &kubeconfig, nodes).unwrap();
    (folder, kubeconfig)
}

fn all(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn a_second_call_changes_nothing_and_a_larger_cluster_only_adds() {
    let (folder, kubeconfig) = made(1);
    let pki = folder.path().join("pki");
    let before = all(&pki);
    Pki::ensure_made(&pki, &kubeconfig, 1).unwrap();
    assert_eq!(all(&pki), before);
    Pki::ensure_made(&pki, &kubeconfig, 2).unwrap();
    let after = all(&pki);
    assert!(before.iter().all(|file| after.contains(file)));
    assert!(pki.join("kubelet-n2.crt").exists());
}

#[test]
fn openssl_accepts_what_was_signed_before_and_after_the_authority_was_read_back() {
    let (folder, kubeconfig) = made(1);
    let pki = folder.path().join("pki");
    Pki::ensure_made(&pki, &kubeconfig, 2).unwrap();
    for name in ["apiserver", "kubelet-n1", "kubelet-n2"] {
        let arguments =
            ["verify", "-purpose", "sslserver", "-CAfile", "ca.crt", &format!("{name}.crt")];
        crate::process::run(crate::process::command("openssl", arguments).current_dir(&pki))
            .unwrap();
    }
    let arguments =
        ["x509", "-in", "kubelet-n2.crt", "-noout", "-subject", "-ext", "subjectAltName"];
    let text = crate::process::run(crate::process::command("openssl", arguments).current_dir(&pki))
        .unwrap();
    for part in ["O = system:nodes", "CN = system:node:n2", "DNS:n2", "IP Address:172.30.0.12"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_kubeconfig_holds_all_it_needs() {
    let (folder, kubeconfig) = made(1);
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(kubeconfig).unwrap()).unwrap();
    let cluster = &config["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], "https://172.30.0.11:6443");
    let authority = fs::read_to_string(folder.path().join("pki/ca.crt")).unwrap();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, authority);
    assert_eq!(cluster["certificate-authority-data"], data);
    assert_eq!(config["contexts"][0]["context"]["user"], config["users"][0]["name"]);
}
