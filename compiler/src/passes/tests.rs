use super::*;
use crate::family::Activation;
use crate::ir::{BatchNorm, Conv, Node, Op, Pad, Params, Shape};

const SHAPE: Shape = Shape::new(8, 8, 4);

/// A graph of 8x8x4 maps from a line such as `conv:a batchnorm:a relu depthwise:b`.
fn graph(text: &str) -> Graph {
    let mut graph = Graph::new("test", Node { name: "input".into(), op: Op::Input, shape: SHAPE });
    for (i, word) in text.split_whitespace().enumerate() {
        let (op, layer) = word.split_once(':').unwrap_or((word, ""));
        let conv = |size: usize| {
            let pad = size / 2;
            Conv {
                size,
                stride: 1,
                pad: Pad { top: pad, left: pad, bottom: pad, right: pad },
                params: Params { layer: layer.into(), folded: None },
                activation: Activation::Linear,
            }
        };
        let op = match op {
            "conv" => Op::Conv(conv(3)),
            "depthwise" => Op::Depthwise(conv(3)),
            "pointwise" => Op::Pointwise(conv(1)),
            "batchnorm" => Op::BatchNorm(BatchNorm { name: "bn".into(), layer: layer.into(), epsilon: 1e-3 }),
            "relu" => Op::Activation(Activation::Relu),
            "dropout" => Op::Dropout,
            "softmax" => Op::Softmax,
            _ => panic!("{word}"),
        };
        let last = graph.output();
        graph.add(Node { name: format!("{}{i}", op.name()), op, shape: SHAPE }, &[last]);
    }
    graph
}

/// `conv[bn,relu] separable[bn,relu|bn,relu]`
fn text(graph: &Graph) -> String {
    let conv = |conv: &Conv| {
        let folded = conv.params.folded.as_ref().map(|_| "bn");
        let clamp = (conv.activation != Activation::Linear).then_some("relu");
        folded.into_iter().chain(clamp).collect::<Vec<_>>().join(",")
    };
    let words = graph.ids().filter(|&id| graph.node(id).op != Op::Input).map(|id| {
        let op = &graph.node(id).op;
        match op {
            Op::Conv(c) | Op::Depthwise(c) | Op::Pointwise(c) if !conv(c).is_empty() => {
                format!("{}[{}]", op.name(), conv(c))
            }
            Op::Separable { depthwise, pointwise } => {
                format!("separable[{}|{}]", conv(depthwise), conv(pointwise))
            }
            _ => op.name().to_string(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn passes_rewrite_what_they_say_and_nothing_else() {
    for (before, pass, after) in [
        ("conv:a dropout softmax", "remove-identity", "conv softmax"),
        ("conv:a batchnorm:a relu", "fold-batchnorm", "conv[bn] relu"),
        // A clamp between: the batch norm is not the convolution's.
        ("conv:a relu batchnorm:a", "fold-batchnorm", "conv relu batchnorm"),
        // Statistics of another layer.
        ("conv:a batchnorm:b", "fold-batchnorm", "conv batchnorm"),
        ("conv:a batchnorm:a batchnorm:a", "fold-batchnorm", "conv[bn] batchnorm"),
        ("conv:a batchnorm:a relu relu", "fuse-activation", "conv[bn,relu] relu"),
        ("relu conv:a", "fuse-activation", "relu conv"),
        (
            "conv:a batchnorm:a relu depthwise:b batchnorm:b relu pointwise:c batchnorm:c relu",
            "fuse-separable",
            "conv[bn,relu] separable[bn,relu|bn,relu]",
        ),
        ("depthwise:a softmax pointwise:b", "fuse-separable", "depthwise softmax pointwise"),
        ("pointwise:a depthwise:b", "fuse-separable", "pointwise depthwise"),
    ] {
        let mut graph = graph(before);
        run(&mut graph, Some(pass), |_, _, _| ()).unwrap();
        assert_eq!(text(&graph), after, "{before}, {pass}");
    }
}

#[test]
fn a_value_with_two_users_is_left_alone() {
    let mut graph = graph("conv:a batchnorm:a");
    let batchnorm = graph.output();
    let conv = graph.operand(batchnorm).unwrap();
    let node = Node { name: "other".into(), op: Op::Dropout, shape: SHAPE };
    graph.add(node, &[conv]);
    assert_eq!(fold_batchnorm::run(&mut graph), 0);
}

#[test]
fn a_second_round_changes_nothing() {
    let mut graph =
        graph("conv:a batchnorm:a relu depthwise:b batchnorm:b relu pointwise:c batchnorm:c relu dropout");
    run(&mut graph, None, |_, _, _| ()).unwrap();
    let once = text(&graph);
    run(&mut graph, None, |pass, rewrites, _| assert_eq!(rewrites, 0, "{}", pass.name)).unwrap();
    assert_eq!(text(&graph), once);
}

#[test]
fn logits_are_what_comes_before_the_softmax() {
    let mut graph = graph("conv:a softmax");
    remove_softmax(&mut graph);
    assert_eq!(text(&graph), "conv");
}

#[test]
fn an_unknown_pass_is_an_error_that_lists_them() {
    let message = run(&mut graph("conv:a"), Some("fold"), |_, _, _| ()).unwrap_err().to_string();
    assert!(message.contains("no pass `fold`") && message.contains("fold-batchnorm"), "{message}");
}
