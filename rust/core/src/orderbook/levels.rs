//! The level-2 book: sizes by price.
