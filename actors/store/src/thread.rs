//! The thread that a store lives on.
//!
//! Renewals of the lease and writes to disk must neither wait for busy actors nor hold them up.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::api::StoreFuture;
use crate::error::StoreError;

/// A thread with a runtime of its own. Dropping it ends what runs there and waits for that.
pub(crate) struct StoreThread {
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    joining: Option<JoinHandle<()>>,
}

impl StoreThread {
    pub(crate) fn start() -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(StoreError::Thread)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            // Ends by the sender's drop as well.
            let _ = runtime.block_on(stopped);
        };
        let thread = std::thread::Builder::new().name("meseta-store".to_owned());
        let joining = thread.spawn(run).map_err(StoreError::Thread)?;
        Ok(Self { runtime: handle, stop: Some(stop), joining: Some(joining) })
    }

    /// Runs a future on the thread, whether or not somebody waits for its result; `None` if the
    /// store was closed before it was done.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> StoreFuture<Option<T>> {
        let running = self.runtime.spawn(future);
        Box::pin(async move { running.await.ok() })
    }

    /// As [`Self::run`], until nobody waits for its result any longer.
    pub(crate) fn run_while_awaited<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> StoreFuture<Option<T>> {
        let (mut sender, receiver) = oneshot::channel();
        self.runtime.spawn(async move {
            tokio::select! {
                // The receiver may have gone in this moment.
                value = future => drop(sender.send(value)),
                () = sender.closed() => {}
            }
        });
        Box::pin(async move { receiver.await.ok() })
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(joining) = self.joining.take() {
            // A panic there has been reported by the thread itself.
            let _ = joining.join();
        }
    }
}
