//! The public routes: who calls each, what it takes, what it answers, why it refuses.

use shared::texts::Denial;

/// Who calls a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Anybody with a browser.
    Anybody,
    /// Somebody who is signed in.
    Person,
    /// Meta, Twilio, or Stripe.
    Provider,
}

impl Caller {
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Anybody => "open",
            Self::Person => "portal",
            Self::Provider => "webhooks",
        }
    }
}

/// What a route takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// Nothing.
    Nothing,
    /// Parameters: name, whether it must be there, what it is.
    Query(&'static [(&'static str, bool, &'static str)]),
    /// Parts of the path.
    Path(&'static [&'static str]),
    /// JSON of this shape, from a page of this site.
    Json(&'static str),
    /// Bytes that this header signs, of this type.
    Signed(&'static str, &'static str),
}

/// What an answer carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    /// Nothing.
    Nothing,
    /// Text of this type.
    Text(&'static str),
    /// JSON of this shape.
    Json(&'static str),
}

/// A route under one method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) caller: Caller,
    pub(super) takes: Takes,
    /// Status, in words, and what comes with it.
    pub(super) answers: &'static [(u16, &'static str, Body)],
    /// Why it refuses, beside what follows from who calls it and what it takes.
    pub(super) refuses: &'static [Denial],
}

impl Operation {
    /// Every reason to refuse. What needs a session can miss one, and what takes JSON can be brought something else.
    pub(super) fn denials(&self) -> impl Iterator<Item = Denial> {
        let (session, form): (&[Denial], &[Denial]) = (
            if self.caller == Caller::Person {
                &[Denial::NotConfigured, Denial::NotSignedIn, Denial::Unavailable]
            } else {
                &[]
            },
            if matches!(self.takes, Takes::Json(_)) {
                &[Denial::ForeignOrigin, Denial::NotJson, Denial::TooLarge, Denial::BadRequest]
            } else {
                &[]
            },
        );
        self.refuses.iter().chain(session).chain(form).copied()
    }
}

const fn portal(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
    takes: Takes,
    answer: &'static [(u16, &'static str, Body)],
    refuses: &'static [Denial],
) -> Operation {
    Operation { method, path, id, about, caller: Caller::Person, takes, answers: answer, refuses }
}

/// What a webhook is answered, without a word.
const WEBHOOK: &[(u16, &str, Body)] = &[
    (200, "It is kept, and will be handled; Twilio is answered in TwiML", Body::Text("text/xml")),
    (400, "The body did not arrive whole", Body::Nothing),
    (401, "Nobody whom we know has signed it", Body::Nothing),
    (413, "Larger than any webhook", Body::Nothing),
    (503, "It could not be kept: come again", Body::Nothing),
];

