//! Places for the nodes of a small graph.

/// Rounds of improvement: places of 300 nodes have settled long before.
const ROUNDS: usize = 120;
/// Products of the matrix of distances with a vector for each axis to start from.
const POWERS: usize = 60;
/// Nodes at the same place are moved apart by this, in edges.
const APART: f64 = 1e-2;

/// Places of `nodes` nodes, between 0 and 1 along both axes, so that distances in the drawing come close to the number of edges
/// between nodes. Edges count both ways. The same graph is always laid out alike.
///
/// Classical scaling of the distances, then majorization of the stress (Gansner, Koren and North, Graph Drawing 2004). Time grows with
/// the square of the number of nodes: for hundreds of them.
#[must_use]
pub fn layout(nodes: usize, edges: &[[usize; 2]]) -> Vec<[f64; 2]> {
    let distances = distances(nodes, edges);
    let mut places = scaled(&distances);
    for _ in 0..ROUNDS {
        if improve(&mut places, &distances) < 1e-3 {
            break;
        }
    }
    into_unit_square(&places)
}

/// Edges on the shortest way between any two nodes; where there is no way one more than on the longest.
fn distances(nodes: usize, edges: &[[usize; 2]]) -> Vec<Vec<f64>> {
    let mut neighbours = vec![Vec::new(); nodes];
    for &[one, other] in edges
        .iter()
        .filter(|edge| edge.iter().all(|&end| end < nodes))
    {
        neighbours[one].push(other);
        neighbours[other].push(one);
    }
    let mut all: Vec<Vec<f64>> = (0..nodes).map(|from| ways(from, &neighbours)).collect();
    let finite = all.iter().flatten().filter(|distance| distance.is_finite());
    let far = finite.fold(0.0, |far: f64, distance| far.max(*distance)) + 1.0;
    let endless = all
        .iter_mut()
        .flatten()
        .filter(|distance| distance.is_infinite());
    endless.for_each(|distance| *distance = far);
    all
}

fn ways(from: usize, neighbours: &[Vec<usize>]) -> Vec<f64> {
    let mut distances = vec![f64::INFINITY; neighbours.len()];
    distances[from] = 0.0;
    let (mut reached, mut next) = (vec![from], 0);
    while let Some(&node) = reached.get(next) {
        next += 1;
        for &other in &neighbours[node] {
            if distances[other].is_infinite() {
                distances[other] = distances[node] + 1.0;
                reached.push(other);
            }
        }
    }
    distances
}

