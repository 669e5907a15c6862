//! What can be taken back, as data, and the one place that does it.
