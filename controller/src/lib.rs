//! The controller: a compiler from Kubernetes objects to OVN northbound rows.
