//! Addresses that nothing is sent to, however they are written.

use std::net::IpAddr;

use super::super::reach::{Reach, Unsafe, is_public};

#[tokio::test]
async fn hostile_addresses_are_refused_before_anything_is_sent() {
    // Each stands for this machine, this network, or a cloud's secrets; all are refused without a connection.
    const NOT_PUBLIC: [&str; 36] = [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.000.000.001/",
        "https://0/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.1.:443/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://[::1]/",
        "https://[::]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[2001::1]/",
        "https://[fc00::1]/",
        "https://[fd12:3456:789a::1]/",
        "https://[fe80::1]/",
        "https://[ff02::1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2852039166/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/admin",
        "https://100.64.0.1/",
        "https://198.18.0.1/",
        "https://255.255.255.255/",
    ];
    const NOT_ENCRYPTED: [&str; 5] = [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_",
        "ws://example.org/",
    ];
    const NO_ADDRESS: [&str; 4] = ["", "https://", "/etc/passwd", "https://exa mple.org/"];
    let reach = Reach::new(false);
    for address in NOT_PUBLIC {
        let refused = reach.check(address).await.expect_err(address);
        // A resolver may know no such name at all, which is as good.
        assert!(matches!(refused, Unsafe::NotPublic { .. } | Unsafe::Unresolved { .. }), "{address}: {refused}");
    }
    for address in NOT_ENCRYPTED {
        let refused = reach.check(address).await.expect_err(address);
        assert!(matches!(refused, Unsafe::NotEncrypted | Unsafe::NoAddress), "{address}: {refused}");
    }
    for address in NO_ADDRESS {
        assert_eq!(reach.check(address).await.expect_err(address), Unsafe::NoAddress, "{address}");
    }
    for address in ["https://user@example.org/", "https://1.1.1.1:pass@127.0.0.1/", "https://:x@127.0.0.1/"] {
        assert_eq!(reach.check(address).await.expect_err(address), Unsafe::HasUser, "{address}");
    }
    // Loopback for tests opens this machine, and nothing else.
    let reach = Reach::new(true);
    reach.check("http://127.0.0.1:9/").await.expect("this machine");
    for address in ["http://10.0.0.1/", "https://10.0.0.1/", "http://1.1.1.1/", "https://[fe80::1]/"] {
        assert!(reach.check(address).await.is_err(), "{address}");
    }
}

#[test]
fn only_what_the_internet_gives_out_is_public() {
    for (address, expected) in [
        ("1.1.1.1", true),
        ("8.8.8.8", true),
        ("100.63.255.255", true),
        ("100.127.255.255", false),
        ("100.128.0.0", true),
        ("172.15.0.1", true),
        ("172.32.0.1", true),
        ("192.0.2.1", false),
        ("203.0.113.9", false),
        ("224.0.0.1", false),
        ("240.0.0.1", false),
        ("2606:4700::1111", true),
        ("2001:db8::1", false),
        ("2002:0101:0101::1", true),
        ("64:ff9b::101:101", true),
        ("64:ff9b:1::1", false),
        ("::ffff:8.8.8.8", true),
        ("::ffff:10.1.2.3", false),
        ("::8.8.8.8", true),
        ("fec0::1", false),
        ("100::1", false),
    ] {
        assert_eq!(is_public(address.parse::<IpAddr>().expect(address)), expected, "{address}");
    }
}
