//! Every contract of the project: kinds, annotations, names, CNI types and the words plugin and daemon exchange.
