//! Configurations that are read, and such that are refused.

use super::*;

const LEAST: &str = "listen = \"127.0.0.1:5696\"\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"ca.pem\"\n[store]\nkind = \"sled\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/kmipd/kmipd.toml"))
}

#[test]
fn the_least_configuration_has_defaults_and_absolute_paths() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.tls.certificate, Path::new("/etc/kmipd/server.pem"));
    assert_eq!(config.store.root_key, Path::new("/etc/kmipd/root.key"));
    assert_eq!(config.limits, Limits::default());
    assert!(!config.protocol.interop);
    assert_eq!(config.tls.identity, [IdentityRule::CommonName]);
}

#[test]
fn what_is_written_is_read_back() {
    let config = parse(&format!("{LEAST}[monitoring]\nlisten = \"127.0.0.1:9000\"\n")).unwrap();
    let again = parse(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
}

#[test]
fn errors_name_the_place() {
    for (addition, words) in [
        ("[limits]\nrequest_size = 3\n", "request_size"),
        ("[limits]\nrequest_timeout_ms = 60000\n", "limits.request_timeout_ms = 60000"),
        ("[log]\nformat = \"xml\"\n", "xml"),
        ("[protocol]\nvendor = \"\"\n", "protocol.vendor"),
        ("[asynchronous]\nworkers = 0\n", "asynchronous.workers = 0"),
        ("[asynchronous]\nkeep_s = 0\n", "asynchronous.keep_s = 0"),
        ("[credentials]\nfailures_max = 0\n", "credentials.failures_max = 0"),
        ("[services]\nstream_expiry_s = 0\n", "services.stream_expiry_s = 0"),
        ("[attestation]\nnonce_expiry_s = 0\n", "attestation.nonce_expiry_s = 0"),
        ("[credentials]\nhashed_password_tolerance_s = 0\n", "credentials.hashed_password_tolerance_s = 0"),
        ("[[audit.sink]]\nname = \"A\"\nkind = \"file\"\npath = \"a\"\n", "audit.sink.name"),
        ("[[audit.sink]]\nname = \"a\"\nkind = \"syslog\"\naddress = \"/dev/log\"\n", "unix:/PATH"),
        ("[[audit.sink]]\nname = \"a\"\nkind = \"syslog\"\naddress = \"tls:h:1\"\n", "needs the authorities"),
        ("[[audit.sink]]\nname = \"a\"\nkind = \"syslog\"\npath = \"/dev/log\"\n", "an address"),
        ("[admin]\nadministrators = [\"a\", \"b\"]\nauditors = [\"b\"]\n", "both have \"b\": nobody is both"),
        ("[admin]\nauditors = [\"a b\"]\n", "admin.auditors"),
        ("[tickets]\nlease_time_s = 7\nlease_time_max_s = 6\n", "tickets.lease_time_s = 7"),
    ] {
        let error = parse(&format!("{LEAST}{addition}")).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("kmipd.toml"), "{error}");
    }
    let error = parse(&LEAST.replace("127.0.0.1:5696", "localhost")).unwrap_err().to_string();
    assert!(error.contains("line 1"), "{error}");
    let inside = parse(&format!("{LEAST}root_key = \"data/root.key\"\n")).unwrap_err().to_string();
    assert!(inside.contains("outside"), "{inside}");
}
