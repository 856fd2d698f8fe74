//! Who really is who: people with phones, and all that they have shown. It knows nothing of how the product decides; it
//! says what the product was told, and therefore what it must know.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use shared::message::Provider;
use shared::person::UserId;

/// One who writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Human {
    pub(super) number: Option<usize>,
    /// Meta's id of them, with their present number.
    pub(super) id: String,
    /// What Twilio passes on.
    pub(super) external: Option<String>,
    pub(super) hidden: bool,
    /// Which of their numbers and ids this is.
    pub(super) period: usize,
    /// Changes of theirs that are not announced yet.
    pub(super) unannounced: usize,
    /// Something about them has changed that nobody will ever announce.
    pub(super) untraceable: bool,
    /// They gave up a number: an id beside it that is not theirs is somebody else's.
    pub(super) gave_up: bool,
    /// Their account of the web app, with its number, until a message shows that number.
    pub(super) web: Option<UserId>,
    pub(super) link: Option<(UserId, usize)>,
    /// What they have bought and not spent.
    pub(super) credits: i64,
}

/// One message or announcement: what it shows, of whom.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) human: usize,
    pub(super) provider: Provider,
    pub(super) id: Option<String>,
    pub(super) number: Option<usize>,
    pub(super) period: usize,
    pub(super) at: DateTime<Utc>,
}

/// What was shown so far, and what follows.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) humans: Vec<Human>,
    /// Names that were shown together, as trees; and the account that each led to.
    parents: HashMap<String, String>,
    accounts: HashMap<String, UserId>,
    /// Whose each account is, and who cannot be told apart from whom.
    owners: HashMap<UserId, usize>,
    mistaken: HashMap<usize, usize>,
    /// Who was shown last with a number and an id, by each provider; and who has ever had the number.
    beside: HashMap<(usize, Provider), (usize, String)>,
    pub(super) holders: HashMap<usize, BTreeSet<usize>>,
}

impl Truth {
    fn root(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while let Some(parent) = self.parents.get(&name) {
            name.clone_from(parent);
        }
        name
    }

    fn together(&mut self, names: &[String]) {
        for pair in names.windows(2) {
            let (one, other) = (self.root(&pair[0]), self.root(&pair[1]));
            if one != other {
                self.parents.insert(one, other);
            }
        }
    }

    /// The one who stands for everybody who cannot be told apart from this one.
    pub(super) fn group(&self, human: usize) -> usize {
        let mut human = human;
        while let Some(other) = self.mistaken.get(&human) {
            human = *other;
        }
        human
    }

    /// Whether this one has been taken for somebody else, or somebody else for them.
    fn is_mistaken(&self, human: usize) -> bool {
        self.mistaken.contains_key(&human) || self.mistaken.values().any(|other| *other == human)
    }

    /// Whether the books had no reason to tell this one from a former holder of the number: no id was shown, or none had
    /// been shown beside the number by the same provider, or the former holder changed it and nobody said so.
    fn excuses(&self, shown: &Shown, former: usize) -> bool {
        let Some(number) = shown.number else { return false };
        let held = self.holders.get(&number).is_some_and(|holders| {
            holders.iter().any(|holder| *holder != shown.human && self.group(*holder) == self.group(former))
        });
        let contradicted = shown.id.is_some()
            && self.beside.get(&(number, shown.provider)).is_some_and(|(last, _)| {
                let person = &self.humans[*last];
                self.group(*last) == self.group(former) && (person.gave_up || !person.untraceable)
            });
        held && !contradicted
    }

    /// The names of what is shown, as they are known to belong together.
    fn names(&self, shown: &Shown) -> Vec<String> {
        let id = shown.id.iter().cloned();
        let number =
            shown.number.iter().map(|number| format!("{number} of {} in {}", shown.human, shown.period));
        // An id that contradicts the last one beside the number leaves open who has linked it.
        let last =
            shown.number.and_then(|number| self.beside.get(&(number, shown.provider))).map(|(_, id)| id);
        let open = last.is_some() && shown.id.is_some() && last != shown.id.as_ref();
        let link = self.humans[shown.human].link.iter();
        let link = link.filter(|(_, linked)| shown.number == Some(*linked) && !open);
        id.chain(number).chain(link.map(|(account, _)| account.as_str().to_owned())).collect()
    }

