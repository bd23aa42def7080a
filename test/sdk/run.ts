import { spawn } from "node:child_process";

export interface RunOptions {
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** The working directory; that of this process if absent. */
  cwd?: string;
  /** Whether the output is complete. The program is then ended. Without this, the program must end itself. */
  isComplete?: (output: string) => boolean;
}

/**
 * Runs a program and returns its standard output.
 * @throws Error with its output if the program fails, or ends before its output is complete
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env = {}, cwd, isComplete } = options;
  const program = spawn(command, args, { env: { ...process.env, ...env }, cwd });
  let output = "";
  let errors = "";
  program.stderr.on("data", (chunk) => (errors += chunk));
  return new Promise((resolve, reject) => {
    program.stdout.on("data", (chunk) => {
      output += chunk;
      if (isComplete?.(output)) program.kill("SIGKILL");
    });
    program.on("error", reject);
    program.on("close", (code) => {
      if (isComplete ? isComplete(output) : code === 0) resolve(output);
      else reject(new Error(`${command}: code ${code}: ${output}${errors}`));
    });
  });
}
