//! The direction of imports, read from the source: `cargo test --test api imports -- --nocapture` prints the graph.
//!
//! A module imports a thing from the module that owns it, not through a re-export in `lib.rs`, and the imports form no
//! cycle. The same holds inside each folder, between its files.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{File, files, tokens};

/// The imports of each module, as `["requests", "list", "decoder"]` → `["http", "DecodeError"]`.
type Imports = BTreeSet<(Vec<String>, Vec<String>)>;

/// For each folder, its children and what each imports from the others. The crate itself is the folder `crate`.
type Graphs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn imports_between_modules_form_no_cycle() {
    let (imports, modules) = read_sources();
    let graphs = graphs(&imports, &modules);
    for (folder, graph) in &graphs {
        println!("{folder}");
        for (module, imported) in graph {
            println!("  {module:15} → {}", imported.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
    }
    // Known imports: without them, the source was not read as a whole.
    for (from, to) in [("client", "requests"), ("requests", "engine"), ("engine", "http"), ("error", "key")] {
        assert!(graphs["crate"][from].contains(to), "{from} imports {to}");
    }
    for (folder, graph) in &graphs {
        assert_eq!(cycle(graph), None, "modules in `{folder}` import each other");
    }
}

#[test]
fn no_module_imports_through_lib_rs() {
    let (imports, modules) = read_sources();
    let through_lib: Vec<_> = imports
        .iter()
        .filter(|(_, to)| to.len() == 1 && !modules.contains(to))
        .map(|(from, to)| format!("{} imports crate::{}", from.join("::"), to.join("::")))
        .collect();
    assert!(through_lib.is_empty(), "{through_lib:#?}");
}

#[test]
fn cycle_is_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])), Some(vec!["b".to_owned(), "c".to_owned()]));
}

#[test]
fn every_form_of_an_import_is_read() {
    let from = ["requests".to_owned(), "list".to_owned()];
    let source = "use crate::{Error, key::KeyId};\nuse super::{create, options::{Value, self}};\n// crate::comment\n\
                  fn f() -> crate::node::Node { g(\"crate::text\") }\n#[cfg(test)]\nmod tests {\n    use crate::client;\n}\n\
                  fn last() -> super::super::last::Last {}";
    let found: BTreeSet<_> = paths(&from, &tokens(source)).into_iter().map(|path| path.join("::")).collect();
    let expected = [
        "Error",
        "key::KeyId",
        "last::Last",
        "node::Node",
        "requests::create",
        "requests::options",
        "requests::options::Value",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// All imports, and all modules, without `lib.rs`, which re-exports the whole crate.
fn read_sources() -> (Imports, BTreeSet<Vec<String>>) {
    let (mut imports, mut modules) = (Imports::new(), BTreeSet::new());
    for File { module, tokens } in files().into_iter().filter(|file| file.module != ["lib"]) {
        imports.extend(paths(&module, &tokens).into_iter().map(|imported| (module.clone(), imported)));
        modules.insert(module);
    }
    (imports, modules)
}

/// The paths that the tokens of `module` name, from the crate's root.
fn paths(module: &[String], tokens: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let base = match token.as_str() {
            "crate" => &[][..],
            "super" => module.split_last().map_or(&[][..], |(_, up)| up),
            _ => continue,
        };
        let is_first = at == 0 || !["::", "$"].contains(&tokens[at - 1].as_str());
        if is_first && tokens.get(at + 1).is_some_and(|next| next == "::") {
            expand(base.to_vec(), &tokens[at + 2..], &mut paths);
        }
    }
    paths
}

/// Adds the paths that `tokens` begin with, such as `a::{b, c::d}`, and returns what follows them.
fn expand<'a>(mut path: Vec<String>, tokens: &'a [String], paths: &mut Vec<Vec<String>>) -> &'a [String] {
    let Some((first, mut rest)) = tokens.split_first() else { return tokens };
    match first.as_str() {
        "{" => loop {
            rest = match rest {
                [] => return rest,
                [end, rest @ ..] if end == "}" => return rest,
                [comma, rest @ ..] if comma == "," => rest,
                rest => expand(path.clone(), rest, paths),
            };
        },
        "super" => drop(path.pop()),
        "self" | "*" => {}
        name => path.push(name.to_owned()),
    }
    match rest {
        [colons, rest @ ..] if colons == "::" => expand(path, rest, paths),
        [keyword, _, rest @ ..] if keyword == "as" => {
            paths.push(path);
            rest
        }
        _ => {
            paths.push(path);
            rest
        }
    }
}

fn graphs(imports: &Imports, modules: &BTreeSet<Vec<String>>) -> Graphs {
    let mut graphs = Graphs::new();
    for (from, to) in imports {
        // The deepest folder that contains both modules.
        let common = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        let (Some(importer), Some(imported)) = (from.get(common), to.get(common)) else { continue };
        if modules.iter().any(|module| module.starts_with(&to[..=common])) {
            let folder = if common == 0 { "crate".to_owned() } else { from[..common].join("::") };
            let graph = graphs.entry(folder).or_default();
            graph.entry(importer.clone()).or_default().insert(imported.clone());
        }
    }
    graphs
}

/// Removes, again and again, each module that imports no other or that no other imports. What remains is a cycle.
fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut left: BTreeSet<&String> = graph.keys().collect();
    loop {
        let imports_one = |module: &String| graph[module].iter().any(|imported| left.contains(imported));
        let is_imported = |module: &String| left.iter().any(|importer| graph[*importer].contains(module));
        let held: BTreeSet<_> =
            left.iter().copied().filter(|module| imports_one(module) && is_imported(module)).collect();
        if held.len() == left.len() {
            return (!held.is_empty()).then(|| held.into_iter().cloned().collect());
        }
        left = held;
    }
}
