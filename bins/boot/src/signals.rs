//! SIGINT and SIGTERM: the first asks the process to end in good order, the second ends it.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::watch;

use crate::exit;

/// Tells when the process has been asked to end. Cheap to clone.
#[derive(Clone)]
pub struct Shutdown {
    asked: watch::Receiver<bool>,
}

impl Shutdown {
    /// Listens from now on. Needs the actix system to run.
    pub fn on_signals() -> io::Result<Self> {
        let (tell, asked) = watch::channel(false);
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Ends with the process: it must be able to hear the second signal until then.
        actix_rt::spawn(async move {
            let name = either(&mut interrupt, &mut terminate).await;
            tracing::info!(signal = name, "asked to end");
            // Nobody waits any more: the process is ending already.
            let _ = tell.send(true);
            let name = either(&mut interrupt, &mut terminate).await;
            tracing::warn!(signal = name, "asked again, ending at once");
            std::process::exit(i32::from(exit::INTERRUPTED));
        });
        Ok(Self { asked })
    }

    /// Returns once the process has been asked to end.
    pub async fn asked(&mut self) {
        // The sender lives as long as the process.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }
}

async fn either(interrupt: &mut Stream, terminate: &mut Stream) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

/// Asks the kernel for SIGTERM when the parent ends, and returns whether the parent is still there.
pub fn die_with_parent() -> io::Result<bool> {
    let parent = nix::unistd::getppid();
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    // A parent that ended before the call above is noticed by having been replaced.
    Ok(nix::unistd::getppid() == parent && parent.as_raw() != 1)
}
