use std::path::Path;

/// From now on, this thread and all that it starts write below `folder` alone, whatever a bundle's names say.
/// `Err` tells why the system can't see to that.
#[cfg(target_os = "linux")]
pub fn confine(folder: &Path) -> Result<(), String> {
    use landlock::{
        ABI, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
        path_beneath_rules,
    };
    let writes = AccessFs::from_write(ABI::V3);
    // Without `Refer`, which came with the second version, nothing could be renamed from folder to folder.
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_write(ABI::V2))
        .and_then(|rules| rules.set_compatibility(CompatLevel::BestEffort).handle_access(writes))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules([folder], writes)))
        // Devices that may be written to, but not made.
        .and_then(|rules| rules.add_rules(path_beneath_rules(["/dev"], AccessFs::WriteFile)))
        .and_then(RulesetCreated::restrict_self);
    rules.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
pub fn confine(_: &Path) -> Result<(), String> {
    Err("it has no Landlock".to_owned())
}
