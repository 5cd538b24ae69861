//! The decisions as a picture: how long one takes, by the number of agents, on two logarithmic scales.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use dialplane_benches::figures::duration;
use plotters::prelude::*;

const COLOURS: [RGBColor; 4] =
    [RGBColor(30, 100, 190), RGBColor(214, 110, 30), RGBColor(180, 40, 50), RGBColor(120, 120, 120)];

/// Draws the medians, in seconds, of each way by the number of agents into an SVG file.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn draw(file: &Path, medians: &[(usize, Vec<(String, f64)>)]) -> Result<(), Box<dyn Error>> {
    let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (agents, rows) in medians {
        for (name, seconds) in rows {
            lines.entry(name).or_default().push((*agents as f64, *seconds));
        }
    }
    let root = SVGBackend::new(file, (900, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("One routing decision, by the number of agents", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d((80.0..130_000.0).log_scale(), (2e-8..2e-1).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("agents")
        .y_desc("processor time of a decision")
        .x_label_formatter(&|agents| format!("{agents:.0}"))
        .y_label_formatter(&|seconds| duration(*seconds))
        .draw()?;
    for ((name, points), colour) in lines.into_iter().zip(COLOURS.into_iter().cycle()) {
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    Ok(root.present()?)
}
