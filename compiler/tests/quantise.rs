//! Post-training quantisation.
