//! Reading the values of settings.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use dialplane_core::call::account;
use dialplane_core::company;
use dialplane_core::people::{password::check_password, user};
use dialplane_core::phone::{Country, E164};

use super::{Database, Secret};

type Read<T> = Result<T, String>;

/// The shortest secret for HS256: as long as its hash (RFC 7518 §3.2).
const JWT_SECRET_MIN: usize = 32;

pub(super) fn address(text: &str) -> Read<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let resolved =
        text.to_socket_addrs().map_err(|_| "expected an address and a port such as 127.0.0.1:8080".to_owned())?;
    let mut all: Vec<SocketAddr> = resolved.collect();
    // `localhost` is both; the one that every client tries is IPv4.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| "this name has no address".to_owned())
}

pub(super) fn port_range(text: &str) -> Read<(u16, u16)> {
    let expected = || "expected a range of ports such as 40000-49999".to_owned();
    let (from, to) = text.split_once('-').ok_or_else(expected)?;
    let (from, to): (u16, u16) =
        (from.trim().parse().map_err(|_| expected())?, to.trim().parse().map_err(|_| expected())?);
    if from < 1_024 || to <= from {
        Err("the ports are 1024 to 65535, the first below the last".to_owned())
    } else {
        Ok((from, to))
    }
}

pub(super) fn host(text: &str) -> Read<String> {
    let fits = text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if fits { Ok(text.to_owned()) } else { Err("expected a host name or an address".to_owned()) }
}

pub(super) fn base_url(text: &str) -> Read<String> {
    let text = text.trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c == '"' || c == '<') => {
            Ok(text.to_owned())
        }
        _ => Err("expected a URL such as https://calls.example.com".to_owned()),
    }
}

/// The base of an interface that secrets are sent to: in the clear on this machine only.
pub(super) fn api_url(text: &str) -> Read<String> {
    let url = base_url(text)?;
    let rest = url.strip_prefix("http://").unwrap_or("localhost");
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_local =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if is_local && !url.contains(['@', '?', '#']) {
        Ok(url)
    } else {
        Err("expected a URL that begins with https://".to_owned())
    }
}

pub(super) fn account_sid(text: &str) -> Read<String> {
    account::account_sid(text).map_err(|refused| refused.to_string())
}

pub(super) fn phone_number(text: &str, home: Country) -> Read<E164> {
    E164::parse(text, home).map_err(|refused| refused.to_string())
}

pub(super) fn database(text: &str) -> Read<Database> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Database::Postgres(text.to_owned()));
    }
    if text == "memory:" {
        return Ok(Database::Memory);
    }
    match text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) {
        Some(path) if !path.is_empty() => Ok(Database::Sqlite(PathBuf::from(path))),
        _ => Err("expected sqlite:<file> or postgres://…".to_owned()),
    }
}

pub(super) fn company_name(text: &str) -> Read<String> {
    company::company_name(text).map_err(|refused| refused.to_string())
}

pub(super) fn timezone(text: &str) -> Read<String> {
    company::timezone(text).map(|zone| zone.name().to_owned()).map_err(|refused| refused.to_string())
}

pub(super) fn country(text: &str) -> Read<Country> {
    text.parse().map_err(|_| "expected an ISO 3166 code such as US".to_owned())
}

pub(super) fn email(text: &str) -> Read<String> {
    user::email(text).map_err(|refused| refused.to_string())
}

pub(super) fn password(text: &str) -> Read<Secret> {
    check_password(text).map_err(|refused| refused.to_string())?;
    Ok(Secret::new(text.to_owned()))
}

pub(super) fn jwt_secret(text: &str) -> Read<Secret> {
    if text.len() < JWT_SECRET_MIN {
        return Err(format!("needs at least {JWT_SECRET_MIN} characters"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// A secret of another service's: a word of 8 to 1000 characters.
pub(super) fn foreign_secret(text: &str) -> Read<Secret> {
    let fits = (8..=1_000).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if fits { Ok(Secret::new(text.to_owned())) } else { Err("expected 8 to 1000 characters without blanks".to_owned()) }
}

/// `15m`, `24h`, `7d`, `90s`, or whole seconds; between `min` and `max` seconds.
pub(super) fn duration(text: &str, min: u64, max: u64) -> Read<Duration> {
    let expected = || "expected a duration such as 15m, 24h or 7d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let seconds = digits.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(expected)?;
    if (min..=max).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(format!("must lie between {min} and {max} seconds"))
    }
}

pub(super) fn number(text: &str, min: u64, max: u64) -> Read<u64> {
    let number = text.parse::<u64>().map_err(|_| "expected a whole number".to_owned())?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(format!("must lie between {min} and {max}")) }
}

pub(super) fn switch(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("expected {}", words.join(" or "))
    })
}

/// Origins of browsers, separated by commas; `*` alone admits all.
pub(super) fn origins(text: &str) -> Read<Vec<String>> {
    let origins: Vec<String> = text.split(',').map(str::trim).filter(|o| !o.is_empty()).map(str::to_owned).collect();
    if origins.len() == 1 && origins.iter().all(|origin| origin == "*") {
        return Ok(origins);
    }
    match origins.iter().find(|origin| base_url(origin).is_err()) {
        Some(_) => Err("expected origins such as https://app.example.com, separated by commas".to_owned()),
        None => Ok(origins),
    }
}

pub(super) fn log_filter(text: &str) -> Read<String> {
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(duration("15m", 1, 86_400), Ok(Duration::from_secs(900)));
        assert_eq!(duration("30", 1, 86_400), Ok(Duration::from_secs(30)));
        for text in ["", "m", "15w", "-1", "0", "2d", "99999999999999999999d"] {
            assert!(duration(text, 1, 86_400).is_err(), "{text}");
        }
    }

    #[test]
    fn listeners_and_ranges_are_checked() {
        assert!(address("127.0.0.1:0").is_ok() && address("[::1]:80").is_ok());
        assert!(address("8080").is_err() && address("127.0.0.1:70000").is_err());
        assert!(port_range("49999-40000").is_err() && port_range("80-90").is_err() && port_range("x").is_err());
    }

    #[test]
    fn a_database_is_a_file_or_a_server() {
        assert_eq!(database("sqlite:./a.db"), Ok(Database::Sqlite("./a.db".into())));
        assert_eq!(database("sqlite:///tmp/a.db"), Ok(Database::Sqlite("/tmp/a.db".into())));
        assert!(database("mysql://x").is_err() && database("sqlite:").is_err());
    }
}
