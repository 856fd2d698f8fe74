//! Believable posts about a subject, in French or English, always the same for the same subject.
//!
//! Six angles (announcement, behind the scenes, good reasons, and three more for whoever asks again) of about 250
//! characters, each with emoji and hashtags made of the subject's own words. Other languages get the French ones.

use super::brief::{self, Language, words};

/// Words that make poor hashtags although they are long.
const DULL: &[&str] = &["about", "avec", "chez", "dans", "notre", "nous", "pour", "votre", "with", "your"];

/// The post with this number, starting at 0. Every number gives a different text.
#[must_use]
pub fn post(request: &str, language: Language, number: usize) -> String {
    let subject = brief::subject(request);
    let (title, tags) = (capitalised(&subject), hashtags(request, &subject));
    let text = match (language, number % 6) {
        (Language::English, 0) => format!(
            "✨ {title}: the moment we have all been waiting for is here! The whole team put its heart into every \
             detail. Come and see us this week, we saved you a smile and a little surprise. 💛 {tags}"
        ),
        (Language::English, 1) => format!(
            "A little secret from behind the scenes… {subject} is a story of passion, patience and good company. \
             ☕ What would make your day? Tell us in the comments, we read every single one. 👇 {tags}"
        ),
        (Language::English, 2) => format!(
            "Three good reasons to follow us 👉 1️⃣ {subject} 2️⃣ fresh ideas every week 3️⃣ a team that knows you by \
             your first name. Save this post and share it with someone who has to see it! 🚀 {tags}"
        ),
        (Language::English, 3) => format!(
            "Have you heard? {title} is what everybody around here is talking about. Drop in, ask us anything, and leave \
             with a good idea. Who are you bringing along? 😄 {tags}"
        ),
        (Language::English, 4) => format!(
            "Before: a wish. After: {subject}. Between the two, months of work and a lot of love. 🙌 Thank you for being \
             part of it: see you very soon! {tags}"
        ),
        (Language::English, _) => format!(
            "Question of the day 🤔 What would you do with {subject}? The best answer gets our biggest smile, and all of \
             you are invited to come and try for yourselves. {tags}"
        ),
        (_, 0) => format!(
            "✨ {title} : le moment que nous attendions tous est arrivé ! Toute l’équipe a mis du cœur dans chaque \
             détail. Passez nous voir cette semaine, on vous garde un sourire et une petite surprise. 💛 {tags}"
        ),
        (_, 1) => format!(
            "Petite confidence de la maison… {subject}, c’est une histoire de passion, de patience et de belles \
             rencontres. ☕ Et vous, qu’est-ce qui vous ferait plaisir ? Dites-le-nous en commentaire. 👇 {tags}"
        ),
        (_, 2) => format!(
            "Trois bonnes raisons de nous suivre 👉 1️⃣ {subject} 2️⃣ des idées fraîches chaque semaine 3️⃣ une équipe \
             qui vous connaît par votre prénom. Enregistrez ce post et partagez-le ! 🚀 {tags}"
        ),
        (_, 3) => format!(
            "Vous en avez entendu parler ? {title}, c’est ce dont tout le quartier parle en ce moment. Poussez la porte, \
             posez-nous vos questions et repartez avec une bonne idée. Vous venez avec qui ? 😄 {tags}"
        ),
        (_, 4) => format!(
            "Avant : une envie. Après : {subject}. Entre les deux, des mois de travail et beaucoup d’amour. 🙌 Merci d’être \
             de l’aventure : à très vite chez nous ! {tags}"
        ),
        (_, _) => format!(
            "La question du jour 🤔 Que feriez-vous avec {subject} ? La meilleure réponse gagne notre plus beau sourire, et \
             tout le monde est invité à venir essayer sur place. {tags}"
        ),
    };
    if number < 6 { text } else { format!("{text} #{}", number + 1) }
}

/// A post at half its length: as many of its first words as fit, and a hashtag.
#[must_use]
pub fn shortened(post: &str) -> String {
    let tag = post.split_whitespace().find(|word| word.starts_with('#')).unwrap_or_default();
    let room = (post.chars().count() / 2).saturating_sub(tag.chars().count() + 2);
    let mut kept = String::new();
    for word in post.split_whitespace().filter(|word| !word.starts_with('#')) {
        if kept.chars().count() + word.chars().count() >= room {
            break;
        }
        kept.push_str(word);
        kept.push(' ');
    }
    format!("{}… {tag}", kept.trim_end()).trim_end().to_owned()
}

/// A paragraph of instructions that carries the request: what a model asked to improve a prompt would write.
#[must_use]
pub fn instructions(request: &str, language: Language) -> String {
    let platform = brief::platform(request);
    let subject = request.trim();
    if language == Language::English {
        let platform = platform.unwrap_or("social media");
        return format!(
            "Write three distinct posts for {platform}, ready to publish, from this request: « {subject} ». Short \
             sentences, one clear call to action, a few emoji and two or three hashtags. Each version takes another \
             angle: the news, behind the scenes, good reasons. Keep to the facts that were given; invent neither \
             prices nor dates."
        );
    }
    let platform = platform.unwrap_or("les réseaux sociaux");
    format!(
        "Rédige trois posts distincts pour {platform}, prêts à publier, à partir de cette demande : « {subject} ». \
         Phrases courtes, un appel à l’action clair, quelques emojis et deux ou trois hashtags. Chaque version prend \
         un autre angle : l’annonce, les coulisses, les bonnes raisons. Reste fidèle aux faits donnés, sans inventer \
         ni prix ni date."
    )
}

/// Hashtags from the subject's words, and one for the platform.
#[must_use]
pub fn hashtags(request: &str, subject: &str) -> String {
    let telling =
        words(subject).into_iter().filter(|word| word.chars().count() > 3 && !DULL.contains(&word.as_str()));
    let mut tags: Vec<String> = telling.take(2).map(|word| format!("#{}", capitalised(&word))).collect();
    tags.dedup();
    tags.extend(brief::platform(request).filter(|name| *name != "X").map(|name| format!("#{name}")));
    if tags.is_empty() {
        tags.push("#Inspiration".to_owned());
    }
    tags.join(" ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
