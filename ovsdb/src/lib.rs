//! An OVSDB client after RFC 7047 and the extensions of ovsdb-server(7). It knows nothing of OVN.
