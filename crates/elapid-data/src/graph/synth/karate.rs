//! Zachary's karate club (1977).

use super::one_hot;
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::graph::{EdgePolicy, Graph, Parts};

const MEMBERS: usize = 34;

/// Friends of each member with a larger number.
const FRIENDS: [&[u32]; MEMBERS] = [
    &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
    &[2, 3, 7, 13, 17, 19, 21, 30],
    &[3, 7, 8, 9, 13, 27, 28, 32],
    &[7, 12, 13],
    &[6, 10],
    &[6, 10, 16],
    &[16],
    &[],
    &[30, 32, 33],
    &[33],
    &[],
    &[],
    &[],
    &[33],
    &[32, 33],
    &[32, 33],
    &[],
    &[],
    &[32, 33],
    &[33],
    &[32, 33],
    &[],
    &[32, 33],
    &[25, 27, 29, 32, 33],
    &[25, 27, 31],
    &[31],
    &[29, 33],
    &[33],
    &[31, 33],
    &[32, 33],
    &[32, 33],
    &[32, 33],
    &[33],
    &[],
];

/// Members that stayed with the instructor, member 0.
const STAYED: [usize; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21];

/// Which of two clubs a member joined when the club split. The instructor and the president, members 0 and 33, are trained on,
/// all others tested. Members are told apart by a one-hot row, there is nothing else to know of them.
///
/// # Errors
///
/// If the card is damaged, which the tests of this crate rule out.
pub fn splits() -> Result<GraphSplits, DataError> {
    let edges = FRIENDS.iter().enumerate();
    let edges =
        edges.flat_map(|(own, friends)| friends.iter().map(move |&other| [own as u32, other]));
    let parts = Parts {
        nodes: MEMBERS,
        edges: edges.collect(),
        node_features: Some(one_hot(&(0..MEMBERS).collect::<Vec<_>>(), MEMBERS)),
        edge_features: None,
    };
    let graph = Graph::new(parts, EdgePolicy::MIRRORED).map_err(|fault| DataError::Sample {
        sample: "the club".to_owned(),
        reason: fault.to_string(),
    })?;
    let labels: Vec<i32> = (0..MEMBERS)
        .map(|member| i32::from(!STAYED.contains(&member)))
        .collect();
    let is_leader = |member: usize| member == 0 || member == MEMBERS - 1;
    let train: Vec<bool> = (0..MEMBERS).map(is_leader).collect();
    let test: Vec<bool> = train.iter().map(|is_leader| !is_leader).collect();
    let card = card("karate")?;
    let classes = card.classes.clone();
    by_masks(
        graph,
        &labels,
        [&train, &[false; MEMBERS], &test],
        classes,
        card,
        "the club",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::targets::Targets;

    #[test]
    fn the_club_has_its_78_friendships() {
        let splits = splits().unwrap();
        let sample = splits.test.get(0).unwrap();
        assert_eq!((sample.graph.nodes(), sample.graph.edges()), (34, 2 * 78));
        // Degrees that the literature names: 16 and 17 of the leaders.
        let degrees = sample.graph.degrees();
        assert_eq!((degrees[0], degrees[33], degrees[11]), (16, 17, 1));
        let Targets::Nodes(labels) = &sample.targets else {
            panic!("classes of nodes expected");
        };
        assert_eq!((labels[0], labels[33]), (-1, -1));
        assert_eq!(labels.iter().filter(|&&label| label == 1).count(), 16);
        assert_eq!(labels.iter().filter(|&&label| label == 0).count(), 16);
        assert!(splits.valid.is_none());
    }
}
