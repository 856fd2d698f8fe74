//! English. Only one is singular.

use super::Text;
use crate::ledger::Credits;

pub(super) fn say(text: Text<'_>) -> Vec<String> {
    let sentence = match text {
        Text::Help => "👋 I’m *Postly*: I write your social-media posts.\n\n\
            Send me your idea, for example:\n\
            “Write a promo post for Instagram”\n\
            and you get three posts ready to publish (1 credit).\n\n\
            Words I know:\n\
            • *gen* followed by your idea: create posts\n\
            • *balance*: your credits\n\
            • *help*: this message"
            .to_owned(),
        Text::Balance(credits) => format!("💳 You have {} left.", count(credits)),
        Text::OutOfCredits => "You have no credits left, so I can’t write these posts for now. \
            Nothing was charged.\n\n\
            Top up your account on the Postly website, then send me your idea again."
            .to_owned(),
        Text::Posts { posts: [one, two, three], left } => {
            return vec![
                "✨ Here are your three posts, ready to publish:".to_owned(),
                format!("*1.* {one}"),
                format!("*2.* {two}"),
                format!("*3.* {three}"),
                format!("💳 You have {} left.", count(left)),
            ];
        }
        Text::TextOnly => "For now I only read written messages. \
            Describe your post in a sentence and I’ll take care of it. Nothing was charged."
            .to_owned(),
        Text::BriefMissing => "Tell me what the post should be about, for example: \
            “gen winter sale in my shop, on Instagram”."
            .to_owned(),
        Text::Refused(credits) => {
            format!(
                "I can’t write a post on this subject. Nothing was charged: you have {} left.",
                count(credits)
            )
        }
        Text::Failed => "😕 I couldn’t create your posts this time. \
            No credit is charged. Please send your idea again in a few minutes."
            .to_owned(),
    };
    vec![sentence]
}

fn count(credits: Credits) -> String {
    match credits.get() {
        1 => "1 credit".to_owned(),
        many => format!("{many} credits"),
    }
}
