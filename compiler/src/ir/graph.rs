//! The graph of a network: nodes, their operands, one input and one output.

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, Topo};

use super::op::{Node, Op};

/// A node's identity; stays valid while other nodes come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(NodeIndex);

/// A network as a graph. Edges carry the operand slot, because petgraph keeps no order among them.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The network's name.
    pub name: String,
    nodes: StableDiGraph<Node, usize>,
    output: NodeId,
}

impl Graph {
    /// A graph of one node: its input.
    pub fn new(name: impl Into<String>, input: Node) -> Self {
        let mut nodes = StableDiGraph::new();
        let output = NodeId(nodes.add_node(input));
        Graph { name: name.into(), nodes, output }
    }

    /// Adds a node with its operands in order, and makes it the output.
    pub fn add(&mut self, node: Node, operands: &[NodeId]) -> NodeId {
        let id = self.nodes.add_node(node);
        for (slot, operand) in operands.iter().enumerate() {
            self.nodes.add_edge(operand.0, id, slot);
        }
        self.output = NodeId(id);
        NodeId(id)
    }

    /// The node whose value is the network's result.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// The input node.
    pub fn input(&self) -> Option<NodeId> {
        self.ids().find(|&id| self.node(id).op == Op::Input)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// A node, to change.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }

    /// All nodes, each after its operands.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        let mut order = Topo::new(&self.nodes);
        std::iter::from_fn(move || order.next(&self.nodes).map(NodeId))
    }

    /// Nodes, whether reachable in order or not: more than [`Graph::ids`] gives where there is a cycle.
    pub fn len(&self) -> usize {
        self.nodes.node_count()
    }

    /// Whether there is no node (never: a graph begins with its input).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node's operands, in slot order.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut edges: Vec<_> = self.nodes.edges_directed(id.0, Direction::Incoming).collect();
        edges.sort_by_key(|edge| *edge.weight());
        edges.into_iter().map(|edge| NodeId(edge.source())).collect()
    }

    /// The node's only operand, if it has exactly one.
    pub fn operand(&self, id: NodeId) -> Option<NodeId> {
        match self.operands(id)[..] {
            [operand] => Some(operand),
            _ => None,
        }
    }

    /// How often a node's value is used, the network's result counted.
    pub fn uses(&self, id: NodeId) -> usize {
        self.nodes.edges_directed(id.0, Direction::Outgoing).count() + usize::from(self.output == id)
    }

    /// Removes a node of one operand; whoever used its value uses the operand's instead.
    pub fn bypass(&mut self, id: NodeId) {
        let Some(operand) = self.operand(id) else { return };
        let users: Vec<_> = self
            .nodes
            .edges_directed(id.0, Direction::Outgoing)
            .map(|edge| (edge.target(), *edge.weight()))
            .collect();
        for (user, slot) in users {
            self.nodes.add_edge(operand.0, user, slot);
        }
        self.nodes.remove_node(id.0);
        if self.output == id {
            self.output = operand;
        }
    }
}
