//! The source of the library as tokens: without comments, texts, unit tests and the guide, which is documentation.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, ImplItem, Item, ItemImpl, ItemMod};

/// One file below `src`.
pub(crate) struct File {
    /// Such as `["requests", "list"]` for `requests/list.rs` and for `requests/list/mod.rs`.
    pub(crate) module: Vec<String>,
    /// Such as `use`, `crate`, `::`, `key`, `{`.
    pub(crate) tokens: Vec<String>,
}

/// All files, in the order of their modules.
pub(crate) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if ["tests", "guide"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let inside = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: Vec<String> = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if name == "mod" {
                module.pop();
            }
            files.push(File { module, tokens: tokens(&fs::read_to_string(&path).unwrap()) });
        }
    }
    assert!(files.len() > 50, "{}", files.len());
    files.sort_by(|a, b| a.module.cmp(&b.module));
    files
}

pub(crate) fn tokens(source: &str) -> Vec<String> {
    let mut file = syn::parse_file(source).unwrap();
    remove_tests(&mut file.items);
    let mut tokens = Vec::new();
    flatten(file.into_token_stream(), &mut tokens);
    tokens
}

fn remove_tests(items: &mut Vec<Item>) {
    items.retain(|item| !is_for_tests(attributes(item)));
    for item in items {
        match item {
            Item::Mod(ItemMod { content: Some((_, items)), .. }) => remove_tests(items),
            Item::Impl(ItemImpl { items, .. }) => {
                items.retain(|item| !matches!(item, ImplItem::Fn(function) if is_for_tests(&function.attrs)));
            }
            _ => {}
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.meta.to_token_stream().to_string() == "cfg (test)")
}

fn flatten(stream: TokenStream, tokens: &mut Vec<String>) {
    let mut colons = 0;
    for tree in stream {
        let is_colon = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ':');
        colons = if is_colon { colons + 1 } else { 0 };
        match tree {
            TokenTree::Literal(_) => {}
            TokenTree::Punct(_) if colons == 2 => tokens.last_mut().unwrap().push(':'),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(open.to_owned());
                flatten(group.stream(), tokens);
                tokens.push(close.to_owned());
            }
            tree => tokens.push(tree.to_string()),
        }
    }
}