const BEFORE: Takes =
    Takes::Query(&[("before", false, "The end of the page before: `next`, as it was answered")]);

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/openapi.json",
        id: "openapi",
        about: "This document",
        caller: Caller::Anybody,
        takes: Takes::Nothing,
        answers: &[(200, "The document", Body::Json("Document"))],
        refuses: &[],
    },
    Operation {
        method: "post",
        path: "/api/auth/request-otp",
        id: "requestCode",
        about: "Asks for a code that comes to a phone in WhatsApp, to sign in, or to link the phone (purpose `link`)",
        caller: Caller::Anybody,
        takes: Takes::Json("Asked"),
        answers: &[
            (200, "WhatsApp has it", Body::Json("Sent")),
            (202, "It is on its way, and nobody knows more yet", Body::Json("Sent")),
        ],
        refuses: &[
            Denial::NotConfigured,
            Denial::Unavailable,
            Denial::BadPhone,
            Denial::NotSignedIn,
            Denial::TooSoon,
            Denial::TooManyRequests,
            Denial::TooManyAttempts,
            Denial::Unreachable,
            Denial::NotSent,
        ],
    },
    Operation {
        method: "post",
        path: "/api/auth/verify-otp",
        id: "verifyCode",
        about: "Brings a code back: a session begins, or the phone joins the account that is signed in",
        caller: Caller::Anybody,
        takes: Takes::Json("Typed"),
        answers: &[(200, "The code is right; a session comes as a cookie", Body::Json("Entered"))],
        refuses: &[
            Denial::NotConfigured,
            Denial::Unavailable,
            Denial::BadPhone,
            Denial::BadCode,
            Denial::NotSignedIn,
            Denial::WrongCode { left: 0 },
            Denial::TooManyAttempts,
            Denial::Expired,
            Denial::NumberTaken,
        ],
    },
    Operation {
        method: "post",
        path: "/api/auth/whatsapp/start",
        id: "startFromPhone",
        about: "Begins a sign-in from the phone: a link to WhatsApp, also as a picture, and a number to choose there",
        caller: Caller::Anybody,
        takes: Takes::Json("Nothing"),
        answers: &[(200, "Begun; a cookie binds it to this browser", Body::Json("Begun"))],
        refuses: &[Denial::NotConfigured, Denial::Unavailable, Denial::TooManyRequests],
    },
    Operation {
        method: "post",
        path: "/api/auth/whatsapp/poll",
        id: "pollFromPhone",
        about: "Where the sign-in of this browser stands",
        caller: Caller::Anybody,
        takes: Takes::Json("Nothing"),
        answers: &[(200, "Where it stands; with `done` a session comes as a cookie", Body::Json("SignIn"))],
        refuses: &[Denial::NotConfigured, Denial::Unavailable],
    },
    portal(
        "get",
        "/api/portal/account",
        "account",
        "What an account owns",
        Takes::Nothing,
        &[(200, "The account", Body::Json("Account"))],
        &[],
    ),
    portal(
        "post",
        "/api/portal/language",
        "language",
        "Chooses a language, in WhatsApp as well",
        Takes::Json("Language"),
        &[(200, "Spoken from now on", Body::Json("Language"))],
        &[],
    ),
    portal(
        "post",
        "/api/portal/unlink",
        "unlink",
        "Ends that a phone leads to the account",
        Takes::Json("Nothing"),
        &[(200, "Whether there was one", Body::Json("Unlinked"))],
        &[Denial::OnlyWayIn],
    ),
    portal(
        "post",
        "/api/portal/erase",
        "erase",
        "Has all that is kept of the person forgotten, and ends their sessions",
        Takes::Json("Nothing"),
        &[(200, "It is on its way", Body::Json("Erasing"))],
        &[],
    ),
    portal(
        "get",
        "/api/portal/ledger",
        "ledger",
        "The lines of the account, the newest first",
        BEFORE,
        &[(200, "A page of them", Body::Json("Lines"))],
        &[Denial::BadRequest],
    ),
    portal(
        "get",
        "/api/portal/generations",
        "generations",
        "Briefs and their posts, the newest first",
        BEFORE,
        &[(200, "A page of them", Body::Json("Generations"))],
        &[Denial::BadRequest],
    ),
    portal(
        "get",
        "/api/portal/packs",
        "packs",
        "What is for sale",
        Takes::Nothing,
        &[(200, "The packs, at their prices of now", Body::Json("Packs"))],
        &[],
    ),
    portal(
        "post",
        "/api/portal/checkout",
        "checkout",
        "Asks for a page to pay on",
        Takes::Json("Choice"),
        &[(200, "Where to pay", Body::Json("Till"))],
        &[Denial::NotFound, Denial::NotOpened, Denial::TooManyRequests],
    ),
    portal(
        "get",
        "/api/portal/payment",
        "payment",
        "How a payment stands",
        Takes::Query(&[("session", true, "The checkout, as Stripe told the browser")]),
        &[(200, "As far as it is theirs", Body::Json("Standing"))],
        &[Denial::BadRequest],
    ),
    portal(
        "get",
        "/api/portal/sessions",
        "sessions",
        "Where somebody is signed in",
        Takes::Nothing,
        &[(200, "All of them", Body::Json("Devices"))],
        &[],
    ),
    portal(
        "post",
        "/api/portal/sessions/revoke",
        "revoke",
        "Signs a device out",
        Takes::Json("Which"),
        &[(200, "It has ended", Body::Json("Ended"))],
        &[Denial::NotFound],
    ),
    portal(
        "post",
        "/api/portal/sign-out",
        "signOut",
        "Signs this device out",
        Takes::Json("Nothing"),
        &[(200, "It has ended", Body::Json("Ended"))],
        &[],
    ),
    portal(
        "get",
        "/api/portal/export",
        "export",
        "Everything that is kept of a person",
        Takes::Nothing,
        &[(200, "One file", Body::Json("Export"))],
        &[],
    ),
    Operation {
        method: "get",
        path: "/",
        id: "page",
        about: "The portal",
        caller: Caller::Anybody,
        takes: Takes::Query(&[("lang", false, "`fr` or `en`")]),
        answers: &[(200, "The page", Body::Text("text/html")), (304, "As it was", Body::Nothing)],
        refuses: &[],
    },
    Operation {
        method: "get",
        path: "/portal/{build}/{file}",
        id: "file",
        about: "A file of the portal",
        caller: Caller::Anybody,
        takes: Takes::Path(&["build", "file"]),
        answers: &[
            (200, "The file: styles, a script, or a picture", Body::Text("*/*")),
            (404, "There is no such file", Body::Nothing),
            (400, "No name of a file", Body::Text("text/plain")),
        ],
        refuses: &[],
    },
    Operation {
        method: "get",
        path: "/api/whatsapp/webhook",
        id: "handshake",
        about: "Meta's handshake",
        caller: Caller::Provider,
        takes: Takes::Query(&[
            ("hub.mode", false, "`subscribe`"),
            ("hub.verify_token", false, "Ours"),
            ("hub.challenge", false, "What is to be repeated"),
        ]),
        answers: &[(200, "The challenge", Body::Text("text/plain")), (403, "Not our token", Body::Nothing)],
        refuses: &[],
    },
    Operation {
        method: "post",
        path: "/api/whatsapp/webhook",
        id: "webhook",
        about: "Messages and reports of Meta and Twilio",
        caller: Caller::Provider,
        takes: Takes::Signed("x-hub-signature-256", "application/json"),
        answers: WEBHOOK,
        refuses: &[],
    },
    Operation {
        method: "post",
        path: "/api/whatsapp/status",
        id: "status",
        about: "Twilio's reports on our messages",
        caller: Caller::Provider,
        takes: Takes::Signed("x-twilio-signature", "application/x-www-form-urlencoded"),
        answers: WEBHOOK,
        refuses: &[],
    },
    Operation {
        method: "post",
        path: "/api/stripe/webhook",
        id: "stripe",
        about: "What Stripe tells about payments",
        caller: Caller::Provider,
        takes: Takes::Signed("stripe-signature", "application/json"),
        answers: &[
            (200, "It was acted upon", Body::Nothing),
            (400, "No event", Body::Nothing),
            (401, "Stripe has not signed it", Body::Nothing),
            (404, "Payments are not credited here", Body::Nothing),
            (413, "Larger than any event", Body::Nothing),
            (503, "It could not be kept: come again", Body::Nothing),
        ],
        refuses: &[],
    },
];
