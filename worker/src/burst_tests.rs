use shared::message::{Address, Provider, Sender};

use super::*;

const MOMENT: Duration = Duration::from_millis(1_200);

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_790_000_000_000 + millis).unwrap()
}

fn id(name: &str) -> MessageId {
    MessageId::new(Provider::Meta, "1", name)
}

fn message(name: &str, content: Content) -> Inbound {
    let phone = "+33639980123".parse().unwrap();
    let sender = Sender { address: Address::Phone(phone), phone: None, bsuid: None };
    Inbound {
        id: id(name),
        provider_id: None,
        provider: Provider::Meta,
        business: "1".into(),
        sender,
        sent_at: at(0),
        content,
        lane: None,
    }
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn edit(of: &str, text: &str) -> Content {
    Content::Edit { of: id(of), text: text.to_owned() }
}

/// What is heard of `first`, received at zero, when these stand behind it.
fn heard(first: &str, behind: &[(&str, Content, i64)]) -> Heard {
    let jobs: Vec<Job> = behind
        .iter()
        .map(|(name, content, millis)| Job::message(message(name, content.clone()), at(*millis)))
        .collect();
    hear(&message("first", text(first)), at(0), &jobs, MOMENT)
}

fn said(heard: &Heard) -> Vec<&str> {
    heard.parts.iter().map(|part| part.text.as_str()).collect()
}

#[test]
fn what_follows_within_a_moment_is_part_of_the_brief() {
    let breath = [("a", text("pour samedi"), 900), ("b", text("sur Instagram"), 1_900)];
    let all = heard("Un post sur notre boulangerie", &breath);
    assert_eq!(said(&all), ["pour samedi", "sur Instagram"]);
    assert_eq!(all.until, Some(at(1_900 + 1_200)));
    let late = heard("Un post sur notre boulangerie", &[("a", text("pour samedi"), 1_200)]);
    assert_eq!((said(&late), late.until), (vec![], None), "the moment was over");
}

#[test]
fn nobody_is_waited_for_longer_than_four_seconds() {
    let names: Vec<String> = (0..8).map(|number| format!("m{number}")).collect();
    let breath: Vec<(&str, Content, i64)> = names
        .iter()
        .zip(1..)
        .map(|(name, place)| (name.as_str(), text("encore un mot"), place * 900))
        .collect();
    let heard = heard("Un post sur notre boulangerie", &breath);
    assert_eq!(heard.parts.len(), 4, "those before four seconds");
    assert_eq!(heard.until, None);
}

#[test]
fn what_sounds_unfinished_is_waited_for_and_what_sounds_complete_is_not() {
    let until = |said: &str| (heard(said, &[]).until.unwrap() - at(0)).num_milliseconds();
    assert_eq!(until("Un post sur :"), 2_400);
    assert_eq!(until("Un post sur notre boulangerie"), 1_200);
    let whole =
        "Écris un post pour annoncer que notre boulangerie ouvre samedi à 8 h, rue des Lilas, à Lyon.";
    assert_eq!(until(whole), 600);
}

#[test]
fn commands_and_other_kinds_end_the_moment_and_reactions_do_not() {
    for other in
        [text("solde"), text("merci"), text("gen un post sur le vin"), Content::Unreadable("video".into())]
    {
        let heard = heard("Un post sur le pain", &[("a", other.clone(), 100), ("b", text("et le vin"), 200)]);
        assert_eq!((said(&heard), heard.until), (vec![], None), "{other:?}");
    }
    let reaction = Content::Reaction { to: "wamid.ours".into(), emoji: Some("👍".into()) };
    let breath = [("a", reaction, 100), ("b", text("et le vin"), 200)];
    assert_eq!(said(&heard("Un post sur le pain", &breath)), ["et le vin"]);
    assert_eq!(heard("solde", &[("b", text("un post sur le vin"), 200)]), Heard::default());
}

#[test]
fn the_last_edit_counts_and_ends_with_its_message() {
    let behind = [
        ("a", text("pour samdi"), 300),
        ("b", edit("first", "Un post sur le pain"), 400),
        ("c", edit("a", "pour samedi"), 500),
        ("d", edit("first", "Un post sur le bon pain"), 600),
        ("e", edit("another", "rien à voir"), 700),
    ];
    let heard = heard("Un post sur le pin", &behind);
    assert_eq!(heard.text.as_deref(), Some("Un post sur le bon pain"));
    assert_eq!(said(&heard), ["pour samedi"]);
    let changes: Vec<&MessageId> = heard.changes.iter().map(|(change, _)| &change.id).collect();
    assert_eq!(changes, [&id("b"), &id("c"), &id("d")]);
}

#[test]
fn what_was_deleted_is_not_said() {
    let gone = |of: &str| Content::Revoke { of: id(of) };
    let behind = [("a", text("pour samedi"), 300), ("b", text("ou dimanche"), 500), ("c", gone("a"), 700)];
    assert_eq!(said(&heard("Un post sur le pain", &behind)), ["ou dimanche"]);
    let head = heard("Un post sur le pain", &[("a", text("et le vin"), 100), ("b", gone("first"), 200)]);
    assert!(head.withdrawn && head.parts.is_empty(), "what followed stands for itself");
    // Also what costs nothing.
    assert!(heard("solde", &[("b", gone("first"), 200)]).withdrawn);
}

#[test]
fn a_brief_does_not_grow_without_end() {
    let names: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    let many: Vec<(&str, Content, i64)> =
        names.iter().map(|name| (name.as_str(), text("un mot de plus"), 1)).collect();
    let all = heard("Un post sur le pain", &many);
    assert_eq!((all.parts.len(), all.until), (PARTS - 1, None));
    let long = "mot ".repeat(900);
    let all = heard("Un post sur le pain", &[("a", text(&long), 1), ("b", text(&long), 2)]);
    assert_eq!(all.parts.len(), 1);
}
