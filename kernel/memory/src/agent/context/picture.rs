//! The account of a context as a picture: one bar over the whole window, section by section, as
//! text, as SVG and as HTML with a table.

use std::fmt;

use super::{Context, SectionKind};
use crate::html;

/// Characters of the bar in text.
const WIDTH: usize = 60;

impl SectionKind {
    /// The character of the bar in text.
    fn mark(self) -> char {
        match self {
            SectionKind::Instructions => '█',
            SectionKind::Block => '▓',
            SectionKind::External => '▞',
            SectionKind::Tools => '▒',
            SectionKind::Summary => '▚',
            SectionKind::Queue => '░',
        }
    }

    /// The colour in the picture: Okabe and Ito's palette, told apart without red and green.
    fn colour(self) -> &'static str {
        match self {
            SectionKind::Instructions => "#0072b2",
            SectionKind::Block => "#e69f00",
            SectionKind::External => "#999999",
            SectionKind::Tools => "#56b4e9",
            SectionKind::Summary => "#cc79a7",
            SectionKind::Queue => "#009e73",
        }
    }
}

/// Parts of `width` in proportion to the sizes, whole numbers that add up to at most `width`.
fn shares(sizes: &[usize], whole: usize, width: usize) -> Vec<usize> {
    let mut sum = 0;
    let ends = sizes.iter().map(|size| {
        sum += size;
        // Rounded up to the next half, so that the ends never go back.
        (2 * sum * width + whole) / (2 * whole.max(1))
    });
    let mut before = 0;
    let ends: Vec<_> = ends.map(|end| end.min(width)).collect();
    ends.into_iter().map(|end| end - std::mem::replace(&mut before, end)).collect()
}

/// What is beside the sections: what is free, and what is kept for the reply.
struct Rest {
    whole: usize,
    free: usize,
    reply: usize,
}

impl Context {
    fn rest(&self) -> Rest {
        let (limit, used) = (self.window().prompt_limit(), self.n_tokens());
        let whole = self.window().n_tokens().max(used + self.window().reply()).max(1);
        Rest { whole, free: limit.saturating_sub(used), reply: self.window().reply() }
    }

    /// How the counts were made, for people to read.
    fn counted(&self) -> String {
        match self.is_estimate {
            true => "estimated: the model's own tokens are not known".to_owned(),
            false => format!("counted with {}", self.tokenizer()),
        }
    }

    /// In one sentence, for those who do not see the picture.
    pub fn describe(&self) -> String {
        let Rest { whole, free, reply } = self.rest();
        format!(
            "Main context: {} of {whole} tokens used, {free} free, {reply} kept for the reply",
            self.n_tokens()
        )
    }

    /// The picture alone: a bar over the whole window, as SVG.
    pub fn to_svg(&self) -> String {
        const W: usize = 640;
        let Rest { whole, .. } = self.rest();
        let sizes: Vec<_> = self.sections().iter().map(|section| section.n_tokens).collect();
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {W} 30\" width=\"{W}\" \
             height=\"30\" role=\"img\" style=\"max-width:100%\" aria-label=\"{}\">\
             <rect x=\".5\" y=\".5\" width=\"{}\" height=\"29\" fill=\"none\" \
             stroke=\"currentColor\" stroke-opacity=\".5\"/>",
            html::escape(&self.describe()),
            W - 1,
        );
        let mut x = 0;
        for (section, width) in self.sections().iter().zip(shares(&sizes, whole, W)) {
            if width > 0 {
                out += &format!(
                    "<rect x=\"{x}\" y=\"0\" width=\"{width}\" height=\"30\" fill=\"{}\" \
                     stroke=\"#fff\" stroke-width=\".7\"><title>{}: {} tokens</title></rect>",
                    section.kind.colour(),
                    html::escape(&section.name),
                    section.n_tokens,
                );
            }
            x += width;
        }
        // Where the queue manager acts.
        for (at, name) in
            [(self.window().warn_at(), "warning"), (self.window().evict_at(), "eviction")]
        {
            let x = (at * W / whole).min(W - 1);
            out += &format!(
                "<line x1=\"{x}\" y1=\"0\" x2=\"{x}\" y2=\"30\" stroke=\"currentColor\" \
                 stroke-dasharray=\"3 2\"><title>{name} at {at} tokens</title></line>"
            );
        }
        out + "</svg>"
    }

    /// The picture and the account as a table.
    pub fn to_html(&self) -> String {
        let Rest { whole, free, reply } = self.rest();
        let mut out = format!(
            "<figure class=\"momentum-context\" style=\"margin:0\">{}<figcaption>{} ({}). The \
             dashed lines are where the agent is warned and where the queue is evicted.\
             </figcaption><table><thead><tr><th scope=\"col\">section</th>\
             <th scope=\"col\">tokens</th><th scope=\"col\">share of the window</th></tr></thead>\
             <tbody>",
            self.to_svg(),
            html::escape(&self.describe()),
            html::escape(&self.counted()),
        );
        let mut row = |colour: &str, name: &str, n: usize| {
            out += &format!(
                "<tr><th scope=\"row\"><span aria-hidden=\"true\" style=\"display:inline-block;\
                 width:.8em;height:.8em;background:{colour};border:1px solid currentColor\"></span> \
                 {}</th><td style=\"text-align:right\">{n}</td>\
                 <td style=\"text-align:right\">{:.1} %</td></tr>",
                html::escape(name),
                100.0 * n as f64 / whole as f64,
            );
        };
        for section in self.sections() {
            row(section.kind.colour(), &section.name, section.n_tokens);
        }
        row("transparent", "free", free);
        row("transparent", "kept for the reply", reply);
        out + "</tbody></table></figure>"
    }
}

/// The bar, then a line a section.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rest { whole, free, reply } = self.rest();
        let mut sizes: Vec<_> = self.sections().iter().map(|section| section.n_tokens).collect();
        sizes.push(free);
        let widths = shares(&sizes, whole, WIDTH);
        let mut bar = String::new();
        for (section, width) in self.sections().iter().zip(&widths) {
            bar.extend(std::iter::repeat_n(section.kind.mark(), *width));
        }
        bar.extend(std::iter::repeat_n('·', *widths.last().unwrap_or(&0)));
        writeln!(f, "{bar:_<WIDTH$}")?;
        for section in self.sections() {
            let (mark, name) = (section.kind.mark(), &section.name);
            writeln!(f, "{mark} {name:<22} {:>7}", section.n_tokens)?;
        }
        writeln!(f, "· {:<22} {free:>7}", "free")?;
        writeln!(f, "_ {:<22} {reply:>7}", "kept for the reply")?;
        write!(f, "= {:<22} {whole:>7} tokens, {}", "the window", self.counted())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_fill_the_bar_and_no_more(sizes in prop::collection::vec(0_usize..9_999, 1..9)) {
            let whole: usize = sizes.iter().sum::<usize>().max(1);
            let parts = shares(&sizes, whole, 60);
            prop_assert!(parts.iter().sum::<usize>() <= 60);
            for (size, part) in sizes.iter().zip(parts) {
                prop_assert!((part as f64 - 60.0 * *size as f64 / whole as f64).abs() <= 1.0);
            }
        }
    }
}
