//! Text of documents: which font has it, how wide it is, where it breaks.

use krilla::geom::Point;
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};

/// What is drawn in place of a letter that no font has.
const BOX: char = '□';
/// What ends a text that does not fit.
const ELLIPSIS: &str = "…";

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// A font, to shape with and to draw with.
struct Type {
    face: Face<'static>,
    font: Font,
}

impl Type {
    fn load(data: &'static [u8]) -> Option<Self> {
        Some(Self { face: Face::from_slice(data, 0)?, font: Font::new(data.into(), 0)? })
    }

    fn has(&self, letter: char) -> bool {
        self.face.glyph_index(letter).is_some()
    }
}

/// The fonts: Noto Sans, and DejaVu Sans for scripts that it lacks. What neither has is drawn as an empty box of the second and
/// stays a text that can be searched and copied.
pub(super) struct Fonts {
    regular: [Type; 2],
    bold: [Type; 2],
}

/// A part of a line in one font.
struct Run {
    font: Font,
    text: String,
    glyphs: Vec<KrillaGlyph>,
    /// In units of the size.
    width: f32,
}

/// A line that is ready to be drawn.
pub(super) struct Line {
    runs: Vec<Run>,
    size: f32,
}

impl Line {
    pub(super) fn width(&self) -> f32 {
        self.runs.iter().map(|run| run.width).sum::<f32>() * self.size
    }

    /// Draws the line from `x` on, on the baseline `y`.
    pub(super) fn draw(&self, surface: &mut Surface<'_>, mut x: f32, y: f32) {
        for run in &self.runs {
            surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, run.font.clone(), &run.text, self.size, false);
            x += run.width * self.size;
        }
    }
}

impl Fonts {
    /// The fonts that are built in; `None` when they cannot be read.
    pub(super) fn load() -> Option<Self> {
        Some(Self {
            regular: [Type::load(notosans::REGULAR_TTF)?, Type::load(dejavu::sans::regular())?],
            bold: [Type::load(notosans::BOLD_TTF)?, Type::load(dejavu::sans::bold())?],
        })
    }

    fn types(&self, weight: Weight) -> &[Type; 2] {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// A line of text, however long, in the order in which it is drawn: words of scripts that run from right to left stand so among
    /// the others (Unicode's bidirectional algorithm, UAX 9).
    pub(super) fn line(&self, text: &str, size: f32, weight: Weight) -> Line {
        let types = self.types(weight);
        let text: String = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
        let bidi = BidiInfo::new(&text, None);
        let mut runs = Vec::new();
        for paragraph in &bidi.paragraphs {
            let (levels, parts) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for part in parts {
                let leftwards = levels.get(part.start).is_some_and(Level::is_rtl);
                let by_font = by_font(types, text.get(part).unwrap_or_default());
                let first = runs.len();
                runs.extend(by_font.into_iter().map(|(kind, text)| shape(kind, text, leftwards)));
                if leftwards && let Some(own) = runs.get_mut(first..) {
                    own.reverse();
                }
            }
        }
        Line { runs, size }
    }

    /// The lines of a text within `width`, broken between words, at most `lines` of them; what does not fit ends in dots.
    pub(super) fn wrap(&self, text: &str, size: f32, weight: Weight, width: f32, lines: usize) -> Vec<Line> {
        let fits = |text: &str| self.line(text, size, weight).width() <= width;
        let mut done: Vec<String> = Vec::new();
        'text: for paragraph in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut current = String::new();
            for word in paragraph.split_whitespace() {
                let longer = if current.is_empty() { word.to_owned() } else { format!("{current} {word}") };
                if fits(&longer) || current.is_empty() {
                    current = longer;
                    continue;
                }
                done.push(std::mem::replace(&mut current, word.to_owned()));
                if done.len() > lines {
                    break 'text;
                }
            }
            done.push(current);
            if done.len() > lines {
                break;
            }
        }
        let cut = done.len() > lines;
        done.truncate(lines);
        let last = done.len().saturating_sub(1);
        let line = |(place, text): (usize, String)| self.fitted(&text, size, weight, width, cut && place == last);
        done.into_iter().enumerate().map(line).collect()
    }

    /// A line that is no wider than `width`; `more` says that it ends in dots anyway.
    pub(super) fn fitted(&self, text: &str, size: f32, weight: Weight, width: f32, more: bool) -> Line {
        let whole = self.line(text, size, weight);
        if !more && whole.width() <= width {
            return whole;
        }
        // The longest beginning that fits with its dots, found by halving: it gets wider with every letter.
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let begun = |letters: usize| {
            let end = ends.get(letters).copied().unwrap_or(text.len());
            let start = text.get(..end).unwrap_or_default().trim_end();
            self.line(&format!("{start}{ELLIPSIS}"), size, weight)
        };
        let (mut low, mut high) = (0, ends.len().saturating_sub(1));
        while low < high {
            let middle = (low + high).div_ceil(2);
            if begun(middle).width() <= width { low = middle } else { high = middle - 1 }
        }
        begun(low)
    }
}

