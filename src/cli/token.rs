//! `salon token`: registration tokens, from the machine that the server runs on, while the server is stopped.

use std::error::Error;

use clap::Subcommand;

use super::{explain, with_app};
use crate::{
    app::App,
    config::{Config, RegistrationMode},
    users::RegistrationToken,
};

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it
    Create {
        /// The token: 1 to 64 letters, digits, ".", "_", "~", "-"; made up if left out
        token: Option<String>,
        /// How many accounts it may make; any number if left out
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// How long it lasts, such as 90m, 12h, 7d or 2w; for ever if left out
        #[arg(long, value_name = "TIME", value_parser = lifetime)]
        expires_in: Option<u64>,
    },
    /// List all tokens that were made
    List,
    /// End a token; accounts that it has made stay
    Revoke {
        /// The token
        token: String,
    },
}

/// Opens the database, which a running server would hold, and does it.
pub fn run(config: Config, command: TokenCommand) -> Result<(), Box<dyn Error>> {
    with_app(config, async |app| execute(app, command).await)
}

async fn execute(app: &App, command: TokenCommand) -> Result<(), Box<dyn Error>> {
    let users = &app.users;
    match command {
        TokenCommand::Create { token, uses, expires_in } => {
            println!("{}", users.create_registration_token(token, uses, expires_in).await.map_err(explain)?);
            if app.config.registration.mode != RegistrationMode::Token {
                eprintln!("Nobody is asked for it: set `registration.mode = \"token\"`.");
            }
        }
        TokenCommand::List => {
            let now_ms = app.clock.now_ms();
            for (token, row) in users.registration_tokens()? {
                println!("{token}  {}", describe(&row, now_ms));
            }
        }
        TokenCommand::Revoke { token } => {
            users.revoke_registration_token(&token).await.map_err(explain)?;
            println!("{token} is revoked");
        }
    }
    Ok(())
}

/// Such as "used 1 of 5, ends in 3 d".
fn describe(token: &RegistrationToken, now_ms: u64) -> String {
    let uses = match token.uses_allowed {
        Some(allowed) => format!("used {} of {allowed}", token.used),
        None => format!("used {}", token.used),
    };
    let Some(end) = token.expires_at else { return uses };
    let left = end.saturating_sub(now_ms);
    match left {
        0 => format!("{uses}, over"),
        DAY_MS.. => format!("{uses}, ends in {} d", left / DAY_MS),
        HOUR_MS.. => format!("{uses}, ends in {} h", left / HOUR_MS),
        _ => format!("{uses}, ends in {} min", left / MINUTE_MS),
    }
}

/// Milliseconds out of a count and a unit.
fn lifetime(text: &str) -> Result<u64, String> {
    let form = || format!("{text} is no time such as 90m, 12h, 7d or 2w");
    let unit = match text.chars().last() {
        Some('m') => MINUTE_MS,
        Some('h') => HOUR_MS,
        Some('d') => DAY_MS,
        Some('w') => 7 * DAY_MS,
        _ => return Err(form()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| form())?;
    count.checked_mul(unit).filter(|time| *time > 0).ok_or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(lifetime("90m"), Ok(5_400_000));
        assert_eq!(lifetime("2w"), Ok(14 * 86_400_000));
        for wrong in ["", "d", "0d", "-1d", "7", "7y", "ß", "99999999999999999999w", "9999999999999999w"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_say_what_is_left_of_them() {
        let token = |uses_allowed, expires_at| RegistrationToken { uses_allowed, used: 1, expires_at };
        assert_eq!(describe(&token(None, None), 0), "used 1");
        assert_eq!(describe(&token(Some(5), Some(3 * DAY_MS + 1)), 0), "used 1 of 5, ends in 3 d");
        assert_eq!(describe(&token(None, Some(HOUR_MS)), 0), "used 1, ends in 1 h");
        assert_eq!(describe(&token(None, Some(5)), 6), "used 1, over");
    }
}
