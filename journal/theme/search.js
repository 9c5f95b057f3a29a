// Searches the index that the scripts after this one bring. All of it runs in the page, from disk
// too; nothing is asked of a server.
"use strict";
(() => {
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const VALUE = new Map([...DIGITS].map((digit, value) => [digit, value]));
  const SHOWN = 50;
  const blocks = [];

  window.momentumSearch = (docs, words, posts) => {
    blocks.push({ docs, words: words ? words.split(" ") : [], posts: posts.split(".") });
  };

  // NFC at the end puts Hangul together again, which NFD takes apart.
  const fold = (text) =>
    text.normalize("NFD").replace(/\p{M}/gu, "").normalize("NFC").toLowerCase();
  const IDEOGRAPH = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u;

  const tokens = (text) =>
    (fold(text).match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[\p{L}\p{N}]+/gu) || []).filter(
      (word) => [...word].length > 1 || IDEOGRAPH.test(word),
    );

  // word -> [[block, postings], ...]
  let vocabulary = null;
  let count = 0;
  const read = () => {
    if (vocabulary) return;
    vocabulary = new Map();
    blocks.forEach((block, number) => {
      count += block.docs.length;
      block.words.forEach((word, at) => {
        const folded = fold(word);
        const places = vocabulary.get(folded);
        if (places) places.push([number, block.posts[at]]);
        else vocabulary.set(folded, [[number, block.posts[at]]]);
      });
    });
  };

  // Letters to add, drop, change or swap with a neighbour; more than `most` is not counted out.
  const distance = (a, b, most) => {
    if (Math.abs(a.length - b.length) > most) return most + 1;
    let two = [];
    let one = Array.from({ length: b.length + 1 }, (_, n) => n);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      let least = i;
      for (let j = 1; j <= b.length; j++) {
        const cost = a[i - 1] === b[j - 1] ? 0 : 1;
        let value = Math.min(one[j] + 1, row[j - 1] + 1, one[j - 1] + cost);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
          value = Math.min(value, two[j - 2] + 1);
        }
        row.push(value);
        least = Math.min(least, value);
      }
      if (least > most) return most + 1;
      [two, one] = [one, row];
    }
    return one[b.length];
  };

  // The words that a token may mean, each with how likely that is.
  const meanings = (token) => {
    const found = [];
    const most = token.length < 4 ? 0 : token.length < 8 ? 1 : 2;
    for (const word of vocabulary.keys()) {
      if (word === token) found.push([word, 1]);
      else if (word.startsWith(token)) found.push([word, 0.7]);
      else if (most > 0) {
        const far = distance(token, word, most);
        if (far <= most) found.push([word, far === 1 ? 0.4 : 0.2]);
      }
    }
    return found;
  };

  const search = (query) => {
    read();
    const scores = new Map();
    const wanted = tokens(query);
    wanted.forEach((token, nth) => {
      const best = new Map();
      for (const [word, likely] of meanings(token)) {
        const places = vocabulary.get(word);
        const holders = places.reduce((sum, [, posts]) => sum + posts.length / 2, 0);
        const rarity = Math.log(1 + count / holders);
        for (const [block, posts] of places) {
          for (let at = 0; at < posts.length; at += 2) {
            const bits = (VALUE.get(posts[at]) << 6) | VALUE.get(posts[at + 1]);
            const doc = block * 256 + (bits >> 4);
            const score = (bits & 15) * likely * rarity;
            if (score > (best.get(doc) || 0)) best.set(doc, score);
          }
        }
      }
      for (const [doc, score] of best) {
        const entry = scores.get(doc) || { met: 0, score: 0 };
        entry.met += 1;
        entry.score += score;
        entry.last = nth;
        scores.set(doc, entry);
      }
    });
    let found = [...scores].filter(([, entry]) => entry.met === wanted.length);
    const isWhole = found.length > 0;
    if (!isWhole) found = [...scores];
    const document_of = (doc) => blocks[doc >> 8].docs[doc & 255];
    found = found.map(([doc, entry]) => ({ doc: document_of(doc), ...entry }));
    found.sort((a, b) => b.met - a.met || b.score - a.score || (a.doc[3] < b.doc[3] ? 1 : -1));
    return { found, isWhole, asked: wanted.length > 0 };
  };

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form.search");
    const field = document.getElementById("query");
    const list = document.getElementById("results");
    const status = document.getElementById("status");
    form.hidden = false;

    const show = () => {
      const { found, isWhole, asked } = search(field.value);
      list.replaceChildren();
      const few = found.slice(0, SHOWN);
      for (const { doc } of few) {
        const [href, kind, title, date, summary] = doc;
        const item = element("li");
        const heading = element("h2");
        const link = element("a", "", title);
        link.href = href;
        heading.append(link);
        const meta = element("p", "meta");
        meta.append(element("span", "", kind));
        if (date) meta.append(element("time", "", date));
        item.append(heading);
        if (summary) item.append(element("p", "summary", summary));
        item.append(meta);
        list.append(item);
      }
      const pages = found.length === 1 ? "1 page" : `${found.length} pages`;
      if (!asked) status.textContent = "";
      else if (found.length === 0) status.textContent = "Nothing found.";
      else if (!isWhole) status.textContent = `No page has all of these words; ${pages} with some of them.`;
      else if (found.length > SHOWN) status.textContent = `${pages}; the first ${SHOWN} are shown.`;
      else status.textContent = `${pages}.`;
      const address = field.value ? `?q=${encodeURIComponent(field.value)}` : location.pathname;
      try {
        history.replaceState(null, "", address);
      } catch {
        // A page on disk may not change its address.
      }
    };

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const first = list.querySelector("a");
      if (first) first.focus();
    });
    field.addEventListener("input", show);
    field.value = new URLSearchParams(location.search).get("q") || "";
    if (field.value) show();
    field.focus();
  });
})();
