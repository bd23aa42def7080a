/**
 * Removes the steps that a failure does not need.
 * @param fails whether the remaining steps still fail
 */
export async function shrink<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let kept = steps;
  for (let size = Math.ceil(kept.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = kept.length - size; from >= 0; from -= 1) {
      const fewer = kept.toSpliced(from, size);
      if (await fails(fewer)) {
        kept = fewer;
        isShorter = true;
        from = Math.min(from, kept.length - size + 1);
      }
    }
    if (!isShorter) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return kept;
}
