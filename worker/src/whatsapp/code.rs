//! How a one-time code leaves: by the template that WhatsApp wants for it, or, where there is none, as a text.

use shared::language::Language;
use shared::message::Provider;
use shared::otp::Code;
use shared::outbox::Outgoing;
use shared::texts::Text;

use super::{Accepted, Providers, SendError};

impl Providers {
    /// Whether this provider has a template for codes.
    #[must_use]
    pub fn has_template(&self, provider: Provider) -> bool {
        match provider {
            Provider::Meta => self.meta.as_ref().is_some_and(|meta| meta.otp_template.is_some()),
            Provider::Twilio => self.twilio.as_ref().is_some_and(|twilio| twilio.otp_content.is_some()),
        }
    }

    /// From where what nobody has written to us about leaves (`WHATSAPP_PROVIDER`; otherwise the one that is configured,
    /// and Meta where both are). `None`: its number is not configured.
    #[must_use]
    pub fn own_number(&self) -> Option<(Provider, String)> {
        let number = |provider| match provider {
            Provider::Meta => self.meta.as_ref()?.number.clone(),
            Provider::Twilio => self.twilio.as_ref()?.from.clone(),
        };
        match self.ours {
            Some(provider) => number(provider).map(|number| (provider, number)),
            None => Provider::ALL.into_iter().find_map(|provider| Some((provider, number(provider)?))),
        }
    }

    /// Sends a code in place of a text.
    pub async fn send_code(
        &self,
        message: &Outgoing,
        code: &Code,
        language: Language,
    ) -> Result<Accepted, SendError> {
        if self.has_template(message.provider) {
            match (message.provider, &self.meta, &self.twilio) {
                (Provider::Meta, Some(meta), _) => return meta.send_code(message, code, language).await,
                (Provider::Twilio, _, Some(twilio)) => return twilio.send_code(message, code).await,
                _ => {}
            }
        }
        let body = Text::Code { code: code.digits() }.in_language(language);
        self.send(&Outgoing { body, ..message.clone() }).await
    }
}
