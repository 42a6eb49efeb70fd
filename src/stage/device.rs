use crate::contract::ParameterError;
use crate::science::device::{DeviceError, DeviceName};
use serde_json::Value;

/// The device of canonical parameters. One that this build lacks is refused while planning, not after hours.
pub(super) fn device_of(canonical: &Value) -> Result<DeviceName, ParameterError> {
    let fault = |message: String| ParameterError::new("device", message);
    let device = canonical.get("device").and_then(Value::as_str).unwrap_or("flex");
    let device: DeviceName = device.parse().map_err(|e: DeviceError| fault(e.to_string()))?;
    device.built().map_err(|e| fault(e.to_string()))?;
    Ok(device)
}
