//! Channels as people write them, right and wrong.

use crate::{
    alert::Rule,
    config::{ChannelKind, Config, KeyPlace, MailConfig, Overrides, Problems, Quiet, Written},
};

fn load(text: &str) -> Result<Config, Problems> {
    Config::load(&Written::Text { name: "my.toml".into(), text: text.into() }, &Overrides::default())
}

/// The mistakes in `text`: key and what is wrong.
fn mistakes(text: &str) -> Vec<String> {
    load(text).err().unwrap_or_default().0.iter().map(|p| format!("{}: {}", p.key, p.wrong)).collect()
}

#[test]
fn channels_are_read_with_their_rules_and_quiet_hours() {
    let config = load(
        "[alerts]\nrepeat_minutes = 5\n\n[[alert]]\nname = \"phone\"\nkind = \"telegram\"\nsecret = \"credential:bot\"\n\
         chat = \"-100\"\non = [\"*\"]\nquiet_from = \"22:00\"\nquiet_to = \"06:30\"\n\n[[alert]]\nname = \"mail\"\n\
         kind = \"email\"\nserver = \"smtp.example.org:465\"\nfrom = \"r@example.org\"\nto = \"me@example.org\"\n\
         on = [\"kill\", \"breaker\"]\n",
    )
    .expect("right");
    let [phone, mail] = &config.alerts.channels[..] else { panic!("two channels") };
    assert_eq!(phone.kind, ChannelKind::Telegram { chat: "-100".to_owned() });
    assert_eq!(phone.secret, Some(KeyPlace::Credential("bot".to_owned())));
    assert_eq!((phone.on.len(), phone.quiet), (Rule::ALL.len(), Some(Quiet { from: 1_320, to: 390 })));
    let (host, user) = ("smtp.example.org".to_owned(), String::new());
    let (from, to) = ("r@example.org".to_owned(), "me@example.org".to_owned());
    assert_eq!(mail.kind, ChannelKind::Email(MailConfig { host, port: 465, user, from, to }));
    assert_eq!((&mail.on[..], mail.quiet, &mail.secret), (&[Rule::Kill, Rule::Breaker][..], None, &None));
    assert!(load("").expect("right").alerts.channels.is_empty(), "nobody is told unless somebody says so");
}

#[test]
fn a_channel_that_cannot_work_is_refused_and_its_secret_is_not_repeated() {
    let check = |text: &str, wrong: &str| {
        let usual = [("name", "\"phone\""), ("kind", "\"slack\""), ("secret", "\"file:/etc/x\""), ("on", "[\"*\"]")];
        let usual = usual.iter().filter(|(key, _)| !text.contains(&format!("{key} = ")));
        let usual: String = usual.map(|(key, value)| format!("{key} = {value}\n")).collect();
        let found = mistakes(&format!("[[alert]]\n{usual}{text}\n"));
        assert!(found.iter().any(|found| found.contains(wrong)), "{text}: {found:?}");
    };
    check("name = \"two words\"", "alert 1.name: \"two words\" is no such name");
    check("kind = \"pager\"", "alert 1.kind: \"pager\" is not one of the words");
    check("on = []", "alert 1.on: is empty");
    check("on = [\"nothing\"]", "alert 1.on: \"nothing\" is no rule");
    check("secret = \"\"", "alert 1.secret: is empty");
    check("secret = \"https://hooks.slack.com/x\"", "alert 1.secret: does not say where the secret is");
    check("secret = \"keystore:/etc/x\"", "alert 1.secret: this secret is not in a keystore");
    check("quiet_from = \"22:00\"", "the quiet time has only one end");
    check("quiet_from = \"25:00\"\nquiet_to = \"06:00\"", "\"25:00\" is no time of day");
    check("quiet_from = \"06:00\"\nquiet_to = \"06:00\"", "begins when it ends");
    check("kind = \"telegram\"\nchat = \"me\"", "alert 1.chat: \"me\" is neither");
    check("kind = \"telegram\"", "alert 1.chat: is missing");
    let mail = "kind = \"email\"\nfrom = \"a@example.org\"\nto = \"b@example.org\"\n";
    check(
        &format!("{mail}server = \"smtp.example.org\""),
        "alert 1.server: \"smtp.example.org\" is no name with a port",
    );
    check(&format!("{mail}server = \"a@b:25\""), "is no name with a port");
    check(
        "kind = \"email\"\nserver = \"a:25\"\nfrom = \"x\"\nto = \"b@example.org\"",
        "alert 1.from: \"x\" is no mail address",
    );
    let twice = "[[alert]]\nname = \"a\"\nkind = \"slack\"\nsecret = \"file:/x\"\non = [\"*\"]\n".repeat(2);
    assert_eq!(mistakes(&twice), ["alert 2.name: a second channel is called \"a\""]);
    let shown =
        load("[[alert]]\nsecret = \"https://hooks.slack.com/services/T/B/xyz\"\n").expect_err("wrong").to_string();
    assert!(!shown.contains("xyz"), "{shown}");
}
