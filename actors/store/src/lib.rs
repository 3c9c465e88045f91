//! Durable state under an epoch: etcd, or one embedded file with the same rules.
