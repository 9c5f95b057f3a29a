//! How large the main context may be, and when the queue manager acts.

/// The window and its marks, in tokens and shares of it (MemGPT, section 2.2).
///
/// ```
/// use momentum_memory::agent::WindowConfig;
///
/// let window = WindowConfig::new(8_192).with_reply(1_000);
/// assert_eq!(window.prompt_limit(), 7_192);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowConfig {
    n_tokens: usize,
    reply: usize,
    warn_at: f64,
    evict_at: f64,
    evict_to: f64,
}

impl WindowConfig {
    /// A window of this many tokens. An eighth of it, at most 4,096, is kept for the reply; at 70 %
    /// of the rest the agent is warned, at 100 % the queue is evicted down to 50 %.
    pub fn new(n_tokens: usize) -> Self {
        let reply = (n_tokens / 8).min(4_096);
        WindowConfig { n_tokens, reply, warn_at: 0.7, evict_at: 1.0, evict_to: 0.5 }
    }

    /// Sets how many tokens are kept for the reply.
    pub fn with_reply(mut self, n_tokens: usize) -> Self {
        self.reply = n_tokens;
        self
    }

    /// Sets the marks, as shares of the prompt's limit: where the agent is warned, where the queue
    /// is evicted, and how far. Each is held between 0 and 1, and `evict_to` below `evict_at`.
    pub fn with_marks(mut self, warn_at: f64, evict_at: f64, evict_to: f64) -> Self {
        let share = |x: f64| if x.is_finite() { x.clamp(0.0, 1.0) } else { 1.0 };
        self.warn_at = share(warn_at);
        self.evict_at = share(evict_at);
        self.evict_to = share(evict_to).min(self.evict_at);
        self
    }

    /// The whole window.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// What is kept for the reply.
    pub fn reply(&self) -> usize {
        self.reply.min(self.n_tokens)
    }

    /// The largest prompt.
    pub fn prompt_limit(&self) -> usize {
        self.n_tokens - self.reply()
    }

    /// The largest recursive summary: an eighth of the prompt.
    pub fn summary_limit(&self) -> usize {
        self.prompt_limit() / 8
    }

    fn at(&self, share: f64) -> usize {
        (self.prompt_limit() as f64 * share) as usize
    }

    pub(crate) fn warn_at(&self) -> usize {
        self.at(self.warn_at)
    }

    pub(crate) fn evict_at(&self) -> usize {
        self.at(self.evict_at)
    }

    pub(crate) fn evict_to(&self) -> usize {
        self.at(self.evict_to)
    }
}

/// 8,192 tokens.
impl Default for WindowConfig {
    fn default() -> Self {
        Self::new(8_192)
    }
}

impl From<usize> for WindowConfig {
    fn from(n_tokens: usize) -> Self {
        Self::new(n_tokens)
    }
}
