use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::{Args, Machine, Outcome, Table};

/// What a benchmark leaves behind: a Markdown document with its charts beside it, and the same
/// figures as JSON for programs.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    dir: PathBuf,
    text: String,
    charts: Vec<(String, String)>,
    figures: Map<String, Value>,
}

impl Report {
    /// Empty but for its title, the machine and the command.
    pub fn new(name: &'static str, title: &str, machine: &Machine, args: &Args) -> Self {
        let mut report = Self {
            name,
            dir: args.output.clone(),
            text: format!("# {title}\n"),
            charts: Vec::new(),
            figures: Map::new(),
        };
        report.paragraph(&machine.describe());
        let given: Vec<String> = std::env::args()
            .skip(1)
            .filter(|a| a != "--bench")
            .collect();
        let given = if given.is_empty() {
            String::new()
        } else {
            format!(" -- {}", given.join(" "))
        };
        let features = if cfg!(feature = "peers") {
            " --features peers"
        } else {
            ""
        };
        report.paragraph(&format!(
            "`cargo bench -p session-benches --bench {name}{features}{given}`"
        ));
        report.figures("machine", machine.to_json());
        report
    }

    /// A heading.
    pub fn section(&mut self, title: &str) {
        self.paragraph(&format!("## {title}"));
    }

    /// Text, as Markdown.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push('\n');
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// One item of a list more.
    pub fn item(&mut self, text: &str) {
        if !self.is_within_list() {
            self.text.push('\n');
        }
        self.text.push_str(&format!("- {text}\n"));
    }

    fn is_within_list(&self) -> bool {
        let last = self.text.lines().next_back();
        last.is_some_and(|line| line.starts_with("- "))
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        self.paragraph(table.to_markdown().trim_end());
    }

    /// A chart: `svg` goes into a file of its own, `NAME-slug.svg`.
    pub fn chart(&mut self, slug: &str, alt: &str, svg: String) {
        let file = format!("{}-{slug}.svg", self.name);
        self.paragraph(&format!("![{alt}]({file})"));
        self.charts.push((file, svg));
    }

    /// Figures for programs.
    pub fn figures(&mut self, name: &str, figures: Value) {
        self.figures.insert(name.to_owned(), figures);
    }

    /// The document so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes `NAME.md`, `NAME.json` and the charts; answers the document's path.
    ///
    /// # Errors
    ///
    /// Where the directory can't be written to.
    pub fn write(self) -> Outcome<PathBuf> {
        fs::create_dir_all(&self.dir)?;
        for (file, svg) in &self.charts {
            fs::write(self.dir.join(file), svg)?;
        }
        let figures = serde_json::to_string_pretty(&json!(self.figures))?;
        fs::write(self.dir.join(format!("{}.json", self.name)), figures)?;
        let document = self.dir.join(format!("{}.md", self.name));
        fs::write(&document, self.text)?;
        Ok(document.canonicalize()?)
    }
}
