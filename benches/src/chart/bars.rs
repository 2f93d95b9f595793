use super::canvas::{Canvas, colour};
use super::scale::{Scale, short};

/// Bars in groups: a group for each number of tasks, say, and in it a bar for each contestant.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows, in a line.
    pub title: String,
    /// What the groups are.
    pub group_axis: String,
    /// What the values are, with their unit.
    pub value_axis: String,
    /// The groups' names.
    pub groups: Vec<String>,
    /// Each contestant's name and its value in each group; `None` leaves its place empty.
    pub series: Vec<(String, Vec<Option<f64>>)>,
}

impl Bars {
    /// Draws it.
    pub fn to_svg(&self) -> String {
        let names: Vec<&str> = self.series.iter().map(|(name, _)| name.as_str()).collect();
        let mut canvas = Canvas::new(&self.title, &names);
        // Upright labels stand above the bars and need room.
        let values = self
            .series
            .iter()
            .flat_map(|(_, values)| values.iter().flatten());
        let scale = Scale::linear(values.map(|value| value * 1.06));
        canvas.value_axis(&self.value_axis, scale);
        canvas.axis_title(&self.group_axis);
        let group_width = canvas.width / self.groups.len().max(1) as f64;
        // A lonely bar as wide as the page says no more than a slim one.
        let width = (group_width * 0.86 / self.series.len().max(1) as f64).min(60.0);
        for (group, name) in self.groups.iter().enumerate() {
            let middle = canvas.left + group_width * (group as f64 + 0.5);
            let left = middle - width * self.series.len() as f64 / 2.0;
            canvas.axis_mark(middle, name);
            for (index, (_, values)) in self.series.iter().enumerate() {
                let x = left + width * index as f64;
                let Some(value) = values.get(group).copied().flatten() else {
                    canvas.upright((x + width / 2.0 + 3.5, canvas.y(scale, 0.0) - 5.0), "—");
                    continue;
                };
                let y = canvas.y(scale, value);
                let height = canvas.y(scale, 0.0) - y;
                canvas.rectangle((x + 0.5, y), (width - 1.0, height), colour(index));
                canvas.upright((x + width / 2.0 + 3.5, y - 4.0), &short(value));
            }
        }
        canvas.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_a_bar_with_its_label_and_names_are_escaped() {
        let bars = Bars {
            title: "create & validate".into(),
            group_axis: "tasks".into(),
            value_axis: "operations/s".into(),
            groups: vec!["1".into(), "64".into()],
            series: vec![
                ("ours".into(), vec![Some(1000.0), Some(300_000.0)]),
                ("a <peer>".into(), vec![Some(900.0), None]),
            ],
        };
        let svg = bars.to_svg();
        assert!(svg.contains("create &amp; validate") && svg.contains("a &lt;peer&gt;"));
        assert!(
            svg.contains(">300k</text>")
                && svg.contains(">900</text>")
                && svg.contains(">—</text>")
        );
        // The background, two in the legend, three values.
        assert_eq!(svg.matches("<rect").count(), 6);
    }
}
