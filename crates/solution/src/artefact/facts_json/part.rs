//! How parts of a facts file are spelled that serde does not know by itself: names and ids as
//! texts, moments as RFC 3339, lists of the mirrored rows.
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::*;
use crate::model::facts::*;
use crate::model::package::{FlowReference, FlowTrigger};
use crate::model::{Component, ConnectionId, PrincipalId};

/// Ids and names.
pub(super) mod text {
    use std::fmt::Display;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T: From<String>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        Ok(String::deserialize(from)?.into())
    }

    /// One that may be missing.
    pub(in super::super) mod option {
        use std::fmt::Display;

        use serde::{Deserialize, Deserializer, Serializer};

        pub(in super::super::super) fn serialize<T: Display, S: Serializer>(
            value: &Option<T>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => to.collect_str(value),
                None => to.serialize_none(),
            }
        }

        pub(in super::super::super) fn deserialize<'de, T: From<String>, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<T>, D::Error> {
            Ok(Option::<String>::deserialize(from)?.map(Into::into))
        }
    }

    /// A list of them.
    pub(in super::super) mod list {
        use std::fmt::Display;

        use serde::{Deserialize, Deserializer, Serializer};

        pub(in super::super::super) fn serialize<T: Display, S: Serializer>(
            value: &[T],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.collect_seq(value.iter().map(ToString::to_string))
        }

        pub(in super::super::super) fn deserialize<'de, T: From<String>, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Vec<T>, D::Error> {
            Ok(Vec::<String>::deserialize(from)?.into_iter().map(Into::into).collect())
        }
    }
}

/// Moments, RFC 3339 in UTC with up to six digits of a second.
pub(super) mod moment {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::Micros;

    /// Years that RFC 3339 can write, in microseconds.
    const RANGE: std::ops::RangeInclusive<Micros> =
        -62_135_596_800_000_000..=253_402_300_799_000_000;

    fn text(at: Micros) -> String {
        let at = at.clamp(*RANGE.start(), *RANGE.end());
        Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
    }

    fn parse<E: Error>(text: &str) -> Result<Micros, E> {
        let at: Timestamp = text.parse().map_err(|_| {
            E::custom(format!("`{}` is no moment such as 2026-11-24T09:30:00Z", cut(text)))
        })?;
        Ok(at.as_microsecond())
    }

    fn cut(text: &str) -> String {
        crate::artefact::cut(text)
    }

    pub(in super::super) fn serialize<S: Serializer>(
        at: &Micros,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(*at))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Micros, D::Error> {
        parse(&String::deserialize(from)?)
    }

    /// One that may be missing.
    pub(in super::super) mod option {
        use serde::{Deserialize, Deserializer, Serializer};

        use crate::model::Micros;

        pub(in super::super::super) fn serialize<S: Serializer>(
            at: &Option<Micros>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => to.serialize_str(&super::text(*at)),
                None => to.serialize_none(),
            }
        }

        pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Micros>, D::Error> {
            Option::<String>::deserialize(from)?.map(|text| super::parse(&text)).transpose()
        }
    }
}

macro_rules! lists {
    ($($name:ident: $row:ty as $mirror:literal;)*) => {$(
        pub(super) mod $name {
            use super::*;

            #[derive(Serialize)]
            struct Out<'a>(#[serde(with = $mirror)] &'a $row);

            #[derive(Deserialize)]
            struct In(#[serde(with = $mirror)] $row);

            pub(in super::super) fn serialize<S: Serializer>(
                rows: &[$row],
                to: S,
            ) -> Result<S::Ok, S::Error> {
                to.collect_seq(rows.iter().map(Out))
            }

            pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Vec<$row>, D::Error> {
                Ok(Vec::<In>::deserialize(from)?.into_iter().map(|row| row.0).collect())
            }
        }
    )*};
}

lists! {
    principals: PrincipalFacts as "PrincipalDef";
    teams: TeamFacts as "TeamDef";
    groups: GroupFacts as "GroupDef";
    connectors: ConnectorFacts as "ConnectorDef";
    connections: ConnectionFacts as "ConnectionDef";
    references: ReferenceFacts as "ReferenceDef";
    flows: FlowFacts as "FlowDef";
    variables: VariableFacts as "VariableDef";
    solutions: SolutionFacts as "SolutionDef";
    policies: PolicyFacts as "PolicyDef";
    components: Component as "ComponentDef";
    layers: LayerFacts as "LayerDef";
    managed_layers: ManagedLayer as "ManagedLayerDef";
    entries: FlowReference as "EntryDef";
    operations: FlowOperation as "OperationDef";
    acted: Acted as "ActedDef";
    areas: Area as "AreaDef";
}

macro_rules! options {
    ($($name:ident: $value:ty as $mirror:literal;)*) => {$(
        pub(super) mod $name {
            use super::*;

            #[derive(Serialize)]
            struct Out<'a>(#[serde(with = $mirror)] &'a $value);

            #[derive(Deserialize)]
            struct In(#[serde(with = $mirror)] $value);

            pub(in super::super) fn serialize<S: Serializer>(
                value: &Option<$value>,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                value.as_ref().map(Out).serialize(to)
            }

            pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Option<$value>, D::Error> {
                Ok(Option::<In>::deserialize(from)?.map(|value| value.0))
            }
        }
    )*};
}

options! {
    fingerprint: Fingerprint as "FingerprintDef";
    trigger: FlowTrigger as "TriggerDef";
    schedule: Schedule as "ScheduleDef";
}

/// Whom a connection is shared with, and how.
pub(super) mod shares {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Share {
        #[serde(with = "text")]
        principal: PrincipalId,
        #[serde(with = "ShareLevelDef")]
        level: ShareLevel,
    }

    pub(in super::super) fn serialize<S: Serializer>(
        rows: &[(PrincipalId, ShareLevel)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            rows.iter().map(|(to, level)| Share { principal: to.clone(), level: *level }),
        )
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(PrincipalId, ShareLevel)>, D::Error> {
        let rows = Vec::<Share>::deserialize(from)?;
        Ok(rows.into_iter().map(|row| (row.principal, row.level)).collect())
    }
}

/// The use of connections that turning a flow on granted.
pub(super) mod uses {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Use {
        #[serde(with = "text")]
        connection: ConnectionId,
        #[serde(with = "text")]
        granted_by: PrincipalId,
    }

    pub(in super::super) fn serialize<S: Serializer>(
        rows: &[(ConnectionId, PrincipalId)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            rows.iter().map(|(id, by)| Use { connection: id.clone(), granted_by: by.clone() }),
        )
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(ConnectionId, PrincipalId)>, D::Error> {
        let rows = Vec::<Use>::deserialize(from)?;
        Ok(rows.into_iter().map(|row| (row.connection, row.granted_by)).collect())
    }
}
