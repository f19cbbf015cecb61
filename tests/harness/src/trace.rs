//! What `ovn-trace` says about a packet, reduced to where it ends.

/// The fate of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOutput {
    /// Everything `ovn-trace` printed.
    pub text: String,
    /// The ports it was output to, in order.
    pub delivered_to: Vec<String>,
    /// It was output nowhere.
    pub dropped: bool,
}

impl TraceOutput {
    pub(crate) fn parse(text: String) -> Self {
        let port = |line: &str| {
            let (_, rest) = line.split_once("/* output to \"")?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let delivered_to: Vec<_> = text.lines().filter_map(port).collect();
        let dropped = delivered_to.is_empty();
        Self { text, delivered_to, dropped }
    }

    /// Fails with the whole trace unless exactly `ports` got the packet.
    #[track_caller]
    pub fn expect_delivered(&self, ports: &[&str]) {
        assert_eq!(self.delivered_to, ports, "the packet should reach {ports:?}:\n{}", self.text);
    }

    /// Fails with the whole trace if anybody got the packet.
    #[track_caller]
    pub fn expect_dropped(&self) {
        assert!(self.dropped, "nobody should get the packet:\n{}", self.text);
    }
}
