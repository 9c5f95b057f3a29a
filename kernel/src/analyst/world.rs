//! The sources that rust-analyzer knows, and what it says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ra_ap_base_db::{
    CrateDisplayName, CrateName, CrateOrigin, CrateWorkspaceData, DependencyBuilder, Env, FileSet,
    LangCrateOrigin, VfsPath,
};
use ra_ap_cfg::CfgOptions;
use ra_ap_hir::ChangeWithProcMacros;
use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    AnalysisHost, CompletionConfig, CompletionFieldsToResolve, CompletionItem, CompletionItemKind,
    CrateGraphBuilder, Edition, FileId, FilePosition, FileRange, HoverConfig, HoverDocFormat,
    RaFixtureConfig, SourceRoot, SubstTyLen, SymbolKind, TextRange, TextSize,
};
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};
use ra_ap_intern::Symbol;
use ra_ap_paths::{AbsPathBuf, Utf8PathBuf};
use triomphe::Arc;

use super::AnalystConfig;
use super::question::{Answer, Match, Matter, Question};

/// How many completions are given: a client shows a handful, and can ask again.
const MATCHES: usize = 500;

/// rust-analyzer with everything loaded.
pub(super) struct World {
    host: AnalysisHost,
    notebook: FileId,
}

/// A crate's sources, read from the disk.
struct Sources {
    name: String,
    root: FileId,
    origin: CrateOrigin,
    folder: AbsPathBuf,
}

/// Collects files and crates before rust-analyzer gets them.
#[derive(Default)]
struct Loader {
    change: ChangeWithProcMacros,
    roots: Vec<SourceRoot>,
    files: u32,
}

impl Loader {
    fn file(&mut self, set: &mut FileSet, path: VfsPath, text: String) -> FileId {
        let id = FileId::from_raw(self.files);
        self.files += 1;
        set.insert(id, path);
        self.change.change_file(id, Some(text));
        id
    }

    /// Reads a crate below a folder; none when it is not there.
    fn read(&mut self, name: &str, folder: &Path, origin: CrateOrigin) -> Option<Sources> {
        let folder = Utf8PathBuf::from_path_buf(folder.to_owned()).ok()?;
        let folder = AbsPathBuf::try_from(folder).ok()?;
        let (mut set, mut root) = (FileSet::default(), None);
        let main = folder.join("src/lib.rs");
        for path in rust_files(folder.join("src").as_ref()) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let Some(path) = path.to_str() else { continue };
            let id = self.file(&mut set, VfsPath::new_real_path(path.to_owned()), text);
            if path == main.as_str() {
                root = Some(id);
            }
        }
        let root = root?;
        self.roots.push(SourceRoot::new_library(set));
        Some(Sources { name: name.to_owned(), root, origin, folder })
    }
}

impl World {
    /// Reads all sources. Analysis itself begins with the first question.
    pub(super) fn load(config: &AnalystConfig) -> World {
        let mut loader = Loader::default();
        let library: Vec<_> = ["core", "alloc", "std"]
            .into_iter()
            .filter_map(|name| {
                let origin = CrateOrigin::Lang(LangCrateOrigin::from(name));
                loader.read(name, &config.library.join(name), origin)
            })
            .collect();
        let helpers: Vec<_> = config
            .sources
            .iter()
            .filter_map(|folder| {
                let name = package_name(folder)?;
                let origin = CrateOrigin::Library { repo: None, name: Symbol::intern(&name) };
                loader.read(&name, folder, origin)
            })
            .collect();
        let mut set = FileSet::default();
        let path = VfsPath::new_virtual_path("/notebook.rs".to_owned());
        let notebook = loader.file(&mut set, path, String::new());
        loader.roots.push(SourceRoot::new_local(set));

        let cfg = cfg_options(&config.rustc);
        let mut graph = CrateGraphBuilder::default();
        let data = Arc::new(CrateWorkspaceData {
            target: Err("no layout is asked for".into()),
            toolchain: None,
        });
        let mut add = |name: &str, root, origin, folder: AbsPathBuf| {
            graph.add_crate_root(
                root,
                Edition::Edition2024,
                Some(CrateDisplayName::from_canonical_name(name)),
                None,
                cfg.clone(),
                None,
                Env::default(),
                origin,
                Vec::new(),
                false,
                Arc::new(folder),
                Arc::clone(&data),
            )
        };
        let mut crates = Vec::new();
        for Sources { name, root, origin, folder } in library.into_iter().chain(helpers) {
            crates.push((name.clone(), add(&name, root, origin, folder)));
        }
        let origin = CrateOrigin::Local { repo: None, name: None };
        let folder = AbsPathBuf::assert(Utf8PathBuf::from("/"));
        crates.push(("notebook".to_owned(), add("notebook", notebook, origin, folder)));
        // Each crate may use those before it, except that helpers' crates come in any order.
        let standard = |name: &str| matches!(name, "core" | "alloc" | "std");
        for (at, (name, id)) in crates.iter().enumerate() {
            for (place, (used, used_id)) in crates.iter().enumerate() {
                let before = if standard(name) || standard(used) {
                    place < at
                } else {
                    config.helpers.as_deref() == Some(name) || name == "notebook"
                };
                if place == at || !before || used == "notebook" {
                    continue;
                }
                let prelude = !matches!(used.as_str(), "alloc") || !standard(used);
                let dependency = DependencyBuilder::with_prelude(
                    CrateName::normalize_dashes(used),
                    *used_id,
                    prelude,
                    standard(used),
                );
                // Only a circle is refused: there is none.
                let _ = graph.add_dep(*id, dependency);
            }
        }
        loader.change.set_roots(loader.roots);
        loader.change.set_crate_graph(graph);
        let mut host = AnalysisHost::default();
        host.apply_change(loader.change);
        World { host, notebook }
    }

