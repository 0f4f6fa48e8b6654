//! 32-bit tensors as plain arrays.

use burn_flex::FlexTensor;

/// All elements of a 32-bit tensor.
pub(crate) fn numbers(tensor: &FlexTensor) -> Vec<f32> {
    let tensor = tensor.to_contiguous();
    let (from, to) = tensor.layout().contiguous_offsets().unwrap_or((0, 0));
    tensor.storage::<f32>()[from..to].to_vec()
}

/// A 32-bit tensor, such that its storage is its elements and nothing else.
pub(crate) fn dense(tensor: FlexTensor) -> FlexTensor {
    let elements = tensor.layout().num_elements();
    let tensor = tensor.to_contiguous();
    match tensor.storage::<f32>().len() == elements {
        true => tensor,
        // A part of a larger tensor.
        false => FlexTensor::from_data(tensor.into_data()),
    }
}
