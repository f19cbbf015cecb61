//! Starts, watches and heals the processes of OVN and Open vSwitch in place of shell scripts.
