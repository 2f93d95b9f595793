//! Charts as SVG, written by hand: two kinds, each a page of code, where a plotting crate would
//! bring a font renderer and dates, and no grouped bars.

mod bars;
mod canvas;
mod lines;
mod scale;

pub use bars::Bars;
pub use lines::Lines;
