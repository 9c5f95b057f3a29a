//! The entries of a build: what is known of each from its record, what has to be rendered.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::Build;
use super::pages::Pages;
use crate::asset::{Assets, Pictures};
use crate::embed::EntryEmbedding;
use crate::entry::{Entry, MAX_ENTRY};
use crate::key::{Key, KeyParts};
use crate::link::{Target, up_from};
use crate::markdown::{self, Heading, MarkdownConfig};
use crate::problem::{JournalError, Problem};
use crate::record::{EntryRecord, Head, Need};
use crate::root::{Listed, RootError, folder_of};
use crate::search::Words;
use crate::suggest::did_you_mean;

/// Entries as the last build of this process left them, by file.
pub(crate) type Remembered = HashMap<String, (Key, Arc<EntryRecord>)>;

/// An entry in a build.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) file: String,
    /// Its page, as a path in the site.
    pub(crate) page: String,
    /// Of the file and of what decides how it is rendered.
    pub(crate) key: Key,
    pub(crate) record: Option<Arc<EntryRecord>>,
    /// The entry itself, where it had to be read.
    pub(crate) entry: Option<Entry>,
    pub(crate) problems: Vec<Problem>,
    /// Nothing is wrong with it, so that its record can be used again.
    pub(crate) is_clean: bool,
}

/// An entry after its outputs are linked in.
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) record: EntryRecord,
    pub(crate) problems: Vec<Problem>,
    pub(crate) is_trusted: bool,
}

impl Known {
    /// Its day; 0 where that is not known.
    pub(crate) fn day(&self) -> u32 {
        match (&self.record, &self.entry) {
            (Some(record), _) => record.head.day,
            (None, Some(entry)) => entry.front.day,
            (None, None) => 0,
        }
    }

    fn title(&self) -> &str {
        match (&self.record, &self.entry) {
            (Some(record), _) => &record.head.title,
            (None, Some(entry)) => &entry.front.title,
            (None, None) => "",
        }
    }

    /// As the pages before and after it show it.
    fn neighbour(&self) -> Neighbour<'_> {
        Neighbour { day: self.day(), title: self.title().into(), page: self.page.as_str().into() }
    }

    pub(crate) fn has_tags(&self) -> bool {
        match (&self.record, &self.entry) {
            (Some(record), _) => !record.tags.is_empty(),
            (None, Some(entry)) => !entry.front.tags.is_empty(),
            (None, None) => false,
        }
    }

    /// The notebooks that the entry names or links to.
    pub(crate) fn notebooks(&self) -> Cow<'_, [String]> {
        match (&self.record, &self.entry) {
            (Some(record), _) => Cow::Borrowed(&record.notebooks),
            (None, Some(entry)) => Cow::Owned(entry.notebooks()),
            (None, None) => Cow::Borrowed(&[]),
        }
    }
}

/// Looks at the entries: those whose files are as they were are known by their records.
pub(crate) fn look(build: &Build<'_>, listed: &[Listed], before: &Remembered) -> Vec<Known> {
    listed
        .par_iter()
        .map(|listed| {
            let file = &listed.file;
            let page = format!("entries/{}.html", crate::root::stem_of(file));
            let content = match build.stamps.content(build.root, file, listed.stamp, MAX_ENTRY) {
                Ok(content) => content,
                Err(error) => {
                    let problem = Problem::of_file(file, error.to_string());
                    let (key, file) = (build.key, file.clone());
                    let problems = vec![problem];
                    let (record, entry, is_clean) = (None, None, false);
                    return Known { file, page, key, record, entry, problems, is_clean };
                }
            };
            let key = KeyParts::new("entry").key(build.key).text(file).key(content.key).finish();
            let remembered = before.get(file).filter(|(known, _)| *known == key);
            let kept = || build.cache.all(key).find(|record| has_words(build, record));
            let record =
                remembered.map(|(_, record)| Arc::clone(record)).or_else(|| kept().map(Arc::new));
            let mut known = Known {
                file: file.clone(),
                page,
                key,
                record,
                entry: None,
                problems: Vec::new(),
                is_clean: true,
            };
            if known.record.is_none() {
                match content.bytes {
                    Some(bytes) => known.take_in(Entry::from_bytes(file, bytes)),
                    None => known.read(build),
                }
            }
            known
        })
        .collect()
}

impl Known {
    /// Reads the entry itself.
    fn read(&mut self, build: &Build<'_>) {
        if self.entry.is_none() {
            self.take_in(Entry::read(build.root, &self.file));
        }
    }

    fn take_in(&mut self, (entry, problems): (Option<Entry>, Vec<Problem>)) {
        self.entry = entry;
        self.problems.extend(problems);
    }

