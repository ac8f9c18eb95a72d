//! The rows of accounts as the check of the database reads them.

pub use super::{
    account_data::{AccountDataRow, key as account_data_key, size_key as account_data_size_key, weight},
    accounts::AccountRow,
    devices::DeviceRow,
    filters::FilterRow,
    pushers::{key as pushers_key, pushkey_key},
    tokens::{TokenRow, key as token_key},
};
