//! Secrets that the server makes for itself and keeps in the data directory, readable by its owner only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use dialplane_core::people::password::hex;
use serde::{Deserialize, Serialize};

use crate::settings::Secret;

/// The name of the file in the data directory.
pub(crate) const FILE: &str = "secrets.toml";

/// The secrets could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    /// The data directory or the file cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what this server wrote.
    #[error("{path}: this is not a secrets file of dialplane")]
    Malformed {
        /// Where.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error("{path}: others can read this file; allow its owner only (chmod 600)")]
    TooOpen {
        /// Where.
        path: PathBuf,
    },
}

/// The generated secrets.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// Signs access tokens.
    pub(crate) jwt: Secret,
    /// Signs the nonces of SIP authentication.
    pub(crate) nonce: Secret,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    jwt_secret: String,
    nonce_secret: String,
}

/// Makes the data directory, for its owner only, when it is not there.
///
/// # Errors
/// [`SecretsError::Io`].
pub(crate) fn make_directory(path: &Path) -> Result<(), SecretsError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| SecretsError::Io { path: path.to_owned(), source })
}

/// Reads the secrets of the data directory, or makes them.
///
/// # Errors
/// [`SecretsError`].
pub(crate) fn load_or_make(data_dir: &Path) -> Result<Secrets, SecretsError> {
    make_directory(data_dir)?;
    let path = data_dir.join(FILE);
    match File::open(&path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path),
        Err(source) => Err(SecretsError::Io { path, source }),
    }
}

fn read(mut file: File, path: PathBuf) -> Result<Secrets, SecretsError> {
    #[cfg(unix)]
    if file.metadata().is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0) {
        return Err(SecretsError::TooOpen { path });
    }
    let mut text = String::new();
    if let Err(source) = file.read_to_string(&mut text) {
        return Err(SecretsError::Io { path, source });
    }
    let stored: Stored = toml::from_str(&text).map_err(|_| SecretsError::Malformed { path: path.clone() })?;
    if stored.jwt_secret.len() < 32 || stored.nonce_secret.len() < 32 {
        return Err(SecretsError::Malformed { path });
    }
    Ok(Secrets { jwt: Secret::new(stored.jwt_secret), nonce: Secret::new(stored.nonce_secret) })
}

/// Writes fresh secrets beside and links them in place: of two processes that start at once, both use what one wrote.
fn make(path: PathBuf) -> Result<Secrets, SecretsError> {
    let fail = |source| SecretsError::Io { path: path.clone(), source };
    let stored = Stored { jwt_secret: random().map_err(fail)?, nonce_secret: random().map_err(fail)? };
    let text = toml::to_string(&stored).map_err(|_| SecretsError::Malformed { path: path.clone() })?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_private(&draft, &text).and_then(|()| std::fs::hard_link(&draft, &path));
    let _ = std::fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(Secrets { jwt: Secret::new(stored.jwt_secret), nonce: Secret::new(stored.nonce_secret) }),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read(File::open(&path).map_err(fail)?, path),
        Err(source) => Err(fail(source)),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_for_their_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let first = load_or_make(&data).unwrap();
        assert_eq!(load_or_make(&data).unwrap().jwt, first.jwt);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&data), mode(&data.join(FILE))), (0o700, 0o600));
            std::fs::set_permissions(data.join(FILE), std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(load_or_make(&data), Err(SecretsError::TooOpen { .. })));
        }
        assert!(!format!("{first:?}").contains(first.jwt.expose()));
    }

    #[test]
    fn a_torn_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        write_private(&directory.path().join(FILE), "jwt_secret = \"short\"").unwrap();
        assert!(load_or_make(directory.path()).unwrap_err().to_string().contains(FILE));
    }
}
