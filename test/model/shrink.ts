/**
 * Removes the steps that a failure does not need.
 * @param fails whether the remaining steps still fail
 */
export async function shrink<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let cached = steps;
  for (let size = Math.ceil(cached.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = cached.length - size; from >= 0; from -= 1) {
      const fewer = cached.toSpliced(from, size);
      if (await fails(fewer)) {
        cached = fewer;
        isShorter = true;
        from = Math.min(from, cached.length - size + 1);
      }
    }
    if (!isShorter) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return cached;
}
