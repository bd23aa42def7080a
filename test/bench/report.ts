import { writeFile } from "node:fs/promises";
import { print } from "../support/progress.ts";

/** The accepted range of a figure. */
export interface Target {
  readonly min?: number;
  readonly max?: number;
}

/** A figure of this project, compared with another program or with a target. */
export interface Comparison {
  readonly name: string;
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

/** Prints the output of the benchmarks and collects it for `BENCHMARKS.md`. */
export class Report {
  readonly #sections: Section[] = [];

  /** Starts the section of a benchmark. */
  begin(title: string): void {
    this.#sections.push({ title, lines: [], comparisons: [], explanations: [] });
    print(title);
  }

  line(text: string): void {
    this.#current.lines.push(text);
    print(`  ${text}`);
  }

  /** Adds a row to the summary. @returns whether the target is met; true without a target */
  compare(comparison: Comparison): boolean {
    const { name, target } = comparison;
    this.#current.comparisons.push(comparison);
    const result = target ? `; target ${targetOf(comparison)}: ${isMet(comparison) ? "met" : "NOT met"}` : "";
    print(`  ${name}: ${numberOf(comparison)}${result}`);
    return isMet(comparison);
  }

  /** Adds a paragraph that explains the figures. */
  explain(text: string): void {
    this.#current.explanations.push(text);
    print(`  ${text}`);
  }

  /** Reports a violated invariant. Unlike a missed target, it fails the run. */
  fail(reason: string): void {
    this.line(`FAILED: ${reason}`);
    process.exitCode = 1;
  }

  /** Writes the report as Markdown. @param environment date, machine and versions */
  async write(path: string, intro: string, environment: ReadonlyMap<string, string>): Promise<void> {
    const comparisons = this.#sections.flatMap((section) => section.comparisons);
    const parts = [
      `# Benchmarks\n\n${intro}`,
      table([["environment", "value"], ...Array.from(environment)]),
      table([
        ["comparison", "figure", "target", "result"],
        ...comparisons.map((comparison) => [
          comparison.name,
          numberOf(comparison),
          targetOf(comparison),
          comparison.target ? (isMet(comparison) ? "met" : "**not met**") : "",
        ]),
      ]),
      ...this.#sections.map(textOf),
    ];
    await writeFile(path, `${parts.join("\n\n")}\n`);
  }

  get #current(): Section {
    const current = this.#sections.at(-1);
    if (!current) throw new Error("no benchmark has started");
    return current;
  }
}

function isMet({ value, target }: Comparison): boolean {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = target ?? {};
  return value >= min && value <= max;
}

function numberOf({ value, unit: [before, after] = ["× ", ""] }: Comparison): string {
  return `${before}${Number.isInteger(value) ? value : value.toFixed(2)}${after}`;
}

function targetOf({ target, unit: [before, after] = ["× ", ""] }: Comparison): string {
  if (target?.min !== undefined) return `≥ ${before}${target.min}${after}`;
  if (target?.max !== undefined) return `≤ ${before}${target.max}${after}`;
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
