use super::*;

fn typed(words: &[&str]) -> Typed {
    let line = ["kube-ovn-controller"].iter().chain(words);
    Args::parse(line).unwrap_or_else(|error| panic!("{error}"))
}

fn config(words: &[&str]) -> anyhow::Result<Config> {
    let mut args = typed(words).args;
    args.pod_name = "here".to_owned();
    args.ovn_db_ips.retain(|_| false);
    args.resolve()
}

#[test]
fn without_flags_the_contracts_defaults_hold() {
    let config = config(&[]).unwrap();
    assert_eq!(config.northbound, Northbound::Discovered);
    assert_eq!(config.model, crate::desired::Config::default());
    assert_eq!(config.listen, "0.0.0.0:10660".parse().unwrap());
    assert_eq!(config.lease.duration, Duration::from_secs(10));
    assert_eq!(config.drift, Duration::from_secs(360));
    assert_eq!(config.kubeconfig, None);
}

#[test]
fn endpoints_are_tried_in_the_order_they_were_typed() {
    let Northbound::At(endpoints) =
        config(&["--ovn-nb-addr=tcp:172.30.0.11:6641,unix:/run/ovn/ovnnb_db.sock"])
            .unwrap()
            .northbound
    else {
        panic!("endpoints were typed");
    };
    let expected: Vec<Endpoint> = ["tcp:172.30.0.11:6641", "unix:/run/ovn/ovnnb_db.sock"]
        .map(|text| Endpoint::from_str(text).unwrap())
        .into();
    assert_eq!(endpoints, expected);
}

#[test]
fn addresses_of_the_databases_get_the_northbound_port() {
    let mut args = typed(&[]).args;
    args.ovn_db_ips = vec!["172.30.0.11".into(), " fd00::1".into(), String::new()];
    let expected = ["tcp:172.30.0.11:6641", "tcp:[fd00::1]:6641"]
        .map(|text| Endpoint::from_str(text).unwrap());
    assert_eq!(args.northbound().unwrap(), Northbound::At(expected.into()));
}

#[test]
fn a_dual_stack_range_puts_ipv4_first_and_completes_gateways() {
    let config =
        config(&["--default-cidr=fd00:10:16::/112,10.16.3.7/16", "--default-gateway=10.16.0.9"]);
    let pods = config.unwrap().model.pods;
    assert_eq!(pods.cidrs.to_string(), "10.16.0.0/16,fd00:10:16::/112");
    assert_eq!(pods.gateways.to_string(), "10.16.0.9,fd00:10:16::1");
}

#[test]
fn contradictions_name_the_flag() {
    for (words, says) in [
        (&["--default-gateway=10.17.0.1"][..], "gateway 10.17.0.1 is outside 10.16.0.0/16"),
        (&["--default-gateway=fd00::1"], "a gateway has no range of its family"),
        (&["--node-switch-gateway=nonsense"], "nonsense\" is not an IP address"),
        (&["--ovn-nb-addr=http://x"], "ovn-nb-addr: http://x"),
        (&["--leader-elect-renew-deadline=10s"], "leader-elect flags"),
    ] {
        let error = format!("{:#}", config(words).unwrap_err());
        assert!(error.contains(says), "{words:?} should say {says:?} and said {error:?}");
    }
}

#[test]
fn a_switch_may_be_typed_with_and_without_its_value() {
    assert!(config(&["--enable-lb=false"]).unwrap().model.balancers.is_none());
    assert!(config(&["--enable-lb=true"]).unwrap().model.balancers.is_some());
    assert!(config(&["--enable-lb"]).unwrap().model.balancers.is_some());
}

#[test]
fn flags_without_effect_are_accepted_and_named() {
    let line =
        ["--worker-num=8", "--enable-np=true", "--log_file=/var/log/x", "-v", "3", "--enable-lb"];
    assert_eq!(typed(&line).without_effect, ["enable-np", "log_file", "v", "worker-num"]);
    assert!(typed(&[]).without_effect.is_empty());
}

#[test]
fn an_unknown_flag_is_an_error() {
    let error = Args::parse(["kube-ovn-controller", "--default-cdir=10.0.0.0/8"]).unwrap_err();
    assert_eq!(error.kind(), clap::error::ErrorKind::UnknownArgument);
}

#[test]
fn durations_are_written_as_in_go() {
    assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    assert!(duration("-3s").is_err());
    assert!(duration("soon").is_err());
}

#[test]
fn values_that_are_none_are_refused_where_they_are_typed() {
    for word in ["--default-cidr=10.0.0.0/16,10.1.0.0/16", "--pod-nic-type=wire", "--gc-interval=0"]
    {
        let error = Args::parse(["kube-ovn-controller", word]).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ValueValidation, "{word}: {error}");
    }
}

#[test]
fn load_balancers_keep_the_names_they_are_given() {
    let model = config(&["--cluster-udp-session-loadbalancer=sticky"]).unwrap().model;
    assert_eq!(&**model.balancers.unwrap().name(Transport::Udp, true), "sticky");
}
