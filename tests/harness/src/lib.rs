//! Starts the real things tests run against: database servers, northd, whole datapaths, namespaces, the lab.
