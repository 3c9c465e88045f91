//! The store as one key and one flag: `embedded:FILE` or `etcd:HOST:PORT,…`.

use std::time::Duration;

use store::StoreConfig;

use crate::invalid::Invalid;

/// etcd with its default timings grants no shorter lease.
const LEAST_TTL_MS: u64 = 2000;

/// Reads the keys `store` and `lease_ttl_ms`.
pub fn store(text: &str, lease_ttl_ms: u64) -> Result<StoreConfig, Invalid> {
    if lease_ttl_ms < LEAST_TTL_MS {
        let message = format!("expected {LEAST_TTL_MS} or more; etcd grants no shorter lease");
        return Err(Invalid::new("lease_ttl_ms", message));
    }
    let bad = || {
        let expected = "expected embedded:FILE, or etcd:HOST:PORT with commas between endpoints";
        Invalid::new("store", format!("`{text}` is not a store: {expected}"))
    };
    match text.split_once(':').ok_or_else(bad)? {
        ("embedded", path) if !path.is_empty() => Ok(StoreConfig::Embedded { path: path.into() }),
        ("etcd", endpoints) if !endpoints.is_empty() => {
            let endpoints: Vec<String> =
                endpoints.split(',').map(str::trim).map(str::to_owned).collect();
            if endpoints.iter().any(String::is_empty) {
                return Err(bad());
            }
            Ok(StoreConfig::Etcd { endpoints, ttl: Duration::from_millis(lease_ttl_ms) })
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_store_fit_into_one_word() {
        assert_eq!(
            store("embedded:/var/x", 3000).unwrap(),
            StoreConfig::Embedded { path: "/var/x".into() }
        );
        let StoreConfig::Etcd { endpoints, ttl } = store("etcd:a:2379, b:2379", 5000).unwrap()
        else {
            panic!("not etcd")
        };
        assert_eq!(endpoints, ["a:2379", "b:2379"]);
        assert_eq!(ttl, Duration::from_secs(5));
    }

    #[test]
    fn what_is_neither_is_refused_with_the_form() {
        for bad in ["", "etcd", "etcd:", "embedded:", "zk://h:2181", "etcd:a,,b"] {
            let error = store(bad, 3000).unwrap_err();
            assert!(error.message.contains("embedded:FILE"), "{bad}: {}", error.message);
        }
        assert_eq!(store("etcd:h:1", 100).unwrap_err().key, "lease_ttl_ms");
    }
}
