//! Proof of what the API answers and refuses.

use super::*;

#[tokio::test]
async fn every_question_needs_the_key() {
    let (stripe, _receiver) = stripe().await;
    for path in
        ["/v1/prices", "/v1/prices/price_pack_20", "/v1/checkout/sessions/cs_test_1", "/v1/webhook_endpoints"]
    {
        let url = format!("{}{path}", stripe.url());
        let wrong = client().get(&url).bearer_auth("sk_test_other").send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{path}");
        let body: Value = wrong.json().await.unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error", "{body}");
        assert_eq!(client().get(&url).send().await.unwrap().status(), 401, "{path} without a key");
    }
    let prices = format!("{}/v1/prices", stripe.url());
    let basic = client().get(&prices).basic_auth(KEY, Some("")).send().await.unwrap();
    assert_eq!(basic.status(), 200, "the key may be the user of Basic authentication");
    let sessions = format!("{}/v1/checkout/sessions", stripe.url());
    assert_eq!(client().post(sessions).form(&order(&[])).send().await.unwrap().status(), 401);
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn prices_are_found_by_lookup_key_and_by_id() {
    let (stripe, _receiver) = stripe().await;
    let ids = |list: &Value| -> Vec<String> {
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|price| price["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (status, list) =
        look(&stripe, "/v1/prices?active=true&lookup_keys[]=pack_20&lookup_keys[]=pack_200").await;
    assert_eq!((status, &list["object"], &list["has_more"]), (200, &json!("list"), &json!(false)));
    assert_eq!(ids(&list), ["price_pack_20", "price_pack_200"]);
    assert_eq!(list["data"][0]["unit_amount"], 490);
    assert_eq!(list["data"][0]["type"], "one_time");
    let (_, list) = look(&stripe, "/v1/prices?lookup_keys%5B0%5D=pack_50&lookup_keys[1]=nothing").await;
    assert_eq!(ids(&list), ["price_pack_50"]);
    let (_, list) = look(&stripe, "/v1/prices?limit=2").await;
    assert_eq!((ids(&list).len(), &list["has_more"]), (2, &json!(true)));
    let eleven: Vec<String> = (0..11).map(|index| format!("lookup_keys[]=pack_{index}")).collect();
    assert_eq!(look(&stripe, &format!("/v1/prices?{}", eleven.join("&"))).await.0, 400);
    let (status, body) = look(&stripe, "/v1/prices?lookup_key=pack_20").await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("parameter_unknown")));
    stripe.deactivates("price_pack_20");
    let (_, list) = look(&stripe, "/v1/prices?active=true").await;
    assert_eq!(ids(&list), ["price_pack_50", "price_pack_200"]);
    assert_eq!(look(&stripe, "/v1/prices/price_pack_20").await.1["active"], false);
    let (status, body) = look(&stripe, "/v1/prices/price_nothing").await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("resource_missing")));
}

