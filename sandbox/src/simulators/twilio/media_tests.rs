//! Proof that a medium wants credentials at its first address and none at its second.

use super::super::{Twilio, TwilioOptions};
use crate::simulators::receiver::{Receiver, client};

const AC: &str = "AC0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const TOKEN: &str = "7f3b1c9ad2e84f60b5a1c7d9e0f24683";

#[tokio::test]
async fn a_note_is_named_in_the_webhook_and_given_to_its_account() {
    let options = TwilioOptions {
        account_sid: AC.into(),
        auth_token: TOKEN.into(),
        from: "whatsapp:+33199001234".into(),
    };
    let (twilio, receiver) = (Twilio::start(options).await.unwrap(), Receiver::start().await);
    twilio.webhook_url(&receiver.url);
    receiver.answers(200, Some("text/xml"), "<Response></Response>");
    twilio.person("+33639980123", "Camille").voice(b"OggS sound", "audio/ogg").await;
    let form = receiver.wait(1).await.remove(0).form();
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((field("NumMedia"), field("MessageType"), field("Body")), ("1", "audio", ""));
    assert_eq!(field("MediaContentType0"), "audio/ogg");
    let url = field("MediaUrl0");
    assert!(url.contains(&format!("/Accounts/{AC}/Messages/{}/Media/ME", field("MessageSid"))), "{url}");

    let get = |url: &str| client().get(url);
    assert_eq!(get(url).send().await.unwrap().status().as_u16(), 401);
    assert_eq!(get(url).basic_auth(AC, Some("other")).send().await.unwrap().status().as_u16(), 401);
    let found = get(url).basic_auth(AC, Some(TOKEN)).send().await.unwrap();
    assert_eq!(found.status().as_u16(), 307);
    let store = found.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(get(&store).basic_auth(AC, Some(TOKEN)).send().await.unwrap().status().as_u16(), 400);
    let bytes = get(&store).send().await.unwrap();
    assert_eq!(bytes.headers()["content-type"], "audio/ogg");
    assert_eq!(bytes.bytes().await.unwrap(), "OggS sound");
    let unknown = url.replace("Media/ME", "Media/ME0");
    assert_eq!(get(&unknown).basic_auth(AC, Some(TOKEN)).send().await.unwrap().status().as_u16(), 404);
}
