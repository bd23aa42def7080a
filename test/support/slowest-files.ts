import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

const COUNT = 10;

/** Prints the slowest test files of a run. The time of a file includes its imports and its hooks. */
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({ module, ms: durationOf(module) })).sort((a, b) => b.ms - a.ms);
    console.log(`Slowest of ${files.length} files, in seconds:`);
    for (const { module, ms } of files.slice(0, COUNT)) {
      const path = relative(module.project.config.root, module.moduleId);
      console.log(`${(ms / 1_000).toFixed(1).padStart(7)}  ${path}`);
    }
  }
}

function durationOf(module: TestModule): number {
  const { prepareDuration, environmentSetupDuration, collectDuration, setupDuration, duration } =
    module.diagnostic();
  return prepareDuration + environmentSetupDuration + collectDuration + setupDuration + duration;
}
