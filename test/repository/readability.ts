import { globSync, readFileSync } from "node:fs";

/** Counts of one Markdown document in English. */
export interface Readability {
  readonly lines: number;
  /** Words of each sentence, in the order of the document. */
  readonly sentences: readonly number[];
  /** The median of `sentences`; 0 without a sentence. */
  readonly median: number;
}

/** Words that end with a full stop inside a sentence. */
const ABBREVIATIONS = /\b(?:e\.g|i\.e|etc|vs|cf|approx)\.(?=\s)/gi;
/** Stands for a code span or a bare URL: one word without punctuation, which may begin a sentence. */
const NAME = "X";
/** A link with its text, to an address or a definition. */
const LINK = /\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g;
/** The end of a sentence. A lower-case letter continues the sentence. */
const SENTENCE_END = /(?<=[.!?][)\]"'”’]*)\s+(?!\p{Ll})/u;

/**
 * Counts the lines of a document and the words of its sentences.
 *
 * A sentence ends at `.`, `!` or `?`, or with its paragraph or list item. A list item without a full stop is a
 * sentence of its own. Headings, tables, code blocks, comments, images and text that is only links do not count. A
 * code span is one word.
 */
export function measure(markdown: string): Readability {
  const sentences = paragraphsOf(markdown).flatMap(sentencesOf);
  return { lines: markdown.replace(/\n$/, "").split("\n").length, sentences, median: medianOf(sentences) };
}

/** Paragraphs and list items, each on one line and without its marker. */
function paragraphsOf(markdown: string): string[] {
  const paragraphs: string[] = [];
  let fence: string | undefined;
  let isOpen = false;
  for (const line of markdown.replace(/<!--[\s\S]*?-->/g, "").split("\n")) {
    const text = line.replace(/^\s*(?:>\s?)*/, "");
    const [, mark] = /^(```+|~~~+)/.exec(text) ?? [];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && mark === text.trim()) fence = undefined;
      isOpen = false;
      continue;
    }
    fence = mark;
    const isProse =
      mark === undefined && text.trim() !== "" && !/^(?:#{1,6}\s|\||\[[^\]]+\]:|[-=*_\s]+$)/.test(text);
    const content = text.replace(/^(?:[-*+]|\d+[.)])\s+(?:\[[ x]\]\s+)?/, "");
    if (isProse && isOpen && content === text) paragraphs.push(`${paragraphs.pop()} ${text}`);
    else if (isProse) paragraphs.push(content);
    isOpen = isProse;
  }
  return paragraphs;
}

/** The number of words of each sentence of a paragraph. */
function sentencesOf(paragraph: string): number[] {
  const text = paragraph
    .replace(/(`+)(?!`).*?[^`]\1(?!`)/g, NAME)
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/<[a-z/][^>]*>/gi, (tag) => (tag.includes("://") ? NAME : ""));
  if (!hasWord(text.replace(LINK, ""))) return [];
  return text
    .replace(LINK, "$1")
    .replace(/https?:\/\/\S+?(?=[.,;:!?)\]]*(?:\s|$))/g, NAME)
    .replace(/[*_]+/g, "")
    .replace(ABBREVIATIONS, (abbreviation) => abbreviation.slice(0, -1))
    .split(SENTENCE_END)
    .map((sentence) => sentence.split(/\s+/).filter(hasWord).length)
    .filter((words) => words > 0);
}

const hasWord = (text: string) => /[\p{L}\p{N}]/u.test(text);

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}

// `node test/repository/readability.ts [FILE…]` prints a table, by default of all English documents.
if (import.meta.main) {
  const named = process.argv.slice(2);
  const files =
    named.length > 0
      ? named
      : globSync(["*.md", "docs/**/*.md"], { exclude: ["*.ja.md", "BENCHMARKS.md"] }).sort();
  console.log("lines  sentences  median  longest  file");
  for (const file of files) {
    const { lines, sentences, median } = measure(readFileSync(file, "utf8"));
    const cells = [String(lines).padStart(5), String(sentences.length).padStart(11)];
    cells.push(String(median).padStart(8), String(Math.max(0, ...sentences)).padStart(9));
    console.log(`${cells.join("")}  ${file}`);
  }
}
