//! The tutor's English, as data. Everything that it understands is listed here.
//!
//! A pattern is a regular expression over one clause (case does not matter, contractions are
//! spelled out first), with slots:
//!
//! | slot | stands for |
//! |---|---|
//! | `{v}` | the value of a fact |
//! | `{V}` | a value whose words all begin with a capital |
//! | `{n}` | a value that is a number |
//! | `{w}` | within brackets: any letter, digit or `_`, also of other alphabets |
//! | `{k}` | the word or words that name a fact: the `dog` of "my dog" |
//!
//! The first relation that fits wins, so special ones stand before general ones.

/// A kind of fact: how it is stated, how it is asked for, how it is told.
pub(super) struct Relation {
    /// The key under which the fact is kept; `{k}` is the slot of the pattern.
    pub key: &'static str,
    /// How somebody states it.
    pub states: &'static [&'static str],
    /// How somebody asks for it, as a question or within one ("do you know where I live").
    pub asks: &'static [&'static str],
    /// How it is told back.
    pub told: &'static str,
    /// How its absence is told: "I do not know ...".
    pub unknown: &'static str,
    /// Whether several values stand side by side; otherwise a new value replaces the old one.
    pub many: bool,
}

pub(super) const RELATIONS: &[Relation] = &[
    Relation {
        key: "name",
        states: &["my name is {v}", "(?:i am called|call me|people call me) {v}", "i am {V}"],
        asks: &["what (?:is )?my name(?: is)?", "who (?:am i|i am)", "what (?:am i|i am) called"],
        told: "your name is {v}",
        unknown: "your name",
        many: false,
    },
    Relation {
        key: "home",
        states: &[
            "i (?:now |still )?live in {v}",
            "i am (?:now )?living in {v}",
            "i (?:have )?(?:just |recently )?moved (?:from .+ )?to {v}",
        ],
        asks: &[
            "(?:where|(?:which|what) (?:city|town|country)) (?:do )?i (?:now )?live(?: in)?(?: now)?",
        ],
        told: "you live in {v}",
        unknown: "where you live",
        many: false,
    },
    Relation {
        key: "origin",
        states: &["i (?:am|come) from {v}"],
        asks: &["where (?:am i|i am) from", "where (?:do )?i come from"],
        told: "you are from {v}",
        unknown: "where you are from",
        many: false,
    },
    Relation {
        key: "age",
        states: &["i am {n}(?: years old)?"],
        asks: &["how old (?:am i|i am)"],
        told: "you are {v} years old",
        unknown: "how old you are",
        many: false,
    },
    Relation {
        key: "birthday",
        states: &["i was born {v}"],
        asks: &["when (?:was i|i was) born"],
        told: "your birthday is {v}",
        unknown: "your birthday",
        many: false,
    },
    Relation {
        key: "allergies",
        states: &["i am allergic to {v}"],
        asks: &["what (?:am i|i am) allergic to"],
        told: "you are allergic to {v}",
        unknown: "what you are allergic to",
        many: true,
    },
    Relation {
        key: "learning",
        states: &["i am (?:currently |now )?(?:learning|studying) {v}", "i (?:learn|study) {v}"],
        asks: &["what (?:am i|i am) (?:learning|studying)", "what (?:do )?i (?:learn|study)"],
        told: "you are learning {v}",
        unknown: "what you are learning",
        many: true,
    },
    Relation {
        key: "job",
        states: &["i work as {v}"],
        asks: &["what (?:do )?i do for (?:work|a living)"],
        told: "you work as {v}",
        unknown: "what your job is",
        many: false,
    },
    Relation {
        key: "employer",
        states: &["i work (?:at|for) {v}"],
        asks: &["where (?:do )?i work", "who (?:do )?i work for"],
        told: "you work for {v}",
        unknown: "where you work",
        many: false,
    },
    Relation {
        key: "likes",
        states: &["i (?:really |also )?(?:like|love|enjoy) {v}"],
        asks: &["what (?:do )?i (?:like|love|enjoy)"],
        told: "you like {v}",
        unknown: "what you like",
        many: true,
    },
    Relation {
        key: "dislikes",
        states: &["i (?:do not like|dislike|hate) {v}"],
        asks: &["what (?:do )?i (?:not like|dislike|hate)"],
        told: "you dislike {v}",
        unknown: "what you dislike",
        many: true,
    },
    Relation {
        key: "{k} name",
        states: &[
            "i (?:have|have got|own) an? {k} (?:called|named) {v}",
            "my {k} is (?:called|named) {v}",
            "my {k}'s name is {v}",
            "the name of my {k} is {v}",
        ],
        asks: &[
            "(?:what|how) is my {k} (?:called|named)",
            "what my {k} is (?:called|named)",
            "what is my {k}'s name",
            "(?:what is )?the name of my {k}",
        ],
        told: "your {k} is called {v}",
        unknown: "what your {k} is called",
        many: false,
    },
    Relation {
        key: "belongings",
        states: &["i (?:have|have got|own) (?P<v>(?:an?|one|two|three|four|many|\\d+) .+)"],
        asks: &["what (?:do )?i (?:have|own)"],
        told: "you have {v}",
        unknown: "what you have",
        many: true,
    },
    Relation {
        key: "role",
        states: &["i am (?P<v>an? .+)"],
        asks: &["what am i"],
        told: "you are {v}",
        unknown: "what you are",
        many: false,
    },
    Relation {
        key: "{k}",
        states: &["my {k} (?:is|are|was) (?:now )?{v}", "the (?P<k2>[^,;:?!]+?) of my {k} is {v}"],
        asks: &[
            "(?:what|who|where|when|which|how) (?:is|are|was) my {k}(?: now)?",
            "(?:what|who|where|when) my {k} (?:is|are)",
            "(?:(?:what|who|where|when) (?:is|are) )?the (?P<k2>[^,;:?!]+?) of my {k}",
            "my {k}",
        ],
        told: "your {k} is {v}",
        unknown: "your {k}",
        many: false,
    },
    Relation {
        // A fact about somebody else: the owner keeps the capital letter, and is told as it is.
        key: "{k}",
        states: &["(?P<k>[{w} .]+'s [{w} ']+?) (?:is|are) {v}"],
        asks: &["(?:what|who|where|when) (?:is|are) (?P<k>[{w} .]+'s [{w} ']+?)"],
        told: "{k}: {v}",
        unknown: "{k}",
        many: false,
    },
    Relation {
        key: "note",
        states: &[],
        asks: &["my notes?"],
        told: "you asked me to remember: {v}",
        unknown: "any note of yours",
        many: true,
    },
];

