//! The four simulators, and the variables that point the product at them: the documented ones, with their real
//! names, so that every run reads the configuration as production does.

use std::collections::BTreeMap;

use secrecy::SecretString;
use shared::language::Language;
use shared::vault::{MasterKey, Vault};

use crate::simulators::meta::{Meta, MetaOptions, Template};
use crate::simulators::openai::{OpenAi, OpenAiOptions};
use crate::simulators::receipts::Statuses;
use crate::simulators::stripe::{Stripe, StripeOptions};
use crate::simulators::twilio::{Content, Twilio, TwilioOptions};

/// What Twilio has configured, and therefore signs. Nothing is ever sent there.
pub const PUBLIC_URL: &str = "https://hooks.postly.example";

pub(crate) const META_APP_SECRET: &str = "5a1d0b0e8c3f4e7f9a2b6c4d8e0f1a2b";
const META_ACCESS_TOKEN: &str = "EAAsandbox0token";
const META_VERIFY_TOKEN: &str = "sandbox-verify-token";
pub(crate) const META_PHONE_NUMBER_ID: &str = "109876543210987";
pub(crate) const TWILIO_ACCOUNT_SID: &str = "AC0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(crate) const TWILIO_AUTH_TOKEN: &str = "7f3b1c9ad2e84f60b5a1c7d9e0f24683";
pub(crate) const TWILIO_FROM: &str = "whatsapp:+33199001234";
const OTP_SALT: &str = "sandbox-salt-of-one-time-codes";
pub(crate) const MASTER_KEY: &str = "cG9zdGx5IHNhbmRib3ggbWFzdGVyIGtleSBvZiAzMiA=";
const META_OTP_TEMPLATE: &str = "postly_code";
const TWILIO_OTP_CONTENT_SID: &str = "HX0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const OPENAI_API_KEY: &str = "sk-sandbox";
const STRIPE_SECRET_KEY: &str = "sk_test_sandbox";
const STRIPE_WEBHOOK_SECRET: &str = "whsec_sandbox0123456789abcdef";
const NEXTAUTH_SECRET: &str = "sandbox-nextauth-secret-4f1d8b2a6c";

/// The web app, where a browser goes after a payment unless the demo's page takes its place. Nothing is ever sent there.
pub const WEB_URL: &str = "https://postly.example";

/// Our own number, as people see it in the chat (a number that the French regulator keeps for fiction).
pub const BUSINESS_NUMBER: &str = "33199001234";

/// What opens everything that is sealed in the sandbox.
#[must_use]
pub fn vault() -> Vault {
    Vault::new(MasterKey::read(&SecretString::from(MASTER_KEY)).into_iter().collect())
}

/// The running simulators. Clones are the same ones.
#[derive(Clone)]
pub struct Stage {
    /// Meta's Cloud API and the phones behind it.
    pub meta: Meta,
    /// Twilio and the phones behind it.
    pub twilio: Twilio,
    /// The model.
    pub openai: OpenAi,
    /// The shop's till.
    pub stripe: Stripe,
}

impl Stage {
    /// Opens the four, each on a free port. Webhooks go nowhere until [`Stage::calls`] says where.
    pub async fn open() -> std::io::Result<Self> {
        let meta = Meta::start(MetaOptions {
            app_secret: META_APP_SECRET.to_owned(),
            access_token: META_ACCESS_TOKEN.to_owned(),
            phone_number_id: META_PHONE_NUMBER_ID.to_owned(),
            display_phone_number: BUSINESS_NUMBER.to_owned(),
        })
        .await?;
        let twilio = Twilio::start(TwilioOptions {
            account_sid: TWILIO_ACCOUNT_SID.to_owned(),
            auth_token: TWILIO_AUTH_TOKEN.to_owned(),
            from: TWILIO_FROM.to_owned(),
        })
        .await?;
        let models = crate::simulators::openai::Model::current();
        let openai = OpenAi::start(OpenAiOptions { api_key: OPENAI_API_KEY.to_owned(), models }).await?;
        let stripe = Stripe::start(StripeOptions {
            secret_key: STRIPE_SECRET_KEY.to_owned(),
            webhook_secrets: vec![STRIPE_WEBHOOK_SECRET.to_owned()],
        })
        .await?;
        for language in Language::ALL {
            meta.template(Template::one_time_code(META_OTP_TEMPLATE, language.code()));
        }
        let body = Template::one_time_code("", Language::Fr.code()).body;
        twilio.content(Content { sid: TWILIO_OTP_CONTENT_SID.to_owned(), body });
        Ok(Self { meta, twilio, openai, stripe })
    }

    /// Points everybody's webhooks at an ingest, such as `http://127.0.0.1:8080`.
    pub fn calls(&self, ingest: &str) {
        self.meta.webhook_url(format!("{ingest}/api/whatsapp/webhook"));
        self.twilio.webhook_url(format!("{ingest}/api/whatsapp/webhook"));
        self.twilio.public_url(format!("{PUBLIC_URL}/api/whatsapp/webhook"));
        self.stripe.webhook_url(format!("{ingest}/api/stripe/webhook"));
    }

    /// How both report on what they were given to deliver.
    pub fn statuses(&self, policy: Statuses) {
        self.meta.statuses(policy);
        self.twilio.statuses(policy);
    }

    /// The variables of ingest and worker.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        [
            ("META_APP_SECRET", META_APP_SECRET),
            ("META_ACCESS_TOKEN", META_ACCESS_TOKEN),
            ("META_VERIFY_TOKEN", META_VERIFY_TOKEN),
            ("META_PHONE_NUMBER_ID", META_PHONE_NUMBER_ID),
            ("META_WABA_ID", crate::simulators::meta::person::WABA_ID),
            ("META_GRAPH_URL", self.meta.url()),
            ("META_OTP_TEMPLATE", META_OTP_TEMPLATE),
            ("TWILIO_ACCOUNT_SID", TWILIO_ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", TWILIO_AUTH_TOKEN),
            ("TWILIO_WHATSAPP_FROM", TWILIO_FROM),
            ("TWILIO_API_URL", self.twilio.url()),
            ("TWILIO_OTP_CONTENT_SID", TWILIO_OTP_CONTENT_SID),
            ("OTP_SALT", OTP_SALT),
            ("MASTER_KEY", MASTER_KEY),
            ("PUBLIC_URL", PUBLIC_URL),
            ("OPENAI_API_KEY", OPENAI_API_KEY),
            ("OPENAI_BASE_URL", self.openai.base_url()),
            ("STRIPE_SECRET_KEY", STRIPE_SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET),
            ("STRIPE_API_URL", self.stripe.url()),
            ("NEXTAUTH_URL", WEB_URL),
            ("NEXTAUTH_SECRET", NEXTAUTH_SECRET),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// Ends all four.
    pub async fn close(&self) {
        tokio::join!(self.meta.stop(), self.twilio.stop(), self.openai.stop(), self.stripe.stop());
    }
}
