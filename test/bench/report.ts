import { writeFile } from "node:fs/promises";

/** What a figure is measured against. */
export interface Target {
  readonly least?: number;
  readonly most?: number;
}

/** One figure that says how this project does beside something else, or beside a bound. */
export interface Comparison {
  readonly what: string;
  readonly value: number;
  /** What stands before and after the number. */
  readonly unit?: readonly [before: string, after: string];
  readonly target?: Target;
}

interface Section {
  readonly title: string;
  readonly lines: string[];
  readonly comparisons: Comparison[];
  readonly explanations: string[];
}

/** What a bench tells: printed at once, and kept for `BENCHMARKS.md`. */
export class Report {
  readonly #sections: Section[] = [];

  /** What follows is of another bench. */
  begin(title: string): void {
    this.#sections.push({ title, lines: [], comparisons: [], explanations: [] });
    console.log(title);
  }

  line(text: string): void {
    this.#last.lines.push(text);
    console.log(`  ${text}`);
  }

  /** @returns whether the target, if there is one, is met */
  compare(comparison: Comparison): boolean {
    const { what, target } = comparison;
    this.#last.comparisons.push(comparison);
    const outcome = target
      ? `; target ${targetOf(comparison)}: ${isMet(comparison) ? "met" : "NOT met"}`
      : "";
    console.log(`  ${what}: ${numberOf(comparison)}${outcome}`);
    return isMet(comparison);
  }

  /** A paragraph about what the figures mean. */
  explain(text: string): void {
    this.#last.explanations.push(text);
    console.log(`  ${text}`);
  }

  /** Something that must hold, and does not: more than a figure that is missed. */
  broken(what: string): void {
    this.line(`BROKEN: ${what}`);
    process.exitCode = 1;
  }

  /** @param about what was measured, and when */
  async write(path: string, intro: string, about: ReadonlyMap<string, string>): Promise<void> {
    const all = this.#sections.flatMap(({ comparisons }) => comparisons);
    const parts = [
      `# Benchmarks\n\n${intro}`,
      table([["", ""], ...Array.from(about)]),
      table([
        ["comparison", "figure", "target", ""],
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
    if (!last) throw new Error("No bench has begun");
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
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
