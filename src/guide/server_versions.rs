//! What differs between server versions.
