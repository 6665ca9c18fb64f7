//! Makes flows run: tokens, connectors, the runner.
