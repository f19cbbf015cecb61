//! OCI image layouts in a tar: written for the lab's own images, and read to send a node only the blobs it
//! lacks. (OCI image specification 1.1: image-layout.md, manifest.md, config.md.)

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cache::hex;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BLOBS: &str = "blobs/sha256/";
/// What containerd names an imported image by.
const NAME: &str = "io.containerd.image.name";

/// An image of one layer with one program.
pub(crate) struct Image<'a> {
    /// With registry and tag.
    pub(crate) name: &'a str,
    /// The program's path outside, a static binary.
    pub(crate) program: &'a Path,
    /// The program's path inside, and its arguments.
    pub(crate) entrypoint: &'a [&'a str],
}

impl Image<'_> {
    /// The whole archive. Same input, same bytes.
    ///
    /// # Errors
    /// The program cannot be read.
    pub(crate) fn archive(&self) -> Result<Vec<u8>> {
        let layer = self.layer()?;
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "Env": ["PATH=/"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor(MANIFEST, &manifest);
        entry["annotations"] =
            json!({NAME: self.name, "org.opencontainers.image.ref.name": self.name});
        let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes();

        let mut tar = tar::Builder::new(Vec::new());
        append(&mut tar, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append(&mut tar, "index.json", 0o644, &index)?;
        for blob in [&manifest, &config, &layer] {
            append(&mut tar, &format!("{BLOBS}{}", hex(&Sha256::digest(blob))), 0o644, blob)?;
        }
        Ok(tar.into_inner()?)
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let bytes = std::fs::read(self.program)
            .with_context(|| format!("cannot read {}", self.program.display()))?;
        let path =
            self.entrypoint.first().context("an image has an entry point")?.trim_start_matches('/');
        let mut tar = tar::Builder::new(Vec::new());
        append(&mut tar, path, 0o755, &bytes)?;
        Ok(tar.into_inner()?)
    }
}

/// An archive somebody made: ours, or `cargo xtask image`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    /// With registry and tag, as containerd will know it.
    pub(crate) name: String,
    /// `sha256:…` of the manifest, so of everything in it.
    pub(crate) digest: String,
}

impl Archive {
    /// Reads the archive's index.
    ///
    /// # Errors
    /// No OCI layout with exactly one named image.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let read = || {
            let index = index(path)?;
            let [entry] = index["manifests"].as_array().map_or(&[][..], Vec::as_slice) else {
                bail!("its index must have one manifest");
            };
            let name =
                entry["annotations"][NAME].as_str().context("its manifest has no name")?.to_owned();
            let digest = entry["digest"].as_str().context("its manifest has no digest")?.to_owned();
            Ok(Self { path: path.to_owned(), name, digest })
        };
        read().with_context(|| format!("{} is no OCI archive for the lab", path.display()))
    }

    /// The same image under a tag that says what is in it, so that two builds of one version differ.
    pub(crate) fn tagged_by_content(mut self) -> Self {
        let digits =
            self.digest.trim_start_matches("sha256:").get(..12).unwrap_or_default().to_owned();
        self.name = format!("{}-{digits}", self.name);
        self
    }

    /// The part after the last colon of the name.
    pub(crate) fn tag(&self) -> &str {
        self.name.rsplit_once(':').map_or("latest", |(_, tag)| tag)
    }

    /// Writes an archive of what is not in `have` (digests without `sha256:`), under this name.
    ///
    /// # Errors
    /// The archive cannot be read, or `out` not be written.
    pub(crate) fn write_without(
        &self,
        have: &HashSet<String>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        let mut archive = tar::Archive::new(File::open(&self.path)?);
        for entry in archive.entries_with_seek()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            if path == "index.json" {
                let mut index: Value = serde_json::from_reader(&mut entry)?;
                let name = json!({NAME: self.name, "org.opencontainers.image.ref.name": self.name});
                index["manifests"][0]["annotations"] = name;
                append(&mut tar, &path, 0o644, index.to_string().as_bytes())?;
            } else if !path.strip_prefix(BLOBS).is_some_and(|digest| have.contains(digest)) {
                let header = entry.header().clone();
                tar.append(&header, &mut entry)?;
            }
        }
        tar.into_inner()?.flush()
    }
}

