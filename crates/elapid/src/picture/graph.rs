//! Nodes and edges in the colours of their classes.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::text::{self, LETTER, LINE};
use super::{INK, WHITE, fill, layout};

/// A graph to be drawn.
#[derive(Clone, Debug, Default)]
pub struct DrawnGraph {
    /// Class of each node; without one a node is grey.
    pub nodes: Vec<Option<usize>>,
    /// Pairs of nodes, and the class of each; without one an edge is grey.
    pub edges: Vec<([usize; 2], Option<usize>)>,
    /// What stands beside each node, where there is room.
    pub names: Vec<String>,
}

/// Side of the drawing, and the space around it.
const SIDE: u32 = 760;
const GAP: u32 = 24;
/// The drawing is made larger by this factor and reduced, which makes lines smooth.
const FINE: u32 = 3;
/// Nodes that have their names beside them: those of more would hide one another.
const NAMED: usize = 60;
const EDGE: Rgb<u8> = Rgb([190, 190, 190]);
const NODE: Rgb<u8> = Rgb([150, 150, 150]);

/// The graph, laid out, under a title and a legend of the classes that come up.
pub fn graph_sheet(title: &str, graph: &DrawnGraph, classes: &[String]) -> RgbImage {
    let ends: Vec<[usize; 2]> = graph.edges.iter().map(|(ends, _)| *ends).collect();
    let places = layout(graph.nodes.len(), &ends);
    let top = places.iter().map(|place| place[1]).fold(1.0, f64::min);
    let bottom = places.iter().map(|place| place[1]).fold(top, f64::max);
    let at = |node: usize| -> (f64, f64) {
        let [x, y] = places[node];
        let inner = f64::from(SIDE * FINE);
        (x * inner, (y - top) * inner)
    };
    let margin = f64::from(GAP * FINE);
    let side = SIDE + 2 * GAP;
    // No higher than the nodes lie.
    let height = ((bottom - top) * f64::from(SIDE)).ceil() as u32 + 2 * GAP;
    let mut drawing = RgbImage::from_pixel(side * FINE, height * FINE, WHITE);
    let moved = |(x, y): (f64, f64)| (x + margin, y + margin);
    for ([from, to], class) in &graph.edges {
        let colour = class.map_or(EDGE, colour_of);
        let width = if class.is_some() { 1.8 } else { 1.0 };
        let ends = [moved(at(*from)), moved(at(*to))];
        line(&mut drawing, ends, width * f64::from(FINE), colour);
    }
    let radius = f64::from(FINE) * (40.0 / (graph.nodes.len() as f64).sqrt()).clamp(3.5, 9.0);
    for (node, class) in graph.nodes.iter().enumerate() {
        let place = moved(at(node));
        disc(&mut drawing, place, radius + 1.2 * f64::from(FINE), WHITE);
        disc(&mut drawing, place, radius, class.map_or(NODE, colour_of));
    }
    let drawing = imageops::resize(&drawing, side, height, FilterType::Triangle);
    let shown = legend(graph, classes);
    let head = GAP + (2 + shown.len() as u32) * LINE;
    let mut sheet = RgbImage::from_pixel(side, head + height, WHITE);
    imageops::replace(&mut sheet, &drawing, 0, i64::from(head));
    let title = text::shortened(title, (side - 2 * GAP) / LETTER);
    text::write(&mut sheet, (GAP, GAP / 2), &title, INK);
    for (at, (class, name)) in (0..).zip(shown) {
        let corner = (GAP, GAP / 2 + (2 + at) * LINE);
        fill(&mut sheet, corner, (LETTER, LETTER), colour_of(class));
        let name = text::shortened(&name, (side - 4 * GAP) / LETTER);
        text::write(&mut sheet, (corner.0 + 2 * LETTER, corner.1), &name, INK);
    }
    if graph.nodes.len() <= NAMED {
        for (node, name) in graph.names.iter().enumerate() {
            let (x, y) = moved(at(node));
            let beside = ((x + radius) as u32 / FINE + 3, (y as u32) / FINE + head - 4);
            text::write(&mut sheet, beside, &text::shortened(name, 12), INK);
        }
    }
    sheet
}

