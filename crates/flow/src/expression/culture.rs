//! What differs between languages and countries when numbers and times are read and written.
//!
//! Names and separators are facts of the Unicode CLDR. A culture that is not listed is refused by
//! name rather than guessed.

use crate::value::names_equal;

/// In which order an all-digit date is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateOrder {
    MonthDay,
    DayMonth,
    YearMonth,
}

/// The conventions of one culture; patterns are in .NET's notation.
#[derive(Debug)]
pub(super) struct Culture {
    pub(super) name: &'static str,
    pub(super) decimal: &'static str,
    pub(super) group: &'static str,
    /// The currency's sign, and how an amount is written with it: `n` is the number.
    pub(super) currency: &'static str,
    pub(super) amount: &'static str,
    pub(super) percent: &'static str,
    pub(super) months: [&'static str; 12],
    pub(super) short_months: [&'static str; 12],
    /// From Sunday.
    pub(super) days: [&'static str; 7],
    pub(super) short_days: [&'static str; 7],
    pub(super) am: &'static str,
    pub(super) pm: &'static str,
    pub(super) date_separator: &'static str,
    pub(super) time_separator: &'static str,
    pub(super) order: DateOrder,
    pub(super) short_date: &'static str,
    pub(super) long_date: &'static str,
    pub(super) short_time: &'static str,
    pub(super) long_time: &'static str,
    pub(super) month_day: &'static str,
    pub(super) year_month: &'static str,
}

impl Culture {
    /// The culture without a country.
    pub(super) const INVARIANT: Self = Self {
        name: "",
        decimal: ".",
        group: ",",
        currency: "¤",
        amount: "$n",
        percent: "n %",
        months: [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        short_months: [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ],
        days: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
        short_days: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
        am: "AM",
        pm: "PM",
        date_separator: "/",
        time_separator: ":",
        order: DateOrder::MonthDay,
        short_date: "MM/dd/yyyy",
        long_date: "dddd, dd MMMM yyyy",
        short_time: "HH:mm",
        long_time: "HH:mm:ss",
        month_day: "MMMM dd",
        year_month: "yyyy MMMM",
    };

    /// The culture that functions use if none is named.
    pub(super) const US: Self = Self {
        name: "en-US",
        currency: "$",
        percent: "n%",
        short_date: "M/d/yyyy",
        long_date: "dddd, MMMM d, yyyy",
        short_time: "h:mm tt",
        long_time: "h:mm:ss tt",
        month_day: "MMMM d",
        year_month: "MMMM yyyy",
        ..Self::INVARIANT
    };

    /// A culture by name, in any case; without a name the one of the United States, with an empty
    /// name the invariant one. A name of a language alone gives its first country.
    ///
    /// # Errors
    /// The text that follows the name of the function, if the culture is not known.
    pub(super) fn named(name: Option<&str>) -> Result<&'static Self, String> {
        let Some(name) = name else {
            return Ok(&Self::US);
        };
        let known = || CULTURES.iter();
        let language = |culture: &&Self| {
            culture.name.split('-').next().is_some_and(|language| names_equal(language, name))
        };
        known()
            .find(|culture| names_equal(culture.name, name))
            .or_else(|| known().find(language))
            .ok_or_else(|| format!("does not know the culture '{name}'."))
    }
}

const BRITAIN: Culture = Culture {
    name: "en-GB",
    currency: "£",
    am: "am",
    pm: "pm",
    order: DateOrder::DayMonth,
    short_date: "dd/MM/yyyy",
    long_date: "dddd, d MMMM yyyy",
    short_time: "HH:mm",
    long_time: "HH:mm:ss",
    month_day: "d MMMM",
    ..Culture::US
};

const GERMANY: Culture = Culture {
    name: "de-DE",
    decimal: ",",
    group: ".",
    currency: "€",
    amount: "n $",
    percent: "n %",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    short_months: [
        "Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez",
    ],
    days: ["Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"],
    short_days: ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"],
    date_separator: ".",
    order: DateOrder::DayMonth,
    short_date: "dd.MM.yyyy",
    long_date: "dddd, d. MMMM yyyy",
    short_time: "HH:mm",
    long_time: "HH:mm:ss",
    month_day: "d. MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const FRANCE: Culture = Culture {
    name: "fr-FR",
    decimal: ",",
    group: "\u{202f}",
    currency: "€",
    amount: "n $",
    percent: "n %",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    short_months: [
        "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.",
        "déc.",
    ],
    days: ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"],
    short_days: ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."],
    order: DateOrder::DayMonth,
    short_date: "dd/MM/yyyy",
    long_date: "dddd d MMMM yyyy",
    month_day: "d MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const SPAIN: Culture = Culture {
    name: "es-ES",
    decimal: ",",
    group: ".",
    currency: "€",
    amount: "n $",
    percent: "n %",
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    short_months: [
        "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic",
    ],
    days: ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    short_days: ["dom", "lun", "mar", "mié", "jue", "vie", "sáb"],
    am: "a.\u{a0}m.",
    pm: "p.\u{a0}m.",
    order: DateOrder::DayMonth,
    short_date: "d/M/yyyy",
    long_date: "dddd, d 'de' MMMM 'de' yyyy",
    short_time: "H:mm",
    long_time: "H:mm:ss",
    month_day: "d 'de' MMMM",
    year_month: "MMMM 'de' yyyy",
    ..Culture::INVARIANT
};

const ITALY: Culture = Culture {
    name: "it-IT",
    decimal: ",",
    group: ".",
    currency: "€",
    amount: "n $",
    percent: "n%",
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    short_months: [
        "gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic",
    ],
    days: ["domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"],
    short_days: ["dom", "lun", "mar", "mer", "gio", "ven", "sab"],
    order: DateOrder::DayMonth,
    short_date: "dd/MM/yyyy",
    long_date: "dddd d MMMM yyyy",
    month_day: "d MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const NETHERLANDS: Culture = Culture {
    name: "nl-NL",
    decimal: ",",
    group: ".",
    currency: "€",
    amount: "$ n",
    percent: "n%",
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec",
    ],
    days: ["zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"],
    short_days: ["zo", "ma", "di", "wo", "do", "vr", "za"],
    am: "a.m.",
    pm: "p.m.",
    date_separator: "-",
    order: DateOrder::DayMonth,
    short_date: "dd-MM-yyyy",
    long_date: "dddd d MMMM yyyy",
    month_day: "d MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const BRAZIL: Culture = Culture {
    name: "pt-BR",
    decimal: ",",
    group: ".",
    currency: "R$",
    amount: "$ n",
    percent: "n%",
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    short_months: [
        "jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.",
        "dez.",
    ],
    days: [
        "domingo",
        "segunda-feira",
        "terça-feira",
        "quarta-feira",
        "quinta-feira",
        "sexta-feira",
        "sábado",
    ],
    short_days: ["dom.", "seg.", "ter.", "qua.", "qui.", "sex.", "sáb."],
    order: DateOrder::DayMonth,
    short_date: "dd/MM/yyyy",
    long_date: "dddd, d 'de' MMMM 'de' yyyy",
    month_day: "d 'de' MMMM",
    year_month: "MMMM 'de' yyyy",
    ..Culture::INVARIANT
};

const DENMARK: Culture = Culture {
    name: "da-DK",
    decimal: ",",
    group: ".",
    currency: "kr.",
    amount: "n $",
    percent: "n %",
    months: [
        "januar",
        "februar",
        "marts",
        "april",
        "maj",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan.", "feb.", "mar.", "apr.", "maj", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.",
        "dec.",
    ],
    days: ["søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"],
    short_days: ["søn.", "man.", "tirs.", "ons.", "tors.", "fre.", "lør."],
    date_separator: ".",
    time_separator: ".",
    order: DateOrder::DayMonth,
    short_date: "dd.MM.yyyy",
    long_date: "dddd 'den' d. MMMM yyyy",
    short_time: "HH.mm",
    long_time: "HH.mm.ss",
    month_day: "d. MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const SWEDEN: Culture = Culture {
    name: "sv-SE",
    decimal: ",",
    group: "\u{a0}",
    currency: "kr",
    amount: "n $",
    percent: "n %",
    months: [
        "januari",
        "februari",
        "mars",
        "april",
        "maj",
        "juni",
        "juli",
        "augusti",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.",
        "dec.",
    ],
    days: ["söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"],
    short_days: ["sön", "mån", "tis", "ons", "tors", "fre", "lör"],
    am: "fm",
    pm: "em",
    date_separator: "-",
    order: DateOrder::YearMonth,
    short_date: "yyyy-MM-dd",
    long_date: "'den' d MMMM yyyy",
    month_day: "d MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const NORWAY: Culture = Culture {
    name: "nb-NO",
    decimal: ",",
    group: "\u{a0}",
    currency: "kr",
    amount: "n $",
    percent: "n %",
    months: [
        "januar",
        "februar",
        "mars",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "desember",
    ],
    short_months: [
        "jan.", "feb.", "mars", "apr.", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.",
        "des.",
    ],
    days: DENMARK.days,
    short_days: ["søn.", "man.", "tir.", "ons.", "tor.", "fre.", "lør."],
    am: "a.m.",
    pm: "p.m.",
    date_separator: ".",
    order: DateOrder::DayMonth,
    short_date: "dd.MM.yyyy",
    long_date: "dddd d. MMMM yyyy",
    month_day: "d. MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const ICELAND: Culture = Culture {
    name: "is-IS",
    decimal: ",",
    group: ".",
    currency: "kr",
    amount: "n $",
    percent: "n%",
    months: [
        "janúar",
        "febrúar",
        "mars",
        "apríl",
        "maí",
        "júní",
        "júlí",
        "ágúst",
        "september",
        "október",
        "nóvember",
        "desember",
    ],
    short_months: [
        "jan.", "feb.", "mar.", "apr.", "maí", "jún.", "júl.", "ágú.", "sep.", "okt.", "nóv.",
        "des.",
    ],
    days: [
        "sunnudagur",
        "mánudagur",
        "þriðjudagur",
        "miðvikudagur",
        "fimmtudagur",
        "föstudagur",
        "laugardagur",
    ],
    short_days: ["sun.", "mán.", "þri.", "mið.", "fim.", "fös.", "lau."],
    am: "f.h.",
    pm: "e.h.",
    date_separator: ".",
    order: DateOrder::DayMonth,
    short_date: "d.M.yyyy",
    long_date: "dddd, d. MMMM yyyy",
    month_day: "d. MMMM",
    year_month: "MMMM yyyy",
    ..Culture::INVARIANT
};

const JAPAN: Culture = Culture {
    name: "ja-JP",
    currency: "￥",
    percent: "n%",
    months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months: [
        "1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月",
    ],
    days: ["日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"],
    short_days: ["日", "月", "火", "水", "木", "金", "土"],
    am: "午前",
    pm: "午後",
    order: DateOrder::YearMonth,
    short_date: "yyyy/MM/dd",
    long_date: "yyyy年M月d日dddd",
    short_time: "H:mm",
    long_time: "H:mm:ss",
    month_day: "M月d日",
    year_month: "yyyy年M月",
    ..Culture::INVARIANT
};

static CULTURES: &[Culture] = &[
    Culture::INVARIANT,
    Culture::US,
    BRITAIN,
    Culture { name: "en-CA", short_date: "yyyy-MM-dd", date_separator: "-", ..Culture::US },
    Culture {
        name: "en-AU",
        currency: "$",
        short_date: "d/M/yyyy",
        short_time: "h:mm tt",
        long_time: "h:mm:ss tt",
        ..BRITAIN
    },
    Culture {
        name: "en-NZ",
        currency: "$",
        short_date: "d/MM/yyyy",
        short_time: "h:mm tt",
        long_time: "h:mm:ss tt",
        ..BRITAIN
    },
    Culture { name: "en-IE", currency: "€", short_date: "d/M/yyyy", ..BRITAIN },
    GERMANY,
    Culture { name: "de-AT", group: "\u{a0}", amount: "$ n", ..GERMANY },
    Culture {
        name: "de-CH",
        decimal: ".",
        group: "’",
        currency: "CHF",
        amount: "$ n",
        percent: "n%",
        ..GERMANY
    },
    FRANCE,
    Culture { name: "fr-BE", short_date: "dd-MM-yy", date_separator: "-", ..FRANCE },
    Culture {
        name: "fr-CA",
        group: "\u{a0}",
        currency: "$",
        order: DateOrder::YearMonth,
        short_date: "yyyy-MM-dd",
        date_separator: "-",
        ..FRANCE
    },
    Culture {
        name: "fr-CH",
        currency: "CHF",
        short_date: "dd.MM.yyyy",
        date_separator: ".",
        percent: "n%",
        ..FRANCE
    },
    SPAIN,
    Culture {
        name: "es-MX",
        decimal: ".",
        group: ",",
        currency: "$",
        amount: "$n",
        percent: "n%",
        short_date: "dd/MM/yyyy",
        ..SPAIN
    },
    ITALY,
    NETHERLANDS,
    Culture { name: "nl-BE", short_date: "d/MM/yyyy", date_separator: "/", ..NETHERLANDS },
    BRAZIL,
    Culture { name: "pt-PT", group: "\u{a0}", currency: "€", amount: "n $", ..BRAZIL },
    DENMARK,
    SWEDEN,
    NORWAY,
    Culture { name: "no-NO", ..NORWAY },
    ICELAND,
    JAPAN,
];
