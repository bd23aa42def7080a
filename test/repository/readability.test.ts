import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { measure } from "./readability.ts";

const MAX_LINES = 200;
const MAX_MEDIAN_WORDS = 12;

describe("README.md", () => {
  const { lines, sentences, median } = measure(readFileSync("README.md", "utf8"));

  it(`has at most ${MAX_LINES} lines`, () => {
    expect(lines).toBeLessThanOrEqual(MAX_LINES);
  });

  it(`has a median of at most ${MAX_MEDIAN_WORDS} words a sentence`, () => {
    expect(sentences.length).toBeGreaterThan(0);
    expect(median).toBeLessThanOrEqual(MAX_MEDIAN_WORDS);
  });
});

describe("measure()", () => {
  it.each([
    ["splits at . ! and ?", "One two. Three! Is it four?", [2, 1, 3]],
    ["joins the lines of a paragraph", "One two\nthree four.\n\nFive", [4, 1]],
    [
      "counts a list item without a full stop as a sentence",
      "Intro here:\n- one two\n- three\n  four five",
      [2, 2, 3],
    ],
    ["counts each paragraph of a list item", "1. One two.\n\n   Three four five.", [2, 3]],
    ["counts the text of a quotation", "> One two\n> three.", [3]],
    ["skips headings", "# One two three\n\nFour five.", [2]],
    ["skips tables", "| one | two |\n| --- | --- |\n| three. | four. |\n\nFive six.", [2]],
    [
      "skips fenced code, indented too",
      "One.\n\n- two three:\n\n  ```sh\n  four five. six\n  ```\n\nSeven.",
      [1, 2, 1],
    ],
    ["ends a fence only at a bare fence", "```md\n```sh\none\n```\n\nTwo.", [1]],
    ["skips comments and images", "<!-- one two -->\n![three](four.png)\n\nFive.", [1]],
    ["skips text that is only links", "[One](a.md) · [Two three](b.md)\n\n- [four](c.md)\n\nFive.", [1]],
    [
      "skips link targets and definitions",
      "See [one two](a.b/c.d?e) and [f][g].\n\n[g]: https://h.example",
      [5],
    ],
    ["counts a code span as one word", "Set `a.b c. D` to ``x`y``. `GET /` is next.", [4, 3]],
    ["counts a URL as one word", "Open http://localhost:8787/?a=b. Then <https://b.example/c.> too.", [2, 3]],
    ["keeps abbreviations and decimals together", "Use it, e.g. Redis, 1.5 times, i.e. often.", [8]],
    ["does not end a sentence before a lower-case word", "It reads .env. and goes on.", [6]],
    ["ends a sentence behind a bracket", "One (two.) Three.", [2, 1]],
    ["does not count punctuation as a word", "One — two / three & four.", [4]],
  ])("%s", (_, markdown, expected) => {
    expect(measure(markdown).sentences).toEqual(expected);
  });

  it("counts lines as wc -l does", () => {
    expect(measure("one\n\ntwo\n").lines).toBe(3);
  });

  it("returns the mean of the middle two for an even number of sentences", () => {
    expect(measure("One.\n\nOne two three.\n\nOne two three four.\n\nOne two.").median).toBe(2.5);
    expect(measure("One.\n\nOne two three.\n\nOne two.").median).toBe(2);
    expect(measure("").median).toBe(0);
  });
});
