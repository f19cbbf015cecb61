//! The node daemon: carries out small kernel plans for pods and keeps the node as it should be.
