//! One key per tenant
