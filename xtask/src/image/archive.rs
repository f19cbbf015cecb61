//! OCI image layout (image-spec v1) as one tar archive: layers, config, manifest, index. Only writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// An uncompressed layer on disk, so its digest is its diff id as well.
pub(super) struct Layer {
    pub(super) tar: PathBuf,
    /// `sha256:` and 64 hex digits.
    pub(super) digest: String,
    /// Bytes of the tar itself.
    pub(super) size: u64,
    /// Bytes of the files within.
    pub(super) unpacked: u64,
}

impl Layer {
    /// Reads the whole archive once.
    pub(super) fn measure(tar: &Path) -> anyhow::Result<Self> {
        let open = || File::open(tar).with_context(|| tar.display().to_string());
        let (digest, size) = digest(BufReader::with_capacity(1 << 20, open()?))?;
        let mut unpacked = 0;
        for entry in tar::Archive::new(open()?).entries_with_seek()? {
            unpacked += entry?.size();
        }
        Ok(Self { tar: tar.to_owned(), digest, size, unpacked })
    }

    /// What [`Layer::recall`] needs to skip reading the archive again.
    pub(super) fn note(&self) -> String {
        json!({ "digest": self.digest, "size": self.size, "unpacked": self.unpacked }).to_string()
    }

    /// The layer that `note` was taken of; an error if the archive has another size by now.
    pub(super) fn recall(tar: &Path, note: &str) -> anyhow::Result<Self> {
        let note: serde_json::Value = serde_json::from_str(note)?;
        let number =
            |key: &str| note[key].as_u64().with_context(|| format!("no {key} in the note"));
        let size = number("size")?;
        anyhow::ensure!(std::fs::metadata(tar)?.len() == size, "{} has changed", tar.display());
        let digest = note["digest"].as_str().context("no digest in the note")?.to_owned();
        Ok(Self { tar: tar.to_owned(), digest, size, unpacked: number("unpacked")? })
    }
}

/// What the image's config says besides its layers.
pub(super) struct Image<'a> {
    pub(super) reference: &'a str,
    pub(super) path: &'a str,
    pub(super) labels: &'a [(&'a str, &'a str)],
}

impl Image<'_> {
    /// Writes the archive to a file beside `out`, then renames: a reader never sees half an image.
    pub(super) fn write(&self, layers: &[&Layer], out: &Path) -> anyhow::Result<()> {
        let config = self.config(layers).to_string().into_bytes();
        let manifest = manifest(layers, &config)?.to_string().into_bytes();
        let index = self.index(&manifest)?.to_string();
        let part = out.with_extension("part");
        let file = File::create(&part).with_context(|| part.display().to_string())?;
        let mut archive = tar::Builder::new(file);
        append(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append(&mut archive, "index.json", index.as_bytes())?;
        for layer in layers {
            let tar = File::open(&layer.tar).with_context(|| layer.tar.display().to_string())?;
            archive.append_data(&mut header(layer.size, 0o644), blob(&layer.digest), tar)?;
        }
        for bytes in [&config, &manifest] {
            append(&mut archive, &blob(&digest(&bytes[..])?.0), bytes)?;
        }
        archive.into_inner()?.sync_all()?;
        std::fs::rename(&part, out).with_context(|| out.display().to_string())
    }

    fn config(&self, layers: &[&Layer]) -> serde_json::Value {
        let labels: BTreeMap<_, _> = self.labels.iter().copied().collect();
        let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.digest).collect();
        json!({
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": { "Env": [format!("PATH={}", self.path)], "Labels": labels, "WorkingDir": "/" },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        })
    }

    /// The name twice: containerd reads its own annotation, other tools the standard one.
    fn index(&self, manifest: &[u8]) -> anyhow::Result<serde_json::Value> {
        let (digest, size) = digest(manifest)?;
        Ok(json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": size,
                "platform": { "architecture": architecture(), "os": "linux" },
                "annotations": {
                    "io.containerd.image.name": self.reference,
                    "org.opencontainers.image.ref.name": self.reference.rsplit(':').next(),
                },
            }],
        }))
    }
}

fn manifest(layers: &[&Layer], config: &[u8]) -> anyhow::Result<serde_json::Value> {
    let (digest, size) = digest(config)?;
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer.digest,
                "size": layer.size,
            })
        })
        .collect();
    Ok(json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size },
        "layers": layers,
    }))
}

/// A header that depends on nothing but its arguments: the same files make the same archive.
pub(super) fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

fn append(archive: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let size = u64::try_from(bytes.len()).expect("a buffer's length fits in 64 bits");
    archive.append_data(&mut header(size, 0o644), name, bytes)
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// GOARCH, which is what OCI calls an architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The OCI digest of everything `from` yields, and how much that was.
pub(super) fn digest(mut from: impl Read) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let size = io::copy(&mut from, &mut hash)?;
    Ok((format!("sha256:{}", hex(&hash.finalize())), size))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every write");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(folder: &Path, name: &str, content: &[u8]) -> Layer {
        let tar = folder.join(name);
        let mut archive = tar::Builder::new(File::create(&tar).unwrap());
        append(&mut archive, "usr/bin/a", content).unwrap();
        archive.into_inner().unwrap();
        Layer::measure(&tar).unwrap()
    }

    fn entries(archive: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(File::open(archive).unwrap());
        archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                (entry.path().unwrap().display().to_string(), bytes)
            })
            .collect()
    }

    #[test]
    fn every_blob_is_named_by_its_digest_and_every_reference_leads_to_a_blob() {
        let folder = std::env::temp_dir().join(format!("image-archive-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let layers = [layer(&folder, "one", b"1"), layer(&folder, "two", b"22")];
        let image = Image { reference: "example/name:v1", path: "/usr/bin", labels: &[("a", "b")] };
        let out = folder.join("image.tar");
        image.write(&[&layers[0], &layers[1]], &out).unwrap();
        let first = std::fs::read(&out).unwrap();
        let found = entries(&out);
        for (name, bytes) in found.iter().filter(|(name, _)| name.starts_with("blobs/")) {
            assert_eq!(
                *name,
                blob(&digest(&bytes[..]).unwrap().0),
                "a blob should bear its digest"
            );
        }
        let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        let at = |node: &serde_json::Value| found[&blob(node["digest"].as_str().unwrap())].clone();
        let manifest = parse(&at(&parse(&found["index.json"])["manifests"][0]));
        let config = parse(&at(&manifest["config"]));
        assert_eq!(at(&manifest["layers"][1]), std::fs::read(folder.join("two")).unwrap());
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        image.write(&[&layers[0], &layers[1]], &out).unwrap();
        assert_eq!(
            std::fs::read(&out).unwrap(),
            first,
            "the same input should make the same archive"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
