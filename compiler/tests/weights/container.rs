//! Writes safetensors files.

use crate::net::Stored;

/// A file of f32 tensors.
pub(crate) fn safetensors(tensors: &[Stored]) -> Vec<u8> {
    let raw = tensors.iter().map(|tensor| {
        let data = tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect();
        (tensor.name.as_str(), "F32", tensor.shape.clone(), data)
    });
    raw_safetensors(&raw.collect::<Vec<_>>())
}

/// A file of tensors of any type: name, type, shape, data.
pub(crate) fn raw_safetensors(tensors: &[(&str, &str, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let mut header = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, dtype, shape, values) in tensors {
        let begin = data.len();
        data.extend(values);
        let end = data.len();
        header.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#
        ));
    }
    let header = format!("{{{}}}", header.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}
