//! English. Only one is singular.

use chrono::{DateTime, Utc};

use super::menu::Words;
use super::{Text, Unheard, Unread, beginning, numbered, said};
use crate::generation::Revision;
use crate::language::Language;
use crate::ledger::Credits;

#[expect(clippy::too_many_lines, reason = "one match: a sentence that is missing does not compile")]
pub(super) fn say(text: Text<'_>) -> Vec<String> {
    let sentence = match text {
        Text::Help => "👋 I’m *Postly*: I write your social-media posts.\n\n\
            Send me your idea, for example:\n\
            “Write a promo post for Instagram”\n\
            and you get three posts ready to publish (1 credit). A voice note works too.\n\n\
            Words I know:\n\
            • *gen* followed by your idea: create posts\n\
            • *balance*: your credits\n\
            • *buy*: top up your credits\n\
            • *again*: another version (1 credit)\n\
            • *translate*, *shorter*: rework your posts (free)\n\
            • *history*: your latest posts\n\
            • *lang*: French or English\n\
            • *login*: your account on the website\n\
            • *stop*: no more messages\n\
            • *export my data*, *delete my data*\n\
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
        Text::Posts { posts, left, low, .. } => {
            let mut blocks = numbered("✨ Here are your three posts, ready to publish:", posts);
            blocks.push(if low {
                    format!("💳 You have only {} left. Write *buy* to top up.", count(left))
                } else {
                    format!("💳 You have {} left.", count(left))
                });
            return blocks;
        }
        Text::Unread(kind) => unread(kind).to_owned(),
        Text::EditedTooLate => "✏️ Your change came too late: these posts follow the first version of your message. \
            Shall I start again with the new one? (1 credit)"
            .to_owned(),
        Text::Busy => "⏳ There are a lot of requests right now: my answer will take longer than usual. \
            Your message has arrived, there is no need to send it again."
            .to_owned(),
        Text::Heard { words } => format!("🎤 “{}”", said(words)),
        Text::Unheard(why) => unheard(why).to_owned(),
        Text::BriefMissing => "Tell me what the post should be about, for example: \
            “gen winter sale in my shop, on Instagram”."
            .to_owned(),
        Text::Refused(credits) => format!(
            "I can’t write a post on this subject. Nothing was charged: you have {} left.",
            count(credits)
        ),
        Text::OffTopic(credits) => format!(
            "🙂 Small talk isn’t my strength: what I do is write posts for your social media. \
            Tell me what the next one should be about. Nothing was charged: you have {} left.",
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
        Text::Paid { bought, settled, left, kept } => {
            let settled = match settled.get() {
                0 => String::new(),
                _ => format!(" {} went towards an earlier refund.", count(settled)),
            };
            let thanks = format!(
                "✅ Thank you! Your payment is in ({}).{settled} Your balance: {}.",
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
        Text::TooFast { minutes } => format!(
            "🐢 You are faster than I am! I have not begun this idea and nothing was charged. \
            Send it again in {}.",
            if minutes <= 1 { "a minute".to_owned() } else { format!("{minutes} minutes") }
        ),
        Text::Thanks => "You’re welcome! Send me your next idea whenever you like. 🙂".to_owned(),
        Text::Listening => {
            "👌 I’m here: send me an idea for a post, or write *help* to see what I can do.".to_owned()
        }
        Text::Almost { word } => format!(
            "Did you mean *{}*? If it is an idea for a post, write *gen* followed by your idea. Nothing was charged.",
            word.en
        ),
        Text::AskLanguage => "🌍 Which language shall I answer in? \
            Your posts follow the language of your idea."
            .to_owned(),
        Text::LanguageSet => "🇬🇧 Noted: from now on I’ll answer in English. \
            Your posts follow the language of your idea."
            .to_owned(),
        Text::History { .. } => {
            "🗂️ Your latest posts. Choose the ones you would like to receive again, free of charge.".to_owned()
        }
        Text::NoHistory => "I have no posts of yours here yet. Send me an idea and I’ll get to it.".to_owned(),
        Text::OnePost(post) => post.to_owned(),
        Text::Resent { posts, .. } => return numbered("🗂️ Here are your three posts again:", posts),
        Text::Revised { revision, posts, .. } => {
            let intro = match revision {
                Revision::Shorten => "✂️ Here are your three posts, shorter:",
                Revision::Translate(Language::Fr) => "🇫🇷 Here are your three posts in French:",
                Revision::Translate(Language::En) => "🇬🇧 Here are your three posts in English:",
            };
            return numbered(intro, posts);
        }
        Text::Stopped => "Noted: I won’t write to you any more. Your credits remain yours. \
            Write *start* whenever you want to go on."
            .to_owned(),
        Text::Started => "👋 Good to have you back! Send me your idea for a post.".to_owned(),
        Text::StillStopped => "You asked me not to write to you any more, so I created nothing and nothing was charged. \
            Write *start* to go on."
            .to_owned(),
        Text::Login { url: Some(url) } => {
            format!("🔐 Your account is at {url}\nSign in with the number of this phone.")
        }
        Text::Login { url: None } => "🔐 Sign in on the Postly website with the number of this phone.".to_owned(),
        Text::Code { code } => {
            format!("🔐 *{code}* is your code to sign in to Postly. It is valid for 10 minutes. Do not give it to anybody.")
        }
        Text::LoginCode { url } => format!(
            "🔐 Your code to sign in comes with the next message. Enter it on {} with the number of this phone. \
            It is valid for 10 minutes; do not give it to anybody.",
            url.unwrap_or("the Postly website")
        ),
        Text::LoginLater { minutes } => format!(
            "🔐 I have already sent you a code. You can ask for another one in {}.",
            if minutes <= 1 { "a minute".to_owned() } else { format!("{minutes} minutes") }
        ),
        Text::LoginNoNumber { url } => format!(
            "🔐 WhatsApp does not show me your number, so I cannot send you a code from here. \
            Enter your number on {}, and the code will come to this phone.",
            url.unwrap_or("the Postly website")
        ),
        Text::SignIn(said) => said.en(),
        Text::Export { url } => format!(
            "📦 All that we keep of you is in one file: sign in with this phone on {}, then “Download my data”. To have all of it \
            deleted, write *delete my data*.",
            url.unwrap_or("the Postly website")
        ),
        Text::Exported => "📦 Here is all that we keep of you, in a file that other services can read as well (JSON). \
            To have all of it deleted, write *delete my data*."
            .to_owned(),
        Text::ExportLater { minutes } => format!(
            "📦 I have just sent you all that we keep of you: the file is a little further up. You can ask for a new one in {}.",
            if minutes <= 1 { "a minute".to_owned() } else { format!("{minutes} minutes") }
        ),
        Text::AskErase => "🗑️ Shall we delete your messages, your posts and your contact details? \
            Any credits you have left would be lost, and it can’t be undone."
            .to_owned(),
        Text::Erasing { receipt } => format!(
            "🗑️ It is being done: in a minute, we will know nothing of you any more. Payment records that the law obliges us to \
            keep will be kept without your name. The number of your receipt: *{receipt}*. This conversation stays on your \
            phone; if you write to us again, you will start afresh."
        ),
        Text::PickByNumber => "Reply with the number of your choice.".to_owned(),
    };
    vec![sentence]
}

pub(super) const WORDS: Words = Words {
    packs: "See the top-ups",
    write_them: "Write the posts",
    choose: "Choose",
    again: "Redo (1 credit)",
    translate: |language| match language {
        Language::Fr => "Translate to French",
        Language::En => "Translate to English",
    },
    shorter: "Shorter",
    post: "Post",
    free: "free",
    start: "Go on",
    erase: "Yes, delete",
    count,
    day,
};

fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y").to_string()
}

fn unread(kind: Unread) -> &'static str {
    match kind {
        Unread::Voice => {
            "🎤 I can’t listen to voice messages yet. Write me your idea in a sentence and I’ll take care of it. Nothing was charged."
        }
        Unread::Picture => {
            "📷 Got it! What should the post that goes with this picture say? Describe it in a sentence. Nothing was charged."
        }
        Unread::Video => {
            "🎬 I can’t watch videos. What should the post say? Describe it in a sentence. Nothing was charged."
        }
        Unread::Document => {
            "📄 I can’t read documents. Copy the essentials into a sentence and I’ll take care of it. Nothing was charged."
        }
        Unread::Sticker => "😄 Nice one! How about sending me an idea for a post?",
        Unread::Place => {
            "📍 Noted, but a place alone is not enough: what should the post say? Nothing was charged."
        }
        Unread::Contact => {
            "👤 I don’t keep contacts. Send me an idea for a post instead. Nothing was charged."
        }
        Unread::Other => {
            "I can’t read this kind of message. Describe your post in a sentence and I’ll take care of it. Nothing was charged."
        }
    }
}

fn unheard(why: Unheard) -> &'static str {
    match why {
        Unheard::Gone => {
            "🎤 I couldn’t get your voice message. Send it again, or write me your idea in a sentence. Nothing was charged."
        }
        Unheard::TooLarge => {
            "🎤 This audio file is too big for me: 16 MB at most. Send me a shorter voice message, or write me the essentials. Nothing was charged."
        }
        Unheard::TooLong => {
            "🎤 This voice message is too long for me: tell me the essentials in less than five minutes, or write them to me. Nothing was charged."
        }
        Unheard::Format => {
            "🎤 I can’t read this audio format. Record a voice message right here, or write me your idea in a sentence. Nothing was charged."
        }
        Unheard::Nothing => {
            "🎤 I heard no words in this voice message. Try again somewhere quiet, or write me your idea in a sentence. Nothing was charged."
        }
    }
}

fn count(credits: Credits) -> String {
    match credits.get() {
        1 => "1 credit".to_owned(),
        many => format!("{many} credits"),
    }
}
