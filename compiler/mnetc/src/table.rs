//! Tables on standard output: as wide as they are, in a pipe as on a terminal, and without colours.

use comfy_table::{CellAlignment, LineStyle, Row, presets};

/// Where the text of a column stands.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// A table.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[Column]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING.header_separator(LineStyle::none().fill('─')));
        let titles = columns.iter().map(|column| match column {
            Column::Left(title) | Column::Right(title) => *title,
        });
        table.set_header(titles.collect::<Vec<_>>());
        for (i, column) in columns.iter().enumerate() {
            if let Some(set) = table.column_mut(i) {
                set.set_padding((0, 2));
                if let Column::Right(_) = column {
                    set.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        Table(table)
    }

    /// Adds a row, a cell a column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(Row::from(cells));
    }

    /// Adds a row to a table whose columns are not known beforehand.
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.0.add_row(Row::from(cells));
    }

    /// The table as lines.
    pub(crate) fn text(&self) -> String {
        self.0.trim_fmt() + "\n"
    }
}
