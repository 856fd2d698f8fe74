//! What the model may cost in a day. That prices and limits can be read is the reader's matter; here is what they mean
//! together.

use shared::price::{Micros, dollars};

use crate::budget::Budget;
use crate::doctor::finding::Finding;

/// Judges prices and limits. That there is no limit is a choice.
pub(in crate::doctor) fn budget(budget: &Budget, model: &str) -> Finding {
    const NAME: &str = "model budget";
    let limit = |limit: Option<Micros>| limit.map_or_else(|| "no limit".to_owned(), dollars);
    let (person, everybody) = (limit(budget.person), limit(budget.everybody));
    let found = format!("a day: {person} for one person, {everybody} for everybody");
    if budget.prices.cost(model, 1, 1).is_none() {
        let advice = format!(
            "set MODEL_PRICES={model}=READ/WRITTEN, in dollars for a million tokens (0/0 if they cost nothing): \
             `postly bill` and daily limits count with it"
        );
        let found = format!("MODEL_PRICES has no price for {model}: what it costs is not counted");
        return Finding::warning(NAME, found, advice);
    }
    match (budget.person, budget.everybody) {
        (Some(one), Some(all)) if one >= all => {
            let advice =
                "lower DAILY_CAP_PERSON or raise DAILY_CAP_TOTAL: one person may use up everybody's day";
            Finding::warning(NAME, found, advice)
        }
        _ => Finding::ok(NAME, found),
    }
}

#[cfg(test)]
mod tests {
    use shared::price::ModelPrices;

    use super::super::super::Verdict;
    use super::*;

    #[test]
    fn limits_are_a_choice_and_prices_are_not() {
        let verdict = |person, everybody, model| {
            budget(&Budget::new(ModelPrices::default(), person, everybody), model).verdict
        };
        assert_eq!(verdict(None, None, "gpt-4o-mini"), Verdict::Ok);
        assert_eq!(verdict(Some(500_000), Some(20_000_000), "gpt-6-luna"), Verdict::Ok);
        assert_eq!(verdict(Some(20_000_000), Some(500_000), "gpt-6-luna"), Verdict::Warning);
        assert_eq!(verdict(None, None, "mistral-small"), Verdict::Warning);
    }

    #[test]
    fn limits_are_told_in_dollars() {
        let found = budget(&Budget::new(ModelPrices::default(), Some(500_000), None), "gpt-4o-mini").found;
        assert_eq!(found, "a day: $0.500000 for one person, no limit for everybody");
    }
}