fn index(path: &Path) -> Result<Value> {
    let mut archive = tar::Archive::new(File::open(path)?);
    find(&mut archive, "index.json")
}

fn find<R: Read + Seek>(archive: &mut tar::Archive<R>, name: &str) -> Result<Value> {
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if entry.path()?.to_string_lossy().trim_start_matches("./") == name {
            return Ok(serde_json::from_reader(entry)?);
        }
    }
    bail!("it has no {name}")
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    tar.append_data(&mut header, path, bytes)
}

fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()})
}

fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(blob)))
}

/// This machine's, in the words of Go.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> Archive {
        let program = folder.join("program");
        std::fs::write(&program, "#!").unwrap();
        let image = Image {
            name: "docker.io/lab/sample:1",
            program: &program,
            entrypoint: &["/program", "go"],
        };
        let path = folder.join("sample.tar");
        std::fs::write(&path, image.archive().unwrap()).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            image.archive().unwrap(),
            "same input, same bytes"
        );
        Archive::open(&path).unwrap()
    }

    fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let read = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (path, bytes)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn every_blob_is_named_by_its_digest_and_referenced_with_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let archive = sample(folder.path());
        let all = entries(&std::fs::read(&archive.path).unwrap());
        let blob = |digest: &Value| {
            let path = format!("{BLOBS}{}", digest.as_str().unwrap().trim_start_matches("sha256:"));
            all.iter().find(|(name, _)| *name == path).unwrap().1.clone()
        };
        for (path, bytes) in all.iter().filter(|(path, _)| path.starts_with(BLOBS)) {
            assert_eq!(*path, format!("{BLOBS}{}", hex(&Sha256::digest(bytes))));
        }
        let manifest: Value = serde_json::from_slice(&blob(&json!(archive.digest))).unwrap();
        let layer = blob(&manifest["layers"][0]["digest"]);
        assert_eq!(manifest["layers"][0]["size"], layer.len());
        assert_eq!(entries(&layer), [("program".to_owned(), b"#!".to_vec())]);
        let config: Value = serde_json::from_slice(&blob(&manifest["config"]["digest"])).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        assert_eq!(config["config"]["Entrypoint"], json!(["/program", "go"]));
    }

    #[test]
    fn only_what_is_missing_is_sent_under_the_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let archive = sample(folder.path()).tagged_by_content();
        assert!(
            archive.name.starts_with("docker.io/lab/sample:1-") && archive.tag().starts_with("1-")
        );
        let all = entries(&std::fs::read(&archive.path).unwrap());
        let (layer, _) = all.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
        let mut sent = Vec::new();
        archive.write_without(&HashSet::from([layer.replace(BLOBS, "")]), &mut sent).unwrap();
        let sent = entries(&sent);
        assert_eq!(sent.len(), all.len() - 1);
        assert!(sent.iter().all(|(path, _)| path != layer));
        let (_, index) = sent.iter().find(|(path, _)| path == "index.json").unwrap();
        let index: Value = serde_json::from_slice(index).unwrap();
        assert_eq!(index["manifests"][0]["annotations"][NAME], archive.name);
        assert_eq!(index["manifests"][0]["digest"], archive.digest);
    }

    #[test]
    fn what_is_no_image_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.tar");
        std::fs::write(&path, tar::Builder::new(Vec::new()).into_inner().unwrap()).unwrap();
        let error = format!("{:#}", Archive::open(&path).unwrap_err());
        assert!(error.contains("empty.tar") && error.contains("index.json"), "{error}");
    }
}
