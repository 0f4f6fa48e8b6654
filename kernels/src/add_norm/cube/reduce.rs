//! Sums over the units of a row, in a fixed order and without planes, which not every device has.

use cubecl::prelude::*;

use super::form::Form;

/// Adds up `value` over the units of each row; every unit gets its row's sum. All units of the cube
/// take part.
///
/// `turn` is 0 and 1 in turn: a unit may still be reading the numbers of one sum while others write
/// those of the next.
#[cube]
pub(super) fn sum_lanes<Q: Size>(
    shared: &mut Shared<[Vector<f32, Q>]>,
    value: Vector<f32, Q>,
    turn: usize,
    #[comptime] form: Form,
) -> Vector<f32, Q> {
    let lanes = comptime!(form.lanes);
    let groups = comptime!(form.groups());
    if comptime!(lanes == 1) {
        value
    } else if comptime!(groups == 1) {
        let first = turn * comptime!(form.cube()) + UNIT_POS_Y as usize * lanes;
        shared[first + UNIT_POS_X as usize] = value;
        sync_cube();
        sum_every::<Q>(&*shared, first, 1usize, lanes)
    } else {
        // A group is every `groups`-th lane, so that neighbouring units read neighbouring numbers.
        let first = turn * comptime!(form.cube()) + UNIT_POS_Y as usize * lanes;
        let group = comptime!(2 * form.cube()) + UNIT_POS_Y as usize * groups;
        shared[first + UNIT_POS_X as usize] = value;
        sync_cube();
        if (UNIT_POS_X as usize) < groups {
            let part = sum_every::<Q>(
                &*shared,
                first + UNIT_POS_X as usize,
                groups,
                comptime!(lanes / groups),
            );
            shared[group + UNIT_POS_X as usize] = part;
        }
        sync_cube();
        sum_every::<Q>(&*shared, group, 1usize, groups)
    }
}

/// Adds up `count` numbers, `step` apart.
#[cube]
fn sum_every<Q: Size>(
    shared: &Shared<[Vector<f32, Q>]>,
    first: usize,
    #[comptime] step: usize,
    #[comptime] count: usize,
) -> Vector<f32, Q> {
    let mut sum = shared[first];
    #[unroll]
    for i in 1..count {
        sum += shared[first + comptime!(i * step)];
    }
    sum
}

/// The sum of a vector's elements.
#[cube]
pub(super) fn sum_elements<S: Size>(x: Vector<f32, S>) -> f32 {
    let mut sum = x.extract(0usize);
    #[unroll]
    for i in 1..S::value() {
        sum += x.extract(i);
    }
    sum
}
