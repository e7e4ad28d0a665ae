//! The mistakes: comparisons shifted and turned round, conditions turned round, "and" for "or", one more for one less,
//! statements left out, guards always or never true, functions that answer nothing.

use std::collections::BTreeSet;

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, ReturnType, Signature, Stmt, Type, UnOp, parse_quote};

/// Methods whose answer is yes or no.
const QUESTIONS: &[&str] =
    &["any", "all", "contains", "contains_key", "starts_with", "ends_with", "eq", "eq_ignore_ascii_case"];

/// Walks a file and plants.
pub struct Planter<'a> {
    /// The number of the next mutant.
    pub next: u32,
    /// Number, line, what it does.
    pub planted: Vec<(u32, usize, String)>,
    left_out: &'a BTreeSet<u32>,
}

impl<'a> Planter<'a> {
    /// The first one gets the number `next`.
    pub fn new(next: u32, left_out: &'a BTreeSet<u32>) -> Self {
        Self { next, planted: vec![], left_out }
    }

    /// A switch for one more mutant; `None` when it is left out.
    fn switch(&mut self, at: Span, what: impl Into<String>) -> Option<Expr> {
        let number = self.next;
        self.next += 1;
        if self.left_out.contains(&number) {
            return None;
        }
        self.planted.push((number, at.start().line, what.into()));
        Some(parse_quote!(crate::mutant::on(#number)))
    }

    fn either(&mut self, at: Span, what: &str, mutant: Expr, expr: Expr) -> Expr {
        match self.switch(at, what) {
            Some(on) => parse_quote!((if #on { #mutant } else { #expr })),
            None => expr,
        }
    }

    fn turned(&mut self, at: Span, what: &str, expr: Expr) -> Expr {
        match self.switch(at, what) {
            Some(on) => parse_quote!(((#expr) != #on)),
            None => expr,
        }
    }

    fn compare(&mut self, expr: Expr) -> Expr {
        let Expr::Binary(binary) = &expr else { return expr };
        let (left, right, at) = (&binary.left, &binary.right, binary.op.span());
        let (shifted, turned): (Option<BinOp>, BinOp) = match binary.op {
            BinOp::Lt(_) => (Some(parse_quote!(<=)), parse_quote!(>=)),
            BinOp::Le(_) => (Some(parse_quote!(<)), parse_quote!(>)),
            BinOp::Gt(_) => (Some(parse_quote!(>=)), parse_quote!(<=)),
            BinOp::Ge(_) => (Some(parse_quote!(>)), parse_quote!(<)),
            BinOp::Eq(_) => (None, parse_quote!(!=)),
            BinOp::Ne(_) => (None, parse_quote!(==)),
            _ => return expr,
        };
        let (op, words) =
            (binary.op, |to: &BinOp| format!("{} for {}", to.to_token_stream(), binary.op.to_token_stream()));
        let mut inner: Expr = parse_quote!(*left_side #op *right_side);
        let before = self.planted.len();
        for other in shifted.iter().chain([&turned]) {
            if let Some(on) = self.switch(at, words(other)) {
                inner = parse_quote!(if #on { *left_side #other *right_side } else { #inner });
            }
        }
        if self.planted.len() == before {
            return expr;
        }
        parse_quote!((match (&(#left), &(#right)) { (left_side, right_side) => #inner }))
    }

    /// An operand that stands beside a `let` can only be made always or never true.
    fn operand(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Let(_) => {}
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
                self.operand(&mut binary.left);
                self.operand(&mut binary.right);
            }
            other => {
                let at = other.span();
                if let Some(on) = self.switch(at, "true for a condition") {
                    *other = parse_quote!((#on || #other));
                }
            }
        }
    }

    fn logic(&mut self, expr: Expr) -> Expr {
        let Expr::Binary(binary) = &expr else { return expr };
        if has_let(&expr) {
            let mut expr = expr;
            self.operand(&mut expr);
            return expr;
        }
        let (left, right, at) = (&binary.left, &binary.right, binary.op.span());
        let is_and = matches!(binary.op, BinOp::And(_));
        let what = if is_and { "|| for &&" } else { "&& for ||" };
        let Some(on) = self.switch(at, what) else { return expr };
        match is_and {
            true => {
                parse_quote!(({ let left_side = #left; if #on { left_side || #right } else { left_side && #right } }))
            }
            false => {
                parse_quote!(({ let left_side = #left; if #on { left_side && #right } else { left_side || #right } }))
            }
        }
    }

    fn add(&mut self, expr: Expr) -> Expr {
        let Expr::Binary(binary) = &expr else { return expr };
        let (left, right, at) = (&binary.left, &binary.right, binary.op.span());
        if !is_number(right) {
            return expr;
        }
        let (other, what): (Expr, _) = match binary.op {
            BinOp::Add(_) => (parse_quote!(#left - #right), "- for +"),
            BinOp::Sub(_) => (parse_quote!(#left + #right), "+ for -"),
            BinOp::Mul(_) => (parse_quote!(#left / #right), "/ for *"),
            BinOp::Div(_) => (parse_quote!(#left * #right), "* for /"),
            BinOp::AddAssign(_) => (parse_quote!(#left -= #right), "-= for +="),
            BinOp::SubAssign(_) => (parse_quote!(#left += #right), "+= for -="),
            _ => return expr,
        };
        self.either(at, what, other, expr.clone())
    }

    fn call(&mut self, expr: Expr) -> Expr {
        let Expr::MethodCall(call) = &expr else { return expr };
        let (name, at) = (call.method.to_string(), call.method.span());
        let opposite = match name.as_str() {
            "min" => "max",
            "max" => "min",
            "first" => "last",
            "last" => "first",
            _ if name.starts_with("is_") || (QUESTIONS.contains(&name.as_str()) && !call.args.is_empty()) => {
                return self.turned(at, &format!("not {name}"), expr.clone());
            }
            _ => return expr,
        };
        let mut other = call.clone();
        other.method = syn::Ident::new(opposite, at);
        self.either(at, &format!("{opposite} for {name}"), Expr::MethodCall(other), expr.clone())
    }

    /// What the function answers instead, at once.
    fn answers(&mut self, signature: &Signature, block: &mut Block) {
        if signature.constness.is_some() {
            return;
        }
        let texts: Vec<&str> = match &signature.output {
            ReturnType::Default => vec!["()"],
            ReturnType::Type(_, kind) => answers_of(kind),
        };
        for text in texts {
            let answer: Expr = syn::parse_str(text).unwrap();
            if let Some(on) = self.switch(signature.ident.span(), format!("{} answers {text}", signature.ident)) {
                block.stmts.insert(0, parse_quote!(if #on { return #answer; }));
            }
        }
    }
}

fn answers_of(kind: &Type) -> Vec<&'static str> {
    let Type::Path(path) = kind else { return vec![] };
    let Some(last) = path.path.segments.last() else { return vec![] };
    let inner = last.arguments.to_token_stream().to_string();
    match last.ident.to_string().as_str() {
        "bool" => vec!["true", "false"],
        "Option" => vec!["None"],
        "Vec" => vec!["vec![]"],
        "String" => vec!["String::new()"],
        "usize" | "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => vec!["0", "1"],
        "Result" if path.path.segments.len() > 1 || inner.starts_with("< ()") => vec!["Ok(())"],
        "Bits" | "SignedDuration" | "BTreeMap" | "HashMap" | "BTreeSet" | "HashSet" => vec!["Default::default()"],
        _ => vec![],
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(lit) if matches!(lit.lit, syn::Lit::Int(_)))
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => matches!(binary.op, BinOp::And(_)) && (has_let(&binary.left) || has_let(&binary.right)),
        _ => false,
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.to_token_stream().to_string().contains("test"))
}

/// Whether leaving it out leaves something that compiles, mostly.
fn can_go(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) | Expr::ForLoop(_) => true,
        Expr::Try(inner) => can_go(&inner.expr),
        Expr::Binary(binary) => matches!(
            binary.op,
            BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_) | BinOp::BitAndAssign(_)
        ),
        _ => false,
    }
}

impl VisitMut for Planter<'_> {
    fn visit_item_mut(&mut self, item: &mut syn::Item) {
        match item {
            syn::Item::Mod(module) if is_for_tests(&module.attrs) => {}
            syn::Item::Fn(function) if is_for_tests(&function.attrs) || function.sig.constness.is_some() => {}
            syn::Item::Impl(block) if is_for_tests(&block.attrs) => {}
            syn::Item::Const(_) | syn::Item::Static(_) | syn::Item::Enum(_) | syn::Item::Macro(_) => {}
            other => visit_mut::visit_item_mut(self, other),
        }
    }

    fn visit_item_fn_mut(&mut self, function: &mut syn::ItemFn) {
        visit_mut::visit_item_fn_mut(self, function);
        self.answers(&function.sig, &mut function.block);
    }

    fn visit_impl_item_fn_mut(&mut self, function: &mut syn::ImplItemFn) {
        if function.sig.constness.is_some() || is_for_tests(&function.attrs) {
            return;
        }
        visit_mut::visit_impl_item_fn_mut(self, function);
        self.answers(&function.sig, &mut function.block);
    }

    // Types, patterns and constants hold expressions that are worked out before anything runs.
    fn visit_type_mut(&mut self, _: &mut Type) {}
    fn visit_pat_mut(&mut self, _: &mut syn::Pat) {}
    fn visit_impl_item_const_mut(&mut self, _: &mut syn::ImplItemConst) {}
    fn visit_attribute_mut(&mut self, _: &mut syn::Attribute) {}

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        let at = arm.guard.as_ref().map_or_else(Span::call_site, |(_, guard)| guard.span());
        visit_mut::visit_arm_mut(self, arm);
        if let Some((_, guard)) = &mut arm.guard
            && !has_let(guard)
        {
            for (what, always) in [("a guard always true", true), ("a guard never true", false)] {
                let Some(on) = self.switch(at, what) else { continue };
                **guard = if always { parse_quote!((#on || #guard)) } else { parse_quote!((!#on && #guard)) };
            }
        }
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        let goes = matches!(stmt, Stmt::Expr(expr, Some(_)) if can_go(expr));
        let at = stmt.span();
        visit_mut::visit_stmt_mut(self, stmt);
        if goes && let Some(on) = self.switch(at, "a statement left out") {
            *stmt = parse_quote!(if !#on { #stmt });
        }
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Closure(closure) = expr {
            return self.visit_expr_mut(&mut closure.body);
        }
        // What `?` follows is no yes or no, whatever it is called.
        if let Expr::Try(tried) = expr
            && let Expr::MethodCall(call) = &mut *tried.expr
            && call.method.to_string().starts_with("is_")
        {
            return visit_mut::visit_expr_method_call_mut(self, call);
        }
        let beside_let = matches!(expr, Expr::Binary(b) if matches!(b.op, BinOp::And(_))) && has_let(expr);
        visit_mut::visit_expr_mut(self, expr);
        let taken = std::mem::replace(expr, Expr::Verbatim(proc_macro2::TokenStream::new()));
        *expr = match &taken {
            Expr::Binary(binary) => match binary.op {
                BinOp::And(_) if beside_let => taken,
                BinOp::And(_) | BinOp::Or(_) => self.logic(taken),
                BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) | BinOp::Eq(_) | BinOp::Ne(_) => {
                    self.compare(taken)
                }
                _ => self.add(taken),
            },
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                self.turned(unary.op.span(), "! left out", taken.clone())
            }
            Expr::MethodCall(_) => self.call(taken),
            _ => taken,
        };
    }

    fn visit_expr_if_mut(&mut self, expr: &mut syn::ExprIf) {
        visit_mut::visit_expr_if_mut(self, expr);
        if has_let(&expr.cond) && !matches!(*expr.cond, Expr::Let(_)) {
            self.operand(&mut expr.cond);
        }
    }

    fn visit_macro_mut(&mut self, _: &mut syn::Macro) {}
}
