/** Ends the process with a message and exit code 1. */
export function stop(message: string): never {
  console.error(message);
  process.exit(1);
}
