//! Graphs as text: a line a node, in order, with its shape, its operation and, unless it is the node of the line above,
//! what goes into it.
//!
//! ```text
//! conv1       112x112x32  conv 3x3 stride 2 pad 0,0,1,1
//! conv1_bn    112x112x32  batchnorm of conv1, epsilon 0.001
//! conv1_relu  112x112x32  relu6
//! ```

use std::fmt;

use super::{Conv, Graph, Op};
use crate::family::Activation;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.ids().map(|id| self.node(id).name.len()).max().unwrap_or(0);
        let shape_width = self.ids().map(|id| self.node(id).shape.to_string().len()).max().unwrap_or(0);
        writeln!(f, "{}", self.name)?;
        let mut above = None;
        for id in self.ids() {
            let node = self.node(id);
            let (name, shape) = (&node.name, node.shape.to_string());
            write!(f, "{name:name_width$}  {shape:shape_width$}  {}", node.op)?;
            let operands = self.operands(id);
            if operands.iter().any(|operand| Some(*operand) != above) {
                let names = operands.iter().map(|operand| self.node(*operand).name.as_str());
                write!(f, " of {}", names.collect::<Vec<_>>().join(", "))?;
            }
            writeln!(f)?;
            above = Some(id);
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Op::Conv(conv) | Op::Depthwise(conv) | Op::Pointwise(conv) => write!(f, "{name} {conv}"),
            Op::Separable { depthwise, pointwise } => write!(f, "{name} ({depthwise}; {pointwise})"),
            Op::BatchNorm(batchnorm) => {
                write!(f, "{name} of {}, epsilon {}", batchnorm.layer, batchnorm.epsilon)
            }
            Op::Activation(activation) => write!(f, "{activation}"),
            _ => f.write_str(name),
        }
    }
}

impl fmt::Display for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conv { size, stride, pad, params, activation } = self;
        write!(f, "{size}x{size}")?;
        if *size > 1 {
            write!(f, " stride {stride} pad {pad}")?;
        }
        if let Some(batchnorm) = &params.folded {
            write!(f, ", {} folded", batchnorm.name)?;
        }
        if *activation != Activation::Linear {
            write!(f, ", {activation}")?;
        }
        Ok(())
    }
}
