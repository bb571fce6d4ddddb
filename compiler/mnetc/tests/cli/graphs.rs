//! Graphs: every stage in every format, and drawings in which nothing lies over anything else.

use crate::common::{Folder, ODD, THREE, repository};
use roxmltree::{Document, Node};

const STAGES: [&str; 5] =
    ["lowering", "remove-identity", "fold-batchnorm", "fuse-activation", "fuse-separable"];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("three.yaml", THREE);
    folder.write("odd.yaml", ODD);
    folder
}

/// Nodes of a graph as text: all lines but the heading.
fn nodes(folder: &Folder, model: &str, stage: &str) -> Vec<String> {
    let text = folder.good(&["graph", model, "--after", stage]);
    text.lines().skip(1).map(|line| line.split_whitespace().next().unwrap_or("").to_string()).collect()
}

#[test]
fn passes_make_the_graph_smaller() {
    let folder = folder();
    for (model, expected) in [("mobilenet_v1", [86, 84, 57, 30, 17]), ("three.yaml", [5, 5, 5, 4, 4])] {
        let found = STAGES.map(|stage| nodes(&folder, model, stage).len());
        assert_eq!(found, expected, "{model}");
        assert_eq!(
            folder.good(&["graph", model]),
            folder.good(&["graph", model, "--after", "fuse-separable"])
        );
    }
}

#[test]
fn every_stage_can_be_written_in_every_format() {
    let folder = folder();
    for stage in STAGES {
        let nodes = nodes(&folder, "odd.yaml", stage);
        for file in ["x.txt", "x.dot", "x.svg"] {
            let ran = folder.run(&["graph", "odd.yaml", "--after", stage, "-o", file]);
            assert_eq!((ran.status, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
        }
        assert_eq!(folder.read("x.txt"), folder.good(&["graph", "odd.yaml", "--after", stage]));
        let dot = folder.read("x.dot");
        assert!(nodes.iter().all(|node| dot.contains(&format!("\n  \"{node}\" [label="))), "{dot}");
        assert_eq!(dot.matches(" -> ").count(), nodes.len() - 1, "{dot}");
        let svg = folder.read("x.svg");
        let drawing = Document::parse(&svg).unwrap();
        assert_eq!(rectangles(&drawing, "card").len(), nodes.len(), "{stage}");
    }
}

/// The rectangles of a class, as left, top, right and bottom.
fn rectangles(drawing: &Document<'_>, class: &str) -> Vec<[f64; 4]> {
    let number = |node: Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let nodes = drawing.descendants().filter(|node| node.has_tag_name("rect"));
    nodes
        .filter(|node| node.attribute("class") == Some(class))
        .map(|node| {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(node, name));
            [x, y, x + width, y + height]
        })
        .collect()
}

#[test]
fn cards_lie_apart_and_inside() {
    let folder = folder();
    for (model, stage) in [
        ("mobilenet_v1", "lowering"),
        ("mobilenet_v1", "fuse-separable"),
        ("mobilenet_v1_conv", "fold-batchnorm"),
        ("odd.yaml", "lowering"),
        ("odd.yaml", "fuse-separable"),
        ("three.yaml", "fuse-separable"),
    ] {
        folder.good(&["graph", model, "--after", stage, "-o", "x.svg"]);
        let svg = folder.read("x.svg");
        let drawing = Document::parse(&svg).unwrap();
        let cards = rectangles(&drawing, "card");
        for (i, a) in cards.iter().enumerate() {
            for b in &cards[i + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{model} {stage}: {a:?} {b:?}");
            }
        }
        let [_, _, width, height] = rectangles(&drawing, "ground")[0];
        assert!(cards.iter().all(|card| card[2] < width && card[3] < height), "{model} {stage}");
        // Folded where it is long, beside its memory where that is planned.
        let ratio = width / height;
        assert!(stage != "lowering" || (0.5..2.0).contains(&ratio), "{model}: {ratio}");
        assert_eq!(svg.contains("Memory plan"), stage == "fuse-separable", "{model} {stage}");
    }
}

#[test]
fn drawings_in_the_documentation_are_fresh() {
    let folder = Folder::new();
    for model in ["0.25_MobileNet_tiny", "1.0_MobileNet_baseline"] {
        let file = repository(&format!("docs/{model}.svg"));
        folder.good(&["graph", model, "-o", "x.svg"]);
        let fresh = folder.read("x.svg");
        if std::env::var_os("MNETC_BLESS").is_some() {
            std::fs::write(&file, fresh).unwrap();
        } else if file.parent().is_some_and(|docs| docs.is_dir()) {
            let same = std::fs::read_to_string(&file).is_ok_and(|checked_in| checked_in == fresh);
            assert!(same, "{}: renew it with `MNETC_BLESS=1 cargo test -p mnetc`", file.display());
        }
    }
}
