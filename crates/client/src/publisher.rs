//! Publishers of solutions.
use http::Method;
use serde_json::{Value, json};

use crate::answer::text;
use crate::odata::by_key;
use crate::{ApiService, Client, Result};

const SET: &str = "publishers";

/// A publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Row id.
    pub id: String,
    /// Unique name.
    pub unique_name: String,
    /// Customization prefix.
    pub prefix: String,
}

impl Publisher {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/publisherid"),
            unique_name: text(row, "/uniquename"),
            prefix: text(row, "/customizationprefix"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// One publisher by unique name, if it is there.
    pub async fn publisher(&self, unique_name: &str) -> Result<Option<Publisher>> {
        let attempt = format!("read publisher `{unique_name}`");
        let call = self.web(&attempt, Method::GET, &by_key(SET, "uniquename", unique_name));
        match self.fetch(call).await {
            Ok(row) => Ok(Some(Publisher::read(&row))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a publisher; answers its row id. `option_value_prefix` is 10000 to 99999.
    pub async fn publisher_create(
        &self,
        unique_name: &str,
        prefix: &str,
        option_value_prefix: u32,
    ) -> Result<String> {
        let attempt = format!("create publisher `{unique_name}`");
        let body = json!({
            "uniquename": unique_name,
            "friendlyname": unique_name,
            "customizationprefix": prefix,
            "customizationoptionvalueprefix": option_value_prefix,
        });
        self.web_create(&attempt, SET, body, None).await
    }
}
