//! Own cases, by family of functions.

use crate::scope::{Still, check, check_errors, run_in, shown};
use serde_json::json;

#[test]
fn strings() {
    check(&[
        ("concat('a', 1, null, true, 2.50)", r#""a1True2.5""#),
        ("substring('hello', 1, 3)", r#""ell""#),
        ("substring('hello', 5)", r#""""#),
        ("slice('Hello World', -5)", r#""World""#),
        ("slice('Hello World', 2, 5)", r#""llo""#),
        ("replace('the old', 'old', 'new')", r#""the new""#),
        ("toLower('ÄB')", r#""äb""#),
        ("toUpper('straße')", r#""STRAßE""#),
        ("indexOf('hello World', 'WORLD')", "6"),
        ("indexOf('aÄb', 'äB')", "1"),
        ("lastIndexOf('abcABC', 'b')", "4"),
        ("nthIndexOf('abcabcabc', 'B', 2)", "4"),
        ("nthIndexOf('abcabcabc', 'b', -1)", "7"),
        ("nthIndexOf('abc', 'b', 2)", "-1"),
        ("startsWith('Hello', 'hE')", "true"),
        ("endsWith('Hello', 'LO')", "true"),
        ("split('a|b||c', '|')", r#"["a","b","","c"]"#),
        ("trim(' a b ')", r#""a b""#),
        ("length('a😀')", "3"),
        ("indexOf('😀b', 'b')", "2"),
        ("substring('😀bc', 2, 1)", r#""b""#),
        ("chunk('abcdefg', 3)", r#"["abc","def","g"]"#),
        ("trimByteOrderMark(decodeUriComponent('%EF%BB%BFx'))", r#""x""#),
        ("encodeXmlValue('<a b=\"c\">&''')", r#""&lt;a b=&quot;c&quot;&gt;&amp;&apos;""#),
        ("decodeXmlValue('&lt;&#65;&gt;')", r#""<A>""#),
        ("encodeXmlName('1 b')", r#""_x0031__x0020_b""#),
        ("decodeXmlName(encodeXmlName('1 b_x0020_ä'))", r#""1 b_x0020_ä""#),
        ("length(guid())", "36"),
        ("substring(guid(), 14, 1)", r#""4""#),
        ("length(guid('N'))", "32"),
        ("utf8Length('aä')", "3"),
    ]);
    check_errors(&[
        ("substring('abc', 1, 3)", "out of range"),
        ("toLower(null)", "to be a string. The provided value is of type 'Null'"),
        ("replace('a', 'b', 1)", "its third parameter to be of type string"),
        ("guid('Q')", "formats"),
        (
            "concat()",
            "expects at least one parameter. The function was invoked with '0' parameter(s)",
        ),
        ("slice('a')", "expects two to three parameters"),
    ]);
}

#[test]
fn collections() {
    check(&[
        ("contains(createArray(1, 2), 2.0)", "true"),
        ("contains(json('{\"Key\": null}'), 'key')", "true"),
        ("contains('Hello', 'hello')", "false"),
        ("length(createArray(1, null))", "2"),
        ("empty(null)", "true"),
        ("first(json('[]'))", "null"),
        ("last('a😀')", r#""😀""#),
        ("take('hello', 2)", r#""he""#),
        ("skip(createArray(1, 2, 3), 2)", "[3]"),
        ("skip(createArray(1), 5)", "[]"),
        ("join(createArray(1, true, null, 'x'), '-')", r#""1-True--x""#),
        ("chunk(createArray(1, 2, 3), 2)", "[[1,2],[3]]"),
        ("sort(createArray(3, 1.5, 2))", "[1.5,2,3]"),
        ("sort(createArray('b', 'a', 'B'))", r#"["B","a","b"]"#),
        ("sort(json('[{\"n\":2},{\"n\":1}]'), 'n')", r#"[{"n":1},{"n":2}]"#),
        ("reverse(createArray(1, 2))", "[2,1]"),
        ("union(createArray(1, 2, 2), createArray(3, 1))", "[1,2,3]"),
        ("union(json('{\"a\":1}'), json('{\"a\":2,\"b\":3}'))", r#"{"a":2,"b":3}"#),
        ("intersection(createArray(1, 2, 3), createArray(3, 2))", "[2,3]"),
        ("intersection(json('{\"a\":1,\"b\":2}'), json('{\"b\":2,\"a\":0}'))", r#"{"b":2}"#),
        (
            "union(json('[{\"a\":1,\"b\":[1]}]'), json('[{\"b\":[1],\"a\":1}]'))",
            r#"[{"a":1,"b":[1]}]"#,
        ),
        (
            "union(createArray('1', 1, null, ''), createArray(9007199254740993, 9007199254740992))",
            r#"["1",1,null,"",9007199254740993,9007199254740992]"#,
        ),
    ]);
    check_errors(&[
        ("length(null)", "be an array or a string. The provided value is of type 'Null'"),
        ("contains(1, 1)", "be a dictionary (object), an array or a string"),
        ("union(createArray(1), json('{}'))", "matching types"),
        ("chunk('abc', 0)", "greater than 0"),
        ("join(createArray(1))", "expects two parameters"),
    ]);
}

#[test]
fn logic() {
    check(&[
        ("equals(1, 1.0)", "true"),
        ("equals('a', 'A')", "false"),
        ("equals(null, '')", "false"),
        ("equals(true, 'True')", "true"),
        ("equals(createArray(1), createArray(1.0))", "true"),
        ("greater(2, 1.5)", "true"),
        ("less('B', 'a')", "true"),
        ("lessOrEquals(decimal('1.10'), 1.1)", "true"),
        ("not(equals(1, 2))", "true"),
        ("if(true, 1, div(1, 0))", "1"),
        ("or(true, div(1, 0))", "true"),
        ("isInt('12')", "true"),
        ("isInt('1.2')", "false"),
        ("isFloat('1.2')", "true"),
        ("NOT(False)", "true"),
    ]);
    check_errors(&[
        ("if(1, 2, 3)", "to be a boolean"),
        ("and(true, 'x')", "parameter 2 to be a boolean"),
        ("greater(null, 1)", "values of type 'Null' and 'Integer' that do not match"),
        ("not('true')", "be a boolean"),
        ("if(true, 1)", "expects three parameters"),
    ]);
}

#[test]
fn conversions() {
    check(&[
        ("int('10')", "10"),
        ("int(10.0)", "10"),
        ("float('10.333')", "10.333"),
        ("float('10,333', 'de-DE')", "10.333"),
        ("float('10')", "10.0"),
        ("decimal('1.2345')", "1.2345"),
        ("add(decimal('0.1'), decimal('0.2'))", "0.3"),
        ("add(0.1, 0.2)", "0.30000000000000004"),
        ("bool('TRUE')", "true"),
        ("string(createArray(1, 'a'))", r#""[1,\"a\"]""#),
        ("string(null)", r#""""#),
        ("json('[1.0, 2, \"x\"]')", r#"[1.0,2,"x"]"#),
        ("array('a')", r#"["a"]"#),
        ("createArray(null)", "[null]"),
        ("base64('hello')", r#""aGVsbG8=""#),
        ("base64ToString('aGVsbG8=')", r#""hello""#),
        ("decodeBase64('aGVsbG8=')", r#""hello""#),
        ("base64(binary('hello'))", r#""aGVsbG8=""#),
        ("string(base64ToBinary('aGVsbG8='))", r#""hello""#),
        ("encodeUriComponent('a b/ä~')", r#""a%20b%2F%C3%A4~""#),
        ("decodeUriComponent('a%20b%2f+')", r#""a b/+""#),
        ("string(uriComponentToBinary('a%20b'))", r#""a b""#),
        ("dataUri('hello')", r#""data:text/plain;charset=utf-8;base64,aGVsbG8=""#),
        ("dataUriToString(dataUri('hällo'))", r#""hällo""#),
    ]);
    check_errors(&[
        ("int('abc')", "Could not parse abc as int"),
        ("json('{')", "cannot be parsed as JSON"),
        ("json(null)", "be a string or an XML"),
        ("bool('yes')", "Could not parse"),
        ("base64ToString('a')", "base64"),
        ("float('1', 'xx-yy')", "does not know the culture 'xx-yy'"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("add(1, 2)", "3"),
        ("add(1, 2.5)", "3.5"),
        ("sub(1, 2)", "-1"),
        ("mul(3, 4)", "12"),
        ("div(11, 5)", "2"),
        ("div(-11, 5)", "-2"),
        ("div(11, 5.0)", "2.2"),
        ("mod(-3, 2)", "-1"),
        ("min(3, 1, 2)", "1"),
        ("max(createArray(3, 5.5, 2))", "5.5"),
        ("range(3, 4)", "[3,4,5,6]"),
        ("range(3, 0)", "[]"),
        ("rand(5, 6)", "5"),
        ("less(rand(0, 10), 10)", "true"),
    ]);
    check_errors(&[
        ("add(9223372036854775807, 1)", "too large"),
        ("div(1, 0)", "Attempt to divide an integral or decimal value by zero in function 'div'"),
        ("mod(decimal('1'), 0)", "by zero"),
        ("add('1', 2)", "be a number"),
        ("range(1, 1000000)", "100000"),
        ("max()", "at least one parameter"),
        ("max(json('[]'))", "at least one value"),
    ]);
}

#[test]
fn numbers_as_text() {
    check(&[
        ("formatNumber(1234567.891, 'N2')", r#""1,234,567.89""#),
        ("formatNumber(1234567.891, 'N2', 'de-DE')", r#""1.234.567,89""#),
        ("formatNumber(-17.35, 'C')", r#""-$17.35""#),
        ("formatNumber(17.35, 'C2', 'de-de')", r#""17,35 €""#),
        ("formatNumber(0.1234, 'P1')", r#""12.3%""#),
        ("formatNumber(42, 'D5')", r#""00042""#),
        ("formatNumber(255, 'X4')", r#""00FF""#),
        ("formatNumber(0.125, 'F2')", r#""0.13""#),
        ("formatNumber(12345.678, 'E3')", r#""1.235E+004""#),
        ("formatNumber(9.99, '0')", r#""10""#),
        ("formatNumber(5, '000')", r#""005""#),
        ("formatNumber(1234.5, '#,##0.00')", r#""1,234.50""#),
        ("formatNumber(0.5, '#.##')", r#"".5""#),
        ("formatNumber(0.25, '0%')", r#""25%""#),
        ("formatNumber(1234567, '0,,.0M')", r#""1.2M""#),
        ("formatNumber(-5, '0.0;(0.0);zero')", r#""(5.0)""#),
        ("formatNumber(0, '0.0;(0.0);zero')", r#""zero""#),
        ("formatNumber(5551234567, '(000) 000-0000')", r#""(555) 123-4567""#),
        ("formatNumber(1500, '0.0E+00')", r#""1.5E+03""#),
        ("formatNumber(3, '''n'' 0')", r#""n 3""#),
        ("formatNumber(-0.001, '0.00')", r#""0.00""#),
    ]);
    check_errors(&[
        ("formatNumber(1.5, 'D')", "not valid for this number"),
        ("formatNumber(1, 'N99999999999')", "precision"),
        ("formatNumber('1', 'N')", "to be a number"),
    ]);
}

#[test]
fn times() {
    check(&[
        ("utcNow()", r#""2024-02-29T13:45:30.1234560Z""#),
        ("utcNow('yyyy-MM-dd HH:mm')", r#""2024-02-29 13:45""#),
        ("getFutureTime(1, 'Year', 'd')", r#""2/28/2025""#),
        ("getPastTime(2, 'week', 'yyyy-MM-dd')", r#""2024-02-15""#),
        ("addDays('2018-03-15T13:00:00Z', 10)", r#""2018-03-25T13:00:00.0000000Z""#),
        ("addDays('2018-03-15', 1)", r#""2018-03-16T00:00:00.0000000""#),
        ("addToTime('2024-01-31T00:00:00Z', 1, 'Month', 's')", r#""2024-02-29T00:00:00""#),
        (
            "subtractFromTime('2024-03-01T00:00:00Z', 1, 'Day', 'D')",
            r#""Thursday, February 29, 2024""#,
        ),
        ("addSeconds('2018-03-15T00:00:00+02:00', -1)", r#""2018-03-14T21:59:59.0000000Z""#),
        ("addMinutes('2018-03-15T00:00:00Z', 90, 't')", r#""1:30 AM""#),
        ("addHours('12/31/2018 23:30', 1, 'g')", r#""1/1/2019 12:30 AM""#),
        ("dateDifference('2015-02-08', '2018-07-30')", r#""1268.00:00:00""#),
        (
            "dateDifference('2018-01-01T10:00:00Z', '2018-01-01T09:59:58.5Z')",
            r#""-00:00:01.5000000""#,
        ),
        ("startOfHour('2018-03-15T13:30:30Z')", r#""2018-03-15T13:00:00.0000000Z""#),
        ("startOfDay('2018-03-15T13:30:30Z', 'o')", r#""2018-03-15T00:00:00.0000000Z""#),
        ("startOfMonth('2018-03-15T13:30:30Z')", r#""2018-03-01T00:00:00.0000000Z""#),
        ("dayOfWeek('2018-03-15T13:30:30Z')", "4"),
        ("dayOfMonth('2018-03-15')", "15"),
        ("dayOfYear('2020-12-31')", "366"),
        ("ticks('2019-07-08')", "636981408000000000"),
        (
            "formatDateTime('2018-03-15T13:05:09.0070000Z', 'd/M/yy h:m:s.FFF tt')",
            r#""15/3/18 1:5:9.007 PM""#,
        ),
        ("formatDateTime('2018-03-15T13:05:09Z', 'R')", r#""Thu, 15 Mar 2018 13:05:09 GMT""#),
        (
            "formatDateTime('2018-03-15T13:05:09Z', 'dddd, dd. MMMM', 'de-DE')",
            r#""Donnerstag, 15. März""#,
        ),
        ("formatDateTime('2018-03-15', '%d')", r#""15""#),
        ("formatDateTime('2018-03-15', 'yyyy\\-''at''HH')", r#""2018-at00""#),
        ("formatDateTime('Thu, 15 Mar 2018 13:05:09 GMT')", r#""2018-03-15T13:05:09.0000000Z""#),
        ("formatDateTime('March 15, 2018 1:05 pm', 's')", r#""2018-03-15T13:05:00""#),
        ("parseDateTime('20/10/2014', 'fr-fr')", r#""2014-10-20T00:00:00.0000000""#),
        ("parseDateTime('20102014', 'fr-FR', 'ddMMyyyy')", r#""2014-10-20T00:00:00.0000000""#),
        (
            "parseDateTime('2014-10-20T15:04Z', 'en-US', 'yyyy-MM-ddTHH:mmK')",
            r#""2014-10-20T15:04:00.0000000Z""#,
        ),
        ("formatTimeSpan('1.02:03:04', 'd\\.hh\\:mm')", r#""1.02:03""#),
        ("formatTimeSpan('02:03:04.5', 'g')", r#""2:03:04.5""#),
    ]);
    check_errors(&[
        (
            "formatDateTime('abc')",
            "In function 'formatDateTime', the value provided for date time string 'abc' was not valid. The datetime string must match ISO 8601 format.",
        ),
        ("formatDateTime('2018-02-30')", "ISO 8601"),
        ("formatDateTime('2018-01-01', 'q')", "not valid"),
        ("formatDateTime('Mon, 15 Mar 2018 13:05:09 GMT')", "ISO 8601"),
        ("addDays('9999-12-31', 1)", "cannot be represented"),
        ("addToTime('2018-01-01', 1, 'Decade')", "'Decade'"),
        ("addDays('2018-01-01', 9223372036854775807)", "cannot be represented"),
    ]);
}

#[test]
fn time_zones() {
    check(&[
        (
            "convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time')",
            r#""2018-01-01T00:00:00.0000000""#,
        ),
        (
            "convertFromUtc('2018-07-01T08:00:00Z', 'W. Europe Standard Time', 's')",
            r#""2018-07-01T10:00:00""#,
        ),
        (
            "convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time')",
            r#""2018-01-01T08:00:00.0000000Z""#,
        ),
        (
            "convertTimeZone('2018-01-01T00:00:00', 'India Standard Time', 'UTC')",
            r#""2017-12-31T18:30:00.0000000Z""#,
        ),
        (
            "convertTimeZone('2018-01-01T08:00:00Z', 'utc', 'tokyo standard time', 'HH:mm')",
            r#""17:00""#,
        ),
        // Shown twice: the second time, in winter.
        (
            "convertToUtc('2023-10-29T02:30:00', 'W. Europe Standard Time', 's')",
            r#""2023-10-29T01:30:00""#,
        ),
        (
            "convertFromUtc('2018-07-01T08:00:00Z', 'Europe/Berlin', 's')",
            r#""2018-07-01T10:00:00""#,
        ),
    ]);
    check_errors(&[
        ("convertToUtc('2024-03-31T02:30:00', 'W. Europe Standard Time')", "does not exist"),
        ("convertFromUtc(utcNow(), '../../etc/passwd')", "not known"),
    ]);
}

#[test]
fn uris() {
    check(&[
        ("uriHost('https://User:x@Example.COM:8080/a/b?q=1#f')", r#""example.com""#),
        ("uriPath('https://example.com/a/b c?q=1')", r#""/a/b%20c""#),
        ("uriPath('https://example.com')", r#""/""#),
        ("uriPathAndQuery('https://example.com/a?q=1#f')", r#""/a?q=1""#),
        ("uriPort('https://example.com/')", "443"),
        ("uriPort('http://[::1]:8080/')", "8080"),
        ("uriScheme('HTTPS://example.com')", r#""https""#),
        ("uriQuery('https://example.com/?a=1')", r#""?a=1""#),
    ]);
    check_errors(&[
        ("uriHost('not a uri')", "absolute URI"),
        ("uriHost('https:///x')", "absolute URI"),
    ]);
}

#[test]
fn objects() {
    check(&[
        ("coalesce(null, 2)", "2"),
        ("addProperty(json('{}'), 'a', 1)", r#"{"a":1}"#),
        ("setProperty(json('{\"A\":1,\"b\":2}'), 'a', 3)", r#"{"b":2,"A":3}"#),
        ("removeProperty(json('{\"a\":1}'), 'A')", "{}"),
        ("mergeObjects(json('{\"a\":1}'), json('{\"a\":2,\"b\":3}'))", r#"{"a":2,"b":3}"#),
    ]);
    check_errors(&[("addProperty(json('{\"a\":1}'), 'A', 2)", "to not exist")]);
}

#[test]
fn xml() {
    check(&[
        (
            "string(xml(json('{\"a\":{\"@id\":\"1\",\"b\":[1,2.5,true,null,\"\"]}}')))",
            r#""<a id=\"1\"><b>1</b><b>2.5</b><b>true</b><b /><b></b></a>""#,
        ),
        ("json(xml('<a id=\"1\"><b>x</b><b/></a>'))", r#"{"a":{"@id":"1","b":["x",null]}}"#),
        ("xpath(xml('<a><b n=\"1\">x</b><b n=\"2\">y</b></a>'), '//b[@n=2]/text()')", r#"["y"]"#),
        ("xpath(xml('<a><b n=\"1\">x</b><b n=\"2\">y</b></a>'), 'string(/a/b[last()])')", r#""y""#),
        ("xpath(xml('<a><b n=\"1\"/><b n=\"2\"/></a>'), 'count(//b)')", "2.0"),
        ("xpath(xml('<a><b n=\"1\"/><b n=\"2\"/></a>'), '//@n')", r#"["1","2"]"#),
        ("xpath(xml('<a><b>1</b><b>2</b></a>'), 'sum(//b) * 2 - 1 div 2')", "5.5"),
        ("xpath(xml('<a><b/><c><b/></c></a>'), 'boolean(//c/b) and not(//d)')", "true"),
        (
            "xpath(xml('<a xmlns=\"urn:x\"><b>t</b></a>'), 'string(//*[local-name()=\"b\"])')",
            r#""t""#,
        ),
        ("xpath(xml('<a xmlns=\"urn:x\"><b>t</b></a>'), '//b')", "[]"),
        (
            "string(first(xpath(xml('<p:a xmlns:p=\"urn:x\"><p:b q=\"1\"/></p:a>'), '/*/*')))",
            r#""<p:b q=\"1\" xmlns:p=\"urn:x\" />""#,
        ),
        (
            "xpath(xml('<a><b>1</b><b>2</b><b>3</b></a>'), '//b[2]/following-sibling::b/text()')",
            r#"["3"]"#,
        ),
        (
            "xpath(xml('<a><b>1</b><b>2</b></a>'), '//b[position() < 2] | /a/b[2]/preceding::b')",
            r#"[{"$content-type":"application/xml;charset=utf-8","$content":"PGI+MTwvYj4="}]"#,
        ),
        ("xpath(xml('<a>  x  y </a>'), 'normalize-space(translate(/a, \"xy\", \"z\"))')", r#""z""#),
        ("xpath(xml('<a>12345</a>'), 'substring(/a, 2, 3)')", r#""234""#),
    ]);
    check_errors(&[
        ("xml('<a>&unknown;</a>')", "entity"),
        ("xml('<a><b></a>')", "does not match"),
        ("xml('<p:a/>')", "prefix `p` is not declared"),
        ("xml(json('{\"a\":1,\"b\":2}'))", "one property"),
        ("xpath(xml('<a/>'), '//p:a')", "local-name()"),
        ("xpath(xml('<a/>'), '//a[')", "step is missing"),
        ("xpath(xml('<a/>'), 'id(1)')", "`id` is not known"),
    ]);
}

#[test]
fn references() {
    let scope = Still::with(&[
        ("parameters/site", json!("https://example.com")),
        ("variables/count", json!(3)),
        (
            "actions/Get_it",
            json!({"status": "Succeeded", "outputs": {"statusCode": 200, "body": {"value": [{"a/b": 1, "c": {"d": 2}}]}}}),
        ),
        (
            "trigger/",
            json!({"outputs": {"body": {"text": "t", "$formdata": [{"key": "k", "value": "v"}]}}}),
        ),
        ("items/", json!({"id": 7})),
        ("items/Each", json!("outer")),
        ("iterations/Until", json!(4)),
        ("result/Scope", json!([{"status": "Failed"}])),
    ]);
    for (expression, expected) in [
        ("@parameters('SITE')", r#""https://example.com""#),
        ("@variables('count')", "3"),
        ("@outputs('get_it')?['body/value']?[0]?['a/b']", "1"),
        ("@outputs('Get_it')?['body/value'][0]['c/d']", "2"),
        ("@outputs('Get_it')?['body/other/deep']", "null"),
        ("@body('Get_it')['value'][0].C.D", "2"),
        ("@actions('Get_it').status", r#""Succeeded""#),
        ("@triggerBody()?['text']", r#""t""#),
        ("@triggerOutputs()?['body/text']", r#""t""#),
        ("@triggerFormDataValue('K')", r#""v""#),
        ("@item()?['id']", "7"),
        ("@items('each')", r#""outer""#),
        ("@iterationIndexes('Until')", "4"),
        ("@first(result('Scope'))?['status']", r#""Failed""#),
        ("@workflow()['tags']['environmentName']", r#""here""#),
    ] {
        let value =
            run_in(expression, &scope).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(value.to_json_string(), expected, "{expression}");
    }
    for (expression, part) in [
        ("@parameters('none')", "The workflow parameter 'none' is not found."),
        ("@variables('none')", "'none'"),
        ("@body('none')", "The template action 'none' is not defined"),
        ("@listCallbackUrl()", "not expected"),
        ("@appsetting('x')", "not available"),
    ] {
        let error = run_in(expression, &scope).expect_err(expression);
        assert_eq!(error.code, "InvalidTemplate");
        assert!(error.message.contains(part), "{expression}: {error}");
    }
}

#[test]
fn null_goes_on_and_wrong_types_do_not() {
    check(&[
        ("json('{\"a\":null}')?['a']?['b']", "null"),
        ("json('{\"a\":null}')?.b?.c?[0]", "null"),
        ("json('[1]')?[5]", "null"),
        ("json('[[1,2]]')[0][add(0, 1)]", "2"),
    ]);
    check_errors(&[
        (
            "json('{\"a\":1,\"b\":2}')['c']",
            "expression 'json('{\"a\":1,\"b\":2}')['c']' cannot be evaluated because property 'c' doesn't exist, available properties are 'a, b'.",
        ),
        (
            "json('{\"a\":null}')['a']['b']",
            "property 'b' cannot be selected. Property selection is not supported on values of type 'Null'.",
        ),
        (
            "concat('x')?.name1",
            "property 'name1' cannot be selected. Property selection is not supported on values of type 'String'.",
        ),
        ("json('[1]')[1]", "array index '1' is outside bounds (0, 0) of array."),
        ("json('[1]')?['a']", "Array elements can only be selected using an integer index."),
        ("json('{}')?[0]", "cannot be selected"),
    ]);
}

#[test]
fn numbers_read_from_json_keep_their_kind() {
    assert_eq!(shown("@json('{\"a\":1,\"b\":1.0,\"c\":1e2}')"), r#"{"a":1,"b":1.0,"c":100.0}"#);
}
