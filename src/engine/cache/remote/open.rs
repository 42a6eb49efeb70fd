use super::{Remote, RemoteError};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
/// Without a byte for this long, a transfer is given up; how long it takes in all has no limit.
const SILENCE: Duration = Duration::from_secs(30);

/// A store, and what all names of the remote begin with there.
type Opened = (Arc<dyn ObjectStore>, Location);

impl Remote {
    /// Opens a remote without asking it anything.
    pub fn open(url: &str) -> Result<Self, RemoteError> {
        let wrong = |what: &str| RemoteError::Url { url: redacted(url), what: what.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it names no scheme"))?;
        let (store, prefix) = match scheme {
            "file" => local(&file_path(rest).ok_or_else(|| wrong("a file:// URL holds an absolute path"))?, url)?,
            "s3" => s3(url, rest)?,
            "http" | "https" => http(url)?,
            _ => return Err(wrong(&format!("`{scheme}` is none of file, s3, http and https"))),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unusable(url, &error))?;
        let plain_http = scheme.starts_with("http");
        let (down, fetched) = Default::default();
        Ok(Remote { url: redacted(url), store, prefix, runtime, plain_http, down, fetched })
    }
}

/// A folder that is not there yet is made by the first push.
fn local(path: &Path, url: &str) -> Result<Opened, RemoteError> {
    // The file system's root, so that a folder that is absent can be asked for what it doesn't hold.
    let store = LocalFileSystem::new().with_fsync(true);
    let prefix = Location::from_absolute_path(path).map_err(|error| unusable(url, &error))?;
    Ok((Arc::new(store), prefix))
}

/// Credentials, region and endpoint come from the environment, as for other tools: `AWS_ACCESS_KEY_ID`, ….
fn s3(url: &str, rest: &str) -> Result<Opened, RemoteError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(RemoteError::Url { url: redacted(url), what: "it names no bucket".to_owned() });
    }
    let client = |key| AmazonS3ConfigKey::Client(key);
    let builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_config(client(ClientConfigKey::ConnectTimeout), format!("{} s", CONNECT.as_secs()))
        .with_config(client(ClientConfigKey::ReadTimeout), format!("{} s", SILENCE.as_secs()))
        .with_config(client(ClientConfigKey::Timeout), "1 day")
        .with_retry(retries());
    let store = builder.build().map_err(|error| unusable(url, &error))?;
    let prefix = Location::parse(prefix.trim_matches('/')).map_err(|error| unusable(url, &error))?;
    Ok((Arc::new(store), prefix))
}

fn http(url: &str) -> Result<Opened, RemoteError> {
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled();
    let builder = HttpBuilder::new().with_url(url).with_client_options(options).with_retry(retries());
    let store = builder.build().map_err(|error| unusable(url, &error))?;
    Ok((Arc::new(store), Location::default()))
}

/// A run must not hang for minutes on a remote that isn't there.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() }
}

fn unusable(url: &str, error: &dyn std::error::Error) -> RemoteError {
    RemoteError::Open { url: redacted(url), what: super::transfer::chain(error) }
}

/// The path of `file:///a%20b` or `file://localhost/a`; `None` if it is relative.
fn file_path(rest: &str) -> Option<PathBuf> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let mut bytes = Vec::new();
    let mut left = path.as_bytes();
    while let Some((&byte, after)) = left.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                bytes.push(decoded);
                left = &after[2..];
            }
            None => {
                bytes.push(byte);
                left = after;
            }
        }
    }
    let path = PathBuf::from(String::from_utf8(bytes).ok()?);
    path.is_absolute().then_some(path)
}

/// A URL for people and logs: `https://user:secret@host` loses the part before the `@`.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_secrets() {
        assert_eq!(file_path("/a%20b/c"), Some("/a b/c".into()));
        assert_eq!(file_path("localhost/a"), Some("/a".into()));
        assert_eq!(file_path("a/b"), None);
        assert_eq!(redacted("https://me:secret@host/a@b"), "https://host/a@b");
        assert_eq!(redacted("s3://bucket/runs"), "s3://bucket/runs");
    }
}
