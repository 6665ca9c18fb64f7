//! The only product SQL: database, access, vault, one file per noun.