    /// Forgets a record whose notebooks, pictures or neighbours are not what they were.
    fn judge(&mut self, build: &Build<'_>, pictures: &Pictures<'_>) {
        let holds = |record: &EntryRecord| {
            record.needs.iter().all(|need| match need {
                Need::Entry(file) => build.map.entries.contains_key(file),
                Need::Notebook(file, key) => {
                    build.notebooks.get(file).is_some_and(|notebook| notebook.key == *key)
                }
                Need::File(file, key) => pictures.file_key(file) == *key,
            })
        };
        if self.record.as_ref().is_some_and(|record| !holds(record)) {
            // They may be again what they were once.
            let mut kept = build.cache.all(self.key);
            let kept = kept.find(|record| holds(record) && has_words(build, record));
            self.record = kept.map(Arc::new);
            if self.record.is_none() {
                self.read(build);
            }
        }
    }
}

/// Whether the words of an entry are at hand, should its block of the search be made again.
fn has_words(build: &Build<'_>, record: &EntryRecord) -> bool {
    build.cache.has(record.words)
}

/// Reads what has to be rendered again, and puts the entries in the order of their days.
pub(crate) fn settle(
    build: &Build<'_>,
    mut entries: Vec<Known>,
    pictures: &Pictures<'_>,
) -> Vec<Known> {
    entries.par_iter_mut().for_each(|known| known.judge(build, pictures));
    let mut of_day: HashMap<u32, usize> = HashMap::with_capacity(entries.len());
    for n in 0..entries.len() {
        let known = &entries[n];
        // Without a day of its own, its front matter has been refused already.
        let has_day = known.entry.as_ref().is_none_or(|entry| !entry.day_span.is_empty());
        if !has_day || (known.entry.is_none() && known.record.is_none()) {
            continue;
        }
        let day = known.day();
        if let Some(first) = of_day.insert(day, n) {
            let first = &entries[first].file;
            let message = format!("day {day} is `{first}` already; give this entry another number");
            let known = &mut entries[n];
            known.read(build);
            if let Some(entry) = &known.entry {
                let span = entry.day_span.clone();
                known.problems.push(Problem::at(&entry.file, &entry.text, span, message));
            }
        }
    }
    entries.sort_by(|a, b| (a.day(), &a.file).cmp(&(b.day(), &b.file)));
    entries
}

/// Renders an entry: its outputs are linked in.
pub(crate) fn render(
    build: &Build<'_>,
    entry: &Entry,
    page: &str,
    pictures: &Pictures<'_>,
) -> Rendered {
    let up = up_from(page);
    let mut embedding = EntryEmbedding {
        config: build.config,
        entry,
        notebooks: build.notebooks,
        map: build.map,
        assets: Assets::new(pictures),
        up: &up,
        problems: Vec::new(),
        unproven: Vec::new(),
        n_outputs: 0,
        n_unrecorded: 0,
        needs: Vec::new(),
        is_trusted: false,
    };
    let mut ids: HashSet<String> = markdown::RESERVED_IDS.map(str::to_owned).into();
    let config = MarkdownConfig::default();
    let rendered = markdown::render(entry.body(), &config, &mut ids, &mut embedding);
    let EntryEmbedding { assets, mut needs, problems, unproven, is_trusted, .. } = embedding;
    let EntryEmbedding { n_outputs, n_unrecorded, .. } = embedding;
    needs.extend(assets.needs);
    let mut notebooks = entry.notebooks();
    for need in &needs {
        // A `[[name]]` is known by now.
        if let Need::Notebook(file, _) = need
            && !notebooks.contains(file)
        {
            notebooks.push(file.clone());
        }
    }
    let front = &entry.front;
    let mut words = Words::default();
    words.add(&rendered.text);
    words.add(&front.summary);
    for heading in &rendered.headings {
        words.add_weighted(&heading.text, 3);
    }
    for tag in &front.tags {
        words.add_weighted(tag, 5);
    }
    words.add_weighted(&front.title, 7);
    let record = EntryRecord {
        head: Head::of(front),
        summary: front.summary.clone(),
        tags: front.tags.clone(),
        n_words: rendered.n_words,
        n_outputs,
        n_unrecorded,
        notebooks,
        unproven,
        pictures: assets.paths.into_iter().collect(),
        needs,
        words: build.cache.put_content(&words.terms()),
    };
    Rendered { html: rendered.html, headings: rendered.headings, record, problems, is_trusted }
}

/// What an entry's page shows of the one before it, or after it.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour<'a> {
    pub(crate) day: u32,
    pub(crate) title: Cow<'a, str>,
    /// Its page, as a path in the site.
    pub(crate) page: Cow<'a, str>,
}

/// The entries before and after one.
pub(crate) type Neighbours<'a> = [Option<Neighbour<'a>>; 2];

