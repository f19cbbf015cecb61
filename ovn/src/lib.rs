//! Rows of the OVN northbound, southbound and Open_vSwitch databases; desired state and its difference.
