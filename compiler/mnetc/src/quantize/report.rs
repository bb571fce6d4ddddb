//! What quantising has done to each layer, as a table or as JSON.

use mobilenet_compiler::quantise::{Comparison, Deviation, Network};
use serde_json::{Value, json};

use crate::table::Column::{Left, Right};
use crate::table::Table;
use crate::{Failure, output};

/// A model that has been quantised.
pub(super) struct Report<'r> {
    pub(super) model: &'r str,
    /// The file.
    pub(super) output: String,
    pub(super) bytes: usize,
    pub(super) network: Network,
    /// What each photo shows.
    pub(super) compared: Vec<Comparison>,
    /// Photos that could not be read, and why.
    pub(super) skipped: Vec<String>,
}

impl Report<'_> {
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        if json { output::json(&self.json()) } else { output::print(&self.text()) }
    }

    /// How far each map is off, on all photos.
    fn deviations(&self) -> impl Iterator<Item = Deviation> + '_ {
        let on_all = |i: usize| {
            let of_each = self.compared.iter().filter_map(move |photo| photo.maps.get(i));
            of_each.fold(Deviation::default(), |sum, deviation| sum.with(*deviation))
        };
        (0..self.network.maps().len()).map(on_all)
    }

    /// Photos whose best class is that of the floats.
    fn agreeing(&self) -> usize {
        self.compared.iter().filter(|photo| photo.bytes == photo.floats).count()
    }

    fn text(&self) -> String {
        let mut table = Table::new(&[
            Left("layer"),
            Left("op"),
            Right("least"),
            Right("greatest"),
            Right("scale"),
            Right("zero"),
            Right("kernel dB"),
            Right("result dB"),
            Right("rms error"),
        ]);
        for (map, result) in self.network.maps().iter().zip(self.deviations()) {
            table.row([
                map.name.clone(),
                map.op.into(),
                format!("{:.4}", map.range.low),
                format!("{:.4}", map.range.high),
                format!("{:.7}", map.affine.scale),
                map.affine.zero.to_string(),
                map.kernel.map_or_else(String::new, decibels),
                decibels(result),
                format!("{:.5}", result.rms()),
            ]);
        }
        let (agreeing, photos) = (self.agreeing(), self.compared.len());
        let size = output::bytes(self.bytes);
        format!(
            "{} as {}, {size}\n\n{}\nThe best class is that of the floats on {agreeing} of {photos} photos.\n",
            self.model,
            self.output,
            table.text()
        )
    }

    fn json(&self) -> Value {
        let layers = self.network.maps().iter().zip(self.deviations()).map(|(map, result)| {
            json!({
                "name": map.name,
                "op": map.op,
                "range": [map.range.low, map.range.high],
                "scale": map.affine.scale,
                "zero_point": map.affine.zero,
                "kernel_sqnr_db": map.kernel.and_then(Deviation::decibels),
                "sqnr_db": result.decibels(),
                "rms_error": result.rms(),
            })
        });
        json!({
            "model": self.model,
            "output": self.output,
            "bytes": self.bytes,
            "photos": self.compared.len(),
            "skipped": self.skipped,
            "top1_agreement": self.agreeing() as f64 / self.compared.len().max(1) as f64,
            "layers": layers.collect::<Vec<_>>(),
        })
    }
}

fn decibels(deviation: Deviation) -> String {
    deviation.decibels().map_or_else(|| "-".into(), |decibels| format!("{decibels:.1}"))
}
