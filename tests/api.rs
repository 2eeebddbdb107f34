//! The API is what its document says: schemathesis makes up requests from it, against a real server over seeded tables. No answer
//! is a fault of the server, and none is of a kind that is not documented.

#[allow(dead_code, reason = "shared with the tests of pages")]
#[path = "pages/server.rs"]
mod server;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use remora::{store::testing::TestDatabase, web::DataSource};

/// What must hold of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method";
/// How long it may take.
const SECONDS_MAX: &str = "110";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_a_documented_one() {
    let program = Path::new(env!("CARGO_BIN_EXE_remora")).ancestors().nth(2).expect("target/debug/remora");
    let program = program.join("api/bin/schemathesis");
    // Where it is missing: tests/api/install
    if !server::have("the API's test", &[&program.display().to_string()]) {
        return;
    }
    let pool = TestDatabase::create().await;
    sqlx::raw_sql(server::SEED).execute(&pool).await.expect("seeded");
    let snapshot = server::as_seeded(&pool).await;
    let dashboard = server::start(pool, snapshot, DataSource::Venue).await;
    server::record_times(&dashboard.stages, 1_000);
    server::speak(&dashboard.data);
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = Command::new("timeout");
    run.arg(SECONDS_MAX)
        .arg(&program)
        .args(["run", "--no-color", "--seed", "7", "--max-examples", "15", "--phases", "examples,coverage,fuzzing"])
        .args(["--checks", CHECKS, "--warnings", "off", "--workers", "2", "--continue-on-failure"])
        .arg(format!("http://{}/api/openapi.json", dashboard.address))
        .current_dir(folder.path())
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || run.output()).await.expect("no panic").expect("it starts");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    println!("{said}");
    dashboard.stop.cancel();
}