/// The parts of a text that each have one font, in the order in which they are read.
fn by_font<'t>(types: &'t [Type; 2], text: &str) -> Vec<(&'t Type, String)> {
    let [.., last_resort] = types;
    let mut parts: Vec<(&Type, String)> = Vec::new();
    for letter in text.chars() {
        // Blanks and signs stay with the font of what is before them.
        let stays = |kind: &Type| !letter.is_alphabetic() && kind.has(letter);
        match parts.last_mut() {
            Some((kind, part)) if stays(kind) => part.push(letter),
            last => {
                let kind = types.iter().find(|kind| kind.has(letter)).unwrap_or(last_resort);
                match last {
                    Some((before, part)) if std::ptr::eq(*before, kind) => part.push(letter),
                    _ => parts.push((kind, letter.to_string())),
                }
            }
        }
    }
    parts
}

/// Shapes a text of one font and one direction.
fn shape(kind: &Type, text: String, leftwards: bool) -> Run {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text);
    buffer.guess_segment_properties();
    buffer.set_direction(if leftwards { Direction::RightToLeft } else { Direction::LeftToRight });
    let shaped = rustybuzz::shape(&kind.face, &[], buffer);
    let clusters: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
    // A glyph stands for the text up to the next cluster, which lies behind it in the direction of reading.
    let mut starts = clusters.clone();
    starts.sort_unstable();
    starts.dedup();
    let end_of = |start: usize| {
        let next = starts.partition_point(|other| *other <= start);
        starts.get(next).copied().unwrap_or(text.len())
    };
    let units = kind.font.units_per_em();
    // The glyph of a missing letter stands for no text: a real one keeps what it is drawn for.
    let substitute = kind.face.glyph_index(BOX).map_or(0, |id| u32::from(id.0));
    let glyph = |((info, position), start): ((&rustybuzz::GlyphInfo, &rustybuzz::GlyphPosition), &usize)| {
        let id = if info.glyph_id == 0 { substitute } else { info.glyph_id };
        let [x, dx, dy, y] = [position.x_advance, position.x_offset, position.y_offset, position.y_advance]
            .map(|amount| amount as f32 / units);
        KrillaGlyph::new(GlyphId::new(id), x, dx, dy, y, *start..end_of(*start), None)
    };
    let glyphs: Vec<KrillaGlyph> =
        shaped.glyph_infos().iter().zip(shaped.glyph_positions()).zip(&clusters).map(glyph).collect();
    let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
    Run { font: kind.font.clone(), text, glyphs, width }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.runs.iter().map(|run| run.text.as_str()).collect()).collect()
    }

    #[test]
    fn lines_break_between_words_and_what_does_not_fit_ends_in_dots() {
        let fonts = Fonts::load().unwrap();
        let text = "Called back twice, Žofie wants a quote\nand a second visit";
        let lines = fonts.wrap(text, 10.0, Weight::Regular, 100.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.width() <= 100.0));
        assert!(texts(&lines)[1].ends_with('…'), "{:?}", texts(&lines));
        let all = fonts.wrap(text, 10.0, Weight::Regular, 1_000.0, 9);
        assert_eq!(texts(&all), text.lines().collect::<Vec<_>>());
        let one = fonts.wrap(&"x".repeat(10_000), 10.0, Weight::Bold, 50.0, 3);
        assert!(one.len() == 1 && one[0].width() <= 50.0);
    }

    #[test]
    fn every_script_gets_a_font_and_keeps_its_words_together() {
        let fonts = Fonts::load().unwrap();
        let runs = |text: &str| {
            let line = fonts.line(text, 10.0, Weight::Regular);
            assert!(line.width() > 0.0);
            line.runs.iter().map(|run| run.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(runs("Žofie Ñandú Ελλάδα Юля"), ["Žofie Ñandú Ελλάδα Юля"]);
        assert_eq!(runs("Ann مرحبا بالعالم"), ["Ann ", "مرحبا بالعالم"]);
        // As it is drawn, from the left: what is read first of a text that runs leftwards stands on the right.
        assert_eq!(runs("שלום עולם — hello"), ["hello", "שלום עולם — "]);
        assert_eq!(runs("Bob 12 עמר 34 Ann"), ["Bob 12 ", "34", "עמר ", " Ann"]);
        // Neither font has these.
        assert_eq!(runs("李小龍 🦜").concat(), "李小龍 🦜");
    }
}
