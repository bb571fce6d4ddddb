//! Every kernel of bytes of every instruction set of this machine against the obvious loops, bit for bit: below, at and above
//! each tile, odd sizes, borders, strides, all epilogues, both types of integers, extremes, in place, streamed, on teams.

mod blocks;
mod epilogues;
mod layers;
mod network;
mod support;
