//! Marks from the quotes of a chain of the user.
