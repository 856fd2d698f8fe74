use shared::language::Language;
use shared::message::Content;

use super::words::{WORDS, plain};
use super::{Command, Known, SmallTalk};

fn parse(text: &str) -> Command {
    Command::parse(&Content::Text(text.to_owned()))
}

fn brief(text: &str) -> Command {
    Command::Generate { brief: text.to_owned() }
}

#[test]
fn words_are_known_however_they_are_written() {
    for help in ["help", "Aide", " AIDE ", "/aide", "aide !", "Aide?", "HELP", "?", "/help…"] {
        assert_eq!(parse(help), Command::Help, "{help}");
    }
    for balance in ["solde", "Balance", "/SOLDE", "solde ?", "Mes crédits"] {
        assert_eq!(parse(balance), Command::Balance, "{balance}");
    }
    for erase in ["Supprimer mes données", "supprimer  mes donnees !", "Delete my data", "/delete my data"] {
        assert_eq!(parse(erase), Command::Erase { confirmed: false }, "{erase}");
    }
    for (word, command) in [
        ("Exporter mes données", Command::Export),
        ("my data", Command::Export),
        ("Historique", Command::History),
        ("history", Command::History),
        ("LANGUE", Command::Speak(None)),
        ("lang", Command::Speak(None)),
        ("connexion", Command::Login),
        ("Login", Command::Login),
        ("Arrêt", Command::Stop),
        ("STOP.", Command::Stop),
        ("désabonner", Command::Stop),
        ("Start", Command::Start),
        ("reprendre", Command::Start),
    ] {
        assert_eq!(parse(word), command, "{word}");
    }
}

#[test]
fn every_word_is_plain_and_of_one_command() {
    let mut seen = std::collections::HashSet::new();
    for word in WORDS.iter().flat_map(|(_, words)| *words) {
        assert_eq!(plain(word), *word, "it could never be matched");
        assert!(seen.insert(word), "{word} means two things");
    }
}

#[test]
fn a_language_is_chosen_by_any_of_its_names() {
    for (text, language) in [
        ("lang en", Language::En),
        ("langue anglais", Language::En),
        ("Langue : Français", Language::Fr),
        ("LANG FR", Language::Fr),
        ("language english", Language::En),
        ("lang:en", Language::En),
    ] {
        assert_eq!(parse(text), Command::Speak(Some(language)), "{text}");
    }
    assert_eq!(parse("langue espagnol"), Command::Speak(None), "it is asked which of ours");
    assert_eq!(parse("Langue de bœuf à la carte ce midi"), brief("Langue de bœuf à la carte ce midi"));
}

#[test]
fn a_brief_keeps_its_case_and_its_accents() {
    assert_eq!(parse("gen Soldes d’Été chez ZAZA"), brief("Soldes d’Été chez ZAZA"));
    assert_eq!(parse("GEN: Noël à Paris"), brief("Noël à Paris"));
    assert_eq!(parse("Crée un post promo pour Instagram"), brief("Crée un post promo pour Instagram"));
    assert_eq!(parse("gen\nligne une\nligne deux"), brief("ligne une\nligne deux"));
}

#[test]
fn a_word_inside_a_sentence_is_no_command() {
    for text in [
        "aide à domicile : un post",
        "Solde exceptionnel",
        "générale",
        "un post sur le stop-motion",
        "arrêt de bus",
        "Stop aux idées reçues",
        "Merci à nos clients pour leur fidélité",
        "bonjour à tous, un post sur notre ouverture",
        "Help wanted: two bakers",
    ] {
        assert_eq!(parse(text), brief(text), "{text}");
    }
}

#[test]
fn gen_alone_is_asked_about_and_costs_nothing() {
    assert_eq!(parse("gen"), Command::BriefMissing);
    assert_eq!(parse("/Gen   "), Command::BriefMissing);
}