#[tokio::test]
async fn a_session_is_open_and_can_be_looked_up() {
    let (stripe, _receiver) = stripe().await;
    let (status, made) = create(&stripe, &[("line_items[0][quantity]", "2")]).await;
    assert_eq!(status, 200);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("cs_test_"));
    assert_eq!((&made["status"], &made["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!((&made["amount_total"], &made["currency"]), (&json!(1980), &json!("eur")));
    assert_eq!((&made["payment_intent"], &made["livemode"]), (&Value::Null, &json!(false)));
    assert_eq!(made["metadata"], json!({"pack": "pack_50"}));
    assert_eq!(made["url"], format!("{}/pay/{id}", stripe.url()));
    let now = stripe.clock().now().timestamp();
    assert!((now + 86_395..=now + 86_400).contains(&made["expires_at"].as_i64().unwrap()));
    assert_eq!(look(&stripe, &format!("/v1/checkout/sessions/{id}")).await, (200, made.clone()));
    assert_eq!(look(&stripe, "/v1/checkout/sessions/cs_test_0").await.0, 404);
    assert_eq!(stripe.requests("/v1/checkout/sessions"), 1);
    stripe.clock().advance(Duration::from_hours(25));
    let (_, late) = look(&stripe, &format!("/v1/checkout/sessions/{id}")).await;
    assert_eq!((&late["status"], &late["url"]), (&json!("expired"), &Value::Null));
}

#[tokio::test]
async fn what_stripe_refuses_is_refused() {
    let (stripe, _receiver) = stripe().await;
    stripe.clock().freeze();
    stripe.deactivates("price_pack_200");
    let now = stripe.clock().now().timestamp();
    let seconds = |ahead: i64| (now + ahead).to_string();
    let (long_id, long_key) = ("x".repeat(201), format!("metadata[{}]", "k".repeat(41)));
    let (long_value, soon, late) = ("v".repeat(501), seconds(1799), seconds(86_401));
    let unknown = Some("parameter_unknown");
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("line_item[0][price]", "price_pack_50", unknown),
        ("line_items[0][amount]", "1", unknown),
        ("line_items[x][price]", "price_pack_50", unknown),
        ("payment_intent_data[description]", "x", unknown),
        ("ui_mode", "hosted", unknown),
        ("mode", "", Some("parameter_missing")),
        ("mode", "gift", None),
        ("success_url", "", Some("parameter_missing")),
        ("line_items[0][quantity]", "", Some("parameter_missing")),
        ("line_items[0][quantity]", "0", Some("parameter_invalid_integer")),
        ("line_items[0][quantity]", "-1", Some("parameter_invalid_integer")),
        ("line_items[0][quantity]", "many", Some("parameter_invalid_integer")),
        ("line_items[0][price]", "price_nothing", Some("resource_missing")),
        ("line_items[0][price]", "price_pack_200", Some("resource_missing")),
        ("success_url", "/credits", Some("url_invalid")),
        ("success_url", "app.example.com/credits", Some("url_invalid")),
        ("cancel_url", "ftp://app.example.com/credits", Some("url_invalid")),
        ("cancel_url", "https://app.example.com/a b", Some("url_invalid")),
        ("locale", "fr_FR", None),
        ("client_reference_id", &long_id, None),
        ("metadata[note]", &long_value, None),
        (&long_key, "v", None),
        ("expires_at", &soon, None),
        ("expires_at", &late, None),
        ("expires_at", "tomorrow", None),
        ("customer_email", "camille", Some("email_invalid")),
        ("allow_promotion_codes", "yes", None),
    ];
    for (name, value, code) in cases {
        let (status, body) = create(&stripe, &[(name, value)]).await;
        let error = &body["error"];
        assert_eq!((status, error["code"].as_str()), (400, *code), "{name}={value}: {body}");
        assert!(error["message"].is_string() && error["param"].is_string(), "{body}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    let none = [("line_items[0][price]", ""), ("line_items[0][quantity]", "")];
    assert_eq!(create(&stripe, &none).await.1["error"]["param"], "line_items");
    let names: Vec<String> = (0..51).map(|index| format!("metadata[k{index}]")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(create(&stripe, &pairs).await.0, 400, "51 metadata");
    let url = format!("{}/v1/checkout/sessions", stripe.url());
    let json = client().post(url).bearer_auth(KEY).json(&json!({"mode": "payment"})).send().await.unwrap();
    assert_eq!(json.status(), 400, "a JSON body");
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn what_is_just_allowed_is_allowed() {
    let (stripe, _receiver) = stripe().await;
    stripe.clock().freeze();
    let now = stripe.clock().now().timestamp();
    let (soon, late) = ((now + 1800).to_string(), (now + 86_400).to_string());
    let (reference, value) = ("x".repeat(200), "v".repeat(500));
    let key = format!("metadata[{}]", "k".repeat(40));
    let cases: &[(&str, &str)] = &[
        ("expires_at", &soon),
        ("expires_at", &late),
        ("client_reference_id", &reference),
        (&key, &value),
        ("locale", "auto"),
        ("customer_email", "camille@example.com"),
        ("allow_promotion_codes", "false"),
        ("success_url", "http://127.0.0.1:3000/"),
    ];
    for (name, value) in cases {
        let (status, body) = create(&stripe, &[(name, value)]).await;
        assert_eq!(status, 200, "{name}={value}: {body}");
    }
    assert_eq!(stripe.sessions()[0].expires_at.timestamp(), now + 1800);
}

#[tokio::test]
async fn an_operator_sees_the_endpoint() {
    let (stripe, receiver) = stripe().await;
    let (_, list) = look(&stripe, "/v1/webhook_endpoints").await;
    assert_eq!(list["data"][0]["url"], format!("{}/api/stripe/webhook", receiver.url));
    assert_eq!(list["data"][0]["enabled_events"], json!(["*"]));
    stripe.endpoint("https://hooks.example/api/stripe/webhook", &[COMPLETED]);
    let (_, list) = look(&stripe, "/v1/webhook_endpoints").await;
    assert_eq!(list["data"][0]["url"], "https://hooks.example/api/stripe/webhook");
    assert_eq!(list["data"][0]["enabled_events"], json!([COMPLETED]));
    assert_eq!(list["data"][0]["status"], "enabled");
}
