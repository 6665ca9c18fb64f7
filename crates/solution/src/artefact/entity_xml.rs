//! `Entities`, `EntityRelationships` and `optionsets` of customizations.xml: the tables that a
//! solution brings whole. What only changes a table that is elsewhere is left out.
use std::collections::BTreeMap;

use super::{Problems, word};
use crate::document::xml::{Node, XmlDocument};
use crate::model::table::{ColumnKind, PackageChoice, PackageColumn, PackageKey, PackageTable};

/// Parts of customizations.xml that this reads.
pub const READ: [&str; 3] = ["Entities", "EntityRelationships", "optionsets"];

/// Most tables of one solution.
const TABLES_MAX: usize = 500;
/// Most columns of one table.
const COLUMNS_MAX: usize = 1000;
/// Longest logical name: it becomes part of a name in the database.
const NAME_MAX: usize = 60;

/// Reads every table.
pub fn tables(document: &XmlDocument, problems: &mut Problems<'_>) -> Vec<PackageTable> {
    let root = document.root();
    let global = global_choices(root);
    let links = links(root);
    let mut tables: Vec<PackageTable> = Vec::new();
    for entity in below(root, "Entities", "Entity") {
        if tables.len() == TABLES_MAX {
            problems.add_at(entity, format!("more than {TABLES_MAX} tables; the rest is not read"));
            break;
        }
        if let Some(table) = table(entity, &global, &links, problems) {
            if tables.iter().any(|other| other.name == table.name) {
                problems.add_at(entity, format!("table `{}` is there twice", table.name));
            } else {
                tables.push(table);
            }
        }
    }
    for link in &links {
        if let Some(table) = tables.iter_mut().find(|table| table.name == link.to) {
            table.many.push((link.name.clone(), link.from.clone(), link.column.to_lowercase()));
        }
    }
    tables
}

/// A relationship: many `from` point to one `to`.
struct Link {
    name: String,
    from: String,
    to: String,
    /// As written: the navigation property of the lookup.
    column: String,
    /// It is the hierarchy of the table that it joins with itself.
    hierarchy: bool,
}

fn below<'a>(root: Node<'a>, list: &'a str, name: &'a str) -> impl Iterator<Item = Node<'a>> {
    root.child(list).into_iter().flat_map(Node::children).filter(move |child| child.name() == name)
}

fn links(root: Node<'_>) -> Vec<Link> {
    below(root, "EntityRelationships", "EntityRelationship")
        .filter(|node| word(*node, "EntityRelationshipType").as_deref() == Some("OneToMany"))
        .filter_map(|node| {
            let from = word(node, "ReferencingEntityName")?.to_lowercase();
            let to = word(node, "ReferencedEntityName")?.to_lowercase();
            Some(Link {
                name: node.attribute("Name").filter(|name| named(name))?.into_owned(),
                hierarchy: from == to && word(node, "IsHierarchical").as_deref() == Some("1"),
                from,
                to,
                column: word(node, "ReferencingAttributeName").filter(|name| named(name))?,
            })
        })
        .collect()
}

type Choices = BTreeMap<String, Vec<PackageChoice>>;

fn global_choices(root: Node<'_>) -> Choices {
    below(root, "optionsets", "optionset")
        .filter_map(|node| Some((node.attribute("Name")?.to_lowercase(), choices(node))))
        .collect()
}

/// Values of an option set of any kind, by number.
fn choices(set: Node<'_>) -> Vec<PackageChoice> {
    let lists = ["options", "states", "statuses"];
    let mut all: Vec<PackageChoice> = set
        .children()
        .filter(|list| lists.contains(&list.name()))
        .flat_map(Node::children)
        .filter_map(|option| {
            let value = option.attribute("value")?.trim().parse().ok()?;
            let label = option
                .child("labels")
                .and_then(|labels| labels.children().next())
                .and_then(|label| label.attribute("description"))
                .map_or_else(String::new, std::borrow::Cow::into_owned);
            Some((value, label))
        })
        .collect();
    all.sort_by_key(|(value, _)| *value);
    all.dedup_by_key(|(value, _)| *value);
    all
}