#[test]
fn what_can_be_tapped_can_be_typed() {
    for shop in ["acheter", "Buy", "/ACHETER", "recharger !"] {
        assert_eq!(parse(shop), Command::Buy { wish: None }, "{shop}");
    }
    for (pack, wish) in [("acheter 20", "20"), ("buy pack_20", "pack_20"), ("buy:pack_20", "pack_20")] {
        assert_eq!(parse(pack), Command::Buy { wish: Some(wish.into()) });
    }
    for (number, choice) in [("2", 2), (" 1. ", 1), ("3)", 3), ("12", 12), ("100", 100)] {
        assert_eq!(parse(number), Command::Number(choice), "{number}");
    }
    for id in ["buy:pack_20", "gen:kept", "history:cabc", "lang:en", "post:cabc:2", "erase:yes"] {
        let tapped = Command::parse(&Content::Tap { id: id.into(), title: "20 crédits".into() });
        assert_eq!(tapped, parse(id), "{id}");
        assert!(!matches!(tapped, Command::Generate { .. } | Command::Silence), "{id}");
    }
    assert_eq!(parse("start"), Command::parse(&Content::Tap { id: "start".into(), title: String::new() }));
    let foreign = Command::parse(&Content::Tap { id: "tone:fun".into(), title: "20 crédits".into() });
    assert_eq!(foreign, Command::Silence);
}

#[test]
fn shopping_in_a_sentence_is_a_brief() {
    for text in ["acheter local : un post", "Buy one get one free", "20 bougies pour nos 20 ans"] {
        assert_eq!(parse(text), brief(text), "{text}");
    }
}

#[test]
fn a_slip_is_asked_about_and_never_a_brief() {
    for (text, meant) in [
        ("sodle", Known::Balance),
        ("soldes", Known::Balance),
        ("Balanc", Known::Balance),
        ("hlep", Known::Help),
        ("achetter", Known::Buy),
        ("historqiue", Known::History),
        ("stpo", Known::Stop),
        ("conexion", Known::Login),
        ("/langu", Known::Speak),
        ("suprimer mes donées", Known::Erase),
        ("delete my dta", Known::Erase),
        ("exporter mes donées", Known::Export),
    ] {
        assert_eq!(parse(text), Command::Almost(meant), "{text}");
    }
    for text in ["gens", "Boulangerie", "promo", "Noël", "un post", "supprimer mes taches"] {
        assert_eq!(parse(text), brief(text), "{text}");
    }
}

#[test]
fn what_is_said_for_company_is_no_brief() {
    for (text, talk) in [
        ("merci", SmallTalk::Thanks),
        ("Merci beaucoup !!", SmallTalk::Thanks),
        ("thank you 🙏", SmallTalk::Thanks),
        ("Bonjour 👋", SmallTalk::Greeting),
        ("hello!", SmallTalk::Greeting),
        ("👍", SmallTalk::Nod),
        ("❤️🔥", SmallTalk::Nod),
        ("…", SmallTalk::Nod),
        ("!!", SmallTalk::Nod),
        ("Super !", SmallTalk::Nod),
        ("non", SmallTalk::No),
    ] {
        assert_eq!(parse(text), Command::SmallTalk(talk), "{text}");
    }
    for yes in ["oui", "Yes!", "ok", "OK 👍", "D’accord"] {
        assert_eq!(parse(yes), Command::Yes, "{yes}");
    }
}

#[test]
fn what_is_not_text_is_not_a_brief() {
    let voice = Command::parse(&Content::Unreadable("audio".into()));
    assert_eq!(voice, Command::Unreadable(shared::texts::Unread::Voice));
    assert_eq!(Command::parse(&Content::Silent("reaction".into())), Command::Silence);
    let of = shared::message::MessageId::from_stored("meta:1:a".to_owned());
    assert_eq!(Command::parse(&Content::Edit { of, text: "solde".into() }), Command::Silence);
    assert_eq!(Command::parse(&Content::Silent("opt_out_stop".into())), Command::Silenced { stop: true });
}
