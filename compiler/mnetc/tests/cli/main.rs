//! The command line, as somebody uses it who does not know it: run as a program, judged by what it prints.

mod checking;
mod common;
mod graphs;
mod mistakes;
mod quantised;
mod quantizing;
mod showing;