/// Classes that come up, with how many nodes or edges have each.
fn legend(graph: &DrawnGraph, classes: &[String]) -> Vec<(usize, String)> {
    let of_edges = graph.edges.iter().any(|(_, class)| class.is_some());
    let all: Vec<usize> = match of_edges {
        true => graph.edges.iter().filter_map(|(_, class)| *class).collect(),
        false => graph.nodes.iter().filter_map(|class| *class).collect(),
    };
    let entry = |(class, name): (usize, &String)| {
        let count = all.iter().filter(|own| **own == class).count();
        (count > 0).then(|| (class, format!("{name} ({count})")))
    };
    classes.iter().enumerate().filter_map(entry).collect()
}

/// As in the report: hues a golden angle apart, the first of them blue.
fn colour_of(class: usize) -> Rgb<u8> {
    let hue = (210.0 - 137.508 * class as f64).rem_euclid(360.0) / 30.0;
    let (lightness, spread) = (0.52, 0.65 * 0.48);
    let level = |shift: f64| {
        let k = (shift + hue) % 12.0;
        let level = lightness - spread * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (255.0 * level).round() as u8
    };
    Rgb([level(0.0), level(8.0), level(4.0)])
}

fn disc(canvas: &mut RgbImage, (x, y): (f64, f64), radius: f64, colour: Rgb<u8>) {
    for_each_pixel(
        canvas,
        [x - radius, y - radius, x + radius, y + radius],
        |px, py| ((px - x).powi(2) + (py - y).powi(2) <= radius * radius).then_some(colour),
    );
}

fn line(canvas: &mut RgbImage, [from, to]: [(f64, f64); 2], width: f64, colour: Rgb<u8>) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1e-9);
    let steps = (length / (width / 2.0)).ceil() as usize;
    for step in 0..=steps {
        let share = step as f64 / steps as f64;
        let place = (from.0 + share * dx, from.1 + share * dy);
        disc(canvas, place, width / 2.0, colour);
    }
}

/// Colours the pixels of a box, left, top, right, bottom, for whose middle `colour` has one.
fn for_each_pixel(
    canvas: &mut RgbImage,
    [left, top, right, bottom]: [f64; 4],
    colour: impl Fn(f64, f64) -> Option<Rgb<u8>>,
) {
    let (width, height) = canvas.dimensions();
    let clamped = |x: f64, most: u32| (x.max(0.0) as u32).min(most);
    for y in clamped(top, height)..clamped(bottom + 1.0, height) {
        for x in clamped(left, width)..clamped(right + 1.0, width) {
            if let Some(colour) = colour(f64::from(x) + 0.5, f64::from(y) + 0.5) {
                canvas.put_pixel(x, y, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sheet: &RgbImage, colour: Rgb<u8>) -> usize {
        sheet.pixels().filter(|pixel| **pixel == colour).count()
    }

    #[test]
    fn nodes_have_the_colours_of_their_classes() {
        let graph = DrawnGraph {
            nodes: vec![Some(0), Some(1), Some(1), None],
            edges: vec![([0, 1], None), ([1, 2], None), ([2, 3], None)],
            names: ["ann", "bob", "cy", "di"].map(str::to_owned).to_vec(),
        };
        let classes = ["red", "blue", "none"].map(str::to_owned);
        let sheet = graph_sheet("club", &graph, &classes);
        let [first, second, third] = [0, 1, 2].map(|class| counted(&sheet, colour_of(class)));
        assert!(first > 100 && second > first, "{first} {second}");
        assert_eq!(third, 0);
        assert!(counted(&sheet, NODE) > 100);
        assert_eq!(legend(&graph, &classes).len(), 2);
    }

    #[test]
    fn edges_have_the_colours_of_their_classes() {
        let graph = DrawnGraph {
            nodes: vec![None; 3],
            edges: vec![([0, 1], Some(2)), ([1, 2], Some(0))],
            names: Vec::new(),
        };
        let classes = ["a", "b", "c"].map(str::to_owned);
        let sheet = graph_sheet("pairs", &graph, &classes);
        assert!(counted(&sheet, colour_of(2)) > 50 && counted(&sheet, colour_of(0)) > 50);
        let named: Vec<usize> = legend(&graph, &classes).iter().map(|(c, _)| *c).collect();
        assert_eq!(named, [0, 2]);
    }
}
