//! Tables for people, JSON for programs; data on stdout, all else on stderr.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::CliError;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Prints `data` as JSON, or as a table of what `row` makes of each of `items`.
pub(crate) fn list<T: Serialize, I, const N: usize>(
    format: Format,
    data: &T,
    header: [&str; N],
    items: impl IntoIterator<Item = I>,
    row: impl Fn(I) -> [String; N],
) -> Result<(), CliError> {
    match format {
        Format::Json => json(data),
        Format::Table => {
            let mut table = table();
            table.set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
            table.add_rows(items.into_iter().map(|item| row(item).map(Cell::new)));
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            line(&trimmed(&table))
        }
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    // A pipe gets whole lines; only a terminal is worth folding for.
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        table.force_no_tty();
    }
    table
}

fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Prints `data` as indented JSON.
pub(crate) fn json<T: Serialize>(data: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(data)
        .map_err(|error| CliError::Failed(format!("cannot print the answer: {error}")))?;
    line(&text)
}

/// Prints `data` as one line of JSON, for streams.
pub(crate) fn json_line<T: Serialize>(data: &T) -> Result<(), CliError> {
    let text = serde_json::to_string(data)
        .map_err(|error| CliError::Failed(format!("cannot print the answer: {error}")))?;
    line(&text)
}

/// Prints a line of data.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    written(writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()))
}

/// Passes bytes through.
pub(crate) fn bytes(mut to: impl Write, bytes: &[u8]) -> Result<(), CliError> {
    written(to.write_all(bytes).and_then(|()| to.flush()))
}

/// Who reads may have seen enough (`| head`); that ends the process and is no failure of ours.
fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(CliError::Failed(format!("cannot write the output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Says something that is not data.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}
