//! Approved templates, the only messages that may be sent outside the 24-hour window.
//!
//! A template must be registered before it can be sent. An authentication template carries its code twice: in
//! the body and in the copy-code button (which is addressed as sub-type `url`), and never goes to a BSUID.

use serde_json::{Map, Value};

use super::errors::GraphError;
use super::rules::{object, only, string};

/// Longest one-time code.
const CODE: usize = 15;

/// Meta's categories, which differ in price and rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// One-time codes; the text is Meta's own.
    Authentication,
    /// News about something the person asked for.
    Utility,
    /// Everything else.
    Marketing,
}

/// A template that Meta has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language code, `fr` for instance.
    pub language: String,
    /// What it may be used for.
    pub category: Category,
    /// The text, with `{{1}}`, `{{2}}`, … for its parameters.
    pub body: String,
}

impl Template {
    /// A copy-code template with Meta's own words, in French or else in English.
    pub fn one_time_code(name: impl Into<String>, language: impl Into<String>) -> Self {
        let language = language.into();
        let body = if language.starts_with("fr") {
            "*{{1}}* est votre code de vérification. Pour votre sécurité, ne le partagez pas."
        } else {
            "*{{1}}* is your verification code. For your security, do not share this code."
        };
        Self { name: name.into(), language, category: Category::Authentication, body: body.to_owned() }
    }

    fn parameters(&self) -> usize {
        (1..=self.body.len()).take_while(|n| self.body.contains(&format!("{{{{{n}}}}}"))).count()
    }
}

/// Checks a `template` object against the registered ones; returns the person's text and the category.
pub(super) fn read(
    template: &Map<String, Value>,
    templates: &[Template],
) -> Result<(String, Category), GraphError> {
    only(template, "template", &["name", "language", "components"])?;
    let name = string(template, "template", "name", 1, 512)?;
    let language = string(object(template, "template", "language")?, "language", "code", 2, 8)?;
    let known = templates.iter().find(|known| known.name == name && known.language == language);
    let known = known.ok_or_else(|| {
        let details = format!("template name ({name}) does not exist in {language}");
        GraphError::detailed(132_001, "Template name does not exist in the translation", details)
    })?;
    let components = template.get("components").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut body = Vec::new();
    let mut button = None;
    for component in components {
        let not_an_object = || GraphError::parameter("Each component must be an object.");
        let component = component.as_object().ok_or_else(not_an_object)?;
        only(component, "component", &["type", "sub_type", "index", "parameters"])?;
        match component.get("type").and_then(Value::as_str).map(str::to_lowercase).as_deref() {
            Some("body") => body = parameters(component)?,
            Some("button") => button = Some(copied_code(component)?),
            Some("header") => {}
            _ => {
                return Err(GraphError::parameter(
                    "Param component['type'] must be one of {BODY, BUTTON, HEADER}",
                ));
            }
        }
    }
    let expected = known.parameters();
    if body.len() != expected {
        return Err(miscounted("body", body.len(), expected));
    }
    if known.category == Category::Authentication {
        let code = button.ok_or_else(|| miscounted("button", 0, 1))?;
        if body.first() != Some(&code) || code.chars().count() > CODE {
            let details = format!("The code must be the same in body and button, at most {CODE} characters.");
            return Err(GraphError::detailed(132_012, "Parameter format does not match format", details));
        }
    }
    let fill = |text: String, (index, value): (usize, &String)| {
        text.replace(&format!("{{{{{}}}}}", index + 1), value)
    };
    Ok((body.iter().enumerate().fold(known.body.clone(), fill), known.category))
}

fn copied_code(component: &Map<String, Value>) -> Result<String, GraphError> {
    let sub_type = string(component, "component", "sub_type", 1, 32)?;
    let first = component.get("index").is_some_and(|index| index == "0" || index == 0);
    if !sub_type.eq_ignore_ascii_case("url") || !first {
        let details = "Button at index 0 of type Url requires a parameter";
        return Err(GraphError::detailed(131_008, "Required parameter is missing", details));
    }
    parameters(component)?.into_iter().next().ok_or_else(|| miscounted("button", 0, 1))
}

fn parameters(component: &Map<String, Value>) -> Result<Vec<String>, GraphError> {
    let parameters = component.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |parameter: &Value| {
        let parameter =
            parameter.as_object().filter(|parameter| parameter.get("type").is_some_and(|t| t == "text"));
        let wrong = || GraphError::parameter("Only text parameters are served by this simulator.");
        string(parameter.ok_or_else(wrong)?, "parameter", "text", 1, 1024).map(str::to_owned)
    };
    parameters.iter().map(text).collect()
}

fn miscounted(part: &str, given: usize, expected: usize) -> GraphError {
    let details = format!(
        "{part}: number of localizable_params ({given}) does not match the expected number of params ({expected})"
    );
    GraphError::detailed(
        132_000,
        "Number of parameters does not match the expected number of params",
        details,
    )
}