/// Whether a name can be one: letters, digits and `_`.
fn named(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn logical(name: &str) -> Option<String> {
    (named(name) && name.len() <= NAME_MAX).then(|| name.to_lowercase())
}

fn table(
    entity: Node<'_>,
    global: &Choices,
    links: &[Link],
    problems: &mut Problems<'_>,
) -> Option<PackageTable> {
    let name_node = entity.child("Name")?;
    let schema_name = name_node.text().trim().to_owned();
    let Some(name) = logical(&schema_name) else {
        problems.add_at(entity, "a table has no usable name");
        return None;
    };
    let info = entity.child("EntityInfo")?.child("entity")?;
    let mut columns: Vec<PackageColumn> = Vec::new();
    for node in info.child("attributes").into_iter().flat_map(Node::children) {
        if columns.len() == COLUMNS_MAX {
            problems.add_at(node, format!("more than {COLUMNS_MAX} columns; the rest is not read"));
            break;
        }
        if let Some(column) = column(node, &name, global, links, problems)
            && !columns.iter().any(|other| other.name == column.name)
        {
            columns.push(column);
        }
    }
    // Without its key it is a change of a table that another solution brings.
    if !columns.iter().any(|column| column.kind == ColumnKind::Id) {
        return None;
    }
    let keys = info
        .child("EntityKeys")
        .into_iter()
        .flat_map(Node::children)
        .filter_map(|node| key(node, &columns))
        .collect();
    let display_name = name_node.attribute("LocalizedName").unwrap_or_default();
    let set = word(info, "EntitySetName").filter(|set| named(set));
    Some(PackageTable {
        set: set.unwrap_or_else(|| format!("{name}s")),
        display_name: if display_name.is_empty() {
            schema_name.clone()
        } else {
            display_name.into()
        },
        owned: word(info, "OwnershipTypeMask").is_none_or(|mask| !mask.starts_with("Org")),
        name,
        schema_name,
        columns,
        keys,
        many: Vec::new(),
    })
}

fn key(node: Node<'_>, columns: &[PackageColumn]) -> Option<PackageKey> {
    let name = word(node, "LogicalName").or_else(|| word(node, "Name"))?;
    let parts: Vec<String> = node
        .child("EntityKeyAttributes")
        .or_else(|| node.child("KeyAttributes"))?
        .children()
        .map(|part| part.text().trim().to_lowercase())
        .collect();
    let known = |part: &String| columns.iter().any(|column| column.name == *part);
    (logical(&name).is_some() && !parts.is_empty() && parts.iter().all(known))
        .then(|| PackageKey { name: name.to_lowercase(), columns: parts })
}

fn column(
    node: Node<'_>,
    table: &str,
    global: &Choices,
    links: &[Link],
    problems: &mut Problems<'_>,
) -> Option<PackageColumn> {
    let written = word(node, "LogicalName").or_else(|| word(node, "Name"))?;
    let Some(name) = logical(&written) else {
        problems.add_at(node, "a column has no usable name");
        return None;
    };
    let kind = word(node, "Type").unwrap_or_default();
    let number = |tag: &str| word(node, tag).and_then(|text| text.parse::<u32>().ok());
    let set = || match node.child("optionset") {
        Some(set) => choices(set),
        None => word(node, "OptionSetName")
            .and_then(|name| global.get(&name.to_lowercase()).cloned())
            .unwrap_or_default(),
    };
    let places = || number("Accuracy").and_then(|n| u8::try_from(n).ok()).unwrap_or(2).min(10);
    let kind = match kind.as_str() {
        "primarykey" => ColumnKind::Id,
        "nvarchar" => {
            ColumnKind::Text(number("MaxLength").or_else(|| number("Length")).unwrap_or(100))
        }
        "ntext" => {
            ColumnKind::Memo(number("MaxLength").or_else(|| number("Length")).unwrap_or(2000))
        }
        "int" => ColumnKind::Int,
        "bigint" => ColumnKind::BigInt,
        "bit" => ColumnKind::Flag,
        "picklist" => ColumnKind::Choice(set()),
        "multiselectpicklist" => ColumnKind::Choices(set()),
        "state" => ColumnKind::State(set()),
        "status" => ColumnKind::Status(set()),
        "datetime" => ColumnKind::Time,
        "decimal" => ColumnKind::Decimal(places()),
        "money" => ColumnKind::Money,
        "float" => ColumnKind::Float(places().min(5)),
        "owner" => ColumnKind::Owner,
        "lookup" => {
            let link =
                links.iter().find(|l| l.from == table && l.column.eq_ignore_ascii_case(&name));
            let target = link.map(|link| link.to.clone()).or_else(|| standard_target(&name));
            let Some(target) = target else {
                problems.add_at(node, format!("lookup `{name}` of `{table}` leads nowhere"));
                return None;
            };
            // The service's own lookups have their logical name; those people made, the schema name.
            let custom = word(node, "IsCustomField").as_deref() == Some("1");
            let navigation =
                link.filter(|_| custom).map_or_else(|| name.clone(), |l| l.column.clone());
            ColumnKind::Lookup { target, navigation }
        }
        other => {
            problems.add_at(
                node,
                format!("column `{name}` of `{table}` is of the type `{other}`, which rows cannot hold here"),
            );
            return None;
        }
    };
    let hierarchy = links.iter().any(|link| {
        link.hierarchy && link.from == table && link.column.eq_ignore_ascii_case(&name)
    });
    let flag = |tag: &str| word(node, tag).is_some_and(|text| text == "1");
    let level = word(node, "RequiredLevel").unwrap_or_default();
    let mask = word(node, "DisplayMask").unwrap_or_default();
    Some(PackageColumn {
        primary_name: mask.split('|').any(|part| part == "PrimaryName"),
        // What the system fills in is required of it, not of who writes.
        required: matches!(level.as_str(), "required" | "applicationrequired")
            && kind != ColumnKind::Id
            && kind != ColumnKind::Owner,
        creatable: flag("ValidForCreateApi"),
        updatable: flag("ValidForUpdateApi"),
        hierarchy,
        name,
        kind,
    })
}

/// Where the lookups lead that every table has.
fn standard_target(name: &str) -> Option<String> {
    let target = match name {
        "createdby" | "modifiedby" | "createdonbehalfby" | "modifiedonbehalfby" | "owninguser" => {
            "systemuser"
        }
        "owningbusinessunit" => "businessunit",
        "owningteam" => "team",
        "organizationid" => "organization",
        _ => return None,
    };
    Some(target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::Problem;

    fn read(xml: &str) -> (Vec<PackageTable>, Vec<Problem>) {
        let document = XmlDocument::outline(xml.as_bytes().to_vec(), &READ).unwrap();
        let mut found = Vec::new();
        let tables = tables(&document, &mut Problems::new("customizations.xml", &mut found));
        (tables, found)
    }

    fn attribute(name: &str, kind: &str, more: &str) -> String {
        format!(
            "<attribute PhysicalName='{name}'><Type>{kind}</Type><LogicalName>{name}</LogicalName>\
             <ValidForCreateApi>1</ValidForCreateApi><IsCustomField>1</IsCustomField>{more}</attribute>"
        )
    }

    #[test]
    fn a_table_with_its_columns_keys_choices_and_relationships() {
        let columns = [
            attribute("con_thingid", "primarykey", ""),
            attribute(
                "con_name",
                "nvarchar",
                "<MaxLength>850</MaxLength><DisplayMask>PrimaryName|ValidForForm</DisplayMask><RequiredLevel>required</RequiredLevel>",
            ),
            attribute("con_size", "picklist", "<OptionSetName>con_sizes</OptionSetName>"),
            attribute("con_parent", "lookup", ""),
            attribute("con_price", "decimal", "<Accuracy>3</Accuracy>"),
            attribute("con_photo", "image", ""),
            attribute("con_lost", "lookup", ""),
        ];
        let xml = format!(
            "<ImportExportXml><Entities><Entity><Name LocalizedName='Thing'>con_Thing</Name><EntityInfo><entity Name='con_Thing'>\
             <attributes>{}</attributes><EntitySetName>con_things</EntitySetName><OwnershipTypeMask>OrgOwned</OwnershipTypeMask>\
             <EntityKeys><EntityKey><LogicalName>con_key</LogicalName><EntityKeyAttributes><AttributeName>con_name</AttributeName></EntityKeyAttributes></EntityKey></EntityKeys>\
             </entity></EntityInfo></Entity>\
             <Entity><Name>Contact</Name><EntityInfo><entity Name='Contact'><attributes/></entity></EntityInfo></Entity></Entities>\
             <EntityRelationships><EntityRelationship Name='con_thing_thing'><EntityRelationshipType>OneToMany</EntityRelationshipType>\
             <ReferencingEntityName>con_Thing</ReferencingEntityName><ReferencedEntityName>con_Thing</ReferencedEntityName>\
             <ReferencingAttributeName>con_Parent</ReferencingAttributeName></EntityRelationship></EntityRelationships>\
             <optionsets><optionset Name='con_sizes'><options><option value='2'><labels><label description='L' languagecode='1033'/></labels></option>\
             <option value='1'><labels><label description='S' languagecode='1033'/></labels></option></options></optionset></optionsets></ImportExportXml>",
            columns.concat()
        );
        let (tables, found) = read(&xml);
        let [table] = tables.as_slice() else { panic!("{tables:?}") };
        assert_eq!(
            (table.name.as_str(), table.set.as_str(), table.owned),
            ("con_thing", "con_things", false)
        );
        let kinds: Vec<_> =
            table.columns.iter().map(|c| (c.name.as_str(), c.kind.clone())).collect();
        assert_eq!(
            kinds,
            [
                ("con_thingid", ColumnKind::Id),
                ("con_name", ColumnKind::Text(850)),
                ("con_size", ColumnKind::Choice(vec![(1, "S".into()), (2, "L".into())])),
                (
                    "con_parent",
                    ColumnKind::Lookup {
                        target: "con_thing".into(),
                        navigation: "con_Parent".into()
                    }
                ),
                ("con_price", ColumnKind::Decimal(3)),
            ]
        );
        assert!(table.columns[1].primary_name && table.columns[1].required);
        assert_eq!(
            table.keys,
            [PackageKey { name: "con_key".into(), columns: vec!["con_name".into()] }]
        );
        assert_eq!(
            table.many,
            [("con_thing_thing".into(), "con_thing".into(), "con_parent".into())]
        );
        let told: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn names_that_are_none_are_told() {
        let xml = format!(
            "<ImportExportXml><Entities><Entity><Name>a b</Name></Entity><Entity><Name>con_x</Name><EntityInfo><entity><attributes>{}{}</attributes></entity></EntityInfo></Entity></Entities></ImportExportXml>",
            attribute("con_xid", "primarykey", ""),
            attribute("x; DROP TABLE y", "nvarchar", ""),
        );
        let (tables, found) = read(&xml);
        assert_eq!(tables[0].columns.len(), 1);
        assert_eq!(found.len(), 2);
    }
}
