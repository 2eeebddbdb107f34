//! One engine per wallet: whole sessions, one simulated venue, one Postgres.

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use remora::{
    config::{Config, Overrides, Written},
    session::{Session, Until},
    store::testing::TestDatabase,
    web::DataSource,
};
use tokio::time::Duration;

use crate::{
    engine::{Home, free_port},
    live, tables,
};

async fn start(config: Arc<Config>) -> Result<Session, String> {
    Session::start(config, String::new(), DataSource::Demo).await.map_err(|error| error.to_string())
}

async fn refused(config: Arc<Config>) -> String {
    match start(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

/// The same settings with other words in them.
fn but(config: &Config, home: &Home, url: &str, from: &str, to: &str) -> Arc<Config> {
    let text = config.show().replace(from, to);
    let source = Written::Text { name: "test".into(), text };
    let overrides = Overrides {
        data: Some(home.data()),
        listen: Some(format!("127.0.0.1:{}", free_port())),
        database_url: Some(url.to_owned()),
        log_level: None,
    };
    Arc::new(Config::load(&source, &overrides).unwrap_or_else(|problems| panic!("{problems}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_of_one_wallet_does_not_start_until_the_first_has_stopped() {
    let (home, other, pool) = (Home::new(), Home::new(), TestDatabase::create().await);
    let (venue, url) = (live::venue(&home).await, tables::url(&pool));
    let config = live::config(&home, &venue, "on", &url);
    let first = start(Arc::clone(&config)).await.unwrap_or_else(|error| panic!("{error}"));
    // On this machine the kernel knows.
    let beside = but(&config, &other, &url, "nothing", "nothing");
    let error = refused(beside).await;
    assert!(error.contains("another process of this machine trades with the wallet 0x"), "{error}");
    // By another name of the venue it could be another machine: then the database knows.
    let apart = but(&config, &other, &url, "127.0.0.1", "localhost");
    let error = refused(Arc::clone(&apart)).await;
    assert!(error.contains("is another engine's: process") && error.contains("fix: stop that one first"), "{error}");
    first.run(Until::Passed(Duration::ZERO)).await.unwrap_or_else(|error| panic!("{error}"));
    let second = start(apart).await.unwrap_or_else(|error| panic!("{error}"));
    second.run(Until::Passed(Duration::ZERO)).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(tables::count(&pool, "select epoch from wallet_leases where is_free").await, 2);
    venue.finish().await.expect("the truth is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_is_of_one_wallet() {
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let (venue, url) = (live::venue(&home).await, tables::url(&pool));
    let config = live::config(&home, &venue, "on", &url);
    let first = start(Arc::clone(&config)).await.unwrap_or_else(|error| panic!("{error}"));
    first.run(Until::Passed(Duration::ZERO)).await.unwrap_or_else(|error| panic!("{error}"));
    let key = home.write("key", &"02".repeat(32));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    let error = refused(config).await;
    assert!(error.contains("this data folder keeps the books of the wallet 0x"), "{error}");
    // What was refused holds no wallet.
    assert_eq!(tables::count(&pool, "select count(*) from wallet_leases where not is_free").await, 0);
    venue.finish().await.expect("the truth is whole");
}
