use super::BundleError;
use super::manifest::BundleManifest;
use super::ro_crate::{FILE, PROFILES, RO_CRATE, encoded};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Entities<'a> = BTreeMap<&'a str, &'a Value>;

/// Whether the metadata is a Provenance Run Crate whose references resolve, and tells of the bundle's files what the
/// manifest tells.
pub(super) fn check(bytes: &[u8], manifest: &BundleManifest) -> Result<(), BundleError> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| fault(format!("it is no JSON: {error}")))?;
    let graph = document.get("@graph").and_then(Value::as_array).ok_or_else(|| fault("it has no `@graph`".into()))?;
    let mut entities = Entities::new();
    for entity in graph {
        let id = text(entity, "@id").ok_or_else(|| fault("an entity has no `@id`".into()))?;
        if entity.get("@type").is_none() {
            return Err(fault(format!("`{id}` has no `@type`")));
        }
        if entities.insert(id, entity).is_some() {
            return Err(fault(format!("`{id}` is described twice")));
        }
    }
    graph.iter().try_for_each(|entity| resolves(entity, &entities))?;
    root(&entities)?;
    graph.iter().try_for_each(actions)?;
    files(&entities, manifest)
}

fn fault(what: String) -> BundleError {
    BundleError::inconsistent(FILE, what)
}

fn text<'a>(entity: &'a Value, property: &str) -> Option<&'a str> {
    entity.get(property).and_then(Value::as_str)
}

fn is(entity: &Value, kind: &str) -> bool {
    match entity.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        Some(one) => one == kind,
        None => false,
    }
}

/// The `@id`s that a property refers to.
fn references<'a>(entity: &'a Value, property: &str) -> Vec<&'a str> {
    let value = entity.get(property);
    let all = value.map_or(&[][..], |value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
    all.iter().filter_map(|one| text(one, "@id")).collect()
}

/// What isn't on the web has to be described here.
fn resolves(entity: &Value, entities: &Entities<'_>) -> Result<(), BundleError> {
    let properties = entity.as_object().into_iter().flatten();
    for (property, _) in properties {
        for id in references(entity, property) {
            let on_the_web = id == RO_CRATE || id.starts_with("http://schema.org/");
            if !on_the_web && !entities.contains_key(id) {
                return Err(fault(format!(
                    "`{property}` of {} refers to `{id}`, which is not described",
                    entity["@id"]
                )));
            }
        }
    }
    Ok(())
}

fn root(entities: &Entities<'_>) -> Result<(), BundleError> {
    let get = |id: &str| entities.get(id).ok_or_else(|| fault(format!("there is no `{id}`")));
    let (descriptor, root) = (get(FILE)?, get("./")?);
    if references(descriptor, "about") != ["./"] || !references(descriptor, "conformsTo").contains(&RO_CRATE) {
        return Err(fault(format!("`{FILE}` is no descriptor of RO-Crate 1.1")));
    }
    for property in ["name", "description", "datePublished", "license", "mainEntity", "hasPart", "mentions"] {
        if root.get(property).is_none_or(Value::is_null) {
            return Err(fault(format!("the root has no `{property}`")));
        }
    }
    let profiles = references(root, "conformsTo");
    if let Some((missing, ..)) = PROFILES.iter().find(|(id, ..)| !profiles.contains(id)) {
        return Err(fault(format!("the root doesn't conform to {missing}")));
    }
    let workflow = references(root, "mainEntity").first().and_then(|id| entities.get(id));
    let workflow = workflow.filter(|workflow| is(workflow, "ComputationalWorkflow") && is(workflow, "HowTo"));
    let workflow = workflow.ok_or_else(|| fault("the main entity is no workflow".into()))?;
    if references(workflow, "hasPart").is_empty() || references(workflow, "step").is_empty() {
        return Err(fault("the workflow names no tools or no steps".into()));
    }
    Ok(())
}

/// What the profiles require of actions and steps.
fn actions(entity: &Value) -> Result<(), BundleError> {
    let required: &[&str] = if is(entity, "CreateAction") {
        &["instrument", "result"]
    } else if is(entity, "ControlAction") {
        &["instrument", "object"]
    } else if is(entity, "OrganizeAction") {
        &["instrument", "object", "result"]
    } else if is(entity, "HowToStep") {
        &["workExample"]
    } else {
        &[]
    };
    match required.iter().find(|property| references(entity, property).is_empty() && entity.get(**property).is_none()) {
        Some(property) => Err(fault(format!("{} has no `{property}`", entity["@id"]))),
        None => Ok(()),
    }
}

/// Every file is described with its digest and size, and nothing else is.
fn files(entities: &Entities<'_>, manifest: &BundleManifest) -> Result<(), BundleError> {
    let parts: BTreeSet<&str> = references(entities["./"], "hasPart").into_iter().collect();
    let mut known = BTreeSet::from(["manifest.json".to_owned()]);
    for file in manifest.files.iter().filter(|file| file.path != FILE) {
        let id = encoded(&file.path);
        let entity = entities.get(id.as_str()).ok_or_else(|| fault(format!("`{}` is not described", file.path)))?;
        let right = text(entity, "sha256") == Some(&file.sha256.to_string())
            && text(entity, "contentSize") == Some(&file.size.to_string())
            && is(entity, "File")
            && parts.contains(id.as_str());
        if !right {
            return Err(fault(format!("`{}` is described otherwise than in the manifest", file.path)));
        }
        known.insert(id);
    }
    match entities.iter().find(|(id, entity)| is(entity, "File") && !known.contains(**id)) {
        Some((id, _)) => Err(fault(format!("it describes `{id}`, which is not in the bundle"))),
        None => Ok(()),
    }
}
