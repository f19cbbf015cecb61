//! The CustomResourceDefinitions, as the chart installs them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Ip, Subnet, Vpc};

/// All definitions, by plural.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [Ip::crd(), Subnet::crd(), Vpc::crd()].map(finish).into()
}

/// What the derive cannot say: an object may leave its spec out, and a status gets no defaults, since they would be mistaken for facts.
fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(schema) =
            version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        schema.required = None;
        let Some(properties) = schema.properties.as_mut() else { continue };
        if let Some(spec) = properties.get_mut("spec") {
            spec.default = Some(JSON(serde_json::json!({})));
        }
        if let Some(status) = properties.get_mut("status") {
            drop_defaults(status);
        }
    }
    crd
}

fn drop_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
        .for_each(drop_defaults);
    if let Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray::Schema(items)) =
        &mut schema.items
    {
        drop_defaults(items);
    }
}

/// A Go `uint32`: the API server knows no unsigned format and would warn about one.
pub(super) fn unsigned(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int32", "minimum": 0 })
}

/// A Go `int`.
pub(super) fn integer(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer" })
}