    /// Something was shown, perhaps at the same moment as something else, and led to this account. Says what is wrong about
    /// it, and how many were taken for another one for want of evidence.
    pub(super) fn led(
        &mut self,
        shown: &[Shown],
        at_once: &[Shown],
        account: &UserId,
    ) -> (Option<String>, usize) {
        let Some(human) = shown.first().map(|shown| shown.human) else { return (None, 0) };
        let mut confusions = 0;
        let owner = *self.owners.entry(account.clone()).or_insert(human);
        if self.group(owner) != self.group(human) {
            let mine = |other: &&Shown| other.human == human;
            if !shown.iter().chain(at_once.iter().filter(mine)).any(|shown| self.excuses(shown, owner)) {
                return (Some(format!("person {human} is led to the account of person {owner}")), 0);
            }
            let (one, other) = (self.group(human), self.group(owner));
            self.mistaken.insert(one, other);
            confusions = 1;
        }
        let names: Vec<String> = shown.iter().flat_map(|shown| self.names(shown)).collect();
        for shown in shown {
            if let (Some(number), Some(id)) = (shown.number, &shown.id) {
                self.beside.insert((number, shown.provider), (shown.human, id.clone()));
            }
            if shown.number.is_some()
                && shown.number == self.humans[human].link.as_ref().map(|(_, number)| *number)
            {
                self.humans[human].link = None;
                // Shown by nobody's id: whose ids those were that stood beside it before the link, nothing tells.
                if let (Some(number), None) = (shown.number, &shown.id) {
                    self.beside.retain(|(beside, _), _| *beside != number);
                }
            }
        }
        self.together(&names);
        for name in names {
            self.accounts.insert(name, account.clone());
        }
        (None, confusions)
    }

    /// A person announces that this number is left: it is nobody's, and what stood beside it says nothing of whoever comes next.
    pub(super) fn left(&mut self, human: usize, number: usize) {
        self.beside.retain(|(beside, _), (last, _)| *beside != number || *last != human);
        if let Some(holders) = self.holders.get_mut(&number) {
            holders.remove(&human);
        }
    }

    /// All that there are.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &UserId> {
        self.owners.keys()
    }

    /// An account that the web app has opened for this one.
    pub(super) fn owns(&mut self, human: usize, account: &UserId) {
        self.owners.insert(account.clone(), human);
        self.accounts.insert(account.as_str().to_owned(), account.clone());
    }

    /// Two accounts are one, after this was shown. Says what is wrong about it, and whether somebody was taken for another
    /// one for want of evidence.
    pub(super) fn joined(
        &mut self,
        from: &UserId,
        into: &UserId,
        shown: &[Shown],
    ) -> (Option<String>, usize) {
        let (Some(one), Some(other)) = (self.owners.get(from).copied(), self.owners.get(into).copied())
        else {
            return (None, 0);
        };
        let (first, second) = (self.group(one), self.group(other));
        if first == second {
            return (None, 0);
        }
        if !shown.iter().any(|shown| self.excuses(shown, one) || self.excuses(shown, other)) {
            return (Some(format!("the accounts of persons {one} and {other} became one")), 0);
        }
        self.mistaken.insert(first, second);
        (None, 1)
    }

    /// Accounts that the same evidence leads to, of everybody about whom there is nothing that nobody has said.
    pub(super) fn split(&self, survivor: impl Fn(&UserId) -> UserId) -> Option<String> {
        let mut found: HashMap<String, (UserId, &str)> = HashMap::new();
        for (name, account) in &self.accounts {
            let Some(owner) = self.owners.get(account) else { continue };
            let clear = &self.humans[*owner];
            if clear.untraceable || clear.unannounced > 0 || self.is_mistaken(*owner) {
                continue;
            }
            let account = survivor(account);
            let (known, other) = found.entry(self.root(name)).or_insert((account.clone(), name));
            if *known != account {
                return Some(format!("person {owner} has two accounts, by {other} and by {name}"));
            }
        }
        None
    }

    /// What each who can be told apart from the others has, and in which accounts.
    pub(super) fn purses(&self) -> HashMap<usize, (i64, Vec<UserId>)> {
        let mut purses: HashMap<usize, (i64, Vec<UserId>)> = HashMap::new();
        for (number, human) in self.humans.iter().enumerate() {
            purses.entry(self.group(number)).or_default().0 += human.credits;
        }
        for (account, owner) in &self.owners {
            purses.entry(self.group(*owner)).or_default().1.push(account.clone());
        }
        purses
    }
}
