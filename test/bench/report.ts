import { writeFile } from "node:fs/promises";
import { print } from "../support/progress.ts";

/** The range that a figure should be in. */
export interface Target {
  readonly least?: number;
  readonly most?: number;
}

/** A figure of this project, compared with another program or with a target. */
export interface Comparison {
  readonly what: string;
  readonly value: number;
  /** Text before and after the number. */
  readonly unit?: readonly [before: string, after: string];
  readonly target?: Target;
}

interface Section {
  readonly title: string;
  readonly lines: string[];
  readonly comparisons: Comparison[];
  readonly explanations: string[];
}

/** The output of the benches: printed at once, and collected for `BENCHMARKS.md`. */
export class Report {
  readonly #sections: Section[] = [];

  /** Begins the section of another bench. */
  begin(title: string): void {
    this.#sections.push({ title, lines: [], comparisons: [], explanations: [] });
    print(title);
  }

  line(text: string): void {
    this.#last.lines.push(text);
    print(`  ${text}`);
  }

  /** @returns whether the target is met; true without a target */
  compare(comparison: Comparison): boolean {
    const { what, target } = comparison;
    this.#last.comparisons.push(comparison);
    const outcome = target
      ? `; target ${targetOf(comparison)}: ${isMet(comparison) ? "met" : "NOT met"}`
      : "";
    print(`  ${what}: ${numberOf(comparison)}${outcome}`);
    return isMet(comparison);
  }

  /** A paragraph that explains the figures. */
  explain(text: string): void {
    this.#last.explanations.push(text);
    print(`  ${text}`);
  }

  /** A violated invariant, which is more than a missed target: the run fails. */
  broken(what: string): void {
    this.line(`BROKEN: ${what}`);
    process.exitCode = 1;
  }

  /** @param about the date, the machine and the versions */
  async write(path: string, intro: string, about: ReadonlyMap<string, string>): Promise<void> {
    const all = this.#sections.flatMap(({ comparisons }) => comparisons);
    const parts = [
      `# Benchmarks\n\n${intro}`,
      table([["environment", "value"], ...Array.from(about)]),
      table([
        ["comparison", "figure", "target", "result"],
        ...all.map((each) => [
          each.what,
          numberOf(each),
          targetOf(each),
          each.target ? (isMet(each) ? "met" : "**not met**") : "",
        ]),
      ]),
      ...this.#sections.map(textOf),
    ];
    await writeFile(path, `${parts.join("\n\n")}\n`);
  }

  get #last(): Section {
    const last = this.#sections.at(-1);
    if (!last) throw new Error("no bench has begun");
    return last;
  }
}

function isMet({ value, target }: Comparison): boolean {
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target ?? {};
  return value >= least && value <= most;
}

function numberOf({ value, unit: [before, after] = ["× ", ""] }: Comparison): string {
  return `${before}${Number.isInteger(value) ? value : value.toFixed(2)}${after}`;
}

function targetOf({ target, unit: [before, after] = ["× ", ""] }: Comparison): string {
  if (target?.least !== undefined) return `≥ ${before}${target.least}${after}`;
  if (target?.most !== undefined) return `≤ ${before}${target.most}${after}`;
  return "";
}

function textOf({ title, lines, explanations }: Section): string {
  const block = lines.length === 0 ? [] : [`\`\`\`text\n${lines.join("\n")}\n\`\`\``];
  return [`## ${title[0]?.toUpperCase()}${title.slice(1)}`, ...block, ...explanations].join("\n\n");
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  // An empty cell is one space, as markdownlint's rule MD060 requires.
  const line = (cells: readonly string[]) => `|${cells.map((cell) => (cell ? ` ${cell} ` : " ")).join("|")}|`;
  return [head, head.map(() => "---"), ...rows].map(line).join("\n");
}
