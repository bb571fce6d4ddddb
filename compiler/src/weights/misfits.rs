//! Shapes that do not fit, gathered: weights of another width misfit in every layer, and a hundred lines say no more than a few.

use crate::error::{Complaint, Report};

/// More complaints about shapes than this become one.
const MOST: usize = 6;
/// Kernels that it shows.
const SHOWN: usize = 4;

/// Which complaints of a report are about shapes.
#[derive(Default)]
pub(super) struct Misfits {
    /// Their places in the report.
    at: Vec<usize>,
    /// Kernels: name, shape in the file, shape in the model.
    kernels: Vec<[String; 3]>,
}

impl Misfits {
    /// The next complaint is about a kernel, with its shape in the file and in the model.
    pub(super) fn kernel(&mut self, report: &Report, name: &str, shapes: [&[usize]; 2]) {
        self.at.push(report.complaints().len());
        let [have, want] = shapes.map(|shape| format!("{shape:?}"));
        self.kernels.push([name.to_string(), have, want]);
    }

    /// The next complaint is about the length of a vector, which follows from that of its kernel.
    pub(super) fn vector(&mut self, report: &Report) {
        self.at.push(report.complaints().len());
    }

    /// The report, with one table in place of many complaints about shapes.
    pub(super) fn gathered(self, report: Report) -> Report {
        if self.at.len() <= MOST {
            return report;
        }
        let mut gathered = Report::new();
        for (i, complaint) in report.complaints().iter().enumerate() {
            if Some(&i) == self.at.first() {
                gathered.push(Complaint::new(self.table()));
            }
            if !self.at.contains(&i) {
                gathered.push(complaint.clone());
            }
        }
        gathered
    }

    fn table(&self) -> String {
        let (kernels, vectors) = (self.kernels.len(), self.at.len() - self.kernels.len());
        let and = if kernels > 0 { format!("{kernels} kernels and ") } else { String::new() };
        let mut text = format!("{and}{vectors} vectors have other shapes than the model expects");
        let shown = &self.kernels[..kernels.min(SHOWN)];
        let width = |column: usize| shown.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let [name, have] = [width(0), width(1)].map(|width| width.max("in the file".len()));
        let heading = ["kernel", "in the file", "in the model"].map(String::from);
        for [a, b, c] in std::iter::once(&heading).chain(shown) {
            text += &format!("\n    {a:name$}  {b:have$}  {c}");
        }
        match kernels - shown.len() {
            0 => text,
            more => text + &format!("\n    and {more} more kernels"),
        }
    }
}
