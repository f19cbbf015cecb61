//! A namespace for one test, with what tests ask of the objects in it.

use std::net::IpAddr;

use anyhow::{Context, ensure};
use api::kinds::ip::Ip;
use api::kinds::subnet::Subnet;
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, Resource, ResourceExt};

use crate::eventually;

/// A namespace of a test's own, and the subnets the test made; all go when the test ends.
#[derive(Clone)]
pub struct Space {
    client: Client,
    name: String,
}

impl Space {
    /// Runs `test` in a new namespace; says what was in it when the test fails, and removes it.
    ///
    /// # Panics
    /// When the test fails.
    pub async fn with<F>(name: &str, test: impl FnOnce(Self) -> F)
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let client = crate::client().await.expect("the lab answers");
        let space = Self { client, name: name.to_owned() };
        space.remove().await.expect("remains of an earlier run go");
        space.make().await.expect("a namespace of our own");
        let outcome = std::panic::AssertUnwindSafe(test(space.clone())).catch_unwind().await;
        if !matches!(outcome, Ok(Ok(()))) {
            space.tell().await;
        }
        space.remove().await.expect("the namespace goes");
        match outcome {
            Ok(done) => done.expect("the test's statements hold"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// The namespace's name; the test's subnets start with it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client all of this uses.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Objects of a kind in the namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client(), &self.name)
    }

    /// Makes a pod and waits until it runs; its address.
    ///
    /// # Errors
    /// When it does not run in time.
    pub async fn run(&self, pod: &Pod) -> anyhow::Result<IpAddr> {
        let pods: Api<Pod> = self.api();
        pods.create(&PostParams::default(), pod).await?;
        self.address(&pod.name_any()).await
    }

    /// The address of a pod once it runs.
    ///
    /// # Errors
    /// When it does not run in time.
    pub async fn address(&self, name: &str) -> anyhow::Result<IpAddr> {
        let pods: Api<Pod> = self.api();
        eventually(&format!("{name} runs"), || async {
            let status = pods.get(name).await?.status.unwrap_or_default();
            ensure!(status.phase.as_deref() == Some("Running"), "phase {:?}", status.phase);
            Ok(status.pod_ip.context("no address")?.parse()?)
        })
        .await
    }

    /// The object that records a pod's address.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn ip_of(&self, pod: &str) -> anyhow::Result<Ip> {
        let ips: Api<Ip> = Api::all(self.client());
        let name = format!("{pod}.{}", self.name);
        eventually(&format!("{name} is recorded"), || async { Ok(ips.get(&name).await?) }).await
    }

    /// Waits for an event about `object` whose reason is `reason`; its message.
    ///
    /// # Errors
    /// When none comes in time; the events that are there.
    pub async fn event(&self, object: &str, reason: &str) -> anyhow::Result<String> {
        let events: Api<Event> = Api::all(self.client());
        let about = ListParams::default().fields(&format!("involvedObject.name={object}"));
        eventually(&format!("an event {reason}"), || async {
            let all = events.list(&about).await?.items;
            let found = all.iter().find(|event| event.reason.as_deref() == Some(reason));
            let seen: Vec<_> = all.iter().map(|event| (&event.reason, &event.message)).collect();
            let event = found.with_context(|| format!("there are {seen:?}"))?;
            Ok(event.message.clone().unwrap_or_default())
        })
        .await
    }

    /// Makes a subnet; it goes with the space.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn subnet(&self, subnet: &Subnet) -> anyhow::Result<()> {
        ensure!(subnet.name_any().starts_with(&self.name), "a subnet that would be left behind");
        let subnets: Api<Subnet> = Api::all(self.client());
        subnets.create(&PostParams::default(), subnet).await?;
        Ok(())
    }

    /// Waits for the condition of type `kind` on a subnet: its status, reason and message.
    ///
    /// # Errors
    /// When it has none in time.
    pub async fn condition(&self, subnet: &str, kind: &str) -> anyhow::Result<[String; 3]> {
        let subnets: Api<Subnet> = Api::all(self.client());
        eventually(&format!("{subnet} has the condition {kind}"), || async {
            let object = serde_json::to_value(subnets.get(subnet).await?)?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let found = conditions.iter().find(|condition| condition["type"] == kind);
            let found = found.with_context(|| format!("conditions {conditions:?}"))?;
            let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
            Ok([text("status"), text("reason"), text("message")])
        })
        .await
    }

    async fn make(&self) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client());
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        namespaces.create(&PostParams::default(), &namespace).await?;
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = self.api();
        eventually("the default service account", || async { Ok(accounts.get("default").await?) })
            .await?;
        Ok(())
    }

    async fn remove(&self) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client());
        if namespaces.get_opt(&self.name).await?.is_some() {
            namespaces.delete(&self.name, &DeleteParams::default()).await?;
        }
        eventually("the namespace is gone", || async {
            ensure!(namespaces.get_opt(&self.name).await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
        let subnets: Api<Subnet> = Api::all(self.client());
        for subnet in subnets.list(&ListParams::default()).await? {
            let name = subnet.name_any();
            if name.starts_with(&self.name) {
                subnets.delete(&name, &DeleteParams::default()).await?;
                eventually(&format!("subnet {name} is gone"), || async {
                    ensure!(subnets.get_opt(&name).await?.is_none(), "it is there");
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    async fn tell(&self) {
        let pods: Api<Pod> = self.api();
        for pod in pods.list(&ListParams::default()).await.map(|all| all.items).unwrap_or_default()
        {
            let annotations = pod.annotations();
            eprintln!("pod {}: {:?} {annotations:?}", pod.name_any(), pod.status);
        }
        let events: Api<Event> = self.api();
        for event in
            events.list(&ListParams::default()).await.map(|all| all.items).unwrap_or_default()
        {
            eprintln!(
                "event {:?} {:?} {:?}",
                event.involved_object.name, event.reason, event.message
            );
        }
    }
}
