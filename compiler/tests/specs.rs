//! The specs that ship: what they cost, what they are called, and what they lower to.

use mobilenet_compiler::cost::{Cost, total};
use mobilenet_compiler::error::Report;
use mobilenet_compiler::ir::Graph;
use mobilenet_compiler::lower::lower;
use mobilenet_compiler::names::{Catalogue, Model};
use mobilenet_compiler::passes;
use mobilenet_compiler::settings::{Settings, Wish};
use mobilenet_compiler::spec::Spec;

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|report| panic!("{report}"))
}

fn graph(model: &Model) -> Result<Graph, Report> {
    let settings = Settings::new(&model.spec, &Wish::from(model), None)?;
    lower(&model.spec, &settings, &model.name())
}

/// Multiply-adds of the sixteen models with 1000 classes, counted by hand from Table 1 of arXiv:1704.04861.
const MACS: [(&str, u64); 16] = [
    ("1.0_MobileNet_baseline", 568_740_352),
    ("1.0_MobileNet_medium", 418_121_728),
    ("1.0_MobileNet_small", 290_675_200),
    ("1.0_MobileNet_tiny", 186_400_768),
    ("0.75_MobileNet_baseline", 325_400_448),
    ("0.75_MobileNet_medium", 239_273_472),
    ("0.75_MobileNet_small", 166_396_800),
    ("0.75_MobileNet_tiny", 106_770_432),
    ("0.5_MobileNet_baseline", 149_497_088),
    ("0.5_MobileNet_medium", 109_970_432),
    ("0.5_MobileNet_small", 76_524_800),
    ("0.5_MobileNet_tiny", 49_160_192),
    ("0.25_MobileNet_baseline", 41_030_272),
    ("0.25_MobileNet_medium", 30_212_608),
    ("0.25_MobileNet_small", 21_059_200),
    ("0.25_MobileNet_tiny", 13_570_048),
];

#[test]
fn the_named_models_are_sixteen_and_cost_what_they_cost() {
    let found: Vec<_> =
        catalogue().models().iter().map(|model| (model.name(), total(&graph(model).unwrap()).macs)).collect();
    let expected: Vec<_> = MACS.iter().map(|(name, macs)| (name.to_string(), *macs)).collect();
    assert_eq!(found, expected);
}

#[test]
fn parameters_are_those_of_the_paper() {
    let catalogue = catalogue();
    for (name, params, batchnorm_params, macs) in [
        // 4.2 million parameters, 569 million multiply-adds (Table 4).
        ("mobilenet_v1", 4_210_088, 43_776, 568_740_352),
        // 29.3 and 4866: printed without the 1.024 million of the classifier.
        ("mobilenet_v1_conv", 29_282_120, 23_936, 4_867_293_184),
        // 2.9 and 307 (Table 5).
        ("mobilenet_v1_shallow", 2_876_328, 23_296, 307_323_392),
        ("0.75_MobileNet_baseline", 2_569_144, 32_832, 325_400_448),
        ("0.5_MobileNet_baseline", 1_320_648, 21_888, 149_497_088),
        ("0.25_MobileNet_baseline", 464_600, 10_944, 41_030_272),
    ] {
        let mut graph = graph(&catalogue.find(name).unwrap()).unwrap();
        assert_eq!(total(&graph), Cost { params, batchnorm_params, macs }, "{name}");
        let before = total(&graph);
        passes::run(&mut graph, None, |pass, _, graph| assert_eq!(total(graph), before, "{}", pass.name))
            .unwrap();
    }
}

/// Spellings, and the name that is shown; none if there is no such model.
const SPELLINGS: [(&str, Option<&str>); 8] = [
    ("0.75_MobileNet_medium", Some("0.75_MobileNet_medium")),
    ("0.75_mobilenet_192", Some("0.75_MobileNet_medium")),
    ("0.75_MobileNet_0.86", Some("0.75_MobileNet_medium")),
    ("mobilenet_v1_0.75_192", Some("0.75_MobileNet_medium")),
    ("mobilenet_v1", Some("1.0_MobileNet_baseline")),
    ("0.3_MobileNet_3", Some("0.3_MobileNet_3")),
    ("0.3_MobileNet_2", Some("0.3_MobileNet_448")),
    // 2 pixels would be shown as the name before, which is another model.
    ("0.3_MobileNet_0.0111", None),
];

#[test]
fn a_shown_name_is_that_of_the_same_model() {
    let catalogue = catalogue();
    for (spelling, name) in SPELLINGS {
        let model = catalogue.find(spelling).ok();
        assert_eq!(model.as_ref().map(Model::name).as_deref(), name, "{spelling}");
        if let Some(model) = model {
            assert_eq!(catalogue.find(&model.name()).unwrap(), model, "{spelling}");
        }
    }
}

/// Every spec in the description of the format is one, but those that are followed by complaints: they have these.
#[test]
fn the_format_is_as_described() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/README.md")).unwrap();
    let mut blocks = text.split("```").skip(1).step_by(2).peekable();
    let mut checked = 0;
    while let Some(spec) = blocks.next() {
        let spec = spec.strip_prefix("yaml\n").expect("complaints follow a spec");
        let found = Spec::parse("leaves.yaml", spec);
        match blocks.next_if(|block| block.starts_with("text\n")) {
            Some(expected) => assert_eq!(format!("text\n{}\n", found.unwrap_err()), expected),
            None => {
                let model = Model::of(found.unwrap_or_else(|report| panic!("{report}")).into());
                graph(&model).unwrap_or_else(|report| panic!("{report}"));
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 4);
}
