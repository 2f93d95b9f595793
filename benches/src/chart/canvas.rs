use std::fmt::Write as _;

use super::scale::{Scale, short};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 440.0;
const MARGIN: f64 = 24.0;
/// Beside the plot: marks and title of the value axis.
const LEFT: f64 = 84.0;
/// Below the plot: marks and title of the other axis.
const BELOW: f64 = 58.0;
/// What a character takes, about; SVG leaves the font to the viewer.
const CHARACTER: f64 = 6.6;

/// Told apart by people who can't tell red from green, too (Okabe and Ito's, and two greys).
const COLOURS: [&str; 9] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a100", "#666666",
    "#bbbbbb",
];

pub(super) fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// An SVG document being drawn, and the place in it where the values go.
pub(super) struct Canvas {
    svg: String,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    /// With title and legend drawn; the plot takes what they leave.
    pub(super) fn new(title: &str, legend: &[&str]) -> Self {
        let mut canvas = Self {
            svg: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
                 font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#333\">\n\
                 <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
            ),
            left: LEFT,
            top: 0.0,
            width: WIDTH - LEFT - MARGIN,
            height: 0.0,
        };
        let title = escape(title);
        canvas.push(format_args!(
            "<text x=\"{MARGIN}\" y=\"30\" font-size=\"17\" font-weight=\"bold\" fill=\"#111\">{title}</text>"
        ));
        canvas.top = canvas.legend(legend) + 24.0;
        canvas.height = HEIGHT - canvas.top - BELOW;
        canvas
    }

    /// In as many lines as it takes; answers where the last one is.
    fn legend(&mut self, names: &[&str]) -> f64 {
        let (mut x, mut y) = (MARGIN, 54.0);
        for (index, name) in names.iter().enumerate() {
            let width = 34.0 + CHARACTER * name.chars().count() as f64;
            if x + width > WIDTH - MARGIN && x > MARGIN {
                (x, y) = (MARGIN, y + 18.0);
            }
            self.rectangle((x, y - 10.0), (12.0, 12.0), colour(index));
            self.text((x + 18.0, y), Anchor::Start, name);
            x += width;
        }
        y
    }

    /// The value axis: lines across the plot, each with its value.
    pub(super) fn value_axis(&mut self, title: &str, scale: Scale) {
        for mark in scale.marks() {
            let y = self.y(scale, mark);
            let (left, right) = (self.left, self.left + self.width);
            let colour = if mark == 0.0 { "#888" } else { "#e2e2e2" };
            self.line((left, y), (right, y), colour);
            self.text((left - 8.0, y + 4.0), Anchor::End, &short(mark));
        }
        let (x, y) = (MARGIN, self.top + self.height / 2.0);
        let title = escape(title);
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {x} {y:.1})\">{title}</text>"
        ));
    }

    /// What the other axis is about.
    pub(super) fn axis_title(&mut self, title: &str) {
        let x = self.left + self.width / 2.0;
        self.text((x, HEIGHT - 14.0), Anchor::Middle, title);
    }

    /// What a place on the other axis is.
    pub(super) fn axis_mark(&mut self, x: f64, text: &str) {
        let y = self.top + self.height + 20.0;
        self.text((x, y), Anchor::Middle, text);
    }

    /// Where a value goes.
    pub(super) fn y(&self, scale: Scale, value: f64) -> f64 {
        self.top + self.height * (1.0 - scale.position(value))
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// A small text that is read from below.
    pub(super) fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let text = escape(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"10\" transform=\"rotate(-90 {x:.1} {y:.1})\">{text}</text>"
        ));
    }

    pub(super) fn rectangle(&mut self, (x, y): (f64, f64), size: (f64, f64), colour: &str) {
        let (width, height) = size;
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
        ));
    }

    /// A line through points, each of them marked.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let mut path = String::new();
        for (x, y) in points {
            let _ = write!(path, "{x:.1},{y:.1} ");
        }
        let path = path.trim_end();
        self.push(format_args!(
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        ));
        for (x, y) in points {
            self.push(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
            ));
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.svg, "{element}");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
