//! Line charts as SVG, with nothing but what the page of a run needs.

mod axis;
mod mark;
mod series;
mod svg;

pub(super) use axis::Axis;
pub(super) use mark::Mark;
pub(super) use series::{Look, Series, smooth};

/// A chart of one quantity over the steps of a run.
pub(super) struct Chart {
    /// Distinguishes the chart's ids on the page.
    pub(super) id: usize,
    pub(super) title: String,
    /// Unit of the values; empty if they have none.
    pub(super) unit: &'static str,
    /// The axis of the steps, the same for all charts of a page.
    pub(super) steps: Axis,
    /// What that axis shows, such as `step`.
    pub(super) steps_name: String,
    /// Whether the values get a logarithmic axis when they are all positive and span more than a
    /// factor of 100.
    pub(super) may_be_log: bool,
    pub(super) series: Vec<Series>,
    pub(super) marks: Vec<Mark>,
}

impl Chart {
    /// The chart as an HTML `figure`: caption with legend, and the drawing.
    pub(super) fn render(&self) -> String {
        svg::figure(self)
    }

    fn values(&self) -> Axis {
        let values = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .filter_map(|point| point.value);
        Axis::fit(values, self.may_be_log)
    }
}
