//! A person with a browser, as far as a sign-in needs one: cookies, redirects, and forms that are
//! filled in and sent.
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use url::Url;

/// Most pages of one sign-in.
const PAGES: usize = 20;

/// A browser.
#[derive(Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

/// Where a sign-in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The browser was sent to another origin: not opened yet.
    Elsewhere(Url),
    /// A page without a form.
    Page(String),
}

impl Browser {
    /// Opens an address and fills in every form as this person, until there is none left.
    ///
    /// # Panics
    /// If a page is no page, or they do not end.
    #[must_use]
    #[track_caller]
    pub fn sign_in(&mut self, address: &str, login: &str) -> Ended {
        let mut url: Url = address.parse().expect("an address");
        let mut form: Option<String> = None;
        for _ in 0..PAGES {
            let (status, location, body) = self.request(&url, form.as_deref());
            form = None;
            if let Some(location) = location {
                let next = url.join(&location).expect("a redirect leads somewhere");
                if next.origin() != url.origin() {
                    return Ended::Elsewhere(next);
                }
                url = next;
                continue;
            }
            assert_eq!(status, 200, "{url}: {body}");
            let Some((action, fields)) = filled(&body, login) else { return Ended::Page(body) };
            url = url.join(&action).expect("a form is sent somewhere");
            form = Some(fields);
        }
        panic!("the sign-in does not end: {url}");
    }

    /// Opens an address that answers without redirecting, for example the one a sign-in ended with.
    #[track_caller]
    pub fn open(&mut self, url: &Url) -> (u16, String) {
        let (status, _, body) = self.request(url, None);
        (status, body)
    }

    /// Fills in the first form of a page and presses its first button; answers where that leads to,
    /// or the page that comes.
    ///
    /// # Panics
    /// If the page has no form.
    #[must_use]
    #[track_caller]
    pub fn press(&mut self, at: &Url, page: &str) -> Ended {
        let (action, fields) =
            filled(page, "").unwrap_or_else(|| panic!("a page without a form: {page}"));
        let url = at.join(&action).expect("a form is sent somewhere");
        let (status, location, body) = self.request(&url, Some(&fields));
        match location {
            Some(location) => {
                Ended::Elsewhere(url.join(&location).expect("a redirect leads somewhere"))
            }
            None => {
                assert_eq!(status, 200, "{url}: {body}");
                Ended::Page(body)
            }
        }
    }

    #[track_caller]
    fn request(&mut self, url: &Url, form: Option<&str>) -> (u16, Option<String>, String) {
        let address = (url.host_str().expect("a host"), url.port().expect("a port"));
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let mut text = format!(
            "{} {path} HTTP/1.1\r\nHost: {}:{}\r\nCookie: {}\r\nAccept: text/html\r\nConnection: close\r\n",
            if form.is_some() { "POST" } else { "GET" },
            address.0,
            address.1,
            cookies.join("; "),
        );
        let body = form.unwrap_or_default();
        if form.is_some() {
            text += &format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).expect("it can be sent");
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).expect("the server answers");
        let answer = crate::http::parse(&raw);
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                let pair = value.split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                self.cookies.insert(name.to_owned(), value.to_owned());
                if value.is_empty() {
                    self.cookies.remove(name);
                }
            }
        }
        let location = answer.header("location").map(str::to_owned);
        (answer.status, location, String::from_utf8_lossy(&answer.body).into_owned())
    }
}

/// The action of the page's first form, and its fields filled in.
fn filled(page: &str, login: &str) -> Option<(String, String)> {
    let form = &page[page.find("<form")?..];
    let form = &form[..form.find("</form>")?];
    let tag = &form[..form.find('>')?];
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for input in form.split("<input").skip(1) {
        let input = &input[..input.find('>')?];
        let Some(name) = attribute(input, "name") else { continue };
        let value = match name.as_str() {
            "login" => login.to_owned(),
            "password" => "any".to_owned(),
            _ => attribute(input, "value").unwrap_or_default(),
        };
        fields.append_pair(&name, &value);
    }
    // Pressing a button sends its name.
    if let Some(button) = form.split("<button").nth(1).and_then(|rest| rest.split('>').next())
        && let Some(name) = attribute(button, "name")
    {
        fields.append_pair(&name, &attribute(button, "value").unwrap_or_default());
    }
    Some((attribute(tag, "action").unwrap_or_default(), fields.finish()))
}

/// The address of the page's first link.
///
/// # Panics
/// If there is none.
#[must_use]
#[track_caller]
pub fn link(page: &str) -> String {
    let tag = page.split("<a ").nth(1).and_then(|rest| rest.split('>').next());
    let found = tag.and_then(|tag| attribute(&format!(" {tag}"), "href"));
    found.unwrap_or_else(|| panic!("a page without a link: {page}"))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
    Some(rest[..rest.find('"')?].replace("&amp;", "&"))
}
