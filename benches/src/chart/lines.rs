use super::canvas::{Canvas, colour};
use super::scale::{Scale, short};

/// Lines over a logarithmic axis: how a cost grows with a size.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What it shows, in a line.
    pub title: String,
    /// What the size is, with its unit.
    pub size_axis: String,
    /// What the values are, with their unit.
    pub value_axis: String,
    /// Whether the values' axis is logarithmic too.
    pub log_values: bool,
    /// Each line's name and its points: size and value.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

impl Lines {
    /// Draws it.
    pub fn to_svg(&self) -> String {
        let names: Vec<&str> = self.series.iter().map(|(name, _)| name.as_str()).collect();
        let mut canvas = Canvas::new(&self.title, &names);
        let points = || {
            self.series
                .iter()
                .flat_map(|(_, points)| points.iter().copied())
        };
        let values = points().map(|(_, value)| value);
        let values = if self.log_values {
            Scale::log(values.collect::<Vec<_>>().into_iter())
        } else {
            Scale::linear(values)
        };
        let sizes = Scale::log(
            points()
                .map(|(size, _)| size)
                .collect::<Vec<_>>()
                .into_iter(),
        );
        canvas.value_axis(&self.value_axis, values);
        canvas.axis_title(&self.size_axis);
        let (left, width) = (canvas.left, canvas.width);
        let x = |size: f64| left + width * (0.03 + 0.94 * sizes.position(size));
        for mark in sizes.marks() {
            canvas.axis_mark(x(mark), &short(mark));
            let bottom = canvas.top + canvas.height;
            canvas.line((x(mark), bottom), (x(mark), bottom + 5.0), "#888");
        }
        for (index, (_, points)) in self.series.iter().enumerate() {
            let points = points
                .iter()
                .map(|&(size, value)| (x(size), canvas.y(values, value)));
            let points: Vec<_> = points.collect();
            canvas.curve(&points, colour(index));
        }
        canvas.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_marked_and_so_is_every_power_of_ten() {
        let lines = Lines {
            title: "list".into(),
            size_axis: "sessions of the user".into(),
            value_axis: "µs".into(),
            log_values: false,
            series: vec![("ours".into(), vec![(1.0, 10.0), (100_000.0, 12.0)])],
        };
        let svg = lines.to_svg();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(
            ["1", "10", "100", "1k", "10k", "100k"]
                .iter()
                .all(|mark| svg.contains(&format!(">{mark}</text>")))
        );
    }
}