/// Those of the entry at a place.
fn neighbours(entries: &[Known], n: usize) -> Neighbours<'_> {
    let before = n.checked_sub(1).and_then(|n| entries.get(n));
    [before, entries.get(n + 1)].map(|known| known.map(Known::neighbour))
}

fn owned(neighbours: Neighbours<'_>) -> Neighbours<'static> {
    neighbours.map(|neighbour| {
        let Neighbour { day, title, page } = neighbour?;
        let (title, page) = (title.into_owned().into(), page.into_owned().into());
        Some(Neighbour { day, title, page })
    })
}

/// Checks `notebooks:` of a front matter against what there is.
fn check_named(build: &Build<'_>, entry: &Entry) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in &entry.front.notebooks {
        let mut refuse = |message: String, help: Option<String>| {
            let span = entry.notebooks_span.clone();
            let mut problem = Problem::at(&entry.file, &entry.text, span, message);
            problem.help = help;
            problems.push(problem);
        };
        match Target::parse(folder_of(&entry.file), name) {
            Target::Notebook { file, .. } if build.notebooks.get(&file).is_some() => {}
            Target::Notebook { file, .. } => {
                let help = did_you_mean(&file, build.notebooks.names());
                refuse(format!("there is no notebook `{file}`"), help);
            }
            Target::Outside => {
                refuse(RootError::Outside(name.clone()).to_string(), None);
            }
            _ => refuse(
                format!("`{name}` is not a notebook"),
                Some("name `.ipynb` files, relative to the entry".into()),
            ),
        }
    }
    problems
}

/// Brings the pages of all entries up to date. `entries` are in order; each gets its record.
/// Gives the problems of each entry.
pub(crate) fn bring(
    build: &Build<'_>,
    entries: &mut [Known],
    pages: &Pages<'_>,
    pictures: &Pictures<'_>,
) -> Result<Vec<Problem>, JournalError> {
    let stays = |n: usize| stays(build, &entries[n], &neighbours(entries, n), pages, pictures);
    let n_entries = entries.len();
    let stay: Vec<bool> = (0..n_entries).into_par_iter().map(stays).collect::<Result<_, _>>()?;
    // The others are rendered beside one another, so each takes what it shows of its neighbours
    // along.
    let around: Vec<Option<Neighbours<'static>>> = stay
        .iter()
        .enumerate()
        .map(|(n, stays)| (!stays).then(|| owned(neighbours(entries, n))))
        .collect();
    let done: Vec<Vec<Problem>> = entries
        .par_iter_mut()
        .zip(around)
        .map(|(known, neighbours)| match neighbours {
            Some(neighbours) => renew(build, known, &neighbours, pages, pictures),
            None => Ok(std::mem::take(&mut known.problems)),
        })
        .collect::<Result<_, _>>()?;
    Ok(done.into_iter().flatten().collect())
}

/// Whether the page of an entry is there already, with its pictures.
fn stays(
    build: &Build<'_>,
    known: &Known,
    neighbours: &Neighbours<'_>,
    pages: &Pages<'_>,
    pictures: &Pictures<'_>,
) -> Result<bool, JournalError> {
    let Some(record) = &known.record else { return Ok(false) };
    let key = pages.entry_key(known, record, neighbours);
    Ok(build.folder.keep(&known.page, key)?
        && record.pictures.iter().all(|path| pictures.keep(path)))
}

/// Renders an entry anew.
fn renew(
    build: &Build<'_>,
    known: &mut Known,
    neighbours: &Neighbours<'_>,
    pages: &Pages<'_>,
    pictures: &Pictures<'_>,
) -> Result<Vec<Problem>, JournalError> {
    known.read(build);
    let mut problems = std::mem::take(&mut known.problems);
    let Some(entry) = known.entry.take() else { return Ok(problems) };
    problems.extend(check_named(build, &entry));
    let rendered = render(build, &entry, &known.page, pictures);
    let is_clean = problems.is_empty() && rendered.problems.is_empty();
    problems.extend(rendered.problems.iter().cloned());
    if is_clean {
        let record = Arc::new(rendered.record.clone());
        build.cache.put(known.key, record.as_ref());
        let key = pages.entry_key(known, &record, neighbours);
        let html = pages.entry_page(&entry, &rendered, &known.page, neighbours);
        let html = html.map_err(|source| {
            let page = known.page.clone();
            JournalError::Template { page, source }
        })?;
        build.folder.write(&known.page, key, html.as_bytes())?;
        known.record = Some(record);
    } else {
        // For the outputs that do not hold.
        known.is_clean = false;
        known.record = Some(Arc::new(rendered.record));
        known.entry = Some(entry);
    }
    Ok(problems)
}