/// Questions for all there is.
pub(super) const ASKS_EVERYTHING: &[&str] = &[
    "what do you (?:know|remember)(?: about me)?",
    "what have i told you(?: about me)?",
    "(?:everything|what|all) you (?:know|remember)(?: about me)?",
    "who do you think i am",
];

/// Requests to look a key up with a tool: the key is taken as it stands.
pub(super) const ASKS_LOOKUP: &[&str] = &[
    "(?:look up|find|get|search for|search) (?:the )?(?:value (?:of|for) )?(?:the )?(?:key )?{v}",
    "what is the value (?:of|for) (?:the )?(?:key )?{v}",
];

/// Words that ask to go on looking up as long as the value is itself a key.
pub(super) const FOLLOW: &[&str] = &["nested", "follow", "itself a key", "until", "chain"];

/// Asks to write to another agent, whose name follows, and behind a colon what to write.
pub(super) const TELLS: &str =
    "(?:please )?(?:tell|ask|write to) (?:the )?agent (?P<agent>[^:]+?) *: *(?P<message>(?s:.+))";

/// Asks to forget; what follows is `my ...`, a question's words, a fact, or everything.
pub(super) const FORGETS: &str = "(?:forget|delete|erase|remove)(?: that| about)? ";

/// What may follow [`FORGETS`] to mean everything.
pub(super) const EVERYTHING: &str = "(?:everything|all)(?: .*)?";

/// Asks to remember; what follows is a fact, or else a note.
pub(super) const REMEMBERS: &str =
    "(?:remember|note|save|keep in mind|do not forget)(?: that|:| this:)? ";

/// What may stand before a question without changing it.
pub(super) const ASKS: &str = "(?:do you (?:still |happen to )?(?:know|remember)|tell me|remind me|\
     show me|i wonder)(?: again)? ";

/// What may stand before anything without changing it.
pub(super) const OPENERS: &str = "(?:please|well|okay|ok|no|yes|sorry|actually|also|and|but|so|\
     by the way|now|correction|oh|then|can you|could you|would you)[,:!]? +";

/// Politeness.
pub(super) const GREETINGS: &str = "(?:hello|hi|hey|good (?:morning|evening|day)|thanks|thank you|\
     bye|goodbye)(?: there)?";

/// What a new clause begins with, after "and" or a comma.
pub(super) const CLAUSE_BEGINS: &str = "(?:please )?(?:i|my|remember|note|forget|what|where|who|how|\
     when|which|do you|tell me|look up|call me|people call me)\\b|[{w} .]+?'s [{w} ]+? (?:is|are)\\b";

/// What a new clause begins with when its "I" is left out.
pub(super) const VERB_BEGINS: &str =
    "(?:have|own|like|love|enjoy|hate|dislike|live|work|moved|am|was|study|learn)\\b";

/// A word that begins a question.
pub(super) const QUESTION_BEGINS: &str =
    "(?:what|where|who|how|when|which|why|do|does|did|is|are|can|could|whose)\\b";

/// Adverbs at the end of a value that are not part of it.
pub(super) const VALUE_ENDS: &str = "(?: now| today| these days| at the moment| too| as well| please| \
     by the way| again)+";

/// Contractions, spelled out before anything else.
pub(super) const CONTRACTIONS: &[(&str, &str)] = &[
    ("i'm", "i am"),
    ("i've", "i have"),
    ("what's", "what is"),
    ("where's", "where is"),
    ("who's", "who is"),
    ("when's", "when is"),
    ("how's", "how is"),
    ("that's", "that is"),
    ("don't", "do not"),
    ("name's", "name is"),
];

/// One spelling for a key's words, and one word for several.
pub(super) const SAME_KEY: &[(&str, &str)] = &[
    ("favorite", "favourite"),
    ("color", "colour"),
    ("city", "home"),
    ("town", "home"),
    ("address", "home"),
    ("profession", "job"),
    ("occupation", "job"),
    ("allergy", "allergies"),
];

/// Abbreviations whose full stop ends no sentence.
pub(super) const ABBREVIATIONS: &[&str] = &["dr", "mr", "mrs", "ms", "st", "prof", "e.g", "i.e"];

/// Words that carry no meaning of their own when a question is compared with a note.
pub(super) const STOP_WORDS: &[&str] = &[
    "a", "an", "the", "is", "are", "was", "were", "be", "do", "does", "did", "i", "my", "me",
    "you", "your", "we", "our", "it", "its", "of", "in", "on", "at", "to", "for", "with", "and",
    "or", "what", "where", "who", "how", "when", "which", "why", "can", "could", "that", "this",
    "there",
];
