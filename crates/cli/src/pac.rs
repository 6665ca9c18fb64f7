//! Command lines of the vendor's tool that people have in their scripts: its several-letter short
//! flags (`-cs`, `-env`, `-id`) mean nothing to an ordinary parser and become long ones here.
use std::ffi::OsString;

/// Noun, verb, and what each flag of it is called here.
type Verb = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Flags by noun and verb; an empty verb stands for every verb of the noun.
const FLAGS: &[Verb] = &[
    ("connection", "", &[("-env", "--environment"), ("-id", "--connection-id")]),
    ("connection", "create", &[("-cs", "--client-secret")]),
    ("connector", "", &[("-env", "--environment"), ("-id", "--connector-id")]),
    (
        "connector",
        "",
        &[
            ("-df", "--api-definition-file"),
            ("-pf", "--api-properties-file"),
            ("-sol", "--solution"),
        ],
    ),
    ("solution", "", &[("-env", "--environment")]),
    (
        "solution",
        "import",
        &[
            ("-af", "--activate-flows"),
            ("-ap", "--activate-plugins"),
            ("-cm", "--convert-to-managed"),
            ("-pc", "--publish-changes"),
            ("-slv", "--skip-lower-version"),
            ("-up", "--stage-and-upgrade"),
            ("-wt", "--max-async-wait-time"),
        ],
    ),
    ("solution", "export", &[("-ow", "--overwrite"), ("-wt", "--max-async-wait-time")]),
];

/// Replaces the flags of the vendor's tool behind its nouns; leaves everything else alone.
pub(crate) fn translate(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(noun) = (1..arguments.len().saturating_sub(1)).find(|&at| {
        FLAGS.iter().any(|(noun, ..)| arguments[at] == *noun)
            && !arguments[at + 1].as_encoded_bytes().starts_with(b"-")
    }) else {
        return arguments;
    };
    let (name, verb) = (arguments[noun].clone(), arguments[noun + 1].clone());
    let flags: Vec<_> = FLAGS
        .iter()
        .filter(|(noun, of, _)| name == *noun && (of.is_empty() || verb == *of))
        .flat_map(|(.., flags)| flags.iter())
        .collect();
    for argument in arguments.iter_mut().skip(noun + 2).take_while(|a| a.as_os_str() != "--") {
        if let Some((_, long)) = flags.iter().find(|(short, _)| argument == *short) {
            *argument = OsString::from(*long);
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let translated = translate(arguments).into_iter().map(|a| a.into_string().unwrap());
        translated.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_become_long_behind_their_noun_only() {
        let rows = [
            (
                "connref connection create -n X -a app -t tenant -cs secret -env DEV",
                "connref connection create -n X -a app -t tenant --client-secret secret --environment DEV",
            ),
            (
                "connref connector update -id c -df a.json -pf b.json",
                "connref connector update --connector-id c --api-definition-file a.json --api-properties-file b.json",
            ),
            ("connref connection delete -id 1", "connref connection delete --connection-id 1"),
            (
                "connref --env DEV solution import -p a.zip -af -slv",
                "connref --env DEV solution import -p a.zip --activate-flows --skip-lower-version",
            ),
            ("connref flow list -cs", "connref flow list -cs"),
            ("connref solution import -- -af", "connref solution import -- -af"),
            ("connref", "connref"),
        ];
        for (line, expected) in rows {
            assert_eq!(translated(line), expected);
        }
    }
}
