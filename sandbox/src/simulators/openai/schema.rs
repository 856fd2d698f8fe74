//! What `OpenAI` demands of a response schema.
//!
//! With `strict`, the root is an object, every object lists all its properties as required and forbids others;
//! an optional value is a union with `null`. The simulator insists, so that a schema that only works here
//! cannot exist.

use serde_json::Value;

use super::errors::ApiError;

/// Checks `response_format.json_schema` and returns the schema inside.
pub(super) fn read(format: &Value) -> Result<Value, ApiError> {
    let param = "response_format.json_schema.name";
    let missing = || {
        ApiError::parameter(
            "missing_required_parameter",
            param,
            format!("Missing required parameter: '{param}'."),
        )
    };
    let name = format["name"].as_str().ok_or_else(missing)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        let message = format!(
            "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]+$'."
        );
        return Err(ApiError::parameter("invalid_value", param, message));
    }
    let schema = format.get("schema").cloned().unwrap_or_else(|| serde_json::json!({"type": "object"}));
    if format["strict"] == true {
        if schema["type"] != "object" {
            return Err(ApiError::schema(name, "schema must be a JSON Schema of 'type: \"object\"'."));
        }
        strict(name, &schema, &mut Vec::new())?;
    }
    Ok(schema)
}

/// Whether a schema's type is, or includes, this one.
pub(super) fn is(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(kinds) => kinds.iter().any(|any| any == kind),
        _ => false,
    }
}

fn strict(name: &str, schema: &Value, context: &mut Vec<String>) -> Result<(), ApiError> {
    let place = || {
        format!(
            "In context=({})",
            context.iter().map(|step| format!("'{step}'")).collect::<Vec<_>>().join(", ")
        )
    };
    if is(schema, "object") {
        if schema["additionalProperties"] != false {
            let complaint = "'additionalProperties' is required to be supplied and to be false.";
            return Err(ApiError::schema(name, format!("{}, {complaint}", place())));
        }
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let properties = schema["properties"].as_object();
        for property in properties.into_iter().flat_map(|properties| properties.keys()) {
            if !required.iter().any(|name| name == property) {
                let complaint = "'required' is required to be supplied and to be an array including every key in \
                                 properties.";
                return Err(ApiError::schema(
                    name,
                    format!("{}, {complaint} Missing '{property}'.", place()),
                ));
            }
        }
    }
    let known = ["type", "anyOf", "enum", "const", "$ref"].iter().any(|key| schema.get(*key).is_some());
    if !known {
        return Err(ApiError::schema(name, format!("{}, schema must have a 'type' key.", place())));
    }
    let mut within = |steps: &[&str], schema: &Value| {
        let depth = context.len();
        context.extend(steps.iter().map(|step| (*step).to_owned()));
        let checked = strict(name, schema, context);
        context.truncate(depth);
        checked
    };
    for part in ["properties", "$defs", "definitions"] {
        for (key, schema) in schema[part].as_object().into_iter().flatten() {
            within(&[part, key], schema)?;
        }
    }
    for schema in schema["anyOf"].as_array().into_iter().flatten() {
        within(&["anyOf"], schema)?;
    }
    if let Some(items) = schema.get("items") {
        within(&["items"], items)?;
    }
    Ok(())
}
