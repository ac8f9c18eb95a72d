//! Passwords: argon2id, on a pool so small that a storm of logins slows logins only.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use super::Users;
use crate::error::{Error, Result};

/// Who comes while this many wait is told to come back.
const MAX_WAITING: usize = 256;
/// What they are told to wait, milliseconds.
const RETRY_AFTER_MS: u64 = 2_000;
/// A password may have this many bytes.
const MAX_PASSWORD: usize = 512;

pub(super) struct Passwords {
    /// Hashes computed at once: half of the cores, at least one.
    slots: Arc<Semaphore>,
    /// Room for those who wait for a slot or hold one.
    places: Semaphore,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slots: Arc::new(Semaphore::new((cores / 2).max(1))), places: Semaphore::new(MAX_WAITING) }
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = self.places.try_acquire().map_err(|_| Error::limit_exceeded(RETRY_AFTER_MS))?;
        let slot = self.slots.clone().acquire_owned().await.map_err(Error::internal)?;
        // The job keeps its slot even if the client goes away: it can't be stopped half-way.
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            job()
        });
        done.await.map_err(Error::internal)
    }
}

impl Users {
    /// The PHC string of a new password, with a salt of its own.
    pub(super) async fn hash_password(&self, password: &str) -> Result<String> {
        check_new(password)?;
        let (password, salt) = (password.to_owned(), self.randomness.bytes::<16>());
        self.passwords.run(move || hash(&password, &salt)).await?
    }

    /// Whether the password fits the PHC string. Without one it takes as long, so that nobody can tell by the
    /// time which accounts there are.
    pub(super) async fn verify_password(&self, password: &str, phc: Option<String>) -> Result<bool> {
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        let password = password.to_owned();
        self.passwords
            .run(move || match phc {
                Some(phc) => verify(&password, &phc),
                None => hash(&password, &[0; 16]).map(|_| false),
            })
            .await?
    }
}

/// Refuses a password that can't be one: `M_WEAK_PASSWORD` if empty, `M_INVALID_PARAM` if endless.
pub(super) fn check_new(password: &str) -> Result<()> {
    match password.len() {
        0 => Err(Error::bad_request("M_WEAK_PASSWORD", "The password must not be empty.")),
        1..=MAX_PASSWORD => Ok(()),
        _ => Err(Error::invalid_param("The password must not have more than 512 bytes.")),
    }
}

fn hash(password: &str, salt: &[u8]) -> Result<String> {
    // The crate's defaults are OWASP's: 19 MiB, two passes, one lane.
    let phc = Argon2::default().hash_password_with_salt(password.as_bytes(), salt).map_err(Error::internal)?;
    Ok(phc.to_string())
}

fn verify(password: &str, phc: &str) -> Result<bool> {
    let phc = PasswordHash::new(phc).map_err(Error::internal)?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &phc).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let phc = hash("correct horse", &[7; 16]).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse", &phc).unwrap());
        assert!(!verify("correct horsf", &phc).unwrap());
    }

    #[test]
    fn empty_and_endless_passwords_are_refused() {
        assert_eq!(check_new("").unwrap_err().errcode, "M_WEAK_PASSWORD");
        assert_eq!(check_new(&"x".repeat(513)).unwrap_err().errcode, "M_INVALID_PARAM");
        check_new(&"x".repeat(512)).unwrap();
    }
}