/// Classical scaling: the two directions in which distances differ most.
fn scaled(distances: &[Vec<f64>]) -> Vec<[f64; 2]> {
    let nodes = distances.len();
    let mean = |row: &[f64]| row.iter().map(|d| d * d).sum::<f64>() / nodes as f64;
    let means: Vec<f64> = distances.iter().map(|row| mean(row)).collect();
    let all = means.iter().sum::<f64>() / nodes.max(1) as f64;
    let centred = |from: usize, to: usize| {
        -0.5 * (distances[from][to].powi(2) - means[from] - means[to] + all)
    };
    let matrix: Vec<Vec<f64>> = (0..nodes)
        .map(|from| (0..nodes).map(|to| centred(from, to)).collect())
        .collect();
    let mut axes: Vec<Vec<f64>> = Vec::new();
    for axis in 0..2 {
        // Any start that is not by chance at right angles to what is looked for.
        let start = |node: usize| spread(2 * node + axis).cos();
        let mut vector: Vec<f64> = (0..nodes).map(start).collect();
        let mut length = 0.0;
        for _ in 0..POWERS {
            for other in &axes {
                let along = dot(&vector, other) / dot(other, other).max(1e-12);
                let pairs = vector.iter_mut().zip(other);
                pairs.for_each(|(value, other)| *value -= along * other);
            }
            length = dot(&vector, &vector).sqrt().max(1e-12);
            vector.iter_mut().for_each(|value| *value /= length);
            vector = matrix.iter().map(|row| dot(row, &vector)).collect();
            length = dot(&vector, &vector).sqrt();
        }
        // The vector is the eigenvalue long; coordinates are its root long.
        let scale = length.sqrt().max(1e-12);
        vector.iter_mut().for_each(|value| *value /= scale);
        axes.push(vector);
    }
    let place = |node: usize| {
        let angle = spread(node);
        let [x, y] = [0, 1].map(|axis| axes[axis][node]);
        [x + APART * angle.cos(), y + APART * angle.sin()]
    };
    (0..nodes).map(place).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// Angles that are never close to those of neighbouring numbers.
fn spread(number: usize) -> f64 {
    const GOLDEN: f64 = 2.399_963_229_728_653;
    number as f64 * GOLDEN
}

/// Moves each node to where its distances want it; how far the one that moved farthest did.
fn improve(places: &mut [[f64; 2]], distances: &[Vec<f64>]) -> f64 {
    let mut farthest: f64 = 0.0;
    for (node, wanted) in distances.iter().enumerate() {
        let own = places[node];
        let (mut sum, mut weights) = ([0.0; 2], 0.0);
        let others = wanted.iter().zip(places.iter());
        for (wanted, place) in others.filter(|(wanted, _)| **wanted > 0.0) {
            let away = [own[0] - place[0], own[1] - place[1]];
            let stretch = wanted / away[0].hypot(away[1]).max(1e-9);
            let weight = wanted.powi(-2);
            sum[0] += weight * (place[0] + away[0] * stretch);
            sum[1] += weight * (place[1] + away[1] * stretch);
            weights += weight;
        }
        if weights > 0.0 {
            let moved = sum.map(|sum| sum / weights);
            farthest = farthest.max((moved[0] - own[0]).hypot(moved[1] - own[1]));
            places[node] = moved;
        }
    }
    farthest
}

/// One scale along both axes, in the middle.
fn into_unit_square(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let range = |axis: usize| {
        let values = places.iter().map(|place| place[axis]);
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
            [low.min(value), high.max(value)]
        })
    };
    let ranges = [range(0), range(1)];
    let longer = ranges
        .iter()
        .map(|[low, high]| high - low)
        .fold(0.0, f64::max);
    let scale = if longer > 0.0 { 1.0 / longer } else { 0.0 };
    let unit = |value: f64, [low, high]: [f64; 2]| 0.5 + (value - 0.5 * (low + high)) * scale;
    let places = places.iter();
    places
        .map(|place| [unit(place[0], ranges[0]), unit(place[1], ranges[1])])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(places: &[[f64; 2]], one: usize, other: usize) -> f64 {
        let [a, b] = [places[one], places[other]];
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn a_path_becomes_a_line_and_a_board_a_board() {
        let path: Vec<[usize; 2]> = (0..9).map(|node| [node, node + 1]).collect();
        let places = layout(10, &path);
        assert!((apart(&places, 0, 9) - 1.0).abs() < 0.02, "{places:?}");
        assert!(
            (apart(&places, 0, 1) - 1.0 / 9.0).abs() < 0.02,
            "{places:?}"
        );
        let side = 8;
        let board: Vec<[usize; 2]> = (0..side * side)
            .flat_map(|at| {
                let right = (at % side + 1 < side).then_some([at, at + 1]);
                let down = (at + side < side * side).then_some([at, at + side]);
                right.into_iter().chain(down)
            })
            .collect();
        let places = layout(side * side, &board);
        // Neighbours are close, opposite corners far from each other.
        let longest = board.iter().map(|[a, b]| apart(&places, *a, *b));
        let longest = longest.fold(0.0, f64::max);
        assert!(longest < 0.2, "{longest}");
        assert!(apart(&places, 0, side * side - 1) > 0.8);
        assert!(apart(&places, side - 1, side * (side - 1)) > 0.8);
        assert_eq!(places, layout(side * side, &board));
    }

    #[test]
    fn odd_graphs_have_places_too() {
        assert!(layout(0, &[]).is_empty());
        assert_eq!(layout(1, &[[0, 0]]), [[0.5, 0.5]]);
        let places = layout(5, &[[0, 1], [0, 9]]);
        for (node, place) in places.iter().enumerate() {
            assert!(place.iter().all(|x| (0.0..=1.0).contains(x)), "{places:?}");
            for other in 0..node {
                assert!(apart(&places, node, other) > 0.05, "{places:?}");
            }
        }
    }
}
