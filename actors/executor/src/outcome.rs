//! What the end of a task's process means for the task.

use driver::status;
use protocol::TaskId;
use protocol::isolator::Limitation;
use protocol::task::{Reason, TaskState, TaskStatus, Termination};

/// The terminal state of a task whose process ended like this. A task that was told to end is
/// killed however it chose to; one that the kernel ended for memory says so.
pub(crate) fn of(
    task_id: TaskId,
    termination: Option<Termination>,
    killed: bool,
    limitation: Option<Limitation>,
) -> TaskStatus {
    let message = match termination {
        Some(termination) => format!("command {termination}"),
        None => "command ended".to_owned(),
    };
    let succeeded = termination == Some(Termination::Exited(0));
    let mut report = match limitation {
        _ if killed => with_message(status(task_id, TaskState::Killed), message),
        _ if succeeded => with_message(status(task_id, TaskState::Finished), message),
        Some(limitation) => {
            status(task_id, TaskState::Failed).because(limitation.reason, limitation.message)
        }
        None => status(task_id, TaskState::Failed).because(Reason::CommandExecutorFailed, message),
    };
    report.termination = termination;
    report
}

/// The terminal state of a task whose process could not be started.
pub(crate) fn of_failed_start(task_id: TaskId, why: String) -> TaskStatus {
    status(task_id, TaskState::Failed).because(Reason::CommandExecutorFailed, why)
}

fn with_message(mut status: TaskStatus, message: String) -> TaskStatus {
    status.message = message;
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(
        termination: Termination,
        killed: bool,
        limited: bool,
    ) -> (TaskState, Option<Reason>, String) {
        let limitation = limited.then(|| Limitation {
            reason: Reason::ContainerLimitationMemory,
            message: "memory limit exceeded".into(),
        });
        let status = of("t".into(), Some(termination), killed, limitation);
        assert_eq!(status.termination, Some(termination));
        (status.state, status.reason, status.message)
    }

    #[test]
    fn an_exit_becomes_a_state_a_reason_and_a_line() {
        use TaskState::{Failed, Finished, Killed};
        use Termination::{Exited, Signaled};
        let failed = Some(Reason::CommandExecutorFailed);
        let limited = Some(Reason::ContainerLimitationMemory);
        let cases = [
            (Exited(0), false, false, Finished, None, "command exited with status 0"),
            (Exited(3), false, false, Failed, failed, "command exited with status 3"),
            (Signaled(9), false, false, Failed, failed, "command terminated by signal 9"),
            (Signaled(15), true, false, Killed, None, "command terminated by signal 15"),
            (Exited(0), true, false, Killed, None, "command exited with status 0"),
            (Signaled(9), false, true, Failed, limited, "memory limit exceeded"),
            (Exited(137), false, true, Failed, limited, "memory limit exceeded"),
            (Exited(0), false, true, Finished, None, "command exited with status 0"),
            (Signaled(9), true, true, Killed, None, "command terminated by signal 9"),
        ];
        for (termination, killed, was_limited, state, reason, message) in cases {
            let expected = (state, reason, message.to_owned());
            assert_eq!(outcome(termination, killed, was_limited), expected);
        }
    }
}
