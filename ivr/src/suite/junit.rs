//! Reports as JUnit XML, which every continuous integration shows.

use std::fmt::Write;

use super::Report;

/// The reports as one document.
#[must_use]
pub fn junit(reports: &[Report]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        // Writing to a text cannot fail.
        let _ = write_suite(&mut xml, report);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn write_suite(xml: &mut String, report: &Report) -> std::fmt::Result {
    let name = escaped(&report.flow);
    let uncovered = usize::from(report.coverage.percent() < f64::from(report.min_coverage));
    let (tests, failed) = (report.tests.len() + uncovered, report.failed() + uncovered);
    writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\">")?;
    for test in &report.tests {
        let seconds = test.simulation.as_ref().map_or(0.0, |simulation| simulation.ended_ms as f64 / 1_000.0);
        write!(xml, "    <testcase classname=\"{name}\" name=\"{}\" time=\"{seconds:.3}\"", escaped(&test.name))?;
        if test.failures.is_empty() {
            writeln!(xml, "/>")?;
            continue;
        }
        let (first, all) = (escaped(&test.failures[0]), escaped(&test.failures.join("\n")));
        writeln!(xml, ">\n      <failure message=\"{first}\">{all}</failure>\n    </testcase>")?;
    }
    if uncovered == 1 {
        let message = format!("{:.1} % of {} %", report.coverage.percent(), report.min_coverage);
        let missed = escaped(&report.coverage.missed.join("\n"));
        writeln!(
            xml,
            "    <testcase classname=\"{name}\" name=\"coverage\">\n      <failure message=\"{message}\">{missed}</failure>\n    </testcase>"
        )?;
    }
    writeln!(xml, "  </testsuite>")
}

/// Text as it may stand in XML; characters that XML 1.0 does not know become a question mark.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('?'),
            c => safe.push(c),
        }
    }
    safe
}
