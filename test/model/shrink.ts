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
    // Long runs of steps that overlap by more than half find little, and each attempt runs a whole history.
    const stride = Math.ceil(size / 2);
    for (let from = remaining.length - size; from >= 0; from -= stride) {
      const shorter = remaining.toSpliced(from, size);
      if (await fails(shorter)) {
        remaining = shorter;
        isShorter = true;
        from = Math.min(from, remaining.length - size + stride);
      }
    }
    if (!isShorter) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return remaining;
}
