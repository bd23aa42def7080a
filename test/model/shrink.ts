/**
 * Removes steps that are not necessary for a failure.
 * @param fails whether a shorter list still fails
 */
export async function shrink<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let remaining = steps;
  for (let size = Math.ceil(remaining.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = remaining.length - size; from >= 0; from -= 1) {
      const shorter = remaining.toSpliced(from, size);
      if (await fails(shorter)) {
        remaining = shorter;
        isShorter = true;
        from = Math.min(from, remaining.length - size + 1);
      }
    }
    if (!isShorter) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return remaining;
}
