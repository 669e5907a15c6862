//! What a dead run left.
