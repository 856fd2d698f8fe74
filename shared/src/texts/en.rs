//! English. Only one is singular.

use super::{Text, Words, beginning};
use crate::language::Language;
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
            • *buy*: top up your credits\n\
            • *help*: this message"
            .to_owned(),
        Text::Balance(credits) => format!("💳 You have {} left.", count(credits)),
        Text::OutOfCredits { offers: [] } => {
            "You have no credits left, so I can’t write these posts for now. \
            Nothing was charged.\n\n\
            Top up your account on the Postly website, then send me your idea again."
                .to_owned()
        }
        Text::OutOfCredits { .. } => "You have no credits left, so I can’t write these posts for now. \
            Nothing was charged.\n\n\
            I’ll keep your idea for 24 hours: choose a top-up, and I’ll offer to write the posts as soon as the payment is in."
            .to_owned(),
        Text::Posts { posts: [one, two, three], left, low } => {
            return vec![
                "✨ Here are your three posts, ready to publish:".to_owned(),
                format!("*1.* {one}"),
                format!("*2.* {two}"),
                format!("*3.* {three}"),
                if low {
                    format!("💳 You have only {} left. Write *buy* to top up.", count(left))
                } else {
                    format!("💳 You have {} left.", count(left))
                },
            ];
        }
        Text::TextOnly => "For now I only read written messages. \
            Describe your post in a sentence and I’ll take care of it. Nothing was charged."
            .to_owned(),
        Text::BriefMissing => "Tell me what the post should be about, for example: \
            “gen winter sale in my shop, on Instagram”."
            .to_owned(),
        Text::Refused(credits) => format!(
            "I can’t write a post on this subject. Nothing was charged: you have {} left.",
            count(credits)
        ),
        Text::Failed => "😕 I couldn’t create your posts this time. \
            No credit is charged. Please send your idea again in a few minutes."
            .to_owned(),
        Text::Shop { .. } => "🛒 Which top-up would you like? You pay on a secure Stripe page.".to_owned(),
        Text::NoShop => {
            "For now, credits are bought on the Postly website. You can use them here at once.".to_owned()
        }
        Text::Checkout { credits, price, url } => format!(
            "Here is your payment page for {} ({}):\n{url}\n\n\
            This page is yours alone and stays open for 23 hours. I’ll write to you as soon as the payment is in.",
            count(credits),
            price.in_language(Language::En)
        ),
        Text::ShopClosed => "😕 Payment isn’t available right now. Nothing was paid or charged. \
            Please try again in a few minutes by writing *buy*."
            .to_owned(),
        Text::Paid { bought, left, kept } => {
            let thanks = format!(
                "✅ Thank you! Your payment is in ({}). Your balance: {}.",
                count(bought),
                count(left)
            );
            match kept {
                None => thanks,
                Some(brief) => {
                    format!(
                        "{thanks}\n\nYour idea is waiting: “{}”. Shall I write the posts? (1 credit)",
                        beginning(brief)
                    )
                }
            }
        }
        Text::PaymentFailed => {
            "😕 Your payment did not go through: no money was taken and no credits were added. \
            You can try again by writing *buy*."
                .to_owned()
        }
        Text::NothingOffered => "I don’t know which choice this number stands for. \
            Write *buy* to see the top-ups, or send me your idea for a post."
            .to_owned(),
        Text::NothingKept => "I no longer have your idea: I only keep it for 24 hours. \
            Send it again and I’ll get to it. Nothing was charged."
            .to_owned(),
        Text::Capped { everybody: false } => "You’ve created a lot today: today’s limit is reached. \
            Nothing was charged. Send me your idea again tomorrow."
            .to_owned(),
        Text::Capped { everybody: true } => {
            "Postly has reached today’s limit and can’t write posts for now. \
            Nothing was charged. Send me your idea again tomorrow."
                .to_owned()
        }
        Text::PickByNumber => "Reply with the number of your choice.".to_owned(),
    };
    vec![sentence]
}

pub(super) const WORDS: Words = Words { packs: "See the top-ups", write_them: "Write the posts", count };

fn count(credits: Credits) -> String {
    match credits.get() {
        1 => "1 credit".to_owned(),
        many => format!("{many} credits"),
    }
}
