//! The workflow definition language: values, expressions, definitions and the plan of a run.
