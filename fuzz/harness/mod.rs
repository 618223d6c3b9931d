//! What the fuzz targets do with their bytes. Each harness panics where something that must hold does
//! not. What reading a file may cost in time and memory is in `cost`; that everything else ends is for whoever calls it
//! to see.
#![allow(dead_code, reason = "each target uses its own harness")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "noise is cut to size"
)]

pub(crate) mod bytes;
pub(crate) mod cost;
pub(crate) mod decoder;
pub(crate) mod device_tree;
pub(crate) mod devices;
pub(crate) mod files;
pub(crate) mod guest;
pub(crate) mod loader;
pub(crate) mod virtqueue;
