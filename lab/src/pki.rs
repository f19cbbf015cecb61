//! The cluster's certificate authority, an identity for each of its programs, and kubeconfigs.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::plan::{API_PORT, API_SERVER, API_SERVICE, DOMAIN, Machine};

mod kubeconfig;

/// Who a certificate is for, as Kubernetes reads it: common name = user, organisation = group.
struct Identity {
    user: String,
    group: Option<&'static str>,
    /// DNS names and addresses it may serve as; none for a pure client.
    serves: Vec<String>,
}

/// The folder with all keys: what exists is kept, so that a running cluster goes on.
pub(crate) struct Pki {
    folder: PathBuf,
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
}

impl Pki {
    /// Makes what is missing for a cluster of these nodes. `kubeconfig` is the administrator's, used from the
    /// machine itself.
    ///
    /// # Errors
    /// Files cannot be read or written, or an old key is damaged.
    pub(crate) fn ensure_made(folder: &Path, kubeconfig: &Path, nodes: u8) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let pki = Self::open(folder)?;
        pki.service_account_key()?;
        pki.certificate("apiserver", &api_server())?;
        pki.certificate(
            "apiserver-kubelet-client",
            &client("kube-apiserver-kubelet-client", Some("system:masters")),
        )?;
        for user in ["kube-controller-manager", "kube-scheduler", "kube-proxy"] {
            let path = folder.join(format!("{user}.kubeconfig"));
            pki.kubeconfig(&path, user, &client(&format!("system:{user}"), None))?;
        }
        for node in Machine::nodes(nodes) {
            let identity = kubelet(node);
            pki.certificate(&format!("kubelet-{node}"), &identity)?;
            pki.kubeconfig(
                &folder.join(format!("kubelet-{node}.kubeconfig")),
                &format!("kubelet-{node}"),
                &identity,
            )?;
        }
        pki.kubeconfig(kubeconfig, "admin", &client("admin", Some("system:masters")))
    }

    fn open(folder: &Path) -> Result<Self> {
        let key = load_or_make_key(&folder.join("ca.key"))?;
        let certificate = folder.join("ca.crt");
        if !certificate.exists() {
            write(&certificate, &authority().self_signed(&key)?.pem())?;
        }
        let authority_pem = fs::read_to_string(&certificate)?;
        Ok(Self {
            folder: folder.to_owned(),
            authority: Issuer::new(authority(), key),
            authority_pem,
        })
    }

    /// `NAME.crt` and `NAME.key`.
    fn certificate(&self, name: &str, identity: &Identity) -> Result<()> {
        let key = load_or_make_key(&self.folder.join(format!("{name}.key")))?;
        let path = self.folder.join(format!("{name}.crt"));
        if path.exists() {
            return Ok(());
        }
        let certificate = identity.parameters()?.signed_by(&key, &self.authority)?;
        write(&path, &certificate.pem())
    }

    fn kubeconfig(&self, path: &Path, name: &str, identity: &Identity) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        let certificate = identity.parameters()?.signed_by(&key, &self.authority)?;
        let user =
            kubeconfig::User { name, certificate: &certificate.pem(), key: &key.serialize_pem() };
        let server = format!("https://{API_SERVER}:{API_PORT}");
        write(path, &kubeconfig::render(&server, &self.authority_pem, &user))
    }

    /// Signs the tokens of service accounts.
    fn service_account_key(&self) -> Result<()> {
        let key = load_or_make_key(&self.folder.join("sa.key"))?;
        write(&self.folder.join("sa.pub"), &key.public_key_pem())
    }
}

impl Identity {
    fn parameters(&self) -> Result<CertificateParams> {
        let mut parameters = CertificateParams::new(self.serves.clone())?;
        parameters.distinguished_name = name(&self.user, self.group);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !self.serves.is_empty() {
            parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        Ok(parameters)
    }
}

fn name(common: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name
}

/// The same each time: with the key, all that signing needs.
fn authority() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name("kube-ovn-lab", None);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    parameters
}

fn client(user: &str, group: Option<&'static str>) -> Identity {
    Identity { user: user.to_owned(), group, serves: Vec::new() }
}

fn api_server() -> Identity {
    let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        .map(str::to_owned);
    let addresses = ["127.0.0.1".to_owned(), API_SERVICE.to_string(), API_SERVER.to_string()];
    let serves = names
        .into_iter()
        .chain([format!("kubernetes.default.svc.{DOMAIN}")])
        .chain(addresses)
        .collect();
    Identity { user: "kube-apiserver".into(), group: None, serves }
}

fn kubelet(node: Machine) -> Identity {
    let serves = vec![node.to_string(), node.management().to_string()];
    Identity { user: format!("system:node:{node}"), group: Some("system:nodes"), serves }
}

fn load_or_make_key(path: &Path) -> Result<KeyPair> {
    if path.exists() {
        let pem =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        return KeyPair::from_pem(&pem).with_context(|| format!("{} is damaged", path.display()));
    }
    let key = KeyPair::generate()?;
    write(path, &key.serialize_pem())?;
    Ok(key)
}

/// Whole or not at all, and for its owner only.
fn write(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension("new");
    let attempt = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        fs::rename(&unfinished, path)
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
