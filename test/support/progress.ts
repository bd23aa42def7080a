/** Progress of a long run on the terminal: one line that changes on a TTY, otherwise plain lines. */

const TTY_MS = 1_000;
const PLAIN_MS = 10_000;
const CLEAR_LINE = "\r\x1b[2K";

let isLineShown = false;

function clearLine(): void {
  if (isLineShown) process.stdout.write(CLEAR_LINE);
  isLineShown = false;
}

/** Prints a line, and removes the line of progress. */
export function print(text = ""): void {
  clearLine();
  console.log(text);
}

/**
 * Shows a line of progress every 10 s, on a TTY every second.
 * @param line the text of a line
 * @returns stops it
 */
export function startProgress(line: () => string): () => void {
  const { stdout } = process;
  const show = () => {
    if (!stdout.isTTY) return console.log(line());
    // A wrapped line could not be cleared.
    stdout.write(CLEAR_LINE + line().slice(0, stdout.columns - 1));
    isLineShown = true;
  };
  const timer = setInterval(show, stdout.isTTY ? TTY_MS : PLAIN_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    clearLine();
  };
}

/** Minutes and seconds, such as `1:05`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
