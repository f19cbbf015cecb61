//! The counters of subnets: as metrics, and in their status now and then.

use std::sync::Arc;
use std::time::Instant;

use api::net::Family;

use crate::metrics::SubnetLabels;
use crate::scope::Scope;

use super::Engine;

impl Engine {
    /// Tells the counters of subnets whose time has come.
    pub(super) fn tell_usage(&mut self, now: Instant) {
        let due: Vec<Arc<str>> =
            self.usage.extract_if(.., |_, at| *at <= now).map(|(subnet, _)| subnet).collect();
        for subnet in due {
            self.count(&subnet);
            self.report(&[Scope::Subnet(subnet)]);
        }
    }

    /// Brings the metrics of all subnets up to date.
    pub(super) fn count_all(&mut self) {
        let mut subnets: Vec<Arc<str>> =
            self.model.index().subnets().map(|subnet| subnet.name.clone()).collect();
        subnets.extend(self.counted.keys().cloned());
        for subnet in subnets {
            self.count(&subnet);
        }
    }

    /// Brings the metrics of a subnet up to date; one that is gone or has other addresses leaves none behind.
    fn count(&mut self, subnet: &Arc<str>) {
        let mut counted = Vec::new();
        let usage = self.model.usage(subnet);
        if let (Some(plan), Some(usage)) = (self.model.index().plan(subnet), usage) {
            for cidr in plan.cidrs.iter() {
                let of = match cidr.family() {
                    Family::V4 => &usage.v4,
                    Family::V6 => &usage.v6,
                };
                let labels = SubnetLabels {
                    subnet_name: subnet.to_string(),
                    protocol: cidr.family().to_string(),
                    subnet_cidr: cidr.to_string(),
                };
                // A metric is a float: counts beyond 2^53 are the nearest one.
                self.out.metrics.available.get_or_create(&labels).set(of.available as f64);
                self.out.metrics.used.get_or_create(&labels).set(of.using as f64);
                counted.push(labels);
            }
        }
        let before = if counted.is_empty() {
            self.counted.remove(subnet)
        } else {
            self.counted.insert(subnet.clone(), counted.clone())
        };
        for gone in before.into_iter().flatten().filter(|labels| !counted.contains(labels)) {
            self.out.metrics.available.remove(&gone);
            self.out.metrics.used.remove(&gone);
        }
    }
}
