//! Filters as clients write them, and texts no client writes.
use connref_store::query::{Query, table_by_set};
use proptest::prelude::*;

use super::filter::{parse, parse_metadata};
use super::filter_function::Surroundings;
use super::options;
use super::path;
use super::prefer::Prefer;
use super::query_string::QueryString;

const ADDRESS: &str = "@p1=%5B'1','2'%5D&@d=2024-01-01&@t='x'";

fn shown(set: &str, filter: &str) -> String {
    let query = QueryString::parse(ADDRESS).unwrap();
    let around = Surroundings {
        query: &query,
        now: 1_704_164_645_000_000,
        user: "00000001-0000-0000-0000-000000000000",
        ..Surroundings::bare(&query)
    };
    match parse(table_by_set(set).unwrap(), filter, &around) {
        Ok(expr) => format!("{expr:?}"),
        Err(fault) => format!("! {} {fault}", fault.status.as_u16()),
    }
}

#[test]
fn filters_as_clients_write_them() {
    let filters = [
        "name eq 'O''Neil'",
        "category eq 5 and (statecode ne 1 or not contains(name,'x'))",
        "category eq 5 and statecode eq 1 or type eq 1",
        "_ownerid_value eq d21aab70-79e7-11dd-8874-00188b01e34f",
        "workflowid ne 'd21aab70-79e7-11dd-8874-00188b01e34f'",
        "createdon ge 2024-01-02T03:04:05Z and createdon lt '2024-02-01'",
        "modifiedon gt 2024-01-02T03:04:05.5+02:00",
        "ownerid/fullname eq 'Ada'",
        "description eq null",
        "ismanaged eq false",
        "5 lt category",
        "createdon eq modifiedon",
        "Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=['0','1'])",
        "Microsoft.Dynamics.CRM.NotIn(PropertyName=@t,PropertyValues=@p1)",
        "Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=@p1)",
        "Microsoft.Dynamics.CRM.Between(PropertyName='createdon',PropertyValues=[\"2024-01-01\",\"2024-02-01\"])",
        "Microsoft.Dynamics.CRM.On(PropertyName='createdon',PropertyValue=@d)",
        "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)",
        "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')",
        "Microsoft.Dynamics.CRM.Under(PropertyName='ownerid',PropertyValue='x')",
        "name eq @t",
        "name eq @nosuch",
        "startswith(name,'a') and endswith(name,'b')",
        "name like 'x'",
        "name eq",
        "name eq 'x",
        "name eq 'x' and",
        "(name eq 'x'",
        "name eq 'x')",
        "nosuch eq 1",
        "name/x eq 1",
        "tolower(name) eq 'x'",
        "workflow_children/any(o:o/x eq 1)",
        "1 eq 1",
        "createdon gt 'soon'",
        "",
    ];
    let shown: Vec<_> = filters
        .iter()
        .map(|filter| format!("{filter}\n    {}", shown("workflows", filter)))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn metadata_filters() {
    let query = QueryString::default();
    let around = Surroundings::bare(&query);
    assert!(parse_metadata("LogicalName eq 'x' or IsCustomEntity eq false", &around).is_ok());
    assert!(parse_metadata("ObjectTypeCode gt 5 and not (SchemaName le null)", &around).is_ok());
    assert!(
        parse_metadata("AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode(1)", &around)
            .is_err()
    );
}

#[test]
fn deep_nesting_is_refused_without_falling_over() {
    let deep = format!("{}name eq 'x'{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(shown("workflows", &deep).starts_with("! 400"));
    assert!(shown("workflows", &"not ".repeat(8000)).starts_with("! 400"));
}

fn options_of(set: &str, text: &str) -> Result<(Query, String), String> {
    let query = QueryString::parse(text).map_err(|fault| fault.message)?;
    let around = Surroundings::bare(&query);
    options::parse(table_by_set(set).unwrap(), &query, &Prefer::default(), &around)
        .map(|options| (options.query, options.shape))
        .map_err(|fault| fault.message)
}

#[test]
fn options_as_clients_write_them() {
    let texts = [
        "$select=uniquename,_publisherid_value&$orderby=createdon desc,uniquename&$top=3&$count=true",
        "%24select=uniquename&%24expand=publisherid(%24select=friendlyname,uniquename)&api-version=9.1",
        "$expand=publisherid,solution_solutioncomponent($select=objectid;$filter=componenttype eq 29;$top=2)",
        "$filter=ismanaged+eq+false",
        "$skip=3",
        "$apply=aggregate($count as n)",
        "$expand=publisherid($expand=organizationid)",
        "$expand=nosuch",
        "$expand=publisherid($select=friendlyname",
        "$orderby=createdon sideways",
        "$top=-1",
        "$count=maybe",
        "$nonsense=1",
        "sql=SELECT 1",
        "fetchXml=<fetch/>",
        "$skiptoken=nonsense",
    ];
    let shown: Vec<_> = texts
        .iter()
        .map(|text| match options_of("solutions", text) {
            Ok((query, shape)) => format!(
                "{text}\n    {shape} select {:?} order {:?} top {:?} count {} filter {:?}\n    expand {:?}",
                query.select, query.order, query.top, query.count, query.filter, query.expand
            ),
            Err(why) => format!("{text}\n    ! {why}"),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,200}") {
        let query = QueryString::parse(&text).unwrap_or_default();
        let around = Surroundings::bare(&query);
        let table = table_by_set("workflows").unwrap();
        drop(parse(table, &text, &around));
        drop(path::parse(&text));
        drop(options_of("solutions", &text));
    }

    #[test]
    fn no_heap_of_words_makes_the_filter_parser_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "(", ")", ",", "and", "or", "not", "eq", "name", "'x'", "'", "null", "5", "[1]", "[",
                "contains(", "=", "@p1", "Microsoft.Dynamics.CRM.In(", "PropertyName='name'",
                "PropertyValues=['a']", "ownerid/fullname", "2024-01-01", "-9999-01-01T00:00:00Z",
                "Microsoft.Dynamics.CRM.LastXDays(", "createdon", "PropertyValue=999999",
            ]),
            0..30,
        )
    ) {
        shown("workflows", &words.join(" "));
    }
}
