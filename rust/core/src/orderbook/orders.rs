//! The level-3 book: every order by its id.
