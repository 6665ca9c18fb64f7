//! From the text of an XPath expression to a tree.

use super::lex::{Operator, Token, tokens};

/// How many parts an expression may have; bounds the depth of the tree too.
const MAX_PARTS: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Parent,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
    Following,
    Preceding,
    Attribute,
    Itself,
}

const AXES: [(&str, Axis); 12] = [
    ("child", Axis::Child),
    ("descendant", Axis::Descendant),
    ("descendant-or-self", Axis::DescendantOrSelf),
    ("parent", Axis::Parent),
    ("ancestor", Axis::Ancestor),
    ("ancestor-or-self", Axis::AncestorOrSelf),
    ("following-sibling", Axis::FollowingSibling),
    ("preceding-sibling", Axis::PrecedingSibling),
    ("following", Axis::Following),
    ("preceding", Axis::Preceding),
    ("attribute", Axis::Attribute),
    ("self", Axis::Itself),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Elements (or attributes) of any name.
    Any,
    Name(String),
    Node,
    Text,
    Comment,
    Instruction(Option<String>),
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

#[derive(Debug)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    Call(String, Vec<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// Steps from the root (`/a/b`) or from where the expression stands (`a/b`).
    Path {
        absolute: bool,
        steps: Vec<Step>,
    },
    /// An expression with predicates and steps after it.
    Filter {
        base: Box<Expr>,
        predicates: Vec<Expr>,
        steps: Vec<Step>,
    },
}

/// Parses an expression.
///
/// # Errors
/// The text of what is wrong.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0, parts: 0 };
    let expr = parser.binary(0)?;
    if parser.peek() != &Token::End {
        return Err("there is something after its end".to_owned());
    }
    Ok(expr)
}

fn operator(token: &Token) -> Option<(Operator, u8)> {
    let operator = match token {
        Token::Operator(operator) => *operator,
        Token::Sign(sign) => match *sign {
            "|" => Operator::Union,
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return None,
        },
        _ => return None,
    };
    let strength = match operator {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Equal | Operator::NotEqual => 3,
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => 4,
        Operator::Add | Operator::Subtract => 5,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 6,
        Operator::Union => 8,
    };
    Some((operator, strength))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    parts: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    /// Counts a part; every recursion passes here.
    fn count(&mut self) -> Result<(), String> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(format!("it has more than {MAX_PARTS} parts"));
        }
        Ok(())
    }

    fn binary(&mut self, least: u8) -> Result<Expr, String> {
        const NEGATION: u8 = 7;
        self.count()?;
        let mut left = if self.take("-") {
            Expr::Negate(Box::new(self.binary(NEGATION)?))
        } else {
            self.path()?
        };
        while let Some((operator, strength)) =
            operator(self.peek()).filter(|(_, strength)| *strength > least)
        {
            self.at += 1;
            let right = self.binary(strength)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn path(&mut self) -> Result<Expr, String> {
        let base = match self.peek().clone() {
            Token::Number(value) => {
                self.at += 1;
                Expr::Number(value)
            }
            Token::Text(text) => {
                self.at += 1;
                Expr::Text(text)
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.binary(0)?;
                self.expect(")")?;
                inner
            }
            Token::Name(name) if self.is_call(&name) => self.call(name)?,
            _ => return self.location(),
        };
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        self.more_steps(&mut steps)?;
        if predicates.is_empty() && steps.is_empty() {
            return Ok(base);
        }
        Ok(Expr::Filter { base: Box::new(base), predicates, steps })
    }

    fn is_call(&self, name: &str) -> bool {
        let node_type = matches!(name, "node" | "text" | "comment" | "processing-instruction");
        self.tokens.get(self.at + 1) == Some(&Token::Sign("(")) && !node_type
    }

    fn call(&mut self, name: String) -> Result<Expr, String> {
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.is(")") {
            arguments.push(self.binary(0)?);
            while self.take(",") {
                arguments.push(self.binary(0)?);
            }
        }
        self.expect(")")?;
        Ok(Expr::Call(name, arguments))
    }

    fn location(&mut self) -> Result<Expr, String> {
        let mut steps = Vec::new();
        let absolute = self.is("/") || self.is("//");
        if self.take("/") {
            let more = matches!(self.peek(), Token::Name(_) | Token::Sign("." | ".." | "@" | "*"));
            if !more {
                return Ok(Expr::Path { absolute, steps });
            }
        } else if self.take("//") {
            steps.push(any_depth());
        }
        steps.push(self.step()?);
        self.more_steps(&mut steps)?;
        Ok(Expr::Path { absolute, steps })
    }

    fn more_steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            if self.take("//") {
                steps.push(any_depth());
            } else if !self.take("/") {
                return Ok(());
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        self.count()?;
        for (sign, axis) in [(".", Axis::Itself), ("..", Axis::Parent)] {
            if self.take(sign) {
                return Ok(Step { axis, test: Test::Node, predicates: Vec::new() });
            }
        }
        let mut axis = Axis::Child;
        if self.take("@") {
            axis = Axis::Attribute;
        } else if let Token::Name(name) = self.peek()
            && self.tokens.get(self.at + 1) == Some(&Token::Sign("::"))
        {
            let known = AXES.iter().find(|(known, _)| known == name);
            axis =
                known.ok_or_else(|| format!("the axis `{name}` is not known or not supported"))?.1;
            self.at += 2;
        }
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.take("*") {
            return Ok(Test::Any);
        }
        let Token::Name(name) = self.peek().clone() else {
            return Err("a step is missing".to_owned());
        };
        self.at += 1;
        if !self.take("(") {
            if name.contains(':') {
                return Err(format!("the prefix of `{name}` is not defined, use `local-name()`"));
            }
            return Ok(Test::Name(name));
        }
        let test = match name.as_str() {
            "node" => Test::Node,
            "text" => Test::Text,
            "comment" => Test::Comment,
            "processing-instruction" => match self.peek().clone() {
                Token::Text(target) => {
                    self.at += 1;
                    Test::Instruction(Some(target))
                }
                _ => Test::Instruction(None),
            },
            _ => return Err(format!("`{name}` is not a test of nodes")),
        };
        self.expect(")")?;
        Ok(test)
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, String> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.binary(0)?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

/// What `//` stands for.
fn any_depth() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() }
}