    pub(super) fn answer(&mut self, question: &Question) -> Answer {
        let mut change = ChangeWithProcMacros::default();
        change.change_file(self.notebook, Some(question.text.clone()));
        self.host.apply_change(change);
        let Ok(offset) = u32::try_from(question.offset) else { return Answer::default() };
        match question.matter {
            Matter::Complete => self.complete(&question.text, offset.into()),
            Matter::Inspect => self.inspect(offset.into()),
        }
    }

    fn complete(&self, text: &str, offset: TextSize) -> Answer {
        let position = FilePosition { file_id: self.notebook, offset };
        let found = self.host.analysis().completions(&completion_config(), position, None);
        let items = found.ok().flatten().unwrap_or_default();
        let range =
            items.first().map_or_else(|| TextRange::empty(offset), |item| item.source_range);
        let (exact, typed) = (&text[range], text[range].to_lowercase());
        let mut matches: Vec<_> = items
            .iter()
            .filter(|item| item.source_range == range)
            .filter(|item| item.lookup().to_lowercase().starts_with(&typed))
            .filter_map(|item| Some((item, described(item)?)))
            .collect();
        // What is typed comes first as it is spelt; then in rust-analyzer's own order where it has
        // an opinion, in the alphabet's where it has none.
        matches.sort_by(|(a, left), (b, right)| {
            let spelt = |found: &Match| found.text.starts_with(exact);
            let score = |item: &CompletionItem| item.relevance.score();
            (spelt(right).cmp(&spelt(left)))
                .then_with(|| score(b).cmp(&score(a)))
                .then_with(|| left.text.cmp(&right.text))
        });
        let mut seen = std::collections::BTreeSet::new();
        let matches = matches.into_iter().map(|(_, found)| found);
        let matches = matches.filter(|found| seen.insert(found.text.clone())).take(MATCHES);
        Answer {
            start: range.start().into(),
            end: range.end().into(),
            matches: matches.collect(),
            ..Answer::default()
        }
    }

    fn inspect(&self, offset: TextSize) -> Answer {
        let range = FileRange { file_id: self.notebook, range: TextRange::empty(offset) };
        let found = self.host.analysis().hover(&hover_config(), range).ok().flatten();
        let markdown = found.map(|found| found.info.markup.to_string().trim().to_owned());
        let documentation = markdown.filter(|markdown| !markdown.is_empty());
        Answer { documentation, ..Answer::default() }
    }
}

/// What a client is told of a completion; nothing for what inserts more than a name.
fn described(item: &CompletionItem) -> Option<Match> {
    let edit = item.text_edit.iter().next().filter(|_| item.text_edit.len() == 1)?;
    let text = edit.insert.trim_end_matches("()$0").trim_end_matches("$0").to_owned();
    if text.is_empty() || text.contains(['$', '\n']) {
        return None;
    }
    let kind = match item.kind {
        CompletionItemKind::SymbolKind(kind) => symbol_kind(kind),
        CompletionItemKind::Keyword => "keyword",
        CompletionItemKind::BuiltinType => "class",
        CompletionItemKind::Snippet | CompletionItemKind::Expression => return None,
        _ => "instance",
    };
    let signature = item.detail.clone().unwrap_or_default();
    Some(Match { text, kind: kind.to_owned(), signature })
}

fn symbol_kind(kind: SymbolKind) -> &'static str {
    match kind {
        SymbolKind::Function
        | SymbolKind::Method
        | SymbolKind::Macro
        | SymbolKind::ProcMacro
        | SymbolKind::Derive
        | SymbolKind::DeriveHelper
        | SymbolKind::Attribute
        | SymbolKind::BuiltinAttr => "function",
        SymbolKind::Struct
        | SymbolKind::Enum
        | SymbolKind::Union
        | SymbolKind::Trait
        | SymbolKind::TypeAlias
        | SymbolKind::TypeParam
        | SymbolKind::SelfType => "class",
        SymbolKind::Module | SymbolKind::CrateRoot | SymbolKind::ToolModule => "module",
        SymbolKind::Field => "property",
        _ => "instance",
    }
}

fn completion_config() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
        enable_self_on_the_fly: true,
        enable_auto_iter: false,
        enable_auto_await: true,
        enable_private_editable: false,
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: None,
        add_colons_to_module: false,
        add_semicolon_to_unit: false,
        snippet_cap: None,
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::ByCrate,
            group: false,
            skip_glob_imports: false,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve::empty(),
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig::default(),
    }
}

fn hover_config() -> HoverConfig<'static> {
    HoverConfig {
        links_in_hover: false,
        memory_layout: None,
        documentation: true,
        keywords: true,
        format: HoverDocFormat::Markdown,
        max_trait_assoc_items_count: None,
        max_fields_count: Some(10),
        max_enum_variants_count: Some(10),
        max_subst_ty_len: SubstTyLen::Unlimited,
        show_drop_glue: false,
        ra_fixture: RaFixtureConfig::default(),
    }
}

/// The conditions under which the sources are read, as the compiler tells them.
fn cfg_options(rustc: &Path) -> CfgOptions {
    let mut options = CfgOptions::default();
    let output = Command::new(rustc).args(["--print", "cfg"]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines() {
        match line.split_once('=') {
            Some((key, value)) => options
                .insert_key_value(Symbol::intern(key), Symbol::intern(value.trim_matches('"'))),
            None => options.insert_atom(Symbol::intern(line)),
        }
    }
    options
}

/// The name in a folder's `Cargo.toml`, as code spells it.
fn package_name(folder: &Path) -> Option<String> {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = toml::from_str(&manifest).ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.replace('-', "_"))
}

/// All Rust files below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
