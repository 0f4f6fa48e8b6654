//! All options as a JSON Schema, from which editors complete, explain and check experiments.

use serde_json::{Map, Value, json};

use crate::range::Range;
use crate::schema::{Default, Key, SECTIONS, Section};
use crate::value::Form;

/// The schema of an experiment (draft 7, which TOML language servers read).
///
/// It asks for no key, not even for the one that names a variant: a file may leave to its parent, by `extends`, what it
/// does not say itself.
pub fn json_schema() -> Value {
    let outer = SECTIONS
        .iter()
        .filter(|section| !section.name.contains('.'));
    let mut properties: Map<String, Value> = outer
        .map(|section| (section.name.to_owned(), table(section)))
        .collect();
    let extends = "Another experiment, by its path from the folder of this file; what stands here goes over it.";
    properties.insert(
        "extends".into(),
        json!({"type": "string", "description": extends}),
    );
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "elapid experiment",
        "description": "Printed by `elapid config schema`.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A section: one object, or one for each value of its tag.
fn table(section: &Section) -> Value {
    let object = |variant: Option<&str>, tag: Option<(&Key, &str)>| {
        let mut properties: Map<String, Value> = section
            .keys(variant)
            .into_iter()
            .map(|key| (key.name.to_owned(), property(key)))
            .collect();
        for (name, inner) in section.tables(variant) {
            properties.insert(name.to_owned(), table(inner));
        }
        let mut object = json!({"type": "object", "additionalProperties": false});
        if let Some((tag, value)) = tag {
            properties.insert(
                tag.name.to_owned(),
                json!({"const": value, "description": tag.doc.trim()}),
            );
        }
        object["properties"] = Value::Object(properties);
        object
    };
    let Some(tag) = &section.tag else {
        let mut plain = object(None, None);
        plain["description"] = json!(section.doc.trim());
        return plain;
    };
    let variants = section.variants.iter().map(|variant| {
        let mut object = object(Some(variant.name), Some((tag, variant.name)));
        object["title"] = json!(format!("{} = \"{}\"", tag.name, variant.name));
        object["description"] = json!(variant.doc.trim());
        object
    });
    json!({"description": section.doc.trim(), "anyOf": variants.collect::<Vec<_>>()})
}

fn property(key: &Key) -> Value {
    let mut value = match key.kind.form {
        Form::Name => json!({"enum": key.kind.names}),
        Form::Names => json!({"type": "array", "items": {"enum": key.kind.names}}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::Text => json!({"type": "string"}),
        Form::Integer => number("integer", &key.range),
        Form::Number => number("number", &key.range),
        Form::Numbers => json!({"type": "array", "items": number("number", &key.range)}),
        Form::Pair => json!({
            "type": "array",
            "items": number("number", &key.range),
            "minItems": 2,
            "maxItems": 2,
        }),
        Form::IntegerOrAuto => json!({"oneOf": [number("integer", &key.range), {"const": "auto"}]}),
        Form::Interval => json!({"oneOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\s*[0-9.]+\s*(step|steps|epoch|epochs)\s*$"},
        ]}),
    };
    let doc = key.doc.trim();
    value["description"] = match key.default {
        Default::Derived(words) => json!(format!("{doc} Left out: {words}.")),
        _ => json!(doc),
    };
    if let Some(default) = default(key) {
        value["default"] = default;
    }
    value
}

/// The default, where it is a constant.
fn default(key: &Key) -> Option<Value> {
    let Default::Toml(text) = key.default else {
        return None;
    };
    let table: toml::Table = format!("x = {text}").parse().ok()?;
    serde_json::to_value(table.get("x")?).ok()
}

fn number(kind: &str, range: &Range) -> Value {
    let mut value = json!({"type": kind});
    for (name, bound) in range.json_bounds() {
        // A whole bound is written as one.
        value[name] = match bound.fract() == 0.0 {
            true => json!(bound as i64),
            false => json!(bound),
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keys_and_values_are_described() {
        let schema = json_schema();
        let train = &schema["properties"]["train"];
        assert_eq!(train["additionalProperties"], false);
        assert_eq!(train["properties"]["ema"]["exclusiveMaximum"], 1);
        assert_eq!(
            train["properties"]["precision"]["enum"],
            json!(["fp32", "bf16", "fp16"])
        );
        assert_eq!(train["properties"]["precision"]["default"], "fp32");
        let model = &schema["properties"]["model"]["anyOf"][0];
        assert_eq!(model["properties"]["backbone"]["const"], "vim");
        assert_eq!(model["properties"]["d_state"]["maximum"], 256);
        let data = &schema["properties"]["data"]["anyOf"][0];
        assert!(data["properties"]["augment"]["properties"]["shift"].is_object());
    }

    #[test]
    fn every_constant_default_is_given() {
        for section in SECTIONS {
            let keys = section.variants.iter().flat_map(|variant| variant.keys);
            for key in keys.chain(section.common) {
                let is_constant = matches!(key.default, Default::Toml(_));
                assert_eq!(default(key).is_some(), is_constant, "{}", key.name);
            }
        }
    }
}
