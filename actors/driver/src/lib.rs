//! The SDK: SchedulerDriver and ExecutorDriver.
