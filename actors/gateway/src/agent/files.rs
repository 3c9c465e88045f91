//! Files of sandboxes: parts as JSON, whole ones as a download. The agent finds them and refuses
//! paths that lead out of a sandbox; this only passes on what it is given.

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Bytes, Data, Query};
use futures_util::stream::{self, Stream, StreamExt};
use protocol::agent::{ReadSandbox, SandboxChunk};
use protocol::{FrameworkId, TaskId};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{Answer, ApiError};
use crate::common::Common;

const AGENT: &str = "agent";

/// Which file of which task.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    task: String,
    /// Where task ids of several frameworks collide.
    framework: Option<String>,
    /// Relative to the sandbox.
    path: String,
}

/// Which part of it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Part {
    /// -1, as in Mesos: only the size, as `offset`.
    #[serde(default)]
    offset: i64,
    /// Absent or 0: as much as one answer carries.
    #[serde(default)]
    length: u64,
}

impl File {
    fn part(&self, offset: u64, length: u64) -> ReadSandbox {
        ReadSandbox {
            task_id: TaskId::new(self.task.as_str()),
            framework_id: self.framework.as_deref().map(FrameworkId::new),
            path: self.path.clone(),
            offset,
            length,
        }
    }
}

/// Answers `{data, offset, next, size, state}`: `data` begins at `offset`, what follows at `next`.
pub(super) async fn read(common: Data<Common>, file: Query<File>, part: Query<Part>) -> Answer {
    let Ok(offset) = u64::try_from(part.offset) else {
        if part.offset != -1 {
            return Err(ApiError::bad_request("`offset` is a number of bytes, or -1 for the size"));
        }
        let chunk = common.ask(AGENT, file.part(0, 1)).await?;
        return Ok(HttpResponse::Ok().json(json!({ "offset": chunk.size, "data": "" })));
    };
    let chunk = common.ask(AGENT, file.part(offset, part.length)).await?;
    let (data, taken) = text_of(&chunk.data.0);
    Ok(HttpResponse::Ok().json(json!({
        "data": data,
        "offset": offset,
        "next": offset + taken as u64,
        "size": chunk.size,
        "state": chunk.state,
    })))
}

/// The bytes as text, and how many were taken: a character that the end cuts in two is left for
/// the next part. What is no text at all is replaced.
fn text_of(bytes: &[u8]) -> (String, usize) {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    };
    (String::from_utf8_lossy(&bytes[..whole]).into_owned(), whole)
}

/// Answers with the file as it is now; what is written to it meanwhile does not count.
pub(super) async fn download(common: Data<Common>, file: Query<File>) -> Answer {
    let first = common.ask(AGENT, file.part(0, 0)).await?;
    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let size = first.size;
    let body = content(common, file.into_inner(), first);
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .body(SizedStream::new(size, body)))
}

/// The file chunk by chunk, each asked for when the one before is on its way.
fn content(
    common: Data<Common>,
    file: File,
    first: SandboxChunk,
) -> impl Stream<Item = Result<Bytes, ApiError>> {
    let size = first.size;
    let start = cut(first, 0, size);
    let from = start.len() as u64;
    let rest = stream::try_unfold((common, file, from), move |(common, file, at)| async move {
        if at >= size {
            return Ok(None);
        }
        let chunk = cut(common.ask(AGENT, file.part(at, 0)).await?, at, size);
        if chunk.is_empty() {
            return Err(ApiError::unavailable(format!("{} became shorter", file.path)));
        }
        let next = at + chunk.len() as u64;
        Ok(Some((chunk, (common, file, next))))
    });
    stream::iter((!start.is_empty()).then_some(Ok(start))).chain(rest)
}

/// What of a chunk belongs to the first `size` bytes of the file.
fn cut(chunk: SandboxChunk, at: u64, size: u64) -> Bytes {
    let mut bytes = Bytes::from(chunk.data.0);
    bytes.truncate(usize::try_from(size - at).unwrap_or(usize::MAX));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_in_two_waits_for_the_next_part() {
        let bytes = "grüße".as_bytes();
        assert_eq!(text_of(&bytes[..3]), ("gr".to_owned(), 2));
        assert_eq!(text_of(bytes), ("grüße".to_owned(), bytes.len()));
    }

    #[test]
    fn what_is_no_text_is_replaced_and_never_stops_the_reader() {
        assert_eq!(text_of(&[0xff, b'a']), ("\u{fffd}a".to_owned(), 2));
        assert_eq!(text_of(&[0xc3]), ("\u{fffd}".to_owned(), 1));
        assert_eq!(text_of(&[]), (String::new(), 0));
    }
}
